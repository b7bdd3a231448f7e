//! Configuration: flags and environment, validated once.

mod of_type;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use app::{
    principal::Role,
    session::{Lifetime, Lifetimes, SessionType, search::Network},
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use url::Url;

use self::of_type::{OfType, of};
use crate::client::{ForwardingHeader, TrustedProxies};

/// Shows who is signed in, right now, and signs anyone out, at once.
#[derive(Debug, Parser)]
#[command(name = "keepwatch", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
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
}

/// Flags of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The data directory: accounts and sessions; made if it is not there
    #[arg(long, env = "KEEPWATCH_DATA_DIR", value_name = "DIR", default_value = "keepwatch-data")]
    pub data_dir: PathBuf,
    #[command(flatten)]
    common: CommonArgs,
}

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How many simulated sessions to start with
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub sessions: u32,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Args)]
struct CommonArgs {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, env = "KEEPWATCH_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Where browsers see Keepwatch; decides cookies and which Origin is ours [default: http on the listen address]
    #[arg(long, env = "KEEPWATCH_PUBLIC_URL", value_name = "URL")]
    public_url: Option<Url>,
    /// The name of this server in the session list [default: the host name]
    #[arg(long, env = "KEEPWATCH_SERVER_NAME", value_name = "NAME")]
    server_name: Option<String>,
    /// A session ends after this many minutes without activity
    #[arg(long, env = "KEEPWATCH_IDLE_MINUTES", value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    idle_minutes: u32,
    /// A session ends this many hours after sign-in, however active
    #[arg(long, env = "KEEPWATCH_LIFETIME_HOURS", value_name = "HOURS", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..))]
    lifetime_hours: u32,
    /// Minutes without activity for sessions of one type, such as browser=60; rest, browser or other; repeat for several
    #[arg(
        long = "idle-minutes-of",
        env = "KEEPWATCH_IDLE_MINUTES_OF",
        value_name = "TYPE=MINUTES",
        value_delimiter = ','
    )]
    idle_minutes_of: Vec<OfType>,
    /// Hours after sign-in for sessions of one type, such as rest=2; rest, browser or other; repeat for several
    #[arg(
        long = "lifetime-hours-of",
        env = "KEEPWATCH_LIFETIME_HOURS_OF",
        value_name = "TYPE=HOURS",
        value_delimiter = ','
    )]
    lifetime_hours_of: Vec<OfType>,
    /// How many sessions a user may be signed in to at a time; beyond it the oldest ends [default: no limit]
    #[arg(long, env = "KEEPWATCH_SESSIONS_PER_USER", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sessions_per_user: Option<u64>,
    /// An application that sign-in may return to (rd=), by its exact origin; repeat for several
    #[arg(long = "application", env = "KEEPWATCH_APPLICATIONS", value_name = "ORIGIN", value_delimiter = ',')]
    applications: Vec<Url>,
    /// Let all hosts below this domain see the session cookie, so that applications on other hosts are signed in to;
    /// docs/security.md says what that costs [default: only the host of the public URL]
    #[arg(long, env = "KEEPWATCH_COOKIE_DOMAIN", value_name = "DOMAIN")]
    cookie_domain: Option<String>,
    /// A reverse proxy whose word on the client's address is taken: an address, or a network such as 10.0.0.0/8; repeat
    /// for several
    #[arg(long = "trusted-proxy", env = "KEEPWATCH_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    trusted_proxies: Vec<Network>,
    /// The header in which trusted proxies name the client
    #[arg(long, env = "KEEPWATCH_FORWARDING_HEADER", value_enum, default_value_t)]
    forwarding_header: ForwardingHeader,
    /// A file with the first administrator's password, instead of a random one that is printed
    #[arg(long, env = "KEEPWATCH_ADMIN_PASSWORD_FILE", value_name = "FILE")]
    admin_password_file: Option<PathBuf>,
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

/// Where the accounts are.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// The data directory
    #[arg(long, env = "KEEPWATCH_DATA_DIR", value_name = "DIR", default_value = "keepwatch-data")]
    pub data_dir: PathBuf,
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

