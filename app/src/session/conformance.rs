//! The suite that every [`SessionStore`] must pass. Each function is a sentence about stores, and panics where it does
//! not hold.
//!
//! A store is handed in as a function that makes fresh, empty ones. The functions bring no runtime of their own.

mod model;

use std::{collections::BTreeSet, future::poll_fn, sync::Arc, time::Duration};

pub use self::model::{any_history_agrees_with_a_model, any_history_of_a_crowd_agrees_with_a_model};
use super::{
    Client, Lifetime, Lifetimes, Session, SessionId, SessionType, Standing, TokenHash,
    column::Column,
    page::Counts,
    query::{Filter, MAX_LIMIT, SessionQuery, Sort},
    selection::{Deleted, Selection, SkipReason, Skipped},
    store::{Activity, Deletion, EndReason, NewSession, Purpose, SessionStore, StoreError},
};
use crate::{scope::Scopes, time::Timestamp};

/// Makes fresh, empty stores.
pub type Fresh<'a> = &'a dyn Fn() -> Arc<dyn SessionStore>;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

const USERS: [&str; 6] = ["anna", "Anna", "anna.berg", "Émile", "ben", "root"];

/// Before the acknowledgement nobody has the token, so that only the time after it can be looked at.
pub async fn a_session_is_found_by_its_token_once_it_is_acknowledged(fresh: Fresh<'_>) {
    let store = fresh();
    assert!(!is_live(&*store, 1));
    let session = create(&*store, new(1, "anna")).await;
    let found = store.check(&token(1), &Lifetimes::default(), START, Activity::User).expect("the session is live");
    assert_eq!((found.id, &*found.username), (session.id, "anna"));
    assert_eq!(store.get(session.id), Some(session.clone()));
    assert_eq!((session.created_at, session.last_active_at), (START, START));
    assert!(!is_live(&*store, 2), "another token is another matter");
}

/// By token, by id, in lists and in counts alike.
pub async fn a_deleted_session_is_out(fresh: Fresh<'_>) {
    let store = fresh();
    let session = create(&*store, new(1, "anna")).await;
    assert_eq!(delete(&*store, Selection::Ids(vec![session.id]), None).await, deleted(1, &[]));
    assert!(!is_live(&*store, 1));
    assert_eq!(store.get(session.id), None);
    assert!(store.of_user("anna").is_empty());
    let page = store.list(&SessionQuery::default(), &Lifetimes::default(), START);
    assert_eq!((page.total, page.counts, page.as_of), (0, Counts::default(), session.id));
}

/// A retry is harmless and tells what had ended already, each id once.
pub async fn a_delete_can_be_repeated(fresh: Fresh<'_>) {
    let store = fresh();
    let id = create(&*store, new(1, "anna")).await.id;
    delete(&*store, Selection::Ids(vec![id]), None).await;
    let never = SessionId(id.0 + 1_000);
    let again = delete(&*store, Selection::Ids(vec![id, never, id]), None).await;
    assert_eq!(again, deleted(0, &[(id, SkipReason::AlreadyEnded), (never, SkipReason::AlreadyEnded)]));
    assert_eq!(delete(&*store, everything(), None).await, deleted(0, &[]));
    assert_eq!(delete(&*store, Selection::Ids(Vec::new()), None).await, deleted(0, &[]));
}

/// Selected by id or by filter: the asker's own sessions stay and are reported.
pub async fn the_spared_user_is_spared(fresh: Fresh<'_>) {
    let store = fresh();
    let own = create(&*store, new(1, "root")).await.id;
    let others = [create(&*store, new(2, "anna")).await.id, create(&*store, new(3, "Root")).await.id];
    let by_id = delete(&*store, Selection::Ids(vec![own, others[0]]), Some("root")).await;
    assert_eq!(by_id, deleted(1, &[(own, SkipReason::OwnUsername)]));
    let by_filter = delete(&*store, everything(), Some("root")).await;
    assert_eq!(by_filter, deleted(1, &[(own, SkipReason::OwnUsername)]));
    assert!(is_live(&*store, 1) && !is_live(&*store, 2) && !is_live(&*store, 3));
}

