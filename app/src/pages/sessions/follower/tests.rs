use std::net::Ipv4Addr;

use super::*;
use crate::{
    live::{Held, Patch},
    session::{Session, SessionType},
};

fn session(id: u64) -> Session {
    Session {
        id: SessionId(id),
        username: "anna".into(),
        session_type: SessionType::RestApi,
        address: Ipv4Addr::LOCALHOST.into(),
        server_name: "keep-01".into(),
        user_agent: "".into(),
        client: "".into(),
        created_at: Timestamp::default(),
        last_active_at: Timestamp::default(),
        standing: None,
    }
}

fn page(ids: &[u64]) -> Page {
    let as_of = SessionId(ids.iter().copied().max().unwrap_or_default());
    Page { total: ids.len() as u64, as_of, sessions: ids.iter().copied().map(session).collect(), ..Page::default() }
}

fn follower(ids: &[u64]) -> Follower {
    Follower::new(SessionQuery::default(), &page(ids), Timestamp::default())
}

/// The frame that answers `view` with these rows.
fn frame(view: &View, ids: &[u64], total: u64, newer: u64) -> ServerMessage {
    let sessions = ids.iter().copied().map(session).collect();
    ServerMessage::Snapshot(Snapshot { view: view.key(), total, newer, sessions, ..Snapshot::default() })
}

fn shown(follower: &Follower) -> Vec<(u64, bool)> {
    follower.rows.iter().map(|row| (row.id.0, row.ended)).collect()
}

fn point(follower: &mut Follower) -> View {
    follower.hands(|hands| hands.pointed = true).expect("the list is held")
}

#[test]
fn nobody_near_the_list_follows_every_change() {
    let mut follower = follower(&[1, 2]);
    assert_eq!(follower.receive(frame(&follower.view(), &[3, 1], 2, 0)), Some(None));
    assert_eq!(shown(&follower), [(3, false), (1, false)]);
    assert_eq!(follower.news(), News::default());
}

#[test]
fn a_held_list_keeps_its_rows_and_marks_those_that_ended() {
    let mut follower = follower(&[1, 2, 3]);
    let view = point(&mut follower);
    assert_eq!(view.held.as_ref().map(|held| held.ids.len()), Some(3));

    follower.receive(frame(&view, &[1, 3], 6, 4));

    assert_eq!(shown(&follower), [(1, false), (2, true), (3, false)]);
    assert_eq!(follower.news().text(), "4 new, 1 ended");
    assert_eq!(follower.total(), 3);
}

#[test]
fn a_patch_changes_held_cells_in_place() {
    let mut follower = follower(&[1, 2]);
    let view = point(&mut follower);
    follower.receive(frame(&view, &[1, 2], 2, 0));
    let later = Session { last_active_at: Timestamp::from_millis(9), ..session(2) };
    let patch = Patch { view: view.key(), total: 2, changed: vec![later.clone()], ..Patch::default() };

    follower.receive(ServerMessage::Patch(patch));

    assert_eq!(follower.row(1).and_then(|row| row.session.as_ref()), Some(&later));
}

#[test]
fn hands_off_reads_anew_and_applies() {
    let mut follower = follower(&[1, 2]);
    let held = point(&mut follower);
    follower.receive(frame(&held, &[1], 2, 1));

    let view = follower.hands(|hands| hands.pointed = false).expect("read anew");

    assert_eq!(view.held, None);
    assert_eq!(shown(&follower), [(1, false), (2, true)], "nothing moves before the answer");
    follower.receive(frame(&view, &[3, 1], 2, 0));
    assert_eq!(shown(&follower), [(3, false), (1, false)]);
}

#[test]
fn hands_that_come_back_before_the_answer_find_the_rows_where_they_were() {
    let mut follower = follower(&[1, 2]);
    let held = point(&mut follower);
    follower.receive(frame(&held, &[1], 2, 1));
    let left = follower.hands(|hands| hands.pointed = false).expect("read anew");

    let back = follower.hands(|hands| hands.focused = true).expect("held as before");

    assert_eq!(back.held, held.held);
    assert_eq!(follower.receive(frame(&left, &[3, 1], 2, 0)), None, "the answer comes too late");
    follower.receive(frame(&back, &[1], 2, 1));
    assert_eq!(shown(&follower), [(1, false), (2, true)]);
    assert_eq!(follower.news().text(), "1 new, 1 ended");
}

