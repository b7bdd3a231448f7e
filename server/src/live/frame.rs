//! Frames of a view: its newest state, and the way to it from the one before.

use app::{
    live::{BorrowedMessage, Patch, Snapshot},
    session::SessionId,
    wire,
};

use super::websocket;
use crate::store::written::WrittenRows;

/// A view as it was read.
pub(super) struct Reading {
    /// The state, its sessions apart.
    pub(super) head: Snapshot,
    /// Its sessions.
    pub(super) rows: WrittenRows,
}

/// See the module. Each message is written at most once for a reading, whoever is sent it.
pub(super) struct Frame {
    /// Counts the frames of a view.
    pub(super) number: u64,
    pub(super) state: Reading,
    change: Change,
    /// Messages as they are sent, without bytes until somebody is.
    snapshot: Vec<u8>,
    patch: Vec<u8>,
}

/// What has happened to the rows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    /// Whether other sessions are there now, or in another order.
    has_other_order: bool,
    /// The places of rows that are new or have changed.
    changed: Vec<usize>,
}

impl Reading {
    /// A state with its sessions.
    pub(super) fn of(state: Snapshot) -> Self {
        let rows = WrittenRows::of(&state.sessions);
        Self { head: Snapshot { sessions: Vec::new(), ..state }, rows }
    }
}

impl Frame {
    /// The first frame of a view.
    pub(super) fn first(state: Reading) -> Self {
        Self { number: 0, state, change: Change::default(), snapshot: Vec::new(), patch: Vec::new() }
    }

    /// Becomes the next frame, unless a tab could see no difference; whether it did. `rows` are then those of before.
    pub(super) fn advance(&mut self, head: Snapshot, rows: &mut WrittenRows) -> bool {
        let counted = |Snapshot { counts, total, newer, as_of, .. }: &Snapshot| (*counts, *total, *newer, *as_of);
        let change = Change::between(&self.state.rows, rows);
        let is_same = change == Change::default() && counted(&self.state.head) == counted(&head);
        self.state.head = head;
        // Few tabs need it.
        self.snapshot = Vec::new();
        self.patch.clear();
        if is_same {
            return false;
        }
        std::mem::swap(&mut self.state.rows, rows);
        self.number += 1;
        self.change = change;
        true
    }

    /// The state from scratch, as it is sent.
    pub(super) fn snapshot(&mut self) -> &[u8] {
        if self.snapshot.is_empty() {
            let Reading { head, rows } = &self.state;
            let head = wire::encode(&BorrowedMessage::Snapshot(head));
            write(&mut self.snapshot, head, rows.ids().len(), [rows.bytes()].into_iter());
        }
        &self.snapshot
    }

    /// The way from frame `number - 1`, as it is sent.
    pub(super) fn patch(&mut self) -> &[u8] {
        if self.patch.is_empty() {
            let (Reading { head, rows }, Change { has_other_order, changed }) = (&self.state, &self.change);
            let Snapshot { view, now, revision, counts, total, as_of, newer, .. } = *head;
            let order: Option<Vec<SessionId>> = has_other_order.then(|| rows.ids().to_vec());
            let patch = Patch { view, now, revision, counts, total, as_of, newer, order, changed: Vec::new() };
            let head = wire::encode(&BorrowedMessage::Patch(&patch));
            write(&mut self.patch, head, changed.len(), changed.iter().map(|place| rows.row(*place)));
        }
        &self.patch
    }
}

impl Change {
    fn between(before: &WrittenRows, after: &WrittenRows) -> Self {
        let mut find = before.finder();
        let is_new = |(place, id): (usize, &SessionId)| {
            let is_known = find(*id).is_some_and(|known| before.row(known) == after.row(place));
            (!is_known).then_some(place)
        };
        let changed = after.ids().iter().enumerate().filter_map(is_new).collect();
        Self { has_other_order: before.ids() != after.ids(), changed }
    }
}

/// Writes a message whose last part is a list without rows, with these rows.
fn write<'a>(message: &mut Vec<u8>, mut head: Vec<u8>, count: usize, rows: impl Iterator<Item = &'a [u8]> + Clone) {
    // How many: none.
    head.pop();
    wire::append(&count, &mut head);
    websocket::begin_binary(head.len() + rows.clone().map(<[u8]>::len).sum::<usize>(), message);
    message.extend_from_slice(&head);
    rows.for_each(|row| message.extend_from_slice(row));
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use app::{live::ServerMessage, session::page::Revision, time::Timestamp};
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

    use super::*;
    use crate::json_writer::tests::any_session;

    /// States of a view, one after the other, of the same few sessions.
    fn states() -> impl Strategy<Value = Vec<Snapshot>> {
        let sessions = proptest::collection::vec(any_session(), 12);
        let rows = || proptest::collection::vec((0_usize..12, 0_u64..2), 0..12).prop_shuffle();
        let states = proptest::collection::vec((rows(), any::<bool>(), 0_u64..3), 2..5);
        (sessions, states, any::<u32>()).prop_map(|(sessions, states, view)| {
            let mut made = Vec::<Snapshot>::new();
            for (number, (rows, is_other, total)) in (0..).zip(states) {
                let mut state = match made.last() {
                    Some(before) if !is_other => before.clone(),
                    _ => Snapshot { view, total, ..Snapshot::default() },
                };
                for (which, last_active_at) in rows.into_iter().filter(|_| is_other) {
                    let id = SessionId(which as u64);
                    if state.sessions.iter().all(|session| session.id != id) {
                        let last_active_at = Timestamp::from_millis(last_active_at);
                        state.sessions.push(app::session::Session { id, last_active_at, ..sessions[which].clone() });
                    }
                }
                state.revision = Revision(number);
                made.push(state);
            }
            made
        })
    }

    fn read(frame: &[u8]) -> ServerMessage {
        let message = WebSocket::from_raw_socket(Cursor::new(frame.to_vec()), Role::Client, None).read().unwrap();
        wire::decode(&message.into_data()).unwrap()
    }

    proptest! {
        #[test]
        fn applying_patches_gives_each_state(states in states()) {
            let mut frame = Frame::first(Reading::of(states[0].clone()));
            prop_assert_eq!(read(frame.snapshot()), ServerMessage::Snapshot(states[0].clone()));
            let (mut shown, mut rows) = (states[0].clone(), WrittenRows::default());
            for pair in states.windows(2) {
                let next = Reading::of(pair[1].clone());
                rows.clone_from(&next.rows);
                if frame.advance(next.head, &mut rows) {
                    prop_assert_eq!(&rows, &WrittenRows::of(&pair[0].sessions));
                    let ServerMessage::Patch(patch) = read(frame.patch()) else { panic!("no patch") };
                    shown.apply(patch);
                    prop_assert_eq!(&shown, &pair[1]);
                } else {
                    prop_assert_eq!(&shown.sessions, &pair[1].sessions);
                    prop_assert_eq!(shown.total, pair[1].total);
                    shown = pair[1].clone();
                }
                prop_assert_eq!(read(frame.snapshot()), ServerMessage::Snapshot(pair[1].clone()));
            }
        }
    }

    #[test]
    fn an_unchanged_view_needs_no_frame() {
        let state = Snapshot { total: 3, ..Snapshot::default() };
        let later = Snapshot { now: Timestamp::from_millis(9), revision: Revision(9), ..state.clone() };
        let Reading { head, mut rows } = Reading::of(later);
        assert!(!Frame::first(Reading::of(state)).advance(head, &mut rows));
    }
}
