//! `keepwatch backup` and `keepwatch restore`.
//!
//! A backup holds the accounts and the lock, not the sessions: it knows nothing of what was ended after it was made, so
//! nothing of it may let anybody in. For the same reason an account that is disabled now stays so, a lock stays, and session
//! ids go on far beyond all that may have been handed out since.

mod format;
mod socket;

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use app::session::service::Clock;

use self::format::Backup;
pub use self::socket::spawn;
use crate::{
    auth::accounts,
    clock::SystemClock,
    config::{BackupArgs, RestoreArgs},
    store::{Journal, Kept, OpenError},
    user_command,
};

/// Session ids begin here at a restore, times the seconds since 1970: more than can have been handed out until then.
const IDS_A_SECOND: u64 = 1 << 20;
/// REST hands ids out as JSON numbers, exact up to this.
const MOST_IDS: u64 = 1 << 53;
/// Standard input or output, where a file is named.
const STANDARD: &str = "-";

/// Writes a backup of the data directory, of the server's own making if one runs on it.
///
/// # Errors
/// One line that says what to change; a file that is there is then as it was.
pub async fn write(arguments: BackupArgs) -> anyhow::Result<()> {
    let data_dir = arguments.data.data_dir;
    user_command::must_have_data(&data_dir)?;
    let text = match socket::ask(&data_dir).await? {
        Some(text) => text,
        None => Backup::of(offline(&data_dir)?, SystemClock::default().now()).write()?,
    };
    let backup = Backup::parse(&text).context("the server's answer is no backup")?;
    let told = format!("{} as of {}", counted(&backup.kept.accounts), backup.made_at);
    if arguments.file == Path::new(STANDARD) {
        io::stdout().write_all(text.as_bytes()).context("writing to standard output")?;
        eprintln!("wrote {told}");
    } else {
        replace(&arguments.file, &text)?;
        println!("wrote {}: {told}", arguments.file.display());
    }
    Ok(())
}

/// Puts the accounts of a backup into a data directory and ends all sessions there, in one commit.
///
/// # Errors
/// One line that says what to change; nothing is then changed.
pub fn restore(arguments: &RestoreArgs) -> anyhow::Result<()> {
    let name = arguments.file.display();
    let backup = read(&arguments.file).with_context(|| format!("cannot read {name}"))?;
    let Backup { mut kept, made_at } = Backup::parse(&backup).with_context(|| format!("cannot restore {name}"))?;
    let data_dir = &arguments.data.data_dir;
    let mut journal = Journal::open(data_dir)?;
    let there = journal.kept()?;
    let told = counted(&kept.accounts);
    if !there.accounts.is_empty() && !arguments.replace {
        bail!(
            "{} has {} already: add --replace to put the {told} of the backup in their place",
            data_dir.display(),
            counted(&there.accounts)
        );
    }
    let still_denied = accounts::keep_denials(&mut kept.accounts, &there.accounts)
        .with_context(|| format!("cannot restore {name}"))?;
    let of_now = SystemClock::default().now().as_millis() / 1_000 * IDS_A_SECOND;
    kept.next_id = kept.next_id.max(there.next_id).max(of_now);
    ensure!(kept.next_id < MOST_IDS, "cannot restore {name}: its session ids are beyond all that there can be");
    journal.restore(&kept)?;
    println!("restored {told} as of {made_at} into {}", data_dir.display());
    println!(
        "all sessions are ended, app passwords and client tokens too; passwords and roles are those of the backup"
    );
    for denied in still_denied {
        println!("{denied}, as it was here");
    }
    Ok(())
}

/// What is kept in the directory of a server that is stopped.
fn offline(data_dir: &Path) -> anyhow::Result<Kept> {
    match Journal::open(data_dir) {
        Ok(journal) => Ok(journal.kept()?),
        Err(error @ OpenError::InUse { .. }) => {
            Err(anyhow::Error::new(error).context("the server that runs does not answer"))
        }
        Err(error) => Err(error.into()),
    }
}

fn counted(accounts: &[(String, Vec<u8>)]) -> String {
    match accounts.iter().filter(|(key, _)| key != accounts::LOCK_KEY).count() {
        1 => "1 account".to_owned(),
        number => format!("{number} accounts"),
    }
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    if file == Path::new(STANDARD) {
        io::stdin().read_to_string(&mut text)?;
    } else {
        File::open(file)?.read_to_string(&mut text)?;
    }
    Ok(text)
}

/// Writes a file whole or not at all, for its owner only. What is there and no backup stays.
fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    match begins_as_backup(file) {
        Ok(true) => {}
        Ok(false) => bail!("{} is there and no backup: choose another name", file.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => bail!("cannot replace {}: {error}; choose another name", file.display()),
    }
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => PathBuf::from("."),
    };
    let write = || -> io::Result<()> {
        let mut new = tempfile::NamedTempFile::new_in(&dir)?;
        new.write_all(text.as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(file)?;
        File::open(&dir)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

/// An empty file is what a backup may begin as.
fn begins_as_backup(file: &Path) -> io::Result<bool> {
    let mut begin = Vec::new();
    File::open(file)?.take(format::BEGIN.len() as u64).read_to_end(&mut begin)?;
    Ok(begin.is_empty() || begin == format::BEGIN.as_bytes())
}