#[test]
fn what_is_shown_is_what_all_are_until_the_answer_comes() {
    let mut follower = follower(&[1, 2]);
    let held = point(&mut follower);
    follower.receive(frame(&held, &[1, 2], 3, 1));
    let view = follower.hands(|hands| hands.pointed = false).expect("read anew");
    assert_eq!((follower.total(), follower.as_of(), follower.is_whole()), (2, SessionId(2), true));
    let ServerMessage::Snapshot(mut fresh) = frame(&view, &[3, 1, 2], 3, 0) else { unreachable!() };
    fresh.as_of = SessionId(3);
    follower.receive(ServerMessage::Snapshot(fresh));
    assert_eq!((follower.total(), follower.as_of()), (3, SessionId(3)));
}

#[test]
fn a_hold_that_was_turning_to_another_part_is_not_taken_up_again() {
    let mut follower = follower(&[1, 2, 3]);
    let held = point(&mut follower);
    follower.receive(frame(&held, &[1, 2, 3], 90, 0));
    follower.part(40, 50).expect("the part is asked for");
    follower.hands(|hands| hands.pointed = false).expect("read anew");
    assert_eq!(follower.hands(|hands| hands.scrolled = true), None);
    let again = follower.receive(frame(&follower.view(), &[41], 90, 0)).flatten().expect("held again");
    assert_eq!(again.held.map(|held| (held.first, held.ids)), Some((40, vec![SessionId(41)])));
}

#[test]
fn what_the_user_has_asked_for_comes_whatever_the_hands_do() {
    let mut follower = follower(&[1, 2]);
    let held = point(&mut follower);
    follower.receive(frame(&held, &[1, 2], 3, 1));
    follower.hands(|hands| hands.pointed = false);
    let view = follower.read();
    assert_eq!(follower.hands(|hands| hands.pointed = true), None);
    follower.receive(frame(&view, &[3, 1, 2], 3, 0));
    assert_eq!(shown(&follower), [(3, false), (1, false), (2, false)]);
}

#[test]
fn showing_the_news_applies_once_and_holds_again() {
    let mut follower = follower(&[1, 2]);
    let held = point(&mut follower);
    follower.receive(frame(&held, &[1, 2], 3, 1));

    let view = follower.read();
    let again = follower.receive(frame(&view, &[3, 1, 2], 3, 0)).flatten().expect("held again");

    assert_eq!(again.held.as_ref().map(|held| held.ids.len()), Some(3));
    assert_eq!(shown(&follower), [(3, false), (1, false), (2, false)]);
    assert_eq!(follower.news(), News::default());
}

#[test]
fn frames_of_a_view_that_was_left_are_passed_over() {
    let mut follower = follower(&[1, 2]);
    let left = follower.view();
    point(&mut follower);
    assert_eq!(follower.receive(frame(&left, &[7], 1, 0)), None);
    assert_eq!(shown(&follower), [(1, false), (2, false)]);
}

#[test]
fn whoever_scrolls_fast_gets_the_part_where_they_stop() {
    let mut follower = follower(&[1, 2]);
    let first = follower.part(10, 50).expect("the part is read");
    assert_eq!(follower.part(20, 50), None, "one at a time");
    assert_eq!(follower.part(30, 50), None);

    let next = follower.receive(frame(&first, &[11], 100, 0)).flatten().expect("the last part wanted is read");

    assert_eq!((first.query.first, next.query.first), (10, 30));
    assert_eq!(follower.row(10).map(|row| row.id), Some(SessionId(11)));
    assert!(follower.row(30).is_none(), "not known yet");
}

#[test]
fn a_part_that_is_left_again_is_not_read() {
    let mut follower = follower(&[1, 2]);
    let first = follower.part(10, 50).expect("the part is read");
    follower.part(20, 50);
    follower.part(10, 50);
    assert_eq!(follower.receive(frame(&first, &[11], 100, 0)), Some(None));
}

