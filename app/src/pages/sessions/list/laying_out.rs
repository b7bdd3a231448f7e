//! Which rows are in the document, and where.

use std::time::Duration;

use leptos::prelude::*;
use send_wrapper::SendWrapper;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement, Node};

use super::List;
use crate::{
    browser,
    pages::sessions::{
        content::{Content, put},
        drawn::DrawnRows,
        follower::Follower,
        scroll::{self, Position, Viewport, Window},
    },
    session::{SessionId, query::MAX_LIMIT},
};

/// The height of a row where there is none to measure.
const ROW_HEIGHT: f64 = 44.0;

/// After how long without scrolling the list has come to rest.
const AT_REST: Duration = Duration::from_millis(150);

/// The height of the bar as the style sheet has it at first.
pub(super) const BAR_HEIGHT: f64 = 56.0;

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
        let grown = self.grow(scroll::rows_needed(viewport));
        let total = self.follower.with_value(Follower::total);
        put(self.laid_out, total);
        let position = self.position.get_value().scrolled(viewport, total);
        let window = self.place_rows(position, viewport, total);
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
        let places = self.contents.with_untracked(Vec::len) as u32;
        places.clamp(1, MAX_LIMIT)
    }

    /// Lays the list out where it has been scrolled to, and puts the scroll bar right once it has come to rest.
    pub(super) fn scrolled(self) {
        self.lay_out();
        let number = self.scrolls.get_value().wrapping_add(1);
        self.scrolls.set_value(number);
        browser::after(AT_REST, move || {
            if self.scrolls.get_value() == number {
                self.put_right();
            }
        });
    }

    fn put_right(self) {
        // It may have been scrolled without having been told yet.
        self.lay_out();
        let total = self.laid_out.get_untracked();
        if let Some(viewport) = self.viewport()
            && let Some(right) = self.position.get_value().put_right(viewport, total)
        {
            self.place_rows(right, viewport, total);
            browser::scroll_by(right.offset() - viewport.offset);
        }
    }

    /// Makes room above and below the rows that are in the document at this position.
    fn place_rows(self, position: Position, viewport: Viewport, total: u64) -> Window {
        let window = scroll::window(position, viewport, total, self.limit() as usize);
        self.position.set_value(position);
        set_height(self.elements.before.get_untracked().as_deref(), window.before);
        set_height(self.elements.after.get_untracked().as_deref(), window.after);
        window
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
        if first == 0 {
            return;
        }
        if let Some(viewport) = self.viewport() {
            let total = self.total.get_untracked();
            let position = scroll::position_of(first, viewport, total);
            self.place_rows(position, viewport, total);
            self.scroll_to(position.offset());
        }
    }

    /// What of the list is on the screen: it begins below the table's header, which stays at the upper edge.
    fn viewport(self) -> Option<Viewport> {
        // All is measured before anything is written: otherwise the browser would have to lay the page out twice.
        let (start, _) = browser::extent(self.elements.before.get_untracked()?.as_ref());
        let row_height = self.row_height().unwrap_or(ROW_HEIGHT);
        let head = self.elements.head.get_untracked()?;
        let (top, mut edge) = browser::extent(head.as_ref());
        let screen = browser::screen_height();
        if self.note_bar_height(&head, top) {
            edge = browser::extent(head.as_ref()).1;
        }
        let edge = edge.max(0.0);
        let height = (screen - edge).max(row_height);
        Some(Viewport { offset: (edge - start).max(0.0), height, screen, row_height })
    }

    fn row_height(self) -> Option<f64> {
        let rows = self.elements.rows.get_untracked()?;
        // There is none where the first is hidden: then all are.
        let (start, end) = browser::extent(&rows.first_element_child()?);
        Some(end - start).filter(|height| *height >= 1.0)
    }

    /// The table's header stays right below the bar, however many lines that takes, and what is focused below both.
    ///
    /// Tells whether the header, which began at `top`, may have moved.
    fn note_bar_height(self, head: &HtmlElement, top: f64) -> bool {
        let Some(height) = self.elements.bar.get_untracked().map(|bar| f64::from(bar.offset_height())) else {
            return false;
        };
        let before = self.bar_height.get_value();
        if before == height {
            return false;
        }
        self.bar_height.set_value(height);
        let root = document().document_element().and_then(|root| root.dyn_into::<HtmlElement>().ok());
        for element in root.iter().chain([head]) {
            set_pixels(element, "--bar-height", height);
        }
        // A browser that is zoomed rounds.
        top <= before.max(height) + 1.0
    }

    /// Adds places up to this many; tells whether it did.
    fn grow(self, rows: usize) -> bool {
        let there = self.contents.with_untracked(Vec::len);
        self.draw(|drawn| drawn.grow(rows));
        let now = self.drawn.with_value(|drawn| drawn.as_ref().map_or(0, |drawn| drawn.len()));
        if now > there {
            self.contents.update(|contents| contents.resize(now, Content::Beyond));
        }
        now > there
    }

    /// Takes over the rows that the server has written.
    pub(super) fn adopt_rows(self) {
        let Some(rows) = self.elements.rows.get_untracked() else {
            return;
        };
        let first = self.first.get_untracked();
        let lifetimes = self.lifetimes.get_value();
        let written = self.telling();
        let drawn =
            self.contents.with_untracked(|contents| DrawnRows::adopt(&rows, contents, first, lifetimes, written));
        self.contents.update(|contents| contents.resize(drawn.len(), Content::Beyond));
        self.drawn.set_value(Some(SendWrapper::new(drawn)));
    }

    /// Changes the rows in the document.
    pub(super) fn draw(self, change: impl FnOnce(&mut DrawnRows)) {
        self.drawn.update_value(|drawn| {
            if let Some(drawn) = drawn {
                change(drawn);
            }
        });
    }

    /// In which place an element of a row is.
    pub(in crate::pages::sessions) fn place_of(self, element: &Element) -> Option<usize> {
        self.drawn.with_value(|drawn| drawn.as_ref()?.place_of(element))
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
        let is_there = |content: &Content| content.shown().is_some_and(|shown| shown.session.id == session);
        let place = self.contents.with_untracked(|contents| contents.iter().position(is_there));
        let find = |place| self.drawn.with_value(|drawn| drawn.as_ref()?.find(place, &control));
        match place.and_then(find) {
            Some(control) => browser::focus(&control),
            None => browser::blur(),
        }
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
