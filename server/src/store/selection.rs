//! Which sessions a delete is about, and what it would do.

use std::{collections::HashSet, sync::Arc, time::Duration};

use app::{
    session::{
        SessionId, SessionType,
        query::Filter,
        selection::{DeletePreview, SelectedCounts, Selection, SkipReason, Skipped, TypePreview},
    },
    time::Timestamp,
};

use super::{
    matcher::Matcher,
    table::{Slot, Table},
};

/// How many usernames a preview names for each type.
const NAMED: usize = 3;
/// How many ids are looked up before others get their turn.
const IDS_AT_A_TIME: usize = 1_024;
/// How recently a session must have been active to be told in a preview.
const RECENT: Duration = Duration::from_secs(60);

/// The outcome of looking up a selection.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Sessions to end: in the order of the ids that were given, else oldest first.
    pub(crate) slots: Vec<Slot>,
    /// Sessions to leave alone, in the same order.
    pub(crate) skipped: Vec<Skipped>,
}

/// Looks up a selection at `now`, those of the user `spare` left out. An id that is given twice counts once.
pub(crate) fn choose(table: &Table, selection: &Selection, spare: Option<&str>, now: Timestamp) -> Chosen {
    choose_with_pauses(table, selection, spare, now, || ())
}

/// The same, with a pause after every [`IDS_AT_A_TIME`] ids.
pub(crate) fn choose_with_pauses(
    table: &Table,
    selection: &Selection,
    spare: Option<&str>,
    now: Timestamp,
    pause: impl Fn(),
) -> Chosen {
    let mut chosen = gather(table, selection, spare, now, pause);
    if let Selection::Matching { .. } = selection {
        chosen.slots.sort_unstable_by_key(|slot| table.id(*slot));
        chosen.skipped.sort_unstable_by_key(|skipped| skipped.id);
    }
    chosen
}

/// The same, those of a filter in the order of their slots.
fn gather(table: &Table, selection: &Selection, spare: Option<&str>, now: Timestamp, pause: impl Fn()) -> Chosen {
    let spared = spare.and_then(|username| table.usernames.find(username));
    let mut chosen = Chosen::default();
    match selection {
        Selection::Ids(ids) => {
            // A bit a slot, and a set only of what is not there: a hundred thousand ids are looked up in milliseconds.
            let mut seen = vec![0_u64; table.words()];
            let mut missing = HashSet::new();
            for (index, id) in ids.iter().enumerate() {
                if index % IDS_AT_A_TIME == IDS_AT_A_TIME - 1 {
                    pause();
                }
                match table.find(*id) {
                    Some(slot) => {
                        let (word, bit) = (&mut seen[slot as usize / 64], 1 << (slot % 64));
                        if *word & bit == 0 {
                            *word |= bit;
                            chosen.take(table, slot, spared);
                        }
                    }
                    None if missing.insert(*id) => {
                        chosen.skipped.push(Skipped { id: *id, reason: SkipReason::AlreadyEnded });
                    }
                    None => {}
                }
            }
        }
        Selection::Matching { filter, as_of, at, except } => {
            let except: HashSet<SessionId> = except.iter().copied().collect();
            let is_meant = |slot: &Slot| {
                let id = table.id(*slot);
                id <= *as_of && !except.contains(&id)
            };
            let matcher = Matcher::new(table, filter, at.map_or(now, |at| at.min(now)));
            matcher.slots().filter(is_meant).for_each(|slot| chosen.take(table, slot, spared));
        }
    }
    chosen
}

impl Chosen {
    fn take(&mut self, table: &Table, slot: Slot, spared: Option<u32>) {
        if spared == Some(table.user(slot)) {
            self.skipped.push(Skipped { id: table.id(slot), reason: SkipReason::OwnUsername });
        } else {
            self.slots.push(slot);
        }
    }
}

