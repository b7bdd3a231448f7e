//! Frames of a view: its newest state, and the way to it from the one before.

use std::{hash::RandomState, mem};

use app::{
    live::{BorrowedMessage, Patch, Snapshot},
    session::{SessionId, page::Revision},
    wire,
};

use super::websocket;
use crate::store::written::{RowMark, RowRun, Rows, WrittenRows};

/// Room that is kept for the next message, in bytes: for a page of rows.
const MOST_ROOM: usize = 8 * 1_024;

/// A view as it was read.
pub(super) struct Reading<'a> {
    /// The state, its sessions apart.
    head: &'a Snapshot,
    /// Its sessions, unless they are known to be those of the newest frame.
    rows: Option<Rows<'a>>,
    messages: &'a mut Messages,
}

/// How a tab is told of the newest frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// From scratch.
    Snapshot,
    /// As the way from the frame before.
    Patch,
}

/// What tells of a view as it was read: each message is written at most once, whoever is sent it.
#[derive(Default)]
pub(super) struct Messages {
    /// As they are sent, without bytes until somebody is to be.
    snapshot: Vec<u8>,
    patch: Vec<u8>,
    /// Room for what of a message comes before its rows, and for the order that it tells.
    room: Vec<u8>,
    order: Vec<SessionId>,
}

/// A view as it was read, for whoever comes later: it takes long to read.
#[derive(Default)]
pub(super) struct KeptReading {
    head: Snapshot,
    rows: WrittenRows,
    messages: Messages,
}

/// What the tabs of a view have been told, the rows by what tells them apart.
#[derive(Default)]
pub(super) struct Frame {
    /// Counts the frames of a view.
    pub(super) number: u64,
    /// The state when it was another than before, without sessions.
    head: Snapshot,
    rows: Vec<RowMark>,
    change: Change,
}

/// What has happened to the rows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    /// Whether other sessions are there now, or in another order.
    has_other_order: bool,
    /// The places of rows that are new or have changed.
    changed: Vec<usize>,
}

impl<'a> Reading<'a> {
    /// A view that was read, and where its messages are to be written.
    pub(super) fn new(head: &'a Snapshot, rows: Option<Rows<'a>>, messages: &'a mut Messages) -> Self {
        Self { head, rows, messages }
    }

    /// The name of its rows, if they have one; `before` is that of those of the newest frame.
    pub(super) fn run(&self, before: Option<RowRun>) -> Option<RowRun> {
        self.rows.as_ref().map_or(before, Rows::run)
    }

    /// Writes a message, unless it has been. This must be the state of the frame if it is a patch; a snapshot needs the rows.
    pub(super) fn write(&mut self, message: Message, frame: &Frame) {
        let Self { head, rows, messages: Messages { snapshot, patch, room, order } } = self;
        debug_assert!(rows.is_some() || message == Message::Patch, "a snapshot without its rows");
        let rows = &rows.unwrap_or_default();
        match message {
            Message::Snapshot if snapshot.is_empty() => {
                write(snapshot, room, &BorrowedMessage::Snapshot(head), rows, 0..rows.marks().len());
            }
            Message::Patch if patch.is_empty() => {
                let Change { has_other_order, changed } = &frame.change;
                let Snapshot { view, now, revision, counts, total, as_of, newer, .. } = **head;
                let told = has_other_order.then(|| {
                    let mut told = mem::take(order);
                    told.clear();
                    told.extend(rows.marks().iter().map(|mark| mark.id));
                    told
                });
                let told = Patch { view, now, revision, counts, total, as_of, newer, order: told, changed: Vec::new() };
                write(patch, room, &BorrowedMessage::Patch(&told), rows, changed.iter().copied());
                *order = told.order.unwrap_or_default();
            }
            Message::Snapshot | Message::Patch => {}
        }
    }
}

impl Messages {
    /// None of them is written.
    pub(super) fn clear(&mut self) {
        let Self { snapshot, patch, room, order } = self;
        for message in [snapshot, patch, room] {
            message.clear();
            // A large view is not to keep room for ever.
            message.shrink_to(MOST_ROOM);
        }
        order.clear();
        order.shrink_to(MOST_ROOM / size_of::<SessionId>());
    }

    /// A message as it is sent; it must have been written.
    pub(super) fn get(&self, message: Message) -> &[u8] {
        match message {
            Message::Snapshot => &self.snapshot,
            Message::Patch => &self.patch,
        }
    }
}

impl KeptReading {
    /// A state with its sessions, whose marks are of this key.
    pub(super) fn new(state: Snapshot, hash_key: &RandomState) -> Self {
        let rows = WrittenRows::of(&state.sessions, hash_key);
        Self { head: Snapshot { sessions: Vec::new(), ..state }, rows, messages: Messages::default() }
    }

    /// Up to which change it is right.
    pub(super) fn revision(&self) -> Revision {
        self.head.revision
    }

