//! A place for a row. The places stay, sessions come and go in them: scrolling and news create no elements.

use leptos::prelude::*;

use super::hold::Row;
use crate::{
    components::reactive::{Flag, Maybe, Text, flag, maybe, text},
    session::{Session, SessionId},
    time::Timestamp,
};

/// What is in a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing: the list is shorter.
    #[default]
    Beyond,
    /// A row that is on its way.
    Awaited,
    /// A session.
    Shown(Shown),
}

/// A session in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// The session.
    pub(super) session: Session,
    /// Whether it has ended.
    pub(super) ended: bool,
    /// Whether it belongs to whoever looks: then it cannot be deleted here.
    pub(super) own: bool,
}

impl Content {
    /// A row as the user of this name sees it.
    pub(super) fn of(row: &Row, viewer: &str) -> Self {
        let own = &*row.session.username == viewer;
        Self::Shown(Shown { session: row.session.clone(), ended: row.ended, own })
    }

    fn shown(&self) -> Option<&Shown> {
        match self {
            Self::Shown(shown) => Some(shown),
            Self::Beyond | Self::Awaited => None,
        }
    }

    /// The session, if it can be deleted.
    fn deletable(&self) -> Option<SessionId> {
        self.shown().filter(|shown| shown.is_deletable()).map(|shown| shown.session.id)
    }
}

impl Shown {
    /// Whether it can be deleted here.
    pub(super) fn is_deletable(&self) -> bool {
        !self.own && !self.ended
    }
}

/// A place for a row.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// Counted from the first row in the document.
    pub(super) index: usize,
    content: RwSignal<Content>,
}

impl Slot {
    /// A place with something in it.
    pub(super) fn new(index: usize, content: Content) -> Self {
        Self { index, content: RwSignal::new(content) }
    }

    /// Changes what is in it; nothing follows when it is the same.
    pub(super) fn put(self, content: Content) {
        put(self.content, content);
    }

    /// The session in it, not followed.
    pub(super) fn id(self) -> Option<SessionId> {
        self.content.with_untracked(|content| content.shown().map(|shown| shown.session.id))
    }

    /// The session in it, if it can be deleted; not followed.
    pub(super) fn deletable_now(self) -> Option<SessionId> {
        self.content.with_untracked(Content::deletable)
    }

    /// The session in it, if it can be deleted.
    pub(super) fn deletable(self) -> Option<SessionId> {
        self.content.with(Content::deletable)
    }

    /// Whether a session is in it of which something is so, and which can be deleted.
    pub(super) fn is_deletable_and(self, is_so: impl FnOnce(&Session) -> bool) -> bool {
        self.content.with(|content| {
            content.shown().filter(|shown| shown.is_deletable()).is_some_and(|shown| is_so(&shown.session))
        })
    }

    /// Whether a session is in it of which something is so; not followed.
    pub(super) fn is_now(self, is_so: impl FnOnce(&Session) -> bool) -> bool {
        self.content.with_untracked(|content| content.shown().is_some_and(|shown| is_so(&shown.session)))
    }

    /// When the session in it was last active.
    pub(super) fn last_active_at(self) -> Option<Timestamp> {
        self.content.with(|content| content.shown().map(|shown| shown.session.last_active_at))
    }

    /// The username in it.
    pub(super) fn username(self) -> String {
        self.content.with(|content| content.shown().map(|shown| shown.session.username.to_string())).unwrap_or_default()
    }

    /// A text about the session in it.
    pub(super) fn text(self, of: fn(&Session) -> String) -> Text {
        text(move || self.content.with(|content| content.shown().map(|shown| of(&shown.session))).unwrap_or_default())
    }

    /// An attribute that some sessions have.
    pub(super) fn maybe(self, of: fn(&Shown) -> Option<String>) -> Maybe {
        maybe(move || self.content.with(|content| content.shown().and_then(of)))
    }

    /// Whether a session is in it that has ended.
    pub(super) fn is_ended(self) -> Flag {
        flag(move || self.content.with(|content| content.shown().is_some_and(|shown| shown.ended)))
    }

    /// Whether something is not so; also, while there is no session in it.
    pub(super) fn is_not(self, of: fn(&Shown) -> bool) -> Flag {
        flag(move || !self.content.with(|content| content.shown().is_some_and(of)))
    }

    /// Whether a session of whoever looks is in it.
    pub(super) fn is_own(self) -> bool {
        self.content.with(|content| content.shown().is_some_and(|shown| shown.own))
    }

    /// Whether there is no row in it.
    pub(super) fn is_empty(self) -> Flag {
        flag(move || self.content.with(|content| *content == Content::Beyond))
    }

    /// Whether a session of someone else is in it, or may be.
    pub(super) fn is_others(self) -> bool {
        self.content.with(|content| match content {
            Content::Beyond => false,
            Content::Awaited => true,
            Content::Shown(shown) => !shown.own,
        })
    }

    /// Whether there is nothing in it to delete.
    pub(super) fn is_spared(self) -> Flag {
        flag(move || self.deletable().is_none())
    }

    /// The state of the row as classes.
    pub(super) fn classes(self) -> Text {
        text(move || {
            let state = self.content.with(|content| match content {
                Content::Beyond => "",
                Content::Awaited => " awaited",
                Content::Shown(Shown { ended: true, .. }) => " ended",
                Content::Shown(Shown { own: true, .. }) => " own",
                Content::Shown(_) => "",
            });
            format!("row{state}")
        })
    }
}

/// Sets a signal unless it has the value already; tells whether it did.
pub(super) fn put<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) -> bool {
    let changed = signal.with_untracked(|old| *old != value);
    if changed {
        signal.set(value);
    }
    changed
}