/// A request that was let in before its session ended changes nothing after that.
pub async fn whoever_has_been_signed_out_changes_nothing(fresh: Fresh<'_>) {
    let store = fresh();
    let asker = Some(create(&*store, new(1, "root")).await.id);
    let id = create(&*store, new(2, "anna")).await.id;
    let deletion = Deletion { asker, ..Deletion::new(Selection::Ids(vec![id]), EndReason::Deleted, START) };
    let registration = |number| NewSession { asker, ..new(number, "ben") };
    create(&*store, registration(3)).await;

    delete(&*store, Selection::Ids(asker.into_iter().collect()), None).await;

    assert_eq!(store.delete(deletion).await, Err(StoreError::AskerEnded));
    assert_eq!(store.create(registration(4)).await, Err(StoreError::AskerEnded));
    assert!(is_live(&*store, 2) && is_live(&*store, 3) && !is_live(&*store, 4));
}

/// The field's most repeated bug: a request in flight brings a deleted session back.
pub async fn a_touch_never_brings_a_session_back(fresh: Fresh<'_>) {
    let store = fresh();
    let id = create(&*store, new(1, "anna")).await.id;
    delete(&*store, Selection::Ids(vec![id]), None).await;
    store.touch(id, after(1));
    assert_eq!(store.check(&token(1), &Lifetimes::default(), after(1), Activity::User), None);
    store.flush().await.expect("the store takes changes");
    assert_eq!((store.get(id), store.list(&SessionQuery::default(), &Lifetimes::default(), START).total), (None, 0));
}

/// User activity does, streaming and polling do not, and nothing moves it back.
pub async fn only_activity_moves_the_last_active_instant(fresh: Fresh<'_>) {
    let store = fresh();
    let id = create(&*store, new(1, "anna")).await.id;
    let last_active_at = || store.get(id).expect("the session is live").last_active_at;
    store.check(&token(1), &Lifetimes::default(), after(60), Activity::Background);
    assert_eq!(last_active_at(), START);
    store.check(&token(1), &Lifetimes::default(), after(90), Activity::User);
    assert_eq!(last_active_at(), after(90));
    store.touch(id, after(30));
    assert_eq!(last_active_at(), after(90));
    store.touch(id, after(120));
    assert_eq!(last_active_at(), after(120));
}

/// Sessions that the administrator could not have seen, and those taken out by hand, stay.
pub async fn a_delete_by_filter_takes_nothing_newer_and_no_exception(fresh: Fresh<'_>) {
    let store = fresh();
    let ids = [
        create(&*store, new(1, "anna")).await.id,
        create(&*store, new(2, "ben")).await.id,
        create(&*store, new(3, "carl")).await.id,
    ];
    let selection = Selection::Matching { filter: Filter::default(), as_of: ids[1], at: None, except: vec![ids[0]] };
    assert_eq!(delete(&*store, selection, None).await, deleted(1, &[]));
    assert!(is_live(&*store, 1) && !is_live(&*store, 2) && is_live(&*store, 3));
}

/// Both deadlines, to the millisecond.
pub async fn an_expired_session_is_refused_before_the_sweep_and_gone_after_it(fresh: Fresh<'_>) {
    let store = fresh();
    let lifetime = Lifetime { idle_timeout: Duration::from_secs(60), absolute_lifetime: Duration::from_secs(100) };
    let lifetimes = Lifetimes::of_all(lifetime);
    let check = |number, at| store.check(&token(number), &lifetimes, at, Activity::User).is_some();
    let just_before = |seconds| Timestamp::from_millis(after(seconds).as_millis() - 1);
    let idle = create(&*store, new(1, "anna")).await.id;
    let busy = create(&*store, new(2, "ben")).await.id;

    assert!(check(1, START) && check(2, just_before(60)));
    assert!(!check(1, after(60)), "idle for too long");
    assert_eq!(store.sweep(lifetimes, after(60)).await, Ok(1));
    assert_eq!((store.get(idle), store.get(busy).is_some()), (None, true));

    assert!(check(2, just_before(100)));
    assert!(!check(2, after(100)), "active, but for too long");
    assert_eq!(store.sweep(lifetimes, after(100)).await, Ok(1));
    assert_eq!(store.sweep(lifetimes, after(100)).await, Ok(0));
    assert_eq!(store.get(busy), None);
}

/// Also not after the newest session has ended.
pub async fn ids_increase_and_are_never_used_again(fresh: Fresh<'_>) {
    let store = fresh();
    let mut newest = SessionId(0);
    for number in 1..=20 {
        let id = create(&*store, new(number, "anna")).await.id;
        assert!(id > newest, "{id} came after {newest}");
        newest = id;
        delete(&*store, everything(), None).await;
        assert_eq!(store.list(&SessionQuery::default(), &Lifetimes::default(), START).as_of, newest);
    }
}

