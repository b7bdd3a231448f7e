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

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

use super::format::Backup;
use crate::state::AppState;

const NAME: &str = "keepwatch.sock";
/// What is asked for.
const BACKUP: &[u8] = b"backup\n";
/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest path that a socket's address holds, on any system.
const ADDRESS_BYTES: usize = 100;

/// Answers on the socket until the server stops. Without a socket the server runs all the same.
pub async fn answer(state: AppState, data_dir: PathBuf) {
    let listener = match listen(&data_dir) {
        Ok(listener) => listener,
        Err(error) => {
            let path = data_dir.join(NAME);
            tracing::warn!(
                "there will be no backup while the server runs: cannot listen on {}: {error}",
                path.display()
            );
            return;
        }
    };
    loop {
        tokio::select! {
            () = state.shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let state = state.clone();
                    tokio::spawn(async move {
                        if !matches!(tokio::time::timeout(PATIENCE, serve(stream, &state)).await, Ok(Ok(()))) {
                            tracing::warn!("a backup was broken off");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!("a connection to {NAME} could not be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    _ = fs::remove_file(data_dir.join(NAME));
}

/// Whoever has the data directory has its lock: a socket that is there is left over.
fn listen(data_dir: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(data_dir.join(NAME)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (path, _dir) = address(data_dir)?;
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(data_dir.join(NAME), fs::Permissions::from_mode(0o600))?;
    Ok(listener)
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

async fn serve(mut stream: UnixStream, state: &AppState) -> anyhow::Result<()> {
    let asker = stream.peer_cred()?.uid();
    let own = fs::metadata("/proc/self").map_or(asker, |process| process.uid());
    anyhow::ensure!(asker == own || asker == 0, "user {asker} is another one");
    let mut asked = [0; BACKUP.len()];
    stream.read_exact(&mut asked).await?;
    anyhow::ensure!(asked == BACKUP, "something else is asked for");
    let store = state.store.clone();
    let kept = tokio::task::spawn_blocking(move || store.kept()).await??;
    let backup = Backup { kept, made_at: state.sessions.now().to_string() };
    let accounts = backup.kept.accounts.len();
    stream.write_all(backup.write()?.as_bytes()).await?;
    stream.shutdown().await?;
    tracing::info!("a backup of {accounts} accounts was made");
    Ok(())
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
    Ok(Some(answer.context("the server broke the backup off: its log says why")?))
}
