//! Search, types and order. The address of the page follows, so that it can be kept and shared.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

use super::List;
use crate::{
    browser,
    pages::sessions::picked::Picked,
    session::{
        SessionType,
        column::Column,
        query::{Filter, MAX_SEARCH, SessionQuery},
    },
};

/// Whoever types is still thinking for so long.
const PAUSE: Duration = Duration::from_millis(150);

impl List {
    /// Searches when the user stops typing.
    pub(in crate::pages::sessions) fn search_soon(self, text: String) {
        let keystroke = self.keystrokes.get_value().wrapping_add(1);
        self.keystrokes.set_value(keystroke);
        browser::after(PAUSE, move || {
            if self.keystrokes.get_value() == keystroke {
                self.search(&text);
            }
        });
    }

    /// Shows the sessions in which these words occur.
    pub(in crate::pages::sessions) fn search(self, text: &str) {
        let search = cut(text).to_owned();
        self.change(|query| query.filter.search = search);
    }

    /// Shows the sessions of this type, or all.
    pub(in crate::pages::sessions) fn show_type(self, session_type: Option<SessionType>) {
        self.change(|query| query.filter.session_type = session_type);
    }

    /// Sorts by a column, or the other way round.
    pub(in crate::pages::sessions) fn sort(self, column: Column) {
        self.change(|query| query.sort = query.sort.after_click(column));
    }

    /// Shows all sessions.
    pub(in crate::pages::sessions) fn clear_filter(self) {
        if let Some(search) = self.elements.search.get_untracked() {
            search.set_value("");
        }
        if let Some(all) = type_radio("[value='']") {
            all.set_checked(true);
        }
        self.change(|query| query.filter = Filter::default());
    }

    /// Takes over what the user has typed and chosen before the page came alive.
    pub(super) fn take_over_inputs(self) {
        let typed = self.elements.search.get_untracked().map(|search| search.value()).unwrap_or_default();
        let search = cut(&typed).to_owned();
        let session_type = type_radio(":checked").and_then(|radio| SessionType::parse(&radio.value()));
        self.change(|query| query.filter = Filter { session_type, search });
    }

    fn change(self, change: impl FnOnce(&mut SessionQuery)) {
        let before = self.query.get_untracked();
        let mut query = SessionQuery { first: 0, ..before.clone() };
        change(&mut query);
        let filter_changes = query.filter != before.filter;
        if !filter_changes && query.sort == before.sort {
            return;
        }
        if filter_changes {
            // What is not to be seen any more is not to be deleted unseen.
            self.pick(Picked::default());
        }
        browser::rename(&query.href());
        self.query.set(query.clone());
        let part = SessionQuery { limit: self.limit(), ..query };
        let view = self.follower.try_update_value(|follower| follower.query(part));
        self.fill();
        self.scroll_to(0.0);
        self.lay_out();
        self.watch(view);
    }
}

/// As much of a text as a search may have.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_SEARCH);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn type_radio(which: &str) -> Option<HtmlInputElement> {
    let selector = "input[name=type]".to_owned() + which;
    document().query_selector(&selector).ok()??.dyn_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_cut_at_a_character_boundary() {
        assert_eq!(cut("anna"), "anna");
        assert_eq!(cut(&format!("x{}", "é".repeat(200))).len(), 255);
    }
}
