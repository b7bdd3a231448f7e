//! A page of the session list as JSON: the answer that REST clients ask for most.

use app::session::{Session, page::Page};

use crate::json_writer::JsonWriter;

/// About what a row takes.
const ROW_BYTES: usize = 384;

/// The JSON of [`SessionListBody`](super::wire::SessionListBody).
pub(crate) fn to_json(page: &Page) -> String {
    let mut json = JsonWriter::with_capacity(256 + page.sessions.len() * ROW_BYTES);
    json.number("{\"active_users\":", page.counts.active_users);
    json.number(",\"active_sessions\":", page.counts.active_sessions());
    json.number(",\"total\":", page.total);
    json.number(",\"as_of\":", page.as_of.0);
    json.number(",\"revision\":", page.revision.0);
    json.raw(",\"sessions\":[");
    json.list(&page.sessions, write_session);
    json.raw("]}");
    json.into_text()
}

fn write_session(json: &mut JsonWriter, session: &Session) {
    json.begin_session(session);
    json.instant(",\"created_at\":\"", session.created_at);
    json.instant("\",\"last_active_at\":\"", session.last_active_at);
    json.raw("\"");
    if let Some(standing) = &session.standing {
        let word = if standing.scopes.is_some() { "client_token" } else { "app_password" };
        json.raw(",\"");
        json.raw(word);
        json.text("\":{\"name\":", &standing.name);
        json.instant(",\"expires_at\":\"", standing.expires_at);
        json.raw("\"");
        if let Some(scopes) = standing.scopes {
            json.raw(",\"scopes\":[");
            json.list(scopes.iter(), |json, scope| json.text("", scope.as_str()));
            json.raw("]");
        }
        json.raw("}");
    }
    json.raw("}");
}

#[cfg(test)]
mod tests {
    use app::session::{
        SessionId,
        page::{Counts, Revision},
    };
    use proptest::prelude::*;

    use super::{super::wire::SessionListBody, *};
    use crate::json_writer::tests::any_session;

    proptest! {
        #[test]
        fn a_page_is_written_as_serde_writes_it(
            sessions in proptest::collection::vec(any_session(), 0..4),
            [active_users, total, as_of, revision] in any::<[u64; 4]>(),
            by_type in [0_u64..9, 0_u64..9, 0_u64..9],
        ) {
            let page = Page {
                revision: Revision(revision),
                counts: Counts { active_users, by_type },
                total,
                as_of: SessionId(as_of),
                sessions,
            };
            prop_assert_eq!(to_json(&page), serde_json::to_string(&SessionListBody::from(page)).unwrap());
        }
    }
}
