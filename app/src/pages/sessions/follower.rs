//! What the list shows and what it asks for: the state between the live channel and the rows.
//!
//! At any time it watches one [`View`]. Frames of other views are passed over. An order that holds is a view of its
//! own; to scroll is then to turn to another part of what is held. To let go or to filter is to read anew, and what was
//! read may be held again.

use super::hold::{Hands, Hold, News, Row};
use crate::{
    live::{Held, HeldPart, ServerMessage, Snapshot, View},
    session::{SessionId, page::Page, query::SessionQuery},
    time::Timestamp,
};

/// See the module.
pub(super) struct Follower {
    hands: Hands,
    hold: Option<Hold>,
    view: View,
    key: u32,
    /// Whether the first frame of the view has yet to come.
    reading: bool,
    /// What was held until the hands left the list, while the rows that are to be shown instead have yet to come.
    released: Option<(Hold, Held)>,
    /// The part of the list to read next: first row and number of rows.
    wanted: Option<(u64, u32)>,
    state: Snapshot,
    /// The number of the first of the rows.
    first: u64,
    rows: Vec<Row>,
}

impl Follower {
    /// Follows a page that has been read.
    pub(super) fn new(query: SessionQuery, page: &Page, now: Timestamp) -> Self {
        let first = query.first;
        let view = View { query, held: None };
        Self {
            hands: Hands::default(),
            hold: None,
            key: view.key(),
            view,
            reading: false,
            released: None,
            wanted: None,
            state: snapshot(page, 0, now, 0),
            first,
            rows: page.sessions.iter().map(Row::live).collect(),
        }
    }

    /// What is watched.
    pub(super) fn view(&self) -> View {
        self.view.clone()
    }

    /// What is watched, if that holds its rows.
    pub(super) fn held_view(&self) -> Option<View> {
        (self.hold.is_some() && !self.reading).then(|| self.view.clone())
    }

    /// The last known state.
    pub(super) fn state(&self) -> &Snapshot {
        &self.state
    }

