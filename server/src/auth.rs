//! Who is asking: accounts, passwords, tokens, cookies, and the layers that decide who gets in.

pub mod accounts;
pub mod app_passwords;
pub mod authenticate;
pub mod client_notes;
pub mod cookie;
pub mod csrf;
pub mod password;
pub mod redirect;
pub mod sign_in;
pub mod throttle;
pub mod token;
pub mod username;
