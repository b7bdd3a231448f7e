//! How many are signed in.

use leptos::prelude::*;

use super::list::List;
use crate::{
    components::reactive::{Text, text},
    session::selection::grouped,
};

#[component]
pub(super) fn Tiles(list: List) -> impl IntoView {
    view! {
        <div class="tiles">
            <Tile
                id="active-users"
                title="Active Users"
                count=text(move || grouped(list.counts.with(|counts| counts.active_users)))
            />
            <Tile
                id="active-sessions"
                title="Active Sessions"
                count=text(move || grouped(list.counts.with(|counts| counts.active_sessions())))
            />
        </div>
    }
}

#[component]
fn Tile(id: &'static str, title: &'static str, count: Text) -> impl IntoView {
    view! {
        <section class="tile" role="region" aria-labelledby=id>
            <h2 id=id>{title}</h2>
            <p class="number">{count}</p>
        </section>
    }
}
