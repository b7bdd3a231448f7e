//! What the last action did: said once, read out, and gone after a while.

use std::time::Duration;

use leptos::prelude::*;

use super::reactive::text;
use crate::browser;

/// How long it is shown once the page is alive.
const SHOWN: Duration = Duration::from_secs(10);

/// The page's one status line. A handle: copies are the same line.
#[derive(Clone, Copy)]
pub(crate) struct Status {
    words: RwSignal<String>,
    /// How many times something has been said: only the last one is cleared.
    said: StoredValue<u32>,
}

impl Status {
    /// A line that tells what a form did, if one did something.
    pub(crate) fn new(notice: Option<String>) -> Self {
        Self { words: RwSignal::new(notice.unwrap_or_default()), said: StoredValue::new(0) }
    }

    /// Comes alive: what a form did is gone after a while, too.
    pub(crate) fn start(self) {
        self.clear_later(self.said.get_value());
    }

    /// Says what an action did. The same words twice are said twice: the line is empty in between.
    pub(crate) fn say(self, words: String) {
        let number = self.said.get_value().wrapping_add(1);
        self.said.set_value(number);
        self.words.set(String::new());
        browser::after(Duration::ZERO, move || {
            if self.said.get_value() == number {
                self.words.set(words);
            }
        });
        self.clear_later(number);
    }

    fn clear_later(self, number: u32) {
        browser::after(SHOWN, move || {
            if self.said.get_value() == number {
                self.words.set(String::new());
            }
        });
    }
}

/// See [`Status`].
#[component]
pub(crate) fn StatusLine(status: Status) -> impl IntoView {
    let class = move || if status.words.with(String::is_empty) { "status empty" } else { "status" };
    view! {
        <p role="status" class=text(move || class().to_owned())>
            {text(move || status.words.get())}
        </p>
    }
}
