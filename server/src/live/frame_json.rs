//! Frames of the live channel as JSON: one for each view and change, of up to a thousand rows.

use app::{
    live::{Patch, Snapshot},
    session::{Session, page::Counts},
};

use crate::json_writer::JsonWriter;

/// About what a row and the rest of a frame take.
const ROW_BYTES: usize = 320;
const FRAME_BYTES: usize = 256;

/// What `ServerMessage::Snapshot` is as JSON.
pub(crate) fn of_snapshot(state: &Snapshot) -> String {
    let Snapshot { view, now, revision, counts, total, as_of, newer, sessions } = state;
    let mut json = JsonWriter::with_capacity(FRAME_BYTES + sessions.len() * ROW_BYTES);
    json.number("{\"snapshot\":{\"view\":", u64::from(*view));
    write_head(&mut json, [now.as_millis(), revision.0, *total, as_of.0, *newer], *counts);
    json.raw(",\"sessions\":[");
    json.list(sessions, write_session);
    json.raw("]}}");
    json.into_text()
}

/// What `ServerMessage::Patch` is as JSON.
pub(crate) fn of_patch(patch: &Patch) -> String {
    let Patch { view, now, revision, counts, total, as_of, newer, order, changed } = patch;
    let ids = order.as_ref().map_or(0, Vec::len) * 20;
    let mut json = JsonWriter::with_capacity(FRAME_BYTES + ids + changed.len() * ROW_BYTES);
    json.number("{\"patch\":{\"view\":", u64::from(*view));
    write_head(&mut json, [now.as_millis(), revision.0, *total, as_of.0, *newer], *counts);
    if let Some(order) = order {
        json.raw(",\"order\":[");
        json.list(order, |json, id| json.number("", id.0));
        json.raw("]");
    }
    if !changed.is_empty() {
        json.raw(",\"changed\":[");
        json.list(changed, write_session);
        json.raw("]");
    }
    json.raw("}}");
    json.into_text()
}

/// What both begin with, after the view.
fn write_head(json: &mut JsonWriter, [now, revision, total, as_of, newer]: [u64; 5], counts: Counts) {
    json.number(",\"now\":", now);
    json.number(",\"revision\":", revision);
    json.number(",\"counts\":{\"active_users\":", counts.active_users);
    json.raw(",\"by_type\":[");
    json.list(counts.by_type, |json, count| json.number("", count));
    json.number("]},\"total\":", total);
    json.number(",\"as_of\":", as_of);
    json.number(",\"newer\":", newer);
}

fn write_session(json: &mut JsonWriter, session: &Session) {
    json.begin_session(session);
    json.number(",\"created_at\":", session.created_at.as_millis());
    json.number(",\"last_active_at\":", session.last_active_at.as_millis());
    if let Some(standing) = &session.standing {
        json.text(",\"standing\":{\"name\":", &standing.name);
        json.number(",\"expires_at\":", standing.expires_at.as_millis());
        if let Some(scopes) = standing.scopes {
            json.number(",\"scopes\":", u64::from(scopes.0));
        }
        json.raw("}");
    }
    json.raw("}");
}

#[cfg(test)]
mod tests {
    use app::{
        live::ServerMessage,
        session::{SessionId, page::Revision},
        time::Timestamp,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::json_writer::tests::any_session;

    proptest! {
        #[test]
        fn frames_are_written_as_serde_writes_them(
            sessions in proptest::collection::vec(any_session(), 0..4),
            order in proptest::option::of(proptest::collection::vec(any::<u64>().prop_map(SessionId), 0..4)),
            [now, revision, total, as_of, newer] in any::<[u64; 5]>(),
            by_type in any::<[u32; 3]>(),
            view in any::<u32>(),
        ) {
            let counts = Counts { active_users: total / 2, by_type: by_type.map(u64::from) };
            let (now, revision, as_of) = (Timestamp::from_millis(now), Revision(revision), SessionId(as_of));
            let patch = Patch { view, now, revision, counts, total, as_of, newer, order, changed: sessions.clone() };
            let expected = serde_json::to_string(&ServerMessage::Patch(patch.clone())).unwrap();
            prop_assert_eq!(of_patch(&patch), expected);

            let state = Snapshot { view, now, revision, counts, total, as_of, newer, sessions };
            let expected = serde_json::to_string(&ServerMessage::Snapshot(state.clone())).unwrap();
            prop_assert_eq!(of_snapshot(&state), expected);
        }
    }
}
