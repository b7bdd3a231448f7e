//! `keepwatch user`: accounts, while the server is stopped.

use std::{
    io::{BufRead, IsTerminal},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, bail};
use app::{
    session::{Lifetimes, service::Sessions},
    time::Timestamp,
};

use crate::{
    auth::accounts::Accounts,
    clock::SystemClock,
    config::{PasswordArgs, UserCommand},
    store::{self, RedbStore},
    user_agent,
};

/// Does what was asked on the data directory and says so.
///
/// # Errors
/// One line that says what to change; nothing is then changed.
pub async fn execute(command: UserCommand) -> anyhow::Result<()> {
    let data_dir = match &command {
        UserCommand::Add { password, .. } | UserCommand::Passwd { password, .. } => &password.data.data_dir,
        UserCommand::Disable { data, .. } | UserCommand::Enable { data, .. } | UserCommand::List { data } => {
            &data.data_dir
        }
    };
    // Only `add` may be the first to use a directory; elsewhere a slip of the pen would make an empty one.
    if !matches!(command, UserCommand::Add { .. }) {
        must_have_data(data_dir)?;
    }
    let store = RedbStore::open(data_dir, user_agent::in_words)?;
    let clock = Arc::new(SystemClock::default());
    let sessions = Arc::new(Sessions::new(Arc::new(store.clone()), clock, Lifetimes::default(), ""));
    let accounts = Accounts::open(store.clone(), sessions.clone())?;
    let done = act(&accounts, sessions.now(), command).await;
    let closed = store.close().context("closing the store");
    print!("{}", done?);
    closed
}

/// Refuses a directory that keepwatch has never used.
///
/// # Errors
/// Says so.
pub fn must_have_data(data_dir: &Path) -> anyhow::Result<()> {
    let is_there = data_dir.join(store::FILE).try_exists();
    if !is_there.with_context(|| format!("cannot look into {}", data_dir.display()))? {
        bail!("there is no keepwatch data in {}: check --data-dir", data_dir.display());
    }
    Ok(())
}

async fn act(accounts: &Accounts, now: Timestamp, command: UserCommand) -> anyhow::Result<String> {
    Ok(match command {
        UserCommand::Add { name, role, password } => {
            let account = accounts.add(&name, role.into(), &read_password(&password)?, now, None).await?;
            format!("added {} ({})\n", account.name, account.role.as_str())
        }
        UserCommand::Passwd { name, password } => {
            let account = accounts.set_password(&name, &read_password(&password)?, None).await?;
            format!("new password for {}; its sessions are ended\n", account.name)
        }
        UserCommand::Disable { name, .. } => {
            let account = accounts.set_disabled(&name, true, None).await?;
            format!("disabled {}; its sessions are ended\n", account.name)
        }
        UserCommand::Enable { name, .. } => {
            let account = accounts.set_disabled(&name, false, None).await?;
            format!("enabled {}\n", account.name)
        }
        UserCommand::List { .. } => accounts
            .list()
            .iter()
            .map(|account| {
                let state = if account.disabled { "disabled" } else { "enabled" };
                format!("{}\t{}\t{state}\n", account.name, account.role.as_str())
            })
            .collect(),
    })
}

fn read_password(arguments: &PasswordArgs) -> anyhow::Result<String> {
    if arguments.password_stdin {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("reading the password from standard input")?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    if !std::io::stdin().is_terminal() {
        bail!("standard input is no terminal to ask for a password on: use --password-stdin");
    }
    let password = rpassword::prompt_password("Password: ")?;
    if rpassword::prompt_password("Again: ")? != password {
        bail!("the two passwords differ");
    }
    Ok(password)
}