/// How the server runs, validated. The default is what `serve` does without flags, but for the host's name.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Where accounts and sessions are kept.
    pub data_dir: PathBuf,
    /// The name of this server in the session list.
    pub server_name: String,
    /// Where browsers see Keepwatch; `None`: http on the address that is really listened on.
    pub public_url: Option<Url>,
    /// The deadlines of sessions.
    pub lifetimes: Lifetimes,
    /// How many sessions a user may be signed in to at a time.
    pub sessions_per_user: Option<u64>,
    /// Applications that sign-in may return to.
    pub applications: Vec<Url>,
    /// The domain whose hosts see the session cookie; `None`: only the host of the public URL.
    pub cookie_domain: Option<String>,
    /// Whose word on the client's address is taken.
    pub proxies: TrustedProxies,
    /// Where the first administrator's password is read from.
    pub admin_password_file: Option<PathBuf>,
    /// How many simulated sessions to show; `None`: real ones only.
    pub simulation: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            data_dir: PathBuf::from("keepwatch-data"),
            server_name: "keep-01".to_owned(),
            public_url: None,
            lifetimes: Lifetimes::default(),
            sessions_per_user: None,
            applications: Vec::new(),
            cookie_domain: None,
            proxies: TrustedProxies::default(),
            admin_password_file: None,
            simulation: None,
        }
    }
}

impl ServeArgs {
    /// The validated configuration.
    ///
    /// # Errors
    /// Names the flag to change.
    pub fn into_config(self) -> anyhow::Result<Config> {
        self.common.into_config(self.data_dir, None)
    }
}

impl DemoArgs {
    /// The validated configuration of a demo on a throw-away directory.
    ///
    /// # Errors
    /// Names the flag to change.
    pub fn into_config(self, data_dir: &Path) -> anyhow::Result<Config> {
        self.common.into_config(data_dir.to_owned(), Some(self.sessions))
    }
}

impl CommonArgs {
    fn into_config(self, data_dir: PathBuf, simulation: Option<u32>) -> anyhow::Result<Config> {
        if let Some(url) = &self.public_url {
            check_public_url(url)?;
        } else if !self.listen.ip().is_loopback() {
            bail!(
                "--listen {} can be reached by others, so browsers need https: say where they see Keepwatch, \
                 for example --public-url https://keepwatch.example.com",
                self.listen
            );
        }
        for application in &self.applications {
            if !application.has_host() || application.path() != "/" || application.query().is_some() {
                bail!(
                    "--application {application} is not an origin: use scheme and host, like https://wiki.example.com"
                );
            }
        }
        if let Some(all) = self.trusted_proxies.iter().find(|network| network.prefix == 0) {
            bail!("--trusted-proxy {}/0 is everybody: name the addresses that your proxies connect from", all.address);
        }
        if let Some(domain) = &self.cookie_domain {
            check_cookie_domain(domain, self.public_url.as_ref())?;
        }
        let server_name = match self.server_name {
            Some(name) => name,
            None => host_name().context("the host name cannot be read: set --server-name")?,
        };
        if server_name.is_empty() || server_name.len() > 128 || server_name.chars().any(char::is_control) {
            bail!("--server-name must have 1 to 128 bytes and no control characters");
        }
        Ok(Config {
            listen: self.listen,
            data_dir,
            server_name,
            public_url: self.public_url,
            lifetimes: Lifetimes(SessionType::ALL.map(|session_type| Lifetime {
                idle_timeout: Duration::from_secs(of(&self.idle_minutes_of, session_type, self.idle_minutes) * 60),
                absolute_lifetime: Duration::from_secs(
                    of(&self.lifetime_hours_of, session_type, self.lifetime_hours) * 60 * 60,
                ),
            })),
            sessions_per_user: self.sessions_per_user,
            applications: self.applications,
            cookie_domain: self.cookie_domain.map(|domain| domain.to_ascii_lowercase()),
            proxies: TrustedProxies::new(self.trusted_proxies, self.forwarding_header),
            admin_password_file: self.admin_password_file,
            simulation,
        })
    }
}

fn check_public_url(url: &Url) -> anyhow::Result<()> {
    let loopback = is_loopback(url);
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => bail!("--public-url {url} must be https: browsers keep no secure cookie over http"),
        _ => bail!("--public-url {url} must start with https://"),
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        bail!("--public-url {url} must be scheme and host only: Keepwatch is served from the root");
    }
    Ok(())
}

