//! JSON that is written many times a second, by hand: texts that hardly ever need an escape, and numbers. Whoever uses
//! it holds what it writes against serde in a test.

use std::{
    fmt::{Display, Write},
    net::IpAddr,
};

use app::{session::Session, time::Timestamp};

/// JSON so far.
pub(crate) struct JsonWriter(String);

impl JsonWriter {
    /// Nothing yet, and room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// Adds JSON as it is.
    pub(crate) fn raw(&mut self, json: &str) {
        self.0.push_str(json);
    }

    /// Adds JSON as it is and a number.
    pub(crate) fn number(&mut self, before: &str, number: u64) {
        self.raw(before);
        self.raw(itoa::Buffer::new().format(number));
    }

    /// Adds JSON as it is and a string.
    pub(crate) fn text(&mut self, before: &str, text: &str) {
        self.raw(before);
        if is_plain(text) {
            self.raw("\"");
            self.raw(text);
            self.raw("\"");
        } else {
            self.raw(&serde_json::to_string(text).unwrap_or_default());
        }
    }

    /// Adds JSON as it is and a value as it is displayed: one that needs no escapes.
    fn display(&mut self, before: &str, value: impl Display) {
        self.raw(before);
        // Into memory, where nothing fails.
        _ = write!(self.0, "{value}");
    }

    /// Adds JSON as it is and an instant (RFC 3339).
    pub(crate) fn instant(&mut self, before: &str, at: Timestamp) {
        match at.to_rfc_3339().as_ref().and_then(|text| str::from_utf8(text).ok()) {
            Some(text) => {
                self.raw(before);
                self.raw(text);
            }
            None => self.display(before, at),
        }
    }

    /// Adds JSON as it is and an address as it is displayed.
    fn address(&mut self, before: &str, address: IpAddr) {
        let IpAddr::V4(address) = address else { return self.display(before, address) };
        // The formatter takes four times as long.
        let [a, b, c, d] = address.octets();
        for (before, octet) in [(before, a), (".", b), (".", c), (".", d)] {
            self.number(before, octet.into());
        }
    }

    /// Adds values with commas between them.
    pub(crate) fn list<T>(&mut self, values: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            write(self, value);
        }
    }

    /// Adds an object of a session, up to its instants: they are written in more than one way.
    pub(crate) fn begin_session(&mut self, session: &Session) {
        self.number("{\"id\":", session.id.0);
        self.text(",\"username\":", &session.username);
        self.text(",\"session_type\":", session.session_type.as_str());
        self.address(",\"address\":\"", session.address);
        self.text("\",\"server_name\":", &session.server_name);
        self.text(",\"user_agent\":", &session.user_agent);
        self.text(",\"client\":", &session.client);
    }

    /// All of it.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// Whether a text needs no escapes. Without a way out of the loop, so that it looks at many bytes at a time.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & (byte >= 0x20) & (byte != b'"') & (byte != b'\\'))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use app::{
        scope::Scopes,
        session::{Session, SessionId, SessionType, Standing},
        time::Timestamp,
    };
    use proptest::prelude::*;

    prop_compose! {
        /// A session of texts that need escapes more often than not.
        pub(crate) fn any_session()(
            id in any::<u64>(),
            [username, server_name, user_agent, client] in [".*", ".*", "[ -~]*", "[\\x00-\\x30\"\\\\]*"],
            session_type in proptest::sample::select(SessionType::ALL.to_vec()),
            address in any::<std::net::IpAddr>(),
            created_at in any::<u64>(),
            last_active_at in 0_u64..4_102_444_800_000,
            standing in proptest::option::of((".*", proptest::option::of((1_u8..16).prop_map(Scopes)))),
        ) -> Session {
            Session {
                id: SessionId(id),
                username: username.into(),
                session_type,
                address,
                server_name: server_name.into(),
                user_agent: user_agent.into(),
                client: client.into(),
                created_at: Timestamp::from_millis(created_at),
                last_active_at: Timestamp::from_millis(last_active_at),
                standing: standing
                    .map(|(name, scopes)| Arc::new(Standing { name, expires_at: Timestamp::from_millis(last_active_at), scopes })),
            }
        }
    }
}
