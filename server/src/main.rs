//! The `keepwatch` program.

use std::{io::IsTerminal, process::ExitCode};

use server::{
    backup,
    config::{Cli, Command, LogArgs, LogFormat},
    demo, run, user_command,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    log_to_stderr(&cli.log);
    match (execute(cli.command), cli.log.format) {
        (Ok(()), _) => return ExitCode::SUCCESS,
        (Err(error), LogFormat::Text) => eprintln!("keepwatch: {error:#}"),
        (Err(error), LogFormat::Json) => tracing::error!("{error:#}"),
    }
    ExitCode::FAILURE
}

/// Writes the log to standard error, in colour only where somebody reads it on a terminal.
fn log_to_stderr(log: &LogArgs) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&log.filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => {
            builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
            // Standard error is then for programs: what is no event would break their reading.
            std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
        }
    }
}

fn execute(command: Command) -> anyhow::Result<()> {
    // Server-side rendering and the live channel want more than one worker, whatever the machine.
    let workers = std::thread::available_parallelism().map_or(4, |cores| cores.get().max(4));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve(arguments) => serve(arguments.into_config()?).await,
            Command::Demo(arguments) => {
                let data_dir = demo::data_dir()?;
                serve(arguments.into_config(data_dir.path())?).await
            }
            Command::User(arguments) => user_command::execute(arguments).await,
            Command::Backup(arguments) => backup::write(arguments).await,
            Command::Restore(arguments) => backup::restore(&arguments),
        }
    })
}

async fn serve(config: server::config::Config) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {}: {error}; choose another --listen", config.listen))?;
    let shutdown = CancellationToken::new();
    tokio::spawn(stop_on_signal(shutdown.clone()));
    run(config, listener, shutdown).await
}

/// Cancels on SIGTERM or SIGINT; a second signal ends the process at once.
async fn stop_on_signal(shutdown: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("cannot listen for signals: only a kill will stop this process");
        return;
    };
    for _ in 0..2 {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if shutdown.is_cancelled() {
            std::process::exit(130);
        }
        shutdown.cancel();
    }
}
