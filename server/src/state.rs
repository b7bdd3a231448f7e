//! What every handler shares.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use app::{
    authority::Backend,
    pages::Viewer,
    principal::Principal,
    session::service::{Clock, Sessions},
    time::Timestamp,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use crate::{
    auth::{
        accounts::Accounts, app_passwords::AppPasswords, client_notes::ClientNotes, cookie::SessionCookie,
        csrf::OwnOrigins, password::PasswordHasher, redirect::Redirects, sign_in::SignIn, throttle::Throttle,
    },
    client::TrustedProxies,
    clock::SystemClock,
    config::Config,
    headers::Policy,
    live::hub::LiveHub,
    metrics::Metrics,
    store::RedbStore,
};

/// What every handler shares. A handle: a clone costs one count, whatever it holds.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// See [`AppState`].
pub struct Shared {
    /// The session rules.
    pub sessions: Arc<Sessions>,
    /// The store behind them.
    pub store: RedbStore,
    /// Accounts.
    pub accounts: Arc<Accounts>,
    /// From where what is made to be kept is used.
    pub client_notes: ClientNotes,
    /// Secrets for clients that cannot sign in.
    pub app_passwords: AppPasswords,
    /// Signing in.
    pub sign_in: Arc<SignIn>,
    /// The session cookie.
    pub cookie: SessionCookie,
    /// Where browsers see Keepwatch.
    pub public_url: Url,
    /// Whose word on the client's address is taken.
    pub proxies: TrustedProxies,
    /// The origins of unsafe requests that are let in.
    pub own_origins: OwnOrigins,
    /// The live channel's shared views.
    pub hub: Arc<LiveHub>,
    /// What pages may load.
    pub policy: Policy,
    /// What is counted for `/metrics`.
    pub metrics: Arc<Metrics>,
    /// Whether the sessions are simulated.
    pub demo: bool,
    /// When the server began: no other process of it began then.
    pub started_at: Timestamp,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
    /// What the server waits for when it stops.
    pub tasks: TaskTracker,
}

impl AppState {
    /// Puts the parts together for a server that listens on `address`.
    ///
    /// # Errors
    /// When the accounts cannot be read.
    pub fn new(
        config: &Config,
        address: SocketAddr,
        store: RedbStore,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        Self::with_clock(config, address, store, shutdown, Arc::new(SystemClock::default()))
    }

    /// The same with a clock of the caller's: for tests.
    ///
    /// # Errors
    /// As [`AppState::new`].
    pub fn with_clock(
        config: &Config,
        address: SocketAddr,
        store: RedbStore,
        shutdown: CancellationToken,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let public_url = match &config.public_url {
            Some(url) => url.clone(),
            None => Url::parse(&format!("http://{address}")).context("the listen address makes no URL")?,
        };
        let cookie = match &config.cookie_domain {
            Some(domain) => SessionCookie::OfDomain(domain.clone()),
            None if public_url.scheme() == "https" => SessionCookie::OfHost,
            None => SessionCookie::Plain,
        };
        let sessions = Sessions::new(Arc::new(store.clone()), clock, config.lifetimes, config.server_name.as_str());
        let sessions = Arc::new(sessions.with_most_of_user(config.sessions_per_user));
        let accounts = Arc::new(Accounts::open(store.clone(), sessions.clone())?);
        let at_once = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let started_at = sessions.now();
        let metrics = Arc::new(Metrics::new(store.figures(), started_at)?);
        let sign_in = Arc::new(SignIn {
            metrics: metrics.clone(),
            sessions: sessions.clone(),
            accounts: accounts.clone(),
            passwords: PasswordHasher::new(at_once)?,
            throttle: Throttle::default(),
            cookie: cookie.clone(),
            redirects: Redirects::new(public_url.clone(), config.applications.clone()),
        });
        let tasks = TaskTracker::new();
        Ok(Self(Arc::new(Shared {
            hub: Arc::new(LiveHub::new(sessions.clone(), store.clone(), tasks.clone())),
            own_origins: OwnOrigins::new(&public_url),
            proxies: config.proxies.clone(),
            metrics,
            demo: config.simulation.is_some(),
            client_notes: ClientNotes::new(sessions.clone()),
            app_passwords: AppPasswords::new(sessions.clone(), accounts.clone()),
            sessions,
            store,
            accounts,
            sign_in,
            cookie,
            public_url,
            started_at,
            shutdown,
            tasks,
            policy: Policy::new(&config.applications),
        })))
    }

    /// What server functions work with.
    pub fn backend(&self) -> Backend {
        Backend { sessions: self.sessions.clone(), authority: self.sign_in.clone() }
    }

    /// Who looks at a page.
    pub fn viewer(&self, principal: &Principal) -> Viewer {
        Viewer {
            username: principal.username.clone(),
            role: principal.role,
            server_name: self.sessions.server_name().clone(),
            demo: self.demo,
        }
    }
}
