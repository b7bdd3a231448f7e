//! What the Keepwatch console is: the session domain and its rules, the server functions, the live channel's messages,
//! and the pages.
//!
//! Compiled twice: natively with `ssr` for the server, and for wasm32 with `hydrate` for the browser. The layer rule:
//! `session` knows nothing of Leptos; nothing here can name redb, axum or tokio. The server hands its adapters in
//! through the ports [`session::store::SessionStore`] and [`authority::Authority`].

// A page is one type, made of the types of everything on it.
#![recursion_limit = "256"]

pub mod app;
pub mod browser;
pub mod components;
pub mod error;
pub mod live;
pub mod pages;
pub mod paths;
pub mod principal;
pub mod scope;
pub mod server_fns;
pub mod session;
pub mod time;
pub mod wire;

#[cfg(feature = "ssr")]
pub mod authority;
#[cfg(feature = "ssr")]
pub mod shell;
