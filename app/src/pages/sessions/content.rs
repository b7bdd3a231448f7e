//! What stands in a place of the table. The places stay, sessions come and go in them: scrolling and news create no
//! elements.

use leptos::prelude::*;

use super::{hold::Row, picked::Picked};
use crate::{
    session::{Deadlines, Lifetimes, Session, SessionId, page::Page},
    time::Timestamp,
};

/// What stands in a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing: the list is shorter.
    #[default]
    Beyond,
    /// A row that is on its way.
    Awaited,
    /// A session that ended before it was ever shown here.
    Ended,
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
    /// The rows of a page that has just been read, as the user of this name sees them.
    pub(super) fn of_page(page: &Page, viewer: &str) -> Vec<Self> {
        page.sessions.iter().map(|session| Self::of(&Row::live(session), viewer)).collect()
    }

    /// A row as the user of this name sees it.
    pub(super) fn of(row: &Row, viewer: &str) -> Self {
        match &row.session {
            Some(session) => {
                let own = &*session.username == viewer;
                Self::Shown(Shown { session: session.clone(), ended: row.ended, own })
            }
            None if row.ended => Self::Ended,
            None => Self::Awaited,
        }
    }

    /// The session, if there is one.
    pub(super) fn shown(&self) -> Option<&Shown> {
        match self {
            Self::Shown(shown) => Some(shown),
            Self::Beyond | Self::Awaited | Self::Ended => None,
        }
    }

    /// When the session was last active.
    pub(super) fn last_active(&self) -> Option<Timestamp> {
        self.shown().map(|shown| shown.session.last_active_at)
    }

    /// When the session ends if nothing happens; nothing if it has ended.
    pub(super) fn deadlines(&self, lifetimes: &Lifetimes) -> Option<Deadlines> {
        self.shown().filter(|shown| !shown.ended).map(|shown| shown.session.deadlines(lifetimes))
    }

    /// Whether it is a session that has ended.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self, Self::Ended | Self::Shown(Shown { ended: true, .. }))
    }

    /// The session, if it can be deleted.
    pub(super) fn deletable(&self) -> Option<SessionId> {
        self.shown().filter(|shown| shown.is_deletable()).map(|shown| shown.session.id)
    }

    /// Whether a session of someone else is there, or may be.
    pub(super) fn is_others(&self) -> bool {
        match self {
            Self::Beyond | Self::Ended => false,
            Self::Awaited => true,
            Self::Shown(shown) => !shown.own,
        }
    }

    /// The state of the row as classes.
    pub(super) fn classes(&self) -> &'static str {
        match self {
            Self::Beyond => "row",
            Self::Awaited => "row awaited",
            Self::Ended | Self::Shown(Shown { ended: true, .. }) => "row ended",
            Self::Shown(Shown { own: true, .. }) => "row own",
            Self::Shown(_) => "row",
        }
    }
}

impl Shown {
    /// Whether it can be deleted here.
    pub(super) fn is_deletable(&self) -> bool {
        !self.own && !self.ended
    }

    /// See [`Session::standing_name`].
    pub(super) fn standing_name(&self) -> String {
        self.session.standing_name()
    }

    /// `session of anna from 10.20.4.17`.
    pub(super) fn in_words(&self) -> String {
        let Session { username, address, .. } = &self.session;
        format!("session of {username} from {address}")
    }
}

/// The state of a row's checkbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Whether the session is selected.
    pub(super) checked: bool,
    /// Whether it can be selected or dropped.
    pub(super) enabled: bool,
    /// Why not, if that needs saying.
    pub(super) title: Option<&'static str>,
}

impl Mark {
    /// The checkbox of what stands in a place while this is selected.
    pub(super) fn of(content: &Content, picked: &Picked) -> Self {
        let Some(shown) = content.shown() else {
            return Self { checked: false, enabled: false, title: None };
        };
        let deletable = shown.is_deletable();
        let apart = deletable && !picked.may_contain(&shown.session);
        let title = if apart {
            Some("Not one of all that you have selected.")
        } else {
            shown.own.then_some("You cannot delete your own session. End it under My Sessions.")
        };
        Self { checked: deletable && picked.contains(&shown.session), enabled: deletable && !apart, title }
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