    /// The row of this number, if it is known.
    pub(super) fn row(&self, number: u64) -> Option<&Row> {
        self.rows.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// How many rows the list has as it is shown.
    pub(super) fn total(&self) -> u64 {
        self.shown_hold().map_or(self.state.total, |hold| hold.rows)
    }

    /// The newest session when the list as it is shown was read.
    pub(super) fn as_of(&self) -> SessionId {
        self.shown_hold().map_or(self.state.as_of, |hold| hold.as_of)
    }

    /// How the rows are held that are shown, also when they are about to be let go.
    fn shown_hold(&self) -> Option<&Hold> {
        self.hold.as_ref().or(self.released.as_ref().map(|(hold, _)| hold))
    }

    /// Whether every row is known.
    pub(super) fn is_whole(&self) -> bool {
        self.first == 0 && self.rows.len() as u64 >= self.total()
    }

    /// Rows whose session has ended while the order held.
    pub(super) fn ended(&self) -> impl Iterator<Item = SessionId> {
        self.rows.iter().filter(|row| row.ended).map(|row| row.id)
    }

    /// What has happened while the order held.
    pub(super) fn news(&self) -> News {
        match &self.hold {
            Some(hold) if !self.reading => hold.news(&self.state, &self.view.query.filter),
            _ => News::default(),
        }
    }

    /// Notes what the hands do; returns the view to watch, if another.
    pub(super) fn hands(&mut self, change: impl FnOnce(&mut Hands)) -> Option<View> {
        change(&mut self.hands);
        self.settle()
    }

    /// Shows another filter or order from its first row; returns the view to watch. The rows of before are no longer
    /// known: nothing of them is to be picked for something that is not shown.
    pub(super) fn query(&mut self, query: SessionQuery) -> View {
        self.first = query.first;
        self.rows.clear();
        self.view.query = query;
        self.read()
    }

    /// Shows another part of the list; returns the view to watch, if another. Only one part is under way at a time:
    /// whoever scrolls fast gets the part where they stop.
    pub(super) fn part(&mut self, first: u64, limit: u32) -> Option<View> {
        let there = (self.view.query.first, self.view.query.limit) == (first, limit);
        if self.reading {
            self.wanted = (!there).then_some((first, limit));
            None
        } else if there {
            None
        } else {
            self.wanted = Some((first, limit));
            self.next()
        }
    }

    /// Reads the same part again and shows it, whatever the hands do; returns the view to watch.
    pub(super) fn read(&mut self) -> View {
        self.hold = None;
        self.view.held = None;
        self.released = None;
        self.wanted = None;
        self.ask()
    }

    /// Takes a message of the live channel. `None`: it is of no concern. Else the view to watch, if another.
    pub(super) fn receive(&mut self, message: ServerMessage) -> Option<Option<View>> {
        match message {
            ServerMessage::Snapshot(snapshot) if snapshot.view == self.key => self.state = snapshot,
            ServerMessage::Patch(patch) if patch.view == self.key && !self.reading => self.state.apply(patch),
            ServerMessage::Held(part) if part.view == self.key => {
                self.turn_to(part);
                return Some(None);
            }
            _ => return None,
        }
        match &self.hold {
            Some(hold) => hold.apply(&mut self.rows, &self.state),
            None => self.show(),
        }
        self.reading = false;
        Some(self.next())
    }

    /// Takes the answer to a poll of this query, as [`Follower::receive`]. A page does not tell which rows have ended,
    /// only how many at least.
    pub(super) fn polled(&mut self, query: &SessionQuery, page: &Page) -> Option<Option<View>> {
        if *query != self.view.query {
            return None;
        }
        if self.view.turns_to_another_part() {
            // Nobody there who knows the order that is held: it is read anew.
            self.hold = None;
            self.view.held = None;
        }
        let newer = self.hold.as_ref().map_or(0, |hold| hold.came(page.total));
        self.state = snapshot(page, self.key, self.state.now, newer);
        match &self.hold {
            Some(_) => self.rows.iter_mut().for_each(|row| row.follow_if_there(&self.state.sessions)),
            None => self.show(),
        }
        self.reading = false;
        Some(self.next())
    }

    /// Another part of the list that is held: its rows are known when the next frame comes, unless they were before.
    fn turn_to(&mut self, part: HeldPart) {
        let known = |id| self.rows.iter().find(|row| row.id == id).cloned();
        self.rows = part.held.ids.iter().map(|id| known(*id).unwrap_or_else(|| Row::awaited(*id))).collect();
        self.first = part.held.first;
        if let Some(hold) = &mut self.hold {
            hold.rows = part.total;
        }
        self.view.held = Some(part.held);
        self.key = self.view.key();
    }

    fn show(&mut self) {
        self.released = None;
        self.first = self.view.query.first;
        self.rows = self.state.sessions.iter().map(Row::live).collect();
    }

    fn next(&mut self) -> Option<View> {
        match self.wanted.take() {
            Some((first, limit)) => {
                self.view.query.first = first;
                self.view.query.limit = limit;
                Some(if self.hold.is_some() { self.ask() } else { self.read() })
            }
            None => self.settle(),
        }
    }

    /// Holds the order or lets it go, as the hands have it.
    fn settle(&mut self) -> Option<View> {
        match (self.hands.are_on_the_list(), self.hold.is_some()) {
            (true, false) if !self.reading => {
                let hold = Hold::of(&self.state);
                self.view.held = Some(hold.held(&self.rows, &self.view.query));
                self.hold = Some(hold);
                Some(self.ask())
            }
            // They are back before anything has moved. One that was turning to another part is read anew.
            (true, false) => {
                let (first, limit) = (self.view.query.first, self.view.query.limit);
                let (hold, held) = self.released.take_if(|(_, held)| (held.first, held.limit) == (first, limit))?;
                (self.hold, self.view.held) = (Some(hold), Some(held));
                Some(self.ask())
            }
            (false, true) => {
                let (wanted, released) = (self.wanted, self.hold.take().zip(self.view.held.take()));
                let view = self.read();
                (self.wanted, self.released) = (wanted, released);
                Some(view)
            }
            _ => None,
        }
    }

    fn ask(&mut self) -> View {
        self.key = self.view.key();
        self.reading = true;
        self.view.clone()
    }
}

fn snapshot(page: &Page, view: u32, now: Timestamp, newer: u64) -> Snapshot {
    Snapshot {
        view,
        now,
        revision: page.revision,
        counts: page.counts,
        total: page.total,
        as_of: page.as_of,
        newer,
        sessions: page.sessions.clone(),
    }
}

#[cfg(test)]
mod tests;
