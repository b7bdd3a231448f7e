//! Configuration: flags, environment and a file, validated once.

mod arguments;
mod file;
mod of_type;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use app::session::{Lifetime, Lifetimes, SessionType};
use url::Url;

use self::{arguments::Settings, of_type::of};
pub use self::{
    arguments::{
        BackupArgs, Cli, Command, DataArgs, DemoArgs, LogArgs, LogFormat, PasswordArgs, RestoreArgs, RoleArg,
        ServeArgs, UserCommand,
    },
    file::settings,
};
use crate::client::TrustedProxies;

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
        self.settings.into_config(self.data.data_dir, None)
    }
}

impl DemoArgs {
    /// The validated configuration of a demo on a throw-away directory.
    ///
    /// # Errors
    /// Names the flag to change.
    pub fn into_config(self, data_dir: &Path) -> anyhow::Result<Config> {
        self.settings.into_config(data_dir.to_owned(), Some(self.sessions))
    }
}

impl Settings {
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
        match Cli::read(arguments)?.command {
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
