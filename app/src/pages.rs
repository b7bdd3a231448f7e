//! The pages, and the data each is rendered from: made on the server, carried in the document, read back
//! when hydrating, where the page comes alive.

pub mod my_sessions;
pub mod sessions;
pub mod sign_in;
pub mod users;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    principal::Role,
    scope::Scopes,
    session::{
        Lifetimes, Session, SessionId, column::Columns, page::Page, query::SessionQuery, selection::DeletePreview,
    },
    time::{Timestamp, UtcOffset},
};

/// What one document shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum PageData {
    /// The sign-in page.
    SignIn(SignInData),
    /// Active Sessions.
    Sessions(Box<SessionsData>),
    /// My Sessions.
    MySessions(MySessionsData),
    /// Users.
    Users(UsersData),
    /// A refusal or an error. Not carried to the browser's half, which has nothing to do with it.
    #[serde(skip)]
    Message(MessageData),
}

impl PageData {
    /// The document's title, without the product's name.
    pub fn title(&self) -> &str {
        match self {
            Self::SignIn(_) => "Sign in",
            Self::Sessions(_) => "Active Sessions",
            Self::MySessions(_) => "My Sessions",
            Self::Users(data) => data.users.chosen.as_ref().map_or("Users", |user| &user.name),
            Self::Message(data) => &data.title,
        }
    }
}

/// The part of a page that the server alone writes, as HTML, in context there: the browser's half need not contain what
/// makes it.
#[derive(Clone, Debug, Default)]
pub struct WrittenHtml(pub String);

/// Who looks at a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// Their username.
    pub username: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// The server they are signed in on.
    pub server_name: Arc<str>,
    /// Whether the sessions are simulated: said on every page.
    pub demo: bool,
}

/// The sign-in page.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SignInData {
    /// Why the user is here: "Your session was ended by an administrator."
    pub notice: Option<String>,
    /// What was wrong with the last attempt.
    pub error: Option<String>,
    /// The username of the last attempt.
    pub username: String,
    /// The page of ours to go to afterwards.
    pub next: String,
    /// The application to return to afterwards.
    pub rd: String,
    /// The host of that application, when it is an allowed one.
    pub returns_to: Option<String>,
    /// The server that is signed in on.
    pub server_name: String,
    /// Whether the sessions are simulated.
    pub demo: bool,
}

/// Active Sessions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionsData {
    /// Who looks.
    pub viewer: Viewer,
    /// What they ask for.
    pub query: SessionQuery,
    /// Parameters of the address that could not be used, in words.
    pub problems: Vec<String>,
    /// What there is.
    pub page: Page,
    /// The columns they have chosen.
    pub columns: Columns,
    /// When the page was made.
    pub now: Timestamp,
    /// In which time it is written.
    pub utc_offset: UtcOffset,
    /// The deadlines of sessions.
    pub lifetimes: Lifetimes,
    /// A deletion to confirm, for browsers without JavaScript.
    pub confirm: Option<Confirm>,
    /// What the last form did: "2 sessions deleted."
    pub notice: Option<String>,
    /// A search that cannot be understood.
    pub bad_search: Option<BadSearch>,
    /// What is set wrongly, as it seems, and what to set.
    pub advice: Option<String>,
}

/// A search that cannot be understood.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BadSearch {
    /// As typed.
    pub typed: String,
    /// Which term, and what it could be.
    pub problem: String,
}

/// A deletion to confirm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Confirm {
    /// Of which sessions.
    pub ids: Vec<SessionId>,
    /// What it would do.
    pub preview: DeletePreview,
}

/// My Sessions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MySessionsData {
    /// Who looks.
    pub viewer: Viewer,
    /// Their sessions, newest activity first.
    pub sessions: Vec<Session>,
    /// The session that looks.
    pub current: SessionId,
    /// When the page was made.
    pub now: Timestamp,
    /// In which time it is written.
    pub utc_offset: UtcOffset,
    /// What the last form did.
    pub notice: Option<String>,
    /// The form for a new app password. Not carried to the browser's half, which has nothing to do with it.
    #[serde(skip)]
    pub app_password: StandingForm,
    /// The same for a new client token.
    #[serde(skip)]
    pub client_token: StandingForm,
    /// Why the password was not changed.
    #[serde(skip)]
    pub password_error: Option<String>,
}

/// The form for a new app password or client token, and what it has made.
#[derive(Clone, Debug, Default)]
pub struct StandingForm {
    /// As typed, if that cannot be used.
    pub name: String,
    /// After how many days it is to expire.
    pub days: String,
    /// What a client token is to do.
    pub scopes: Scopes,
    /// What is wrong with it.
    pub error: Option<String>,
    /// What it has made.
    pub made: Option<Made>,
}

/// An app password or client token as it is shown, once.
#[derive(Clone)]
pub struct Made {
    /// What its user calls it.
    pub name: String,
    /// The secret.
    pub secret: String,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Users.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UsersData {
    /// Who looks.
    pub viewer: Viewer,
    /// What the server writes. Not carried to the browser's half, which has nothing to do with it.
    #[serde(skip)]
    pub users: Users,
}

/// A form that did nothing.
#[derive(Clone, Debug)]
pub struct RefusedForm {
    /// What it was to do.
    pub action: String,
    /// Why it did not.
    pub error: String,
}

/// The accounts that the page Users shows.
#[derive(Clone, Debug)]
pub struct Users {
    /// The one that was chosen; else the list is shown.
    pub chosen: Option<UserRow>,
    /// Those that match, by name, as many as the page shows.
    pub found: Vec<UserRow>,
    /// How many match.
    pub total: u64,
    /// What was searched for: part of a name.
    pub search: String,
    /// When the page was made.
    pub now: Timestamp,
    /// What the last form did.
    pub notice: Option<String>,
    /// The form that did nothing, and why.
    pub refused: Option<RefusedForm>,
    /// The name of a new user, as typed.
    pub typed_name: String,
    /// The role of a new user, as chosen.
    pub typed_role: Role,
    /// The message of a lock, as typed.
    pub typed_message: String,
    /// What the sign-in page says while only administrators may sign in.
    pub lock: Option<String>,
}

impl Default for Users {
    fn default() -> Self {
        Self {
            chosen: None,
            found: Vec::new(),
            total: 0,
            search: String::new(),
            now: Timestamp::default(),
            notice: None,
            refused: None,
            typed_name: String::new(),
            typed_role: Role::User,
            typed_message: String::new(),
            lock: None,
        }
    }
}

/// An account as the page Users shows it.
#[derive(Clone, Debug)]
pub struct UserRow {
    /// Its canonical name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether sign-in is refused.
    pub disabled: bool,
    /// How many sessions it has.
    pub sessions: u64,
    /// When its user last proved to be it.
    pub last_sign_in: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A refusal or an error.
#[derive(Clone, Debug)]
pub struct MessageData {
    /// In a few words: "Not found".
    pub title: String,
    /// What happened and what to do.
    pub text: String,
    /// Who looks, if someone is signed in.
    pub viewer: Option<Viewer>,
    /// Whether the sessions are simulated.
    pub demo: bool,
}
