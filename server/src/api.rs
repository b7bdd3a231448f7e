//! REST: `/api/v1`.

pub mod app_passwords;
pub mod client_tokens;
pub mod events;
pub mod introspect;
pub mod json;
pub(crate) mod list_json;
pub mod openapi;
pub mod own_sessions;
pub mod problem;
mod schema;
pub mod session;
pub mod sessions;
pub mod wire;
