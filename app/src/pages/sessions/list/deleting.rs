//! Deleting sessions: asked first, then done, then told.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

use super::List;
use crate::{
    browser,
    components::notice::failure,
    error::AppError,
    pages::sessions::picked::Picked,
    server_fns::{count_selected, delete_sessions, preview_delete},
    session::{
        query::Filter,
        selection::{DeletePreview, Deleted, Selection, SkipReason, grouped},
    },
};

/// A deletion that is to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pages::sessions) struct Asking {
    /// Tells it from others of the same sessions.
    pub(in crate::pages::sessions) number: u32,
    selection: Selection,
    /// What it would do.
    pub(in crate::pages::sessions) preview: DeletePreview,
    /// How many of the sessions are not in view.
    pub(in crate::pages::sessions) outside: u64,
}

impl Asking {
    /// Asks about a selection whose preview is this.
    pub(super) fn new(number: u32, selection: Selection, preview: DeletePreview, outside: u64) -> Self {
        Self { number, selection, preview, outside }
    }
}

impl List {
    /// Asks whether to delete the selected sessions.
    pub(in crate::pages::sessions) fn ask_selected(self) {
        let view = self.query.with_untracked(|query| query.filter.clone());
        self.ask_with(self.picked.with_untracked(Picked::selection), Some(view));
    }

    /// Asks whether to delete the session in a place.
    pub(in crate::pages::sessions) fn ask_one(self, place: usize) {
        if let Some(id) = self.deletable(place) {
            self.ask_with(Selection::Ids(vec![id]), None);
        }
    }

    /// Opens the dialog, or closes it.
    pub(in crate::pages::sessions) fn ask(self, asking: Option<Asking>) {
        self.hands(|hands| hands.asked = asking.is_some());
        self.asking.set(asking);
    }

    /// With a view, the question says how many of the sessions are not in it.
    fn ask_with(self, selection: Selection, view: Option<Filter>) {
        let number = self.asked.get_value().wrapping_add(1);
        self.asked.set_value(number);
        self.problem.set(None);
        spawn_local(async move {
            let outcome = look_ahead(&selection, view).await;
            if self.asked.get_value() != number {
                return;
            }
            match outcome {
                Ok((preview, _)) if preview.sessions == 0 => {
                    self.forget(&selection);
                    self.say("These sessions have ended already.".to_owned());
                }
                Ok((preview, outside)) => self.ask(Some(Asking::new(number, selection, preview, outside))),
                Err(error) => self.failed(&error),
            }
        });
    }

    /// Whether what is asked about is being deleted.
    pub(in crate::pages::sessions) fn is_deleting(self) -> bool {
        self.deleting.get().is_some_and(|number| self.asking.with(|asking| is_about(asking.as_ref(), number)))
    }

    /// Deletes what was asked about. An error stays in the dialog. An answer that comes when the dialog has been closed,
    /// or asks about something else, is told on the page.
    pub(in crate::pages::sessions) fn delete(self) {
        let Some(Asking { number, selection, .. }) = self.asking.get_untracked() else {
            return;
        };
        self.problem.set(None);
        self.deleting.set(Some(number));
        spawn_local(async move {
            let outcome = delete_sessions(selection.clone()).await;
            if self.deleting.get_untracked() == Some(number) {
                self.deleting.set(None);
            }
            let is_asking = self.asking.with_untracked(|asking| is_about(asking.as_ref(), number));
            match outcome {
                Ok(deleted) => {
                    if is_asking {
                        self.close_dialog();
                    }
                    self.deleted(&selection, &deleted);
                }
                Err(error) if browser::is_signed_out(&error) => {}
                Err(error) if is_asking => self.problem.set(Some(failure(&error))),
                Err(error) => self.failed(&error),
            }
        });
    }

    fn close_dialog(self) {
        self.ask(None);
        // The dialog gives the focus back to a button that goes with its row.
        self.focus_sheet();
    }

    /// Moves the keyboard on to the table, once the browser has done what it does by itself.
    pub(in crate::pages::sessions) fn focus_sheet(self) {
        browser::after(Duration::ZERO, move || {
            if let Some(sheet) = self.elements.sheet.get_untracked() {
                browser::focus(&sheet);
            }
        });
    }

    fn deleted(self, selection: &Selection, deleted: &Deleted) {
        self.forget(selection);
        self.say(outcome(deleted));
        self.show_news();
    }

    /// Unpicks sessions that are no longer there.
    fn forget(self, selection: &Selection) {
        let mut picked = self.picked.get_untracked();
        match selection {
            Selection::Ids(ids) => picked.forget(ids),
            Selection::Matching { .. } if picked.selection() == *selection => picked = Picked::default(),
            Selection::Matching { .. } => {}
        }
        self.pick(picked);
    }
}

/// What a delete would do, and how many of the sessions are not in a view.
async fn look_ahead(selection: &Selection, view: Option<Filter>) -> Result<(DeletePreview, u64), AppError> {
    let outside = match view {
        Some(view) => count_selected(selection.clone(), view).await?.outside,
        None => 0,
    };
    Ok((preview_delete(selection.clone()).await?, outside))
}

fn is_about(asking: Option<&Asking>, number: u32) -> bool {
    asking.is_some_and(|asking| asking.number == number)
}

/// `2 sessions deleted. 1 had ended already.`
fn outcome(deleted: &Deleted) -> String {
    let skipped = |reason: SkipReason| deleted.skipped.iter().filter(|skipped| skipped.reason == reason).count() as u64;
    let plural = if deleted.deleted == 1 { "" } else { "s" };
    let mut text = format!("{} session{plural} deleted.", grouped(deleted.deleted));
    match skipped(SkipReason::AlreadyEnded) {
        0 => {}
        ended => text += &format!(" {} had ended already.", grouped(ended)),
    }
    if skipped(SkipReason::OwnUsername) != 0 {
        text += " Your own were left: end them under My Sessions.";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{SessionId, selection::Skipped};

    #[test]
    fn the_outcome_tells_what_was_left_alone() {
        let skip = |id, reason| Skipped { id: SessionId(id), reason };
        let tell = |deleted, skipped| outcome(&Deleted { deleted, skipped });
        assert_eq!(tell(2, vec![]), "2 sessions deleted.");
        assert_eq!(tell(1, vec![skip(7, SkipReason::AlreadyEnded)]), "1 session deleted. 1 had ended already.");
        assert_eq!(
            tell(1_204, vec![skip(7, SkipReason::OwnUsername)]),
            "1,204 sessions deleted. Your own were left: end them under My Sessions."
        );
    }
}
