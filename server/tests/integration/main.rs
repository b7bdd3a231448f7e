//! Keepwatch through its real router, its real store and real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api;
mod app_passwords;
mod auth;
mod backup;
mod checks;
mod client_tokens;
mod command;
mod configuration;
mod events;
mod forward_auth;
mod list_at_once;
mod live;
mod load;
mod metrics;
mod pages;
mod program;
mod routes;
mod stopping;
mod store;
mod support;
mod users;
