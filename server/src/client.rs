//! Where a request comes from.

use std::net::SocketAddr;

use app::session::Client;
use axum::extract::{ConnectInfo, Request};
use http::header::USER_AGENT;

/// The client of a request: the peer of its connection and its User-Agent. Forwarding headers are not believed.
pub fn of(request: &Request) -> Option<Client> {
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    let user_agent = request.headers().get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    Some(Client::new(peer.ip(), &user_agent.unwrap_or_default()))
}