/// Whatever the order, every session is on exactly one page.
pub async fn pages_partition_the_list_in_every_order(fresh: Fresh<'_>) {
    let store = fresh();
    for number in 0..53 {
        let session = NewSession { created_at: after(number % 5), ..new(number, USERS[number as usize % USERS.len()]) };
        create(&*store, session).await;
    }
    for (column, descending) in Column::ALL.into_iter().flat_map(|column| [(column, false), (column, true)]) {
        let page = |first, limit| {
            let query = SessionQuery { sort: Sort { column, descending }, first, limit, ..SessionQuery::default() };
            store.list(&query, &Lifetimes::default(), START)
        };
        let whole = page(0, MAX_LIMIT);
        let parts: Vec<_> = (0..60).step_by(10).flat_map(|first| page(first, 10).sessions).collect();
        assert_eq!(parts, whole.sessions, "by {column:?}, descending: {descending}");
        assert_eq!(parts.iter().map(|session| session.id).collect::<BTreeSet<_>>().len(), 53);
        assert_eq!((whole.total, page(60, 10).total), (53, 53));
    }
}

/// The tiles, whatever the query.
pub async fn counts_equal_the_list(fresh: Fresh<'_>) {
    let store = fresh();
    for (number, session_type) in (0..30).zip(SessionType::ALL.into_iter().cycle()) {
        create(&*store, NewSession { session_type, ..new(number, ["anna", "ben"][usize::from(number > 20)]) }).await;
    }
    let filter = Filter { session_type: Some(SessionType::Other), search: "ben".to_owned() };
    let page = store.list(&SessionQuery { filter, ..SessionQuery::default() }, &Lifetimes::default(), START);
    assert_eq!(page.counts, Counts { active_users: 2, by_type: [10, 10, 10] });
    assert_eq!(page.total, page.sessions.len() as u64);
    assert!(page.sessions.iter().all(|one| &*one.username == "ben" && one.session_type == SessionType::Other));
}

/// In one column, by network, by time, and by what is not wanted.
pub async fn a_search_takes_terms_apart(fresh: Fresh<'_>) {
    let store = fresh();
    let client = Client::new([10, 30, 0, 1].into(), "Mozilla/5.0 Firefox/147.0");
    let browser = NewSession { client, session_type: SessionType::Browser, ..new(1, "firefox") };
    let browser = create(&*store, browser).await.id;
    let plain = create(&*store, new(2, "anna")).await.id;
    store.touch(plain, after(7_200));
    for (search, expected) in [
        ("user:firefox", vec![browser]),
        ("agent:firefox", vec![browser]),
        ("agent:anna", vec![]),
        ("server:keep-01", vec![browser, plain]),
        ("type:browser", vec![browser]),
        ("ip:10.20.0.0/14", vec![plain]),
        ("ip:10.30.0.1", vec![browser]),
        ("-firefox", vec![plain]),
        ("-ip:10.0.0.0/8", vec![]),
        ("idle>1h", vec![browser]),
        ("idle<1h", vec![plain]),
        ("age>1h -user:anna", vec![browser]),
        ("age>3h", vec![]),
        ("idle>never", vec![]),
    ] {
        let filter = Filter { session_type: None, search: search.to_owned() };
        let sort = Sort { column: Column::Username, descending: true };
        let page =
            store.list(&SessionQuery { filter, sort, ..SessionQuery::default() }, &Lifetimes::default(), after(7_260));
        assert_eq!(page.sessions.iter().map(|one| one.id).collect::<Vec<_>>(), expected, "searching {search:?}");
        assert_eq!(page.total, expected.len() as u64);
    }
}

/// In any case, in every column, all words.
pub async fn a_search_finds_by_each_column(fresh: Fresh<'_>) {
    let store = fresh();
    let client = Client::new("2001:db8::1".parse().expect("an address"), "Mozilla/5.0 Firefox/147.0");
    let session_type = SessionType::Browser;
    let odd = NewSession { client, session_type, server_name: "Göteborg".into(), ..new(1, "Émile") };
    let odd = create(&*store, odd).await;
    let plain = create(&*store, new(2, "anna")).await;
    for (search, expected) in [
        ("ÉMI", vec![odd.id]),
        ("2001:DB8", vec![odd.id]),
        ("göte", vec![odd.id]),
        ("firefox/147", vec![odd.id]),
        ("browser", vec![odd.id]),
        ("10.20.1.4 CURL", vec![plain.id]),
        ("\"rest api\"", vec![plain.id]),
        ("keep anna firefox", vec![]),
        ("nobody", vec![]),
        (" ", vec![odd.id, plain.id]),
    ] {
        let filter = Filter { session_type: None, search: search.to_owned() };
        let sort = Sort { column: Column::LastActive, descending: false };
        let page = store.list(&SessionQuery { filter, sort, ..SessionQuery::default() }, &Lifetimes::default(), START);
        assert_eq!(page.sessions.iter().map(|one| one.id).collect::<Vec<_>>(), expected, "searching {search:?}");
    }
}

