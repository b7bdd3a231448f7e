//! The way to a server that runs: a socket in the data directory, for the user it runs as and for root.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

use super::format::Backup;
use crate::state::AppState;

const NAME: &str = "keepwatch.sock";
/// What is asked for.
const BACKUP: &[u8] = b"backup\n";
/// How an answer begins that is none.
const REFUSAL: &str = "error: ";
/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest path that a socket's address holds, on any system.
const ADDRESS_BYTES: usize = 100;

/// Answers on the socket until the server stops. Without a socket the server runs all the same.
pub fn spawn(state: &AppState, data_dir: &Path) {
    match listen(data_dir) {
        Ok((listener, owner)) => {
            _ = state.tasks.spawn(answer(state.clone(), listener, owner, data_dir.join(NAME)));
        }
        Err(error) => {
            let path = data_dir.join(NAME);
            tracing::warn!("no backup can be made while the server runs: cannot listen on {}: {error}", path.display());
        }
    }
}

async fn answer(state: AppState, listener: UnixListener, owner: u32, path: PathBuf) {
    loop {
        tokio::select! {
            () = state.shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => _ = tokio::spawn(serve(stream, state.clone(), owner)),
                Err(error) => {
                    tracing::warn!("a connection to {NAME} could not be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    _ = fs::remove_file(path);
}

/// The socket, and the user that this process runs as. Whoever has the data directory has its lock: a socket that is there
/// is left over.
fn listen(data_dir: &Path) -> io::Result<(UnixListener, u32)> {
    match fs::remove_file(data_dir.join(NAME)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (path, _dir) = address(data_dir)?;
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(data_dir.join(NAME), fs::Permissions::from_mode(0o600))?;
    let owner = fs::metadata(data_dir.join(NAME))?.uid();
    Ok((listener, owner))
}

/// The socket's path. A long one goes through the open directory, which has to stay open meanwhile.
fn address(data_dir: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let path = data_dir.join(NAME);
    if path.as_os_str().len() <= ADDRESS_BYTES {
        return Ok((path, None));
    }
    let dir = File::open(data_dir)?;
    Ok((PathBuf::from(format!("/proc/self/fd/{}/{NAME}", dir.as_raw_fd())), Some(dir)))
}

/// Answers one asker; who is refused, or gets no backup, is told why.
async fn serve(mut stream: UnixStream, state: AppState, owner: u32) {
    let answer = match tokio::time::timeout(PATIENCE, backup_for(&mut stream, &state, owner)).await {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => {
            tracing::warn!("no backup was made: {error:#}");
            format!("{REFUSAL}{error:#}\n")
        }
        Err(_) => {
            tracing::warn!("no backup was made: whoever connected asked for nothing");
            return;
        }
    };
    let sent = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    if !matches!(tokio::time::timeout(PATIENCE, sent).await, Ok(Ok(()))) {
        tracing::warn!("a backup was broken off by whoever asked for it");
    }
}

async fn backup_for(stream: &mut UnixStream, state: &AppState, owner: u32) -> anyhow::Result<String> {
    // Read before anything is refused: who still writes would not hear why.
    let mut asked = [0; BACKUP.len()];
    stream.read_exact(&mut asked).await?;
    let asker = stream.peer_cred()?.uid();
    ensure!(asker == owner || asker == 0, "only the user that the server runs as and root may ask, not user {asker}");
    ensure!(asked == BACKUP, "something else was asked for: use the keepwatch that the server is");
    let (store, now) = (state.store.clone(), state.sessions.now());
    let text = tokio::task::spawn_blocking(move || Backup::of(store.kept()?, now).write()).await??;
    tracing::info!("a backup was made");
    Ok(text)
}

/// The backup that the server on a data directory makes; none if none runs.
///
/// # Errors
/// When one runs and does not answer.
pub(super) async fn ask(data_dir: &Path) -> anyhow::Result<Option<String>> {
    let (path, _dir) = address(data_dir)?;
    let mut stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        // The file of a server that was killed.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot ask the server: {}", data_dir.join(NAME).display()));
        }
    };
    let asked = async {
        stream.write_all(BACKUP).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        io::Result::Ok(text)
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await.context("the server does not answer")?;
    let answer = answer.context("the server broke the backup off: its log says why")?;
    ensure!(!answer.is_empty(), "the server broke the backup off: its log says why");
    if let Some(reason) = answer.strip_prefix(REFUSAL) {
        bail!("the server makes no backup: {}", reason.trim_end());
    }
    Ok(Some(answer))
}