/// How many sessions a selection means at `now`, and how many of them a view does not.
pub(crate) fn count(
    table: &Table,
    selection: &Selection,
    spare: Option<&str>,
    view: &Filter,
    now: Timestamp,
) -> SelectedCounts {
    let chosen = gather(table, selection, spare, now, || ());
    let view = Matcher::new(table, view, now);
    let mut is_chosen = vec![0_u64; table.words()];
    chosen.slots.iter().for_each(|slot| is_chosen[*slot as usize / 64] |= 1 << (slot % 64));
    let outside = |(word, chosen): (usize, &u64)| match chosen {
        0 => 0,
        chosen => u64::from((chosen & !view.found(word)).count_ones()),
    };
    SelectedCounts { sessions: chosen.slots.len() as u64, outside: is_chosen.iter().enumerate().map(outside).sum() }
}

/// What a delete of this selection would do at `now`.
pub(crate) fn preview(table: &Table, selection: &Selection, spare: Option<&str>, now: Timestamp) -> DeletePreview {
    let chosen = choose(table, selection, spare, now);
    let mut users = vec![false; table.usernames.numbers()];
    let mut counts = [0; 3];
    let mut named: [Vec<u32>; 3] = [const { Vec::new() }; 3];
    let mut active_last_minute = 0;
    for slot in &chosen.slots {
        let (user, type_index) = (table.user(*slot), table.type_index(*slot));
        users[user as usize] = true;
        counts[type_index] += 1;
        if named[type_index].len() < NAMED && !named[type_index].contains(&user) {
            named[type_index].push(user);
        }
        active_last_minute += u64::from(now.since(table.last_active_at(*slot)) <= RECENT);
    }
    let by_type = SessionType::ALL.into_iter().filter(|one| counts[one.index()] > 0).map(|session_type| TypePreview {
        session_type,
        sessions: counts[session_type.index()],
        usernames: named[session_type.index()].iter().map(|user| Arc::clone(table.usernames.text(*user))).collect(),
    });
    DeletePreview {
        sessions: chosen.slots.len() as u64,
        users: users.iter().filter(|occurs| **occurs).count() as u64,
        by_type: by_type.collect(),
        active_last_minute,
        own: chosen.skipped.iter().filter(|skipped| skipped.reason == SkipReason::OwnUsername).count() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            row::Row,
            table::tests::{row, table},
        },
        *,
    };

    fn everything() -> Selection {
        Selection::Matching { filter: Filter::default(), as_of: SessionId(u64::MAX), at: None, except: Vec::new() }
    }

    #[test]
    fn an_id_given_twice_counts_once() {
        let table = table([row(1, "anna")]);
        let chosen = choose(&table, &Selection::Ids([1, 9, 1, 9].map(SessionId).to_vec()), None, Timestamp::default());
        let ended = Skipped { id: SessionId(9), reason: SkipReason::AlreadyEnded };
        assert_eq!(chosen, Chosen { slots: vec![0], skipped: vec![ended] });
    }

    #[test]
    fn matching_sessions_come_oldest_first_whatever_their_slots() {
        let mut table = table((1..=3).map(|id| row(id, "anna")));
        table.remove(0);
        table.insert(&row(4, "anna"));
        let chosen = choose(&table, &everything(), None, Timestamp::default());
        assert_eq!(chosen.slots.iter().map(|slot| table.id(*slot).0).collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn a_preview_names_the_first_three_users_of_each_type() {
        let rows = ["anna", "ben", "anna", "carl", "dora"].into_iter();
        let rows = (1..).zip(rows).map(|(id, username)| row(id, username));
        let browser = Row { session_type: SessionType::Browser, ..row(6, "eve") };
        let table = table(rows.chain([browser, row(7, "root")]));
        table.touch(0, Timestamp::from_millis(100_000));

        let preview = preview(&table, &everything(), Some("root"), Timestamp::from_millis(130_000));

        let of_type = |session_type, sessions, usernames: &[&str]| TypePreview {
            session_type,
            sessions,
            usernames: usernames.iter().map(|username| Arc::from(*username)).collect(),
        };
        assert_eq!(
            preview,
            DeletePreview {
                sessions: 6,
                users: 5,
                by_type: vec![
                    of_type(SessionType::RestApi, 5, &["anna", "ben", "carl"]),
                    of_type(SessionType::Browser, 1, &["eve"]),
                ],
                active_last_minute: 1,
                own: 1,
            }
        );
    }
}