/// For whoever shows the list live: what is asked for by user, by id, and since.
pub async fn other_reads_agree_with_the_list(fresh: Fresh<'_>) {
    let store = fresh();
    let mut sessions = Vec::new();
    for (number, username) in (0..).zip(["anna", "ben", "anna", "carl"]) {
        sessions.push(create(&*store, new(number, username)).await);
    }
    store.touch(sessions[0].id, after(9));
    let of_anna: Vec<_> = store.of_user("anna").iter().map(|session| session.id).collect();
    assert_eq!(of_anna, [sessions[0].id, sessions[2].id], "newest activity first");
    assert_eq!(["anna", "ben", "nobody"].map(|name| store.count_of_user(name)), [2, 1, 0]);
    let some = [sessions[3].id, SessionId(u64::MAX), sessions[1].id];
    assert_eq!(store.get_many(&some), [sessions[3].clone(), sessions[1].clone()]);
    assert_eq!(store.count_newer(&Filter::default(), sessions[0].id, START), 3);
    let anna = Filter { session_type: None, search: "anna".to_owned() };
    assert_eq!(
        [0, sessions[0].id.0, sessions[2].id.0].map(|id| store.count_newer(&anna, SessionId(id), START)),
        [2, 1, 0]
    );
}

/// Sessions of one type may end sooner than those of another.
pub async fn each_type_has_deadlines_of_its_own(fresh: Fresh<'_>) {
    let store = fresh();
    let short = Lifetime { idle_timeout: Duration::from_secs(10), ..Lifetime::default() };
    let mut lifetimes = Lifetimes::default();
    lifetimes.0[SessionType::Browser.index()] = short;
    for (number, session_type) in (0..).zip(SessionType::ALL) {
        create(&*store, NewSession { session_type, ..new(number, "anna") }).await;
    }
    let live = |seconds| {
        let check = |number| store.check(&token(number), &lifetimes, after(seconds), Activity::Background).is_some();
        [0, 1, 2].map(check)
    };
    assert_eq!([live(9), live(10)], [[true; 3], [true, false, true]]);
    assert_eq!(store.sweep(lifetimes, after(9)).await, Ok(0));
    assert_eq!(store.sweep(lifetimes, after(10)).await, Ok(1));
}

/// It has a deadline of its own instead of the two that others have.
pub async fn what_is_made_to_be_kept_ends_when_it_expires_used_or_not(fresh: Fresh<'_>) {
    let store = fresh();
    let day = 24 * 60 * 60;
    let standing = Some(Arc::new(Standing { name: "Calendar".to_owned(), expires_at: after(90 * day), scopes: None }));
    let session = create(&*store, NewSession { standing: standing.clone(), ..new(1, "anna") }).await;
    create(&*store, new(2, "anna")).await;
    assert_eq!(session.standing, standing);
    let check = |seconds| store.check(&token(1), &Lifetimes::default(), after(seconds), Activity::User);
    assert!(check(89 * day).is_some_and(|found| found.purpose == Purpose::Applications));
    assert_eq!(store.sweep(Lifetimes::default(), after(89 * day)).await, Ok(1), "the other one");
    assert!(check(90 * day - 1).is_some());
    assert!(check(90 * day).is_none(), "although it was used a second ago");
    assert_eq!(store.sweep(Lifetimes::default(), after(90 * day)).await, Ok(1));
    let short = Some(Arc::new(Standing {
        name: "Script".to_owned(),
        expires_at: after(90 * day + 5),
        scopes: Some(Scopes(2)),
    }));
    create(&*store, NewSession { standing: short, created_at: after(90 * day), ..new(3, "anna") }).await;
    let found = store.check(&token(3), &Lifetimes::default(), after(90 * day), Activity::Background);
    assert_eq!(found.map(|found| found.purpose), Some(Purpose::Rest(Scopes(2))));
    assert_eq!(store.sweep(Lifetimes::default(), after(90 * day + 5)).await, Ok(1), "earlier than any other may end");
    let next = create(&*store, NewSession { created_at: after(90 * day), ..new(4, "anna") }).await;
    assert_eq!(next.standing, None, "the place of an app password is a place like others");
}

