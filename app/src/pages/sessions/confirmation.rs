//! The dialog that asks before sessions end.

use leptos::{html, prelude::*};

use super::list::List;
use crate::{
    components::reactive::{flag, text},
    paths,
    session::{
        SessionId,
        query::SessionQuery,
        selection::{DeletePreview, TypePreview, grouped},
    },
};

/// Alive, it opens when the list asks. Without JavaScript the page that asks about `ids` carries it open, and its form
/// deletes them.
#[component]
pub(super) fn Confirmation(list: List, ids: Vec<SessionId>, query: SessionQuery) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let is_asking = list.asking.with(Option::is_some);
        if let Some(dialog) = dialog.get() {
            show(&dialog, is_asking);
        }
    });
    let question = move || list.asking.with(|asking| asking.as_ref().map(|asking| asking.preview.question()));
    let is_open = list.asking.with_untracked(Option::is_some);
    let fields =
        ids.into_iter().map(|id| view! { <input type="hidden" name="ids" value=id.to_string()/> }).collect_view();
    view! {
        <dialog
            class="confirmation"
            aria-labelledby="question"
            open=is_open
            node_ref=dialog
            on:close=move |_| list.ask(None)
        >
            <form method="post" action=paths::SESSIONS>
                <h2 id="question">{text(move || question().unwrap_or_default())}</h2>
                <p>"These sessions end at once, in every application. Open Keepwatch tabs of theirs go to the sign-in page."</p>
                <Preview list/>
                <p class="notice error" role="alert" hidden=flag(move || list.problem.with(Option::is_none))>
                    {text(move || list.problem.get().unwrap_or_default())}
                </p>
                {fields}
                <input type="hidden" name="back" value=query.to_query_string()/>
                <Buttons list/>
            </form>
        </dialog>
    }
}

/// "Cancel" is the dialog's own, also without JavaScript.
#[component]
fn Buttons(list: List) -> impl IntoView {
    let away = move || if list.is_deleting() { "Close" } else { "Cancel" };
    let word = move || if list.is_deleting() { "Deleting…" } else { "Delete" };
    view! {
        <div class="buttons">
            <button type="submit" class="button" formmethod="dialog" formnovalidate autofocus>{text(move || away().to_owned())}</button>
            <button
                type="submit"
                class="button danger"
                disabled=flag(move || list.is_deleting())
                on:click=move |event| {
                    event.prevent_default();
                    list.delete();
                }
            >
                {text(move || word().to_owned())}
            </button>
        </div>
    }
}

/// What the deletion would do.
#[component]
fn Preview(list: List) -> impl IntoView {
    let lines = move || {
        let lines = list.asking.with(|asking| asking.as_ref().map(|asking| lines(&asking.preview, asking.outside)));
        lines
            .unwrap_or_default()
            .into_iter()
            .map(|(term, told)| {
                view! {
                    <div>
                        <dt>{term}</dt>
                        <dd>{told}</dd>
                    </div>
                }
            })
            .collect_view()
    };
    view! { <dl>{lines}</dl> }
}

fn lines(preview: &DeletePreview, outside: u64) -> Vec<(String, String)> {
    let mut lines: Vec<_> = preview.by_type.iter().map(of_type).collect();
    lines.push(("Active in the last minute".to_owned(), grouped(preview.active_last_minute)));
    if outside != 0 {
        lines.push(("Not in this view".to_owned(), grouped(outside)));
    }
    if preview.own != 0 {
        lines.push(("Your own, which stay".to_owned(), grouped(preview.own)));
    }
    lines
}

/// `2 · backup-agent, webdav-scan`.
fn of_type(preview: &TypePreview) -> (String, String) {
    let names = preview.usernames.join(", ");
    let more =
        if preview.sessions > preview.usernames.len() as u64 && preview.usernames.len() > 2 { ", …" } else { "" };
    (preview.session_type.label().to_owned(), format!("{} · {names}{more}", grouped(preview.sessions)))
}

fn show(dialog: &web_sys::HtmlDialogElement, is_asking: bool) {
    if is_asking {
        // What the server rendered open is not modal yet.
        _ = dialog.remove_attribute("open");
        _ = dialog.show_modal();
    } else if dialog.open() {
        dialog.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionType;

    #[test]
    fn the_preview_tells_types_names_and_who_is_busy() {
        let of = |session_type, sessions, names: &[&str]| TypePreview {
            session_type,
            sessions,
            usernames: names.iter().map(|name| (*name).into()).collect(),
        };
        let preview = DeletePreview {
            sessions: 11,
            users: 6,
            by_type: vec![
                of(SessionType::RestApi, 1, &["p.rossi"]),
                of(SessionType::Other, 10, &["backup-agent", "webdav-scan", "sync"]),
            ],
            active_last_minute: 2,
            own: 1,
        };
        let told: Vec<_> = lines(&preview, 3).into_iter().map(|(term, told)| format!("{term}: {told}")).collect();
        assert_eq!(
            told,
            [
                "REST API: 1 · p.rossi",
                "Other: 10 · backup-agent, webdav-scan, sync, …",
                "Active in the last minute: 2",
                "Not in this view: 3",
                "Your own, which stay: 1",
            ]
        );
    }
}
