//! Where in the list the user is, and how much is selected.

use leptos::prelude::*;

use super::{list::List, picked::Picked};
use crate::{
    components::reactive::{flag, text},
    session::{query::SessionQuery, selection::grouped},
};

#[component]
pub(super) fn Foot(list: List, query: SessionQuery, shown: u64) -> impl IntoView {
    let place = move || in_words(list.visible.get(), list.laid_out.get());
    let total = list.total.get_untracked();
    let page = |first: u64| SessionQuery { first, ..query.clone() }.href();
    let previous = (query.first != 0).then(|| page(query.first.saturating_sub(u64::from(query.limit))));
    let next = (query.first + shown < total).then(|| page(query.first + shown));
    view! {
        <div class="foot">
            <p>{text(place)}</p>
            <p class="visually-hidden" role="status">{text(move || list.told.get())}</p>
            <p id="selected" hidden=flag(move || list.picked.with(Picked::is_empty))>
                {text(move || list.picked_in_words())}
            </p>
            <button
                type="button"
                class="link clear"
                hidden=flag(move || list.picked.with(Picked::is_empty))
                on:click=move |_| list.drop_selection()
            >
                "Clear selection"
            </button>
            <nav class="pages until-hydrated" aria-label="Pages">
                {previous.map(|href| view! { <a class="button" rel="prev" href=href>"Previous"</a> })}
                {next.map(|href| view! { <a class="button" rel="next" href=href>"Next"</a> })}
            </nav>
        </div>
    }
}

/// `1–50 of 2,931`.
fn in_words((top, bottom): (u64, u64), total: u64) -> String {
    if top < bottom {
        format!("{}–{} of {}", grouped(top + 1), grouped(bottom), grouped(total.max(bottom)))
    } else {
        format!("0 of {}", grouped(total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_counts_rows_from_one() {
        assert_eq!(in_words((0, 50), 2_931), "1–50 of 2,931");
        assert_eq!(in_words((2_900, 2_931), 2_931), "2,901–2,931 of 2,931");
        assert_eq!(in_words((0, 0), 0), "0 of 0");
    }
}