/// Of a session that is there, and never more than that.
pub async fn where_a_session_is_used_is_noted(fresh: Fresh<'_>) {
    let store = fresh();
    let session = create(&*store, new(1, "anna")).await;
    let other = create(&*store, new(2, "anna")).await;
    let client = Client::new("2001:db8::7".parse().expect("an address"), "DAVx5/4.5");
    assert!(store.note_client(session.id, client.clone()));
    store.note_client(SessionId(u64::MAX), client);
    store.flush().await.expect("the store takes changes");
    let noted = store.get(session.id).expect("the session is live");
    assert_eq!((noted.address.to_string(), &*noted.user_agent), ("2001:db8::7".to_owned(), "DAVx5/4.5"));
    assert_eq!((noted.last_active_at, &noted.username), (session.last_active_at, &session.username));
    assert_eq!(store.get(other.id), Some(other));
    let of = |search: &str| {
        let filter = Filter { session_type: None, search: search.to_owned() };
        store.list(&SessionQuery { filter, ..SessionQuery::default() }, &Lifetimes::default(), START).total
    };
    assert_eq!((of("ip:2001:db8::/32"), of("agent:davx5"), of("agent:curl")), (1, 1, 1));
    delete(&*store, Selection::Ids(vec![session.id]), None).await;
    store.note_client(session.id, Client::new([10, 0, 0, 1].into(), "late"));
    store.flush().await.expect("the store takes changes");
    assert_eq!((store.get(session.id), of("agent:late")), (None, 0), "it does not come back");
}

/// Newest only, but a change is never the last thing that happens.
pub async fn every_change_is_followed_by_a_revision(fresh: Fresh<'_>) {
    let store = fresh();
    let mut revisions = store.revisions();
    let before = store.list(&SessionQuery::default(), &Lifetimes::default(), START).revision;
    let id = create(&*store, new(1, "anna")).await.id;
    let created = poll_fn(|context| revisions.as_mut().poll_next(context)).await.expect("the store is there");
    assert!(created > before && store.list(&SessionQuery::default(), &Lifetimes::default(), START).revision >= created);
    delete(&*store, Selection::Ids(vec![id]), None).await;
    let ended = poll_fn(|context| revisions.as_mut().poll_next(context)).await.expect("the store is there");
    assert!(ended > created);
}

fn new(number: u64, username: &str) -> NewSession {
    NewSession {
        token_hash: token(number),
        username: username.into(),
        session_type: SessionType::RestApi,
        client: Client::new([10, 20, 1, 4].into(), "curl/8.14"),
        server_name: "keep-01".into(),
        created_at: START,
        asker: None,
        standing: None,
    }
}

/// A different hash for each number, spread over all bytes like a real one.
fn token(number: u64) -> TokenHash {
    let mut bytes = [0; 32];
    for (part, rotation) in bytes.chunks_exact_mut(8).zip([0, 7, 21, 42]) {
        let spread = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(rotation);
        part.copy_from_slice(&spread.to_le_bytes());
    }
    TokenHash(bytes)
}

fn after(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn is_live(store: &dyn SessionStore, number: u64) -> bool {
    store.check(&token(number), &Lifetimes::default(), START, Activity::Background).is_some()
}

async fn create(store: &dyn SessionStore, session: NewSession) -> Session {
    store.create(session).await.expect("the store takes changes")
}

async fn delete(store: &dyn SessionStore, selection: Selection, spare: Option<&str>) -> Deleted {
    delete_at(store, selection, spare, START).await
}

async fn delete_at(store: &dyn SessionStore, selection: Selection, spare: Option<&str>, now: Timestamp) -> Deleted {
    let spare = spare.map(Arc::from);
    let deletion = Deletion { spare, ..Deletion::new(selection, EndReason::Deleted, now) };
    store.delete(deletion).await.expect("the store takes changes")
}

fn everything() -> Selection {
    Selection::Matching { filter: Filter::default(), as_of: SessionId(u64::MAX), at: None, except: Vec::new() }
}

fn deleted(deleted: u64, skipped: &[(SessionId, SkipReason)]) -> Deleted {
    Deleted { deleted, skipped: skipped.iter().map(|(id, reason)| Skipped { id: *id, reason: *reason }).collect() }
}
