//! Search, types and order. The address of the page follows, so that it can be kept and shared.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

use super::List;
use crate::{
    browser,
    session::{
        SessionType,
        column::Column,
        query::{Filter, MAX_SEARCH, SessionQuery},
        search::Search,
    },
};

/// Whoever types is still thinking for so long.
const PAUSE: Duration = Duration::from_millis(150);
/// Whoever has typed something that is not finished is for so long.
const LONG_PAUSE: Duration = Duration::from_millis(900);

impl List {
    /// Searches when the user stops typing. What is not finished yet is not complained of so soon.
    pub(in crate::pages::sessions) fn search_soon(self, text: String) {
        let keystroke = self.keystrokes.get_value().wrapping_add(1);
        self.keystrokes.set_value(keystroke);
        let is_finished = Search::parse(&text).is_ok();
        browser::after(if is_finished { PAUSE } else { LONG_PAUSE }, move || {
            if self.keystrokes.get_value() == keystroke {
                self.search(&text);
            }
        });
    }

    /// Shows the sessions that a search text means. One that cannot be understood changes nothing.
    pub(in crate::pages::sessions) fn search(self, text: &str) {
        let search = cut(text).to_owned();
        match Search::parse(&search) {
            Ok(_) => {
                self.search_problem.set(None);
                self.change(|query| query.filter.search = search);
            }
            Err(error) => self.search_problem.set(Some(error.to_string())),
        }
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
        // What was typed just before is not searched for any more.
        self.keystrokes.update_value(|keystrokes| *keystrokes = keystrokes.wrapping_add(1));
        if let Some(search) = self.elements.search.get_untracked() {
            search.set_value("");
        }
        self.search_problem.set(None);
        if let Some(all) = type_radio("[value='']") {
            all.set_checked(true);
        }
        self.change(|query| query.filter = Filter::default());
    }

    /// Takes over what the user has typed and chosen before the page came alive.
    pub(super) fn take_over_inputs(self) {
        let typed = self.elements.search.get_untracked().map(|search| search.value()).unwrap_or_default();
        let session_type = type_radio(":checked").and_then(|radio| SessionType::parse(&radio.value()));
        self.show_type(session_type);
        self.search(&typed);
    }

    fn change(self, change: impl FnOnce(&mut SessionQuery)) {
        let before = self.query.get_untracked();
        let mut query = SessionQuery { first: 0, ..before.clone() };
        change(&mut query);
        if query.filter == before.filter && query.sort == before.sort {
            return;
        }
        browser::rename(&query.href());
        if query.filter != before.filter {
            self.is_searching.set_value(true);
        }
        self.query.set(query.clone());
        let part = SessionQuery { limit: self.limit(), ..query };
        let view = self.follower.try_update_value(|follower| follower.query(part));
        self.fill();
        self.scroll_to(0.0);
        self.lay_out();
        self.watch(view);
        self.count();
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