/// Browsers keep no cookie for a domain that its host is not in, nor for a single word such as `org`, and say nothing.
fn check_cookie_domain(domain: &str, public_url: Option<&Url>) -> anyhow::Result<()> {
    let Some(url) = public_url.filter(|url| url.scheme() == "https") else {
        bail!("--cookie-domain {domain} needs https: set --public-url to where browsers see Keepwatch");
    };
    let host = url.domain().unwrap_or_default();
    let is_of_host = host.eq_ignore_ascii_case(domain)
        || host.len() > domain.len() && host.to_ascii_lowercase().ends_with(&format!(".{domain}").to_ascii_lowercase());
    if !is_of_host || !domain.contains('.') || domain.starts_with('.') {
        bail!(
            "--cookie-domain {domain} must be the host of --public-url {url} or a domain above it, \
             for example example.org for https://keepwatch.example.org"
        );
    }
    Ok(())
}

/// Whether a URL names this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn host_name() -> anyhow::Result<String> {
    // Linux keeps it here; elsewhere the shell's variable is the common place.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"))?;
    Ok(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &[&str]) -> anyhow::Result<Config> {
        let arguments = ["keepwatch", "serve", "--server-name", "keep-01"].iter().chain(arguments);
        match Cli::try_parse_from(arguments)?.command {
            Command::Serve(serve) => serve.into_config(),
            other => bail!("not serve: {other:?}"),
        }
    }

    #[test]
    fn a_public_listen_address_needs_a_public_url() {
        let error = config(&["--listen", "0.0.0.0:3000"]).unwrap_err().to_string();
        assert!(error.contains("--public-url"), "{error}");
        config(&["--listen", "0.0.0.0:3000", "--public-url", "https://keep.example.com"]).unwrap();
    }

    #[test]
    fn a_public_url_is_https_except_on_loopback() {
        config(&["--public-url", "http://localhost:8080"]).unwrap();
        for bad in ["http://keep.example.com", "ftp://localhost", "https://keep.example.com/app"] {
            let error = config(&["--public-url", bad]).unwrap_err().to_string();
            assert!(error.contains("--public-url"), "{error}");
        }
    }

    #[test]
    fn a_cookie_domain_is_above_the_public_url() {
        let of = |domain, url| config(&["--cookie-domain", domain, "--public-url", url]);
        for domain in ["example.org", "keep.example.org", "Example.ORG"] {
            of(domain, "https://keep.example.org").unwrap();
        }
        for domain in
            ["org", ".example.org", "ample.org", "other.org", "a.keep.example.org", "", "example.org; Path=/x"]
        {
            let error = of(domain, "https://keep.example.org").unwrap_err().to_string();
            assert!(error.contains("--cookie-domain"), "{error}");
        }
        assert!(of("example.org", "http://localhost:3000").is_err());
        assert!(config(&["--cookie-domain", "example.org"]).is_err());
    }

    #[test]
    fn a_type_of_sessions_may_have_deadlines_of_its_own() {
        let given =
            ["--idle-minutes", "20", "--idle-minutes-of", "browser=60,other=5", "--lifetime-hours-of", "rest=1"];
        let lifetimes = config(&given).unwrap().lifetimes;
        let minutes = |session_type| {
            let lifetime = lifetimes.of(session_type);
            [lifetime.idle_timeout, lifetime.absolute_lifetime].map(|time| time.as_secs() / 60)
        };
        assert_eq!(SessionType::ALL.map(minutes), [[20, 60], [60, 720], [5, 720]]);
        for bad in ["browser", "browser=", "browser=0", "tv=5", "=5", "browser=1h"] {
            let error = config(&["--idle-minutes-of", bad]).unwrap_err().to_string();
            assert!(error.contains("--idle-minutes-of") && error.contains("browser=60"), "{error}");
        }
    }

    #[test]
    fn a_trusted_proxy_is_an_address_or_a_network() {
        let config_of = |proxies| config(&["--trusted-proxy", proxies]);
        let trusted = config_of("10.0.0.2,fd00::/8").unwrap().proxies;
        assert!(trusted.contains([10, 0, 0, 2].into()) && !trusted.contains([10, 0, 0, 3].into()));
        assert!(config_of("0.0.0.0/0").unwrap_err().to_string().contains("everybody"));
        for bad in ["proxy.example.org", "10.0.0.0/33", "10.0.0"] {
            let error = config_of(bad).unwrap_err().to_string();
            assert!(error.contains("--trusted-proxy") && error.contains("such as"), "{error}");
        }
    }

    #[test]
    fn an_application_is_an_origin() {
        config(&["--application", "https://wiki.example.com"]).unwrap();
        assert!(config(&["--application", "https://wiki.example.com/start"]).is_err());
    }
}