    pub(super) fn reading(&mut self) -> Reading<'_> {
        Reading::new(&self.head, Some(self.rows.rows()), &mut self.messages)
    }

    pub(super) fn messages(&self) -> &Messages {
        &self.messages
    }
}

impl Frame {
    /// Whether a tab that has been told of the frame could see no difference to this state.
    pub(super) fn shows(&self, Reading { head, rows, .. }: &Reading<'_>) -> bool {
        let counted = |Snapshot { counts, total, newer, as_of, .. }: &Snapshot| (*counts, *total, *newer, *as_of);
        counted(&self.head) == counted(head) && rows.is_none_or(|rows| self.rows == rows.marks())
    }

    /// Becomes the next frame, unless a tab could see no difference; whether it did.
    pub(super) fn advance(&mut self, reading: &Reading<'_>) -> bool {
        if self.shows(reading) {
            return false;
        }
        self.number += 1;
        self.head.clone_from(reading.head);
        self.change.clear();
        // Most frames of rows that are held tell of other numbers only.
        if let Some(rows) = reading.rows
            && self.rows != rows.marks()
        {
            self.change.find(&self.rows, rows.marks());
            self.rows.clear();
            self.rows.extend_from_slice(rows.marks());
        }
        true
    }

    /// The sessions that it shows.
    pub(super) fn ids(&self) -> Vec<SessionId> {
        self.rows.iter().map(|row| row.id).collect()
    }
}

impl Change {
    fn clear(&mut self) {
        self.has_other_order = false;
        self.changed.clear();
    }

    /// Finds what has happened between two states. Rows move together: the next is nearly always the one behind the last that was
    /// found. Of those that are new few cost a look at all.
    fn find(&mut self, before: &[RowMark], after: &[RowMark]) {
        let Self { has_other_order, changed } = self;
        // Sessions that were signed in one after the other have ids that follow each other: few share the last byte.
        let mut may_be_known = [false; 256];
        before.iter().for_each(|row| may_be_known[usize::from(row.id.0 as u8)] = true);
        let mut expected = 0;
        for (place, row) in after.iter().enumerate() {
            let is_it = |known: &RowMark| known.id == row.id;
            if !before.get(expected).is_some_and(is_it) {
                let may_be_known = may_be_known[usize::from(row.id.0 as u8)];
                let Some(known) = may_be_known.then(|| before.iter().position(is_it)).flatten() else {
                    changed.push(place);
                    continue;
                };
                expected = known;
            }
            if before[expected] != *row {
                changed.push(place);
            }
            expected += 1;
        }
        *has_other_order = before.iter().map(|row| row.id).ne(after.iter().map(|row| row.id));
    }
}

/// Writes a message whose last part is a list without rows, with the rows in these places.
fn write(
    message: &mut Vec<u8>,
    room: &mut Vec<u8>,
    head: &BorrowedMessage<'_>,
    rows: &Rows<'_>,
    places: impl ExactSizeIterator<Item = usize> + Clone,
) {
    room.clear();
    wire::encode_to(head, room);
    // How many: none.
    room.pop();
    wire::append(&places.len(), room);
    websocket::begin_binary(room.len() + rows.bytes_of(places.clone()), message);
    message.extend_from_slice(room);
    rows.append(places, message);
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use app::{live::ServerMessage, time::Timestamp};
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
                    // Few, of which some share the last byte.
                    let id = SessionId(which as u64 % 3 + 256 * which as u64);
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
            let (key, mut frame) = (RandomState::new(), Frame::default());
            let mut shown = None::<Snapshot>;
            for state in states {
                let mut kept = KeptReading::new(state.clone(), &key);
                let mut reading = kept.reading();
                let has_advanced = frame.advance(&reading);
                [Message::Snapshot, Message::Patch].into_iter().for_each(|message| reading.write(message, &frame));
                let told = |message| read(kept.messages().get(message));
                match &mut shown {
                    Some(shown) if has_advanced => {
                        let ServerMessage::Patch(patch) = told(Message::Patch) else { panic!("no patch") };
                        shown.apply(patch);
                        prop_assert_eq!(&*shown, &state);
                    }
                    Some(shown) => {
                        prop_assert_eq!(&shown.sessions, &state.sessions);
                        prop_assert_eq!(shown.total, state.total);
                    }
                    None => {}
                }
                prop_assert_eq!(told(Message::Snapshot), ServerMessage::Snapshot(state.clone()));
                shown = Some(state);
            }
        }
    }

    #[test]
    fn an_unchanged_view_needs_no_frame() {
        let state = Snapshot { total: 3, ..Snapshot::default() };
        let later = Snapshot { now: Timestamp::from_millis(9), revision: Revision(9), ..state.clone() };
        let (mut frame, mut messages) = (Frame::default(), Messages::default());
        assert!(frame.advance(&Reading::new(&state, Some(Rows::default()), &mut messages)));
        assert!(!frame.advance(&Reading::new(&later, Some(Rows::default()), &mut messages)));
    }
}
