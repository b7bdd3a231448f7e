//! What can be asked for and set: subcommands, flags and their variables. The texts here are the help and, through the
//! tests, docs/configuration.md.

use std::{net::SocketAddr, path::PathBuf};

use app::{principal::Role, session::search::Network};
use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::of_type::OfType;
use crate::client::ForwardingHeader;

/// Shows who is signed in, right now, and signs anyone out, at once.
#[derive(Debug, Parser)]
#[command(name = "keepwatch", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// A TOML file with settings, named as the flags are: listen = "127.0.0.1:3000"; flags and variables override it
    #[arg(long, env = "KEEPWATCH_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the help of the flattened flags")]
    pub log: LogArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the console, REST and forward-auth
    Serve(ServeArgs),
    /// Serve simulated sessions from a throw-away store
    Demo(DemoArgs),
    /// Manage accounts while the server is stopped
    #[command(subcommand)]
    User(UserCommand),
    /// Write the accounts to a file, while the server runs or not
    Backup(BackupArgs),
    /// Put the accounts of a backup in place while the server is stopped; ends all sessions
    Restore(RestoreArgs),
}

/// What is logged on standard error, and how.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// What is logged on standard error: error, warn, info, debug, or a filter such as server=debug
    #[arg(
        long = "log", env = "KEEPWATCH_LOG", value_name = "FILTER", default_value = "info", value_parser = log_filter,
        global = true
    )]
    pub filter: String,
    /// How a line of the log is written
    #[arg(
        long = "log-format",
        env = "KEEPWATCH_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        global = true
    )]
    pub format: LogFormat,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object, for programs
    Json,
}

fn log_filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; write, for example, info")),
    }
}

/// Where the accounts and sessions are.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// The data directory: accounts and sessions
    #[arg(long, env = "KEEPWATCH_DATA_DIR", value_name = "DIR", default_value = "keepwatch-data")]
    pub data_dir: PathBuf,
}

/// Flags of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) settings: Settings,
}

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How many simulated sessions to start with
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub sessions: u32,
    #[command(flatten)]
    pub(super) settings: Settings,
}

/// What can be set of a server, as it is given.
#[derive(Debug, Args)]
pub(super) struct Settings {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, env = "KEEPWATCH_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:3000")]
    pub(super) listen: SocketAddr,
    /// Where browsers see Keepwatch; decides cookies and which Origin is ours; https unless it is loopback [default: http
    /// on the listen address]
    #[arg(long, env = "KEEPWATCH_PUBLIC_URL", value_name = "URL")]
    pub(super) public_url: Option<Url>,
    /// The name of this server in the session list, at most 128 bytes [default: the host name]
    #[arg(long, env = "KEEPWATCH_SERVER_NAME", value_name = "NAME")]
    pub(super) server_name: Option<String>,
    /// A session ends after this many minutes without activity
    #[arg(long, env = "KEEPWATCH_IDLE_MINUTES", value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) idle_minutes: u32,
    /// A session ends this many hours after sign-in, however active
    #[arg(long, env = "KEEPWATCH_LIFETIME_HOURS", value_name = "HOURS", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) lifetime_hours: u32,
    /// Minutes without activity for sessions of one type, such as browser=60; rest, browser or other; repeat for several
    #[arg(
        long = "idle-minutes-of",
        env = "KEEPWATCH_IDLE_MINUTES_OF",
        value_name = "TYPE=MINUTES",
        value_delimiter = ','
    )]
    pub(super) idle_minutes_of: Vec<OfType>,
    /// Hours after sign-in for sessions of one type, such as rest=2; rest, browser or other; repeat for several
    #[arg(
        long = "lifetime-hours-of",
        env = "KEEPWATCH_LIFETIME_HOURS_OF",
        value_name = "TYPE=HOURS",
        value_delimiter = ','
    )]
    pub(super) lifetime_hours_of: Vec<OfType>,
    /// How many sessions a user may be signed in to at a time, app passwords and registered sessions not counted; beyond it
    /// the oldest ends [default: no limit]
    #[arg(long, env = "KEEPWATCH_SESSIONS_PER_USER", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) sessions_per_user: Option<u64>,
    /// An application that sign-in may return to (rd=), by its exact origin; repeat for several
    #[arg(long = "application", env = "KEEPWATCH_APPLICATIONS", value_name = "ORIGIN", value_delimiter = ',')]
    pub(super) applications: Vec<Url>,
    /// Let all hosts below this domain see the session cookie, so that applications on other hosts are signed in to;
    /// docs/security.md says what that costs [default: only the host of the public URL]
    #[arg(long, env = "KEEPWATCH_COOKIE_DOMAIN", value_name = "DOMAIN")]
    pub(super) cookie_domain: Option<String>,
    /// A reverse proxy whose word on the client's address is taken: an address, or a network such as 10.0.0.0/8; repeat
    /// for several
    #[arg(long = "trusted-proxy", env = "KEEPWATCH_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    pub(super) trusted_proxies: Vec<Network>,
    /// The header in which trusted proxies name the client
    #[arg(long, env = "KEEPWATCH_FORWARDING_HEADER", value_name = "HEADER", value_enum, default_value_t)]
    pub(super) forwarding_header: ForwardingHeader,
    /// A file with the first administrator's password, instead of a random one that is printed
    #[arg(long, env = "KEEPWATCH_ADMIN_PASSWORD_FILE", value_name = "FILE")]
    pub(super) admin_password_file: Option<PathBuf>,
}

/// `keepwatch user ...`.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "clap would show docs of a flattened field as the command's help")]
pub enum UserCommand {
    /// Add an account
    Add {
        /// Its name
        name: String,
        /// What it may do
        #[arg(long, value_enum, default_value_t = RoleArg::User)]
        role: RoleArg,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Set a new password; ends the account's sessions
    Passwd {
        /// Its name
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Refuse sign-in; ends the account's sessions
    Disable {
        /// Its name
        name: String,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Allow sign-in again
    Enable {
        /// Its name
        name: String,
        #[command(flatten)]
        data: DataArgs,
    },
    /// List all accounts: name, role, state
    List {
        #[command(flatten)]
        data: DataArgs,
    },
}

/// Where a password comes from.
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// Read the password from the first line of standard input instead of asking for it
    #[arg(long)]
    pub password_stdin: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the help of the flattened flags")]
    pub data: DataArgs,
}

/// Flags of `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to write; an earlier backup of that name is replaced once the new one is whole
    pub file: PathBuf,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the help of the flattened flags")]
    pub data: DataArgs,
}

/// Flags of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup
    pub file: PathBuf,
    /// Put it in place of the accounts that are in the data directory
    #[arg(long)]
    pub replace: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the help of the flattened flags")]
    pub data: DataArgs,
}

/// A role on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleArg {
    /// Sees all sessions and deletes those of others
    #[value(alias = "admin")]
    Administrator,
    /// Sees and ends their own sessions
    User,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Administrator => Self::Administrator,
            RoleArg::User => Self::User,
        }
    }
}
