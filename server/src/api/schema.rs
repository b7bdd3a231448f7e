//! What the OpenAPI document says where the types that are read and written say too little.

use std::borrow::Cow;

use app::{scope::Scope, session::SessionType};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type,
        schema::{AnyOfBuilder, SchemaType},
    },
};

/// The number of a session: all 64 bits, where the document would say 63.
pub enum Id {}
/// An address of IPv4 or IPv6.
pub enum Address {}
/// A word for a [`SessionType`].
pub enum SessionTypeWord {}
/// A word for a [`Scope`].
pub enum ScopeWord {}

/// A new session: signed in to by password, or registered on behalf of a user.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the document; what is read tells what is missing, which a choice of two cannot")]
pub enum CreateSession {
    /// By a user.
    SignIn(SignIn),
    /// By an administrator.
    Register(Register),
}

/// Signs in.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "see CreateSession")]
pub struct SignIn {
    /// Who signs in.
    #[schema(min_length = 1)]
    pub username: String,
    /// Their password.
    pub password: String,
    /// `rest`, if anything.
    #[schema(schema_with = rest)]
    #[serde(default)]
    pub session_type: String,
}

/// Registers a session of a user of an integration that does not use REST.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "see CreateSession")]
pub struct Register {
    /// Whose session it is; no account is needed.
    #[schema(min_length = 1, example = "nas")]
    pub username: String,
    /// `other`.
    #[schema(schema_with = other)]
    pub session_type: String,
    /// The address of the device.
    pub address: Address,
    /// The device's own words. More than 512 bytes are cut.
    #[serde(default)]
    pub user_agent: Option<String>,
}

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        of(Type::Integer, SchemaFormat::Custom("uint64".to_owned())).minimum(Some(0)).maximum(Some(u64::MAX)).into()
    }
}

impl PartialSchema for Address {
    fn schema() -> RefOr<Schema> {
        let text = |format| of(Type::String, SchemaFormat::KnownFormat(format));
        AnyOfBuilder::new().item(text(KnownFormat::Ipv4)).item(text(KnownFormat::Ipv6)).into()
    }
}

impl PartialSchema for SessionTypeWord {
    fn schema() -> RefOr<Schema> {
        one_of(SessionType::ALL.map(SessionType::as_str))
    }
}

impl PartialSchema for ScopeWord {
    fn schema() -> RefOr<Schema> {
        one_of(Scope::ALL.map(Scope::as_str))
    }
}

impl ToSchema for Id {
    fn name() -> Cow<'static, str> {
        "SessionId".into()
    }
}

impl ToSchema for Address {}

impl ToSchema for SessionTypeWord {
    fn name() -> Cow<'static, str> {
        "SessionType".into()
    }
}

impl ToSchema for ScopeWord {
    fn name() -> Cow<'static, str> {
        "Scope".into()
    }
}

fn rest() -> RefOr<Schema> {
    one_of([SessionType::RestApi.as_str()])
}

fn other() -> RefOr<Schema> {
    one_of([SessionType::Other.as_str()])
}

fn of(kind: Type, format: SchemaFormat) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(kind)).format(Some(format))
}

fn one_of<const N: usize>(words: [&'static str; N]) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
}