#[test]
fn another_filter_does_not_wait() {
    let mut follower = follower(&[1, 2]);
    follower.part(10, 50);
    let mut query = SessionQuery::default();
    query.filter.search = "anna".to_owned();
    let view = follower.query(query.clone());
    assert_eq!(view, View { query, held: None });
    assert!(shown(&follower).is_empty() && !follower.is_whole(), "what was shown cannot be picked for it");
    follower.receive(frame(&view, &[7], 1, 0));
    assert_eq!(shown(&follower), [(7, false)]);
}

#[test]
fn polling_changes_held_cells_and_counts_but_marks_nothing() {
    let mut follower = follower(&[1, 2]);
    let view = point(&mut follower);
    assert_eq!(follower.polled(&view.query, &page(&[3, 1, 4])), Some(None));
    assert_eq!(shown(&follower), [(1, false), (2, false)]);
    assert_eq!(follower.news().text(), "1 new");
    assert_eq!(follower.polled(&SessionQuery { first: 90, ..view.query }, &page(&[])), None);
}

#[test]
fn a_short_list_is_known_as_a_whole() {
    assert!(follower(&[1, 2]).is_whole());
    let mut follower = follower(&[1, 2]);
    follower.receive(frame(&follower.view(), &[1, 2], 90, 0));
    assert!(!follower.is_whole());
}

#[test]
fn scrolling_a_held_list_turns_to_another_part_of_it() {
    let mut follower = follower(&[1, 2, 3]);
    let held = point(&mut follower);
    follower.receive(frame(&held, &[1, 2, 3], 90, 0));

    let view = follower.part(2, 50).expect("the part is asked for");
    let shown_so_far = Held { as_of: SessionId(3), first: 0, limit: 50, ids: [1, 2, 3].map(SessionId).to_vec() };
    assert!(view.turns_to_another_part());
    assert_eq!((view.query.first, view.held), (2, Some(shown_so_far.clone())));
    let part = Held { first: 2, ids: [3, 7, 8].map(SessionId).to_vec(), ..shown_so_far };
    let key = View { held: Some(part.clone()), ..follower.view() }.key();
    let turned = HeldPart { view: follower.view().key(), held: part, total: 91 };
    assert_eq!(follower.receive(ServerMessage::Held(turned)), Some(None));

    assert_eq!((follower.total(), follower.row(2).map(|row| row.id.0)), (91, Some(3)), "what is known stays in sight");
    assert!(follower.row(3).is_some_and(|row| row.session.is_none() && !row.ended), "what is not is awaited");
    assert_eq!(follower.view().key(), key);
    follower.receive(frame(&follower.view(), &[3, 8], 89, 0));
    assert_eq!(shown(&follower), [(3, false), (7, true), (8, false)]);
    assert!(follower.row(3).is_some_and(|row| row.session.is_none()), "it ended before it was ever seen");
    assert!(!follower.view().turns_to_another_part());
}

#[test]
fn a_part_of_a_list_that_has_been_let_go_is_passed_over() {
    let mut follower = follower(&[1, 2, 3]);
    let held = point(&mut follower);
    follower.receive(frame(&held, &[1, 2, 3], 90, 0));
    let asked = follower.part(2, 50).expect("the part is asked for");
    let view = follower.hands(|hands| hands.pointed = false).expect("read anew");
    let late = HeldPart { view: asked.key(), held: asked.held.expect("it was held"), total: 90 };
    assert_eq!(follower.receive(ServerMessage::Held(late)), None);
    assert_eq!((view.query.first, view.held), (2, None));
}

#[test]
fn polling_reads_another_part_of_a_held_list_anew() {
    let mut follower = follower(&[1, 2, 3]);
    point(&mut follower);
    follower.polled(&SessionQuery::default(), &page(&[1, 2, 3]));
    let asked = follower.part(2, 50).expect("the part is asked for");
    let again = follower.polled(&asked.query, &page(&[8, 9])).flatten().expect("held again");
    assert_eq!((shown(&follower), follower.row(2).map(|row| row.id.0)), (vec![(8, false), (9, false)], Some(8)));
    assert_eq!(again.held.map(|held| (held.first, held.ids.len())), Some((2, 2)));
}
