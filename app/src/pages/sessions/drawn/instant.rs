//! Instants in a row of the document.

use std::cell::OnceCell;

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, Text};

use super::{super::content::Content, set, text_of};
use crate::{
    components::clock::{Tell, Zone},
    session::{
        Lifetimes,
        column::{Column, Columns},
    },
    time::{BesideNow, Timestamp},
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
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    at: Option<Timestamp>,
    zone: Zone,
    beside_now: Option<BesideNow>,
}

/// The instants of a row, in the order of [`INSTANTS`], and how they are told. In columns that nobody sees there are none.
pub(in crate::pages::sessions) fn instants_of(
    content: &Content,
    lifetimes: &Lifetimes,
    columns: Columns,
) -> [(Option<Timestamp>, Tell); INSTANTS.len()] {
    let deadlines = content.deadlines(lifetimes);
    let seen = |column, at: Option<Timestamp>| at.filter(|_| columns.shows(column));
    [
        (seen(Column::LastActive, content.last_active()), Timestamp::ago),
        (seen(Column::IdleTimeout, deadlines.and_then(|both| both.idle_timeout)), Timestamp::ahead),
        (seen(Column::AbsoluteLifetime, deadlines.map(|both| both.absolute_lifetime)), Timestamp::ahead),
    ]
}

impl Told {
    pub(super) fn of(at: Option<Timestamp>, tell: Tell, now: Timestamp, zone: Zone) -> Self {
        Self { at, zone, beside_now: at.map(|at| tell(at, now)) }
    }

    fn second(&self) -> Option<u64> {
        self.at.map(|at| at.as_millis() / 1_000)
    }

    fn exact(&self) -> String {
        self.at.map(|at| self.zone.exact(at)).unwrap_or_default()
    }
}

impl Instant {
    /// An instant of which this is said in the document.
    pub(super) fn of(told: Told) -> Self {
        Self { parts: OnceCell::new(), told }
    }

    /// The same in a copy of the row.
    pub(super) fn duplicate(&self) -> Self {
        Self::of(self.told)
    }

    /// Says this, in a row of which it is this column.
    pub(super) fn tell(&mut self, row: &Element, column: Column, now: Told) {
        let before = std::mem::replace(&mut self.told, now);
        let now = &self.told;
        let is_other = before.at != now.at;
        let is_elsewhere = before.zone != now.zone;
        // A busy session moves several times within a second, and mostly the server has written the device's time.
        let exactly = (is_elsewhere || before.second() != now.second()).then(|| now.exact());
        let exactly = exactly.filter(|told| !is_elsewhere || *told != before.exact());
        if before.beside_now == now.beside_now && !is_other && exactly.is_none() {
            return;
        }
        let Some(InstantParts { time, beside_now, exact }) = self.parts.get_or_init(|| InstantParts::of(row, column))
        else {
            return;
        };
        if before.beside_now != now.beside_now {
            beside_now.set_data(&now.beside_now.map(|told| told.to_string()).unwrap_or_default());
        }
        if is_other {
            set(time, "datetime", now.at.map(|at| at.to_string()).as_deref());
        }
        if let Some(told) = exactly {
            time.set_title(&told);
            exact.set_data(&told);
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
