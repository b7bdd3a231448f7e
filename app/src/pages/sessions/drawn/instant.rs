//! Instants in a row of the document.

use std::cell::OnceCell;

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, Text};

use super::{super::content::Content, set, text_of};
use crate::{
    components::clock::{Tell, exact},
    session::{Lifetimes, column::Column},
    time::Timestamp,
};

/// The columns whose cells tell an instant.
pub(super) const INSTANTS: [Column; 3] = [Column::LastActive, Column::IdleTimeout, Column::AbsoluteLifetime];

/// An instant in a row.
pub(super) struct Instant {
    parts: OnceCell<Option<InstantParts>>,
    told: Told,
}

/// What an instant is told in.
struct InstantParts {
    time: HtmlElement,
    beside_now: Text,
    exact: Text,
}

/// What is said of an instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    at: Option<Timestamp>,
    /// Whether it is told in the time zone of the device.
    is_local: bool,
    beside_now: String,
}

/// The instants of a session, in the order of [`INSTANTS`], and how they are told.
pub(super) fn instants_of(content: &Content, lifetimes: &Lifetimes) -> [(Option<Timestamp>, Tell); INSTANTS.len()] {
    let deadlines = content.deadlines(lifetimes);
    [
        (content.shown().map(|shown| shown.session.last_active_at), Timestamp::ago),
        (deadlines.and_then(|both| both.idle_timeout), Timestamp::ahead),
        (deadlines.map(|both| both.absolute_lifetime), Timestamp::ahead),
    ]
}

impl Told {
    pub(super) fn of(at: Option<Timestamp>, tell: Tell, now: Timestamp, is_local: bool) -> Self {
        Self { at, is_local, beside_now: at.map(|at| tell(at, now)).unwrap_or_default() }
    }
}

impl Instant {
    /// An instant of which this is said in the document.
    pub(super) fn of(told: Told) -> Self {
        Self { parts: OnceCell::new(), told }
    }

    /// The same in a copy of the row.
    pub(super) fn duplicate(&self) -> Self {
        Self::of(self.told.clone())
    }

    /// Says this, in a row of which it is this column.
    pub(super) fn tell(&mut self, row: &Element, column: Column, now: Told) {
        if self.told == now {
            return;
        }
        let before = std::mem::replace(&mut self.told, now);
        let parts = self.parts.get_or_init(|| InstantParts::of(row, column));
        let (Some(InstantParts { time, beside_now, exact: text }), Told { at, is_local, .. }) = (parts, &self.told)
        else {
            return;
        };
        if before.beside_now != self.told.beside_now {
            beside_now.set_data(&self.told.beside_now);
        }
        if before.at != *at {
            set(time, "datetime", at.map(|at| at.to_string()).as_deref());
        }
        if (before.at, before.is_local) != (*at, *is_local) {
            let exact = at.map(|at| exact(at, *is_local)).unwrap_or_default();
            time.set_title(&exact);
            text.set_data(&exact);
        }
    }
}

impl InstantParts {
    fn of(row: &Element, column: Column) -> Option<Self> {
        let time: HtmlElement = row.query_selector(&format!(".{} time", column.as_str())).ok()??.dyn_into().ok()?;
        let (beside_now, exact) = (text_of(&time)?, text_of(&time.next_element_sibling()?)?);
        Some(Self { time, beside_now, exact })
    }
}
