//! What is asked and told of a token.

use std::sync::Arc;

use app::time::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::rfc_3339;
use crate::{
    api::schema::{Id, SessionTypeWord},
    json_writer::JsonWriter,
};

/// A token that somebody has presented (RFC 7662, 2.1).
#[derive(ToSchema)]
pub struct Introspect {
    /// The token.
    #[schema(min_length = 1)]
    pub token: String,
    /// Not needed, and passed over.
    pub token_type_hint: Option<String>,
}

/// What there is to say of a token (RFC 7662, 2.2). Of one that is not good, only that.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Introspected {
    /// Whether it is good, now.
    pub active: bool,
    /// The account.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<Arc<str>>,
    /// The account.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<Arc<str>>,
    /// `administrator` or `user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// `session`, `app_password`, or `registered`: under a name that nobody has proved to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    /// The session's public number.
    #[schema(value_type = Option<Id>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<u64>,
    /// `rest`, `browser` or `other`.
    #[schema(value_type = Option<SessionTypeWord>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_type: Option<&'static str>,
    /// When the user signed in, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
    /// When the session ends if nothing happens, in seconds since 1970. It may be deleted before: ask again each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
    /// When the user signed in (RFC 3339, UTC).
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc_3339_if_any")]
    pub created_at: Option<Timestamp>,
    /// When the last request was accepted, this one included (RFC 3339, UTC).
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc_3339_if_any")]
    pub last_active_at: Option<Timestamp>,
}

impl Introspected {
    /// The same as serde writes it.
    pub fn to_json(&self) -> String {
        let mut json = JsonWriter::with_capacity(512);
        json.raw(if self.active { "{\"active\":true" } else { "{\"active\":false" });
        let texts = [
            (",\"sub\":", self.sub.as_deref()),
            (",\"username\":", self.username.as_deref()),
            (",\"role\":", self.role),
            (",\"token_type\":", self.token_type),
        ];
        texts.iter().for_each(|(before, text)| text.iter().for_each(|text| json.text(before, text)));
        self.session_id.iter().for_each(|id| json.number(",\"session_id\":", *id));
        self.session_type.iter().for_each(|session_type| json.text(",\"session_type\":", session_type));
        for (before, seconds) in [(",\"iat\":", self.iat), (",\"exp\":", self.exp)] {
            seconds.iter().for_each(|seconds| json.number(before, *seconds));
        }
        for (before, at) in [(",\"created_at\":\"", self.created_at), (",\"last_active_at\":\"", self.last_active_at)] {
            at.iter().for_each(|at| {
                json.instant(before, *at);
                json.raw("\"");
            });
        }
        json.raw("}");
        json.into_text()
    }
}

/// Tokens that somebody has presented.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntrospectMany {
    /// At most 64.
    #[schema(max_items = 64)]
    pub tokens: Vec<String>,
}

/// What there is to say of each token, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntrospectedMany {
    /// One for each token.
    pub results: Vec<Introspected>,
}

fn rfc_3339_if_any<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc_3339(at, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn what_is_introspected_is_written_as_serde_writes_it(
            active in any::<bool>(),
            name in option::of(".*"),
            words in option::of(proptest::sample::select(vec!["user", "app_password"])),
            number in option::of(any::<u64>()),
            at in option::of(0_u64..400_000_000_000_000),
        ) {
            let (name, at): (Option<Arc<str>>, _) = (name.map(Into::into), at.map(Timestamp::from_millis));
            let introspected = Introspected {
                active, sub: name.clone(), username: name, role: words, token_type: words, session_id: number,
                session_type: words, iat: number, exp: number, created_at: at, last_active_at: at,
            };
            prop_assert_eq!(introspected.to_json(), serde_json::to_string(&introspected).unwrap());
        }
    }
}
