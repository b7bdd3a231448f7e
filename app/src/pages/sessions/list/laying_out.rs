//! Which rows are in the document, and where.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlInputElement, Node};

use super::List;
use crate::{
    browser,
    pages::sessions::{
        scroll::{self, Viewport},
        slot::{Content, Slot, put},
    },
    session::{SessionId, query::MAX_LIMIT},
};

/// The height of a row where there is none to measure.
const ROW_HEIGHT: f64 = 44.0;

/// A control in a row that has the keyboard.
struct Focus {
    session: SessionId,
    control: String,
}

impl List {
    /// Fits rows and empty heights to what the user has scrolled to.
    pub(in crate::pages::sessions) fn lay_out(self) {
        let Some(viewport) = self.viewport() else {
            return;
        };
        let grown = self.grow(scroll::rows_needed(Viewport { height: browser::screen_height(), ..viewport }));
        let total = self.follower.with_value(|follower| follower.total());
        let window = scroll::window(viewport, total, self.limit() as usize);
        set_height(self.elements.before.get_untracked().as_deref(), window.before);
        set_height(self.elements.after.get_untracked().as_deref(), window.after);
        put(self.visible, (window.top, window.bottom));
        let focus = self.focus();
        if put(self.first, window.first) || grown {
            self.fill();
            self.focus_again(focus);
        }
        let is_scrolled = window.top != 0;
        // The keyboard leaves a row without a word when what it was at disappears.
        let is_focused = self.focus().is_some();
        let view = self.follower.try_update_value(|follower| {
            let part = follower.part(window.first, self.limit());
            let held = follower.hands(|hands| (hands.scrolled, hands.focused) = (is_scrolled, is_focused));
            part.or(held)
        });
        self.watch(view.flatten());
    }

    /// How many rows the document has places for.
    pub(super) fn limit(self) -> u32 {
        let slots = self.slots.with_untracked(Vec::len) as u32;
        slots.clamp(1, MAX_LIMIT)
    }

    /// Scrolls until this much of the list is above the upper edge.
    pub(super) fn scroll_to(self, offset: f64) {
        // The first step may be used up by what is above the list.
        for _ in 0..2 {
            if let Some(viewport) = self.viewport() {
                browser::scroll_by(offset - viewport.offset);
            }
        }
    }

    /// Scrolls to the row that the address of the page names as the first.
    pub(super) fn scroll_to_first(self) {
        let first = self.first.get_untracked();
        if let (1.., Some(viewport)) = (first, self.viewport()) {
            let total = self.total.get_untracked();
            let offset = scroll::offset_of(first, viewport, total);
            let window = scroll::window(Viewport { offset, ..viewport }, total, self.limit() as usize);
            set_height(self.elements.before.get_untracked().as_deref(), window.before);
            set_height(self.elements.after.get_untracked().as_deref(), window.after);
            self.scroll_to(offset);
        }
    }

    /// What of the list is on the screen: it begins below the table's header, which stays at the upper edge.
    fn viewport(self) -> Option<Viewport> {
        self.note_bar_height();
        let (_, edge) = browser::extent(self.elements.head.get_untracked()?.as_ref());
        let (start, _) = browser::extent(self.elements.before.get_untracked()?.as_ref());
        let edge = edge.max(0.0);
        let row_height = self.row_height().unwrap_or(ROW_HEIGHT);
        let height = (browser::screen_height() - edge).max(row_height);
        Some(Viewport { offset: (edge - start).max(0.0), height, row_height })
    }

    fn row_height(self) -> Option<f64> {
        let rows = self.elements.rows.get_untracked()?;
        let (start, end) = browser::extent(&rows.query_selector("tr:not([hidden])").ok()??);
        Some(end - start).filter(|height| *height >= 1.0)
    }

    /// The table's header stays right below the bar, however many lines that takes, and what is focused below both.
    fn note_bar_height(self) {
        let root = document().document_element().and_then(|root| root.dyn_into::<HtmlElement>().ok());
        if let (Some(bar), Some(root)) = (self.elements.bar.get_untracked(), root) {
            set_pixels(&root, "--bar-height", f64::from(bar.offset_height()));
        }
    }

    /// Adds places up to this many; tells whether it did.
    fn grow(self, rows: usize) -> bool {
        let there = self.slots.with_untracked(Vec::len);
        if rows > there {
            let more = (there..rows).map(|index| Slot::new(index, Content::Beyond));
            self.slots.update(|slots| slots.extend(more));
        }
        rows > there
    }

    fn focus(self) -> Option<Focus> {
        let rows = self.elements.rows.get_untracked()?;
        let active = document().active_element()?;
        let node: &Node = &active;
        if !rows.contains(Some(node)) {
            return None;
        }
        let checkbox = active.closest("tr").ok()??.query_selector("input").ok()??;
        let session = checkbox.dyn_into::<HtmlInputElement>().ok()?.value().parse().ok()?;
        Some(Focus { session, control: active.tag_name() })
    }

    /// Keeps the keyboard at its session when that has moved to another place: a key is never for another session.
    fn focus_again(self, focus: Option<Focus>) {
        let Some(Focus { session, control }) = focus else {
            return;
        };
        let place = self.slots.with_untracked(|slots| slots.iter().position(|slot| slot.id() == Some(session)));
        match place.and_then(|place| self.control(place, &control)) {
            Some(control) => browser::focus(&control),
            None => browser::blur(),
        }
    }

    fn control(self, place: usize, control: &str) -> Option<HtmlElement> {
        let selector = format!("tr:nth-child({}) {control}", place + 1);
        self.elements.rows.get_untracked()?.query_selector(&selector).ok()??.dyn_into().ok()
    }
}

fn set_height(element: Option<&HtmlElement>, pixels: f64) {
    if let Some(element) = element {
        set_pixels(element, "height", pixels);
    }
}

fn set_pixels(element: &HtmlElement, property: &str, pixels: f64) {
    let value = (pixels.round() as u64).to_string() + "px";
    _ = element.style().set_property(property, &value);
}
