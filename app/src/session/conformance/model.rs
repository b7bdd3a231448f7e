//! Random histories of a store, held against a sorted map.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use proptest::{
    collection::vec,
    option::weighted,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
    test_runner::{Config, TestRunner},
};

use super::{Fresh, START, USERS, create, delete_at, deleted, token};
use crate::{
    session::{
        Client, Lifetime, Lifetimes, Session, SessionId, SessionType, TokenHash,
        column::Column,
        page::Counts,
        query::{Filter, MAX_LIMIT, SessionQuery, Sort},
        selection::{DeletePreview, SelectedCounts, Selection, SkipReason, TypePreview},
        store::{Activity, NewSession, SessionStore},
    },
    time::Timestamp,
};

/// After each step of a random history, list, counts, previews and checks are those of a sorted map. Blocks its thread,
/// which must be no thread of an asynchronous runtime.
pub fn any_history_agrees_with_a_model(fresh: Fresh<'_>) {
    run(48, (Just(Vec::new()), vec(step(), 1..60)), fresh);
}

/// The same where there are more sessions than fit into one word of bits, or into one block of an order.
pub fn any_history_of_a_crowd_agrees_with_a_model(fresh: Fresh<'_>) {
    run(12, (vec(one_of_a_crowd(), 1_000..1_600), vec(step(), 1..40)), fresh);
}

/// Takes histories of so many sessions that are there at first, and the steps that follow.
fn run(cases: u32, histories: impl Strategy<Value = (Vec<NewSession>, Vec<Step>)>, fresh: Fresh<'_>) {
    let config = Config { cases, max_shrink_iters: 500, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&histories, |(first, steps)| {
        let (store, mut model) = (fresh(), Model::default());
        block_on(async {
            for (index, session) in first.into_iter().enumerate() {
                model.elapsed = Duration::from_millis(index as u64 * 300);
                model.create(&*store, session).await;
            }
            for step in steps {
                model.take(&*store, step).await;
            }
            for (id, token) in model.known.iter().filter(|(id, _)| !model.live.contains_key(id)) {
                let found = store.check(token, &LIFETIMES, model.now(), Activity::User);
                assert_eq!(found, None, "session {id} has come back");
            }
        });
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Create(NewSession),
    Check(usize, Activity),
    Touch(usize),
    DeleteIds { which: Vec<usize>, spare: Option<&'static str> },
    DeleteMatching { filter: Filter, back: u64, except: Vec<usize>, spare: Option<&'static str> },
    Sweep,
    Wait(Duration),
    List(SessionQuery),
}

fn step() -> impl Strategy<Value = Step> {
    let address =
        ["10.20.1.4", "9.8.7.6", "::1", "2001:db8::beef"].map(|text| text.parse::<IpAddr>().expect("an address"));
    let agent = ["", "curl/8.14", "Mozilla/5.0 Firefox/147.0", "mozilla/5.0 firefox/147.0"];
    let server = ["keep-01", "Keep-2"];
    let kind = || select(SessionType::ALL.to_vec());
    let session =
        (select(USERS.to_vec()), kind(), select(address.to_vec()), select(server.to_vec()), select(agent.to_vec()))
            .prop_map(|(username, session_type, address, server_name, agent)| NewSession {
                token_hash: token(0),
                username: username.into(),
                session_type,
                client: Client::new(address, agent),
                server_name: server_name.into(),
                created_at: START,
                asker: None,
                standing: None,
            });
    let filter = || {
        (weighted(0.3, kind()), vec(term(), 0..4))
            .prop_map(|(session_type, terms)| Filter { session_type, search: terms.join(" ") })
    };
    let spare = || weighted(0.5, Just("root"));
    let which = || vec(any::<usize>(), 0..6);
    let activity = prop_oneof![Just(Activity::User), Just(Activity::Background)];
    let sort =
        (select(Column::ALL.to_vec()), any::<bool>()).prop_map(|(column, descending)| Sort { column, descending });
    let first = prop_oneof![0..20_u64, 0..1_700_u64];
    let query = (filter(), sort, first, 0..70_u32).prop_map(|(filter, sort, first, limit)| SessionQuery {
        filter,
        sort,
        first,
        limit,
    });
    prop_oneof![
        8 => session.prop_map(Step::Create),
        3 => (any::<usize>(), activity).prop_map(|(which, activity)| Step::Check(which, activity)),
        3 => any::<usize>().prop_map(Step::Touch),
        2 => (which(), spare()).prop_map(|(which, spare)| Step::DeleteIds { which, spare }),
        1 => (filter(), 0..4_u64, which(), spare())
            .prop_map(|(filter, back, except, spare)| Step::DeleteMatching { filter, back, except, spare }),
        1 => Just(Step::Sweep),
        3 => select(vec![1, 40, 1_000, 3_000, 20_000]).prop_map(|seconds| Step::Wait(Duration::from_secs(seconds))),
        4 => query.prop_map(Step::List),
    ]
}

/// Someone with a name, an address and a client that few others have.
fn one_of_a_crowd() -> impl Strategy<Value = NewSession> {
    (0..200_u32, any::<u16>(), select(SessionType::ALL.to_vec()), 0..30_u32).prop_map(
        |(user, host, session_type, client)| {
            let [third, fourth] = host.to_be_bytes();
            NewSession {
                token_hash: token(0),
                username: format!("user-{user}").into(),
                session_type,
                client: Client::new(IpAddr::from([10, 20, third % 8, fourth]), &format!("client/{client}")),
                server_name: if client % 3 == 0 { "keep-01" } else { "Keep-2" }.into(),
                created_at: START,
                asker: None,
                standing: None,
            }
        },
    )
}

/// A term of a search, of every kind.
fn term() -> impl Strategy<Value = String> {
    let word = || {
        select(vec!["anna", "AN", "émile", "r-1", "10.20", "beef", "rest", "firefox", "keep", "\"rest api\"", "zzz"])
    };
    let column = select(vec!["", "user:", "agent:", "server:"]);
    let name = prop_oneof![
        select(USERS.to_vec()).prop_map(str::to_owned),
        (0..200_u32).prop_map(|user| format!("USER-{user}"))
    ];
    let network = (0..8_u8, 0..33_u32).prop_map(|(third, prefix)| format!("ip:10.20.{third}.4/{prefix}"));
    let time = (select(vec!["idle", "age"]), select(vec!['<', '>']), 0..400_u32)
        .prop_map(|(what, than, seconds)| format!("{what}{than}{seconds}s"));
    let condition = prop_oneof![
        4 => (column, word()).prop_map(|(column, word)| format!("{column}{word}")),
        1 => name.prop_map(|name| format!("user={name}")),
        2 => network,
        1 => Just("ip:2001:db8::/32".to_owned()),
        1 => select(vec!["type:rest", "type:browser", "type:other"]).prop_map(str::to_owned),
        2 => time,
    ];
    (any::<bool>(), condition)
        .prop_map(|(excluded, condition)| if excluded { format!("-{condition}") } else { condition })
}

/// What a store should hold.
#[derive(Default)]
struct Model {
    live: BTreeMap<SessionId, Session>,
    /// All sessions that there ever were, oldest first.
    known: Vec<(SessionId, TokenHash)>,
    elapsed: Duration,
}

impl Model {
    /// Takes one step with the store and compares.
    async fn take(&mut self, store: &dyn SessionStore, step: Step) {
        let now = self.now();
        match step {
            Step::Create(session) => self.create(store, session).await,
            Step::Check(which, activity) => {
                let (id, token) = self.pick(which);
                let session = self.live.get_mut(&id).filter(|session| !has_expired(session, now));
                let found = store.check(&token, &LIFETIMES, now, activity);
                assert_eq!(found.map(|found| found.id), session.as_ref().map(|session| session.id));
                if let (Some(session), Activity::User) = (session, activity) {
                    session.last_active_at = now;
                }
            }
            Step::Touch(which) => {
                let (id, _) = self.pick(which);
                store.touch(id, now);
                if let Some(session) = self.live.get_mut(&id) {
                    session.last_active_at = now;
                }
            }
            Step::DeleteIds { which, spare } => {
                let mut seen = HashSet::new();
                let ids: Vec<_> = which.into_iter().map(|which| self.pick(which).0).collect();
                let distinct = ids.iter().copied().filter(|id| seen.insert(*id)).collect();
                self.delete(store, Selection::Ids(ids), distinct, spare).await;
            }
            Step::DeleteMatching { filter, back, except, spare } => {
                let newest = self.known.last().map_or(0, |(id, _)| id.0);
                let as_of = SessionId(newest.saturating_sub(back));
                let except: Vec<_> = except.into_iter().map(|which| self.pick(which).0).collect();
                let at = Timestamp::from_millis(now.as_millis().saturating_sub(back * 60_000));
                let is_meant = |one: &&Session| one.id <= as_of && !except.contains(&one.id) && filter.matches(one, at);
                let meant = self.live.values().filter(is_meant).map(|session| session.id).collect();
                self.delete(store, Selection::Matching { filter, as_of, at: Some(at), except }, meant, spare).await;
            }
            Step::Sweep => {
                let before = self.live.len();
                self.live.retain(|_, session| !has_expired(session, now));
                let ended = (before - self.live.len()) as u64;
                assert_eq!(store.sweep(LIFETIMES, now).await, Ok(ended));
            }
            Step::Wait(time) => self.elapsed += time,
            Step::List(query) => self.compare(store, &query),
        }
        self.compare(store, &SessionQuery { limit: MAX_LIMIT, ..SessionQuery::default() });
    }

    async fn create(&mut self, store: &dyn SessionStore, session: NewSession) {
        let token_hash = token(self.known.len() as u64);
        let session = create(store, NewSession { token_hash, created_at: self.now(), ..session }).await;
        self.known.push((session.id, token_hash));
        self.live.insert(session.id, session);
    }

    /// Deletes a selection that means these sessions, looking at the preview first.
    async fn delete(
        &mut self,
        store: &dyn SessionStore,
        selection: Selection,
        meant: Vec<SessionId>,
        spare: Option<&str>,
    ) {
        let (live, gone): (Vec<_>, Vec<_>) = meant.into_iter().partition(|id| self.live.contains_key(id));
        let (own, ending): (Vec<_>, Vec<_>) = live.into_iter().partition(|id| Some(&*self.live[id].username) == spare);
        assert_eq!(store.preview(&selection, spare, self.now()), self.preview(&ending, own.len() as u64));
        let view = Filter { session_type: Some(SessionType::Browser), search: "anna".to_owned() };
        let outside = ending.iter().filter(|id| !view.matches(&self.live[id], self.now())).count() as u64;
        let expected = SelectedCounts { sessions: ending.len() as u64, outside };
        assert_eq!(store.count_selected(&selection, spare, &view, self.now()), expected);
        let mut outcome = delete_at(store, selection, spare, self.now()).await;
        outcome.skipped.sort_by_key(|skipped| skipped.id);
        let own = own.into_iter().map(|id| (id, SkipReason::OwnUsername));
        let mut skipped: Vec<_> = own.chain(gone.into_iter().map(|id| (id, SkipReason::AlreadyEnded))).collect();
        skipped.sort_by_key(|(id, _)| *id);
        assert_eq!(outcome, deleted(ending.len() as u64, &skipped));
        self.live.retain(|id, _| !ending.contains(id));
    }

    fn preview(&self, ending: &[SessionId], own: u64) -> DeletePreview {
        let ending: Vec<_> = ending.iter().map(|id| &self.live[id]).collect();
        let of_type = |session_type: SessionType| {
            let sessions: Vec<_> = ending.iter().filter(|session| session.session_type == session_type).collect();
            let mut usernames: Vec<Arc<str>> = Vec::new();
            for session in &sessions {
                if usernames.len() < 3 && !usernames.contains(&session.username) {
                    usernames.push(session.username.clone());
                }
            }
            (!sessions.is_empty()).then_some(TypePreview { session_type, sessions: sessions.len() as u64, usernames })
        };
        let is_recent = |session: &&&Session| self.now().since(session.last_active_at) <= Duration::from_secs(60);
        DeletePreview {
            sessions: ending.len() as u64,
            users: ending.iter().map(|session| &session.username).collect::<BTreeSet<_>>().len() as u64,
            by_type: SessionType::ALL.into_iter().filter_map(of_type).collect(),
            active_last_minute: ending.iter().filter(is_recent).count() as u64,
            own,
        }
    }

    /// Compares an answer to a query with what sorting everything shows.
    fn compare(&self, store: &dyn SessionStore, query: &SessionQuery) {
        let found = self.live.values().filter(|session| query.filter.matches(session, self.now()));
        let mut sessions: Vec<_> = found.cloned().collect();
        sessions.sort_by(|one, other| {
            let order = order(query.sort.column, one, other).then(one.id.cmp(&other.id));
            if query.sort.descending { order.reverse() } else { order }
        });
        let mut counts = Counts::default();
        self.live.values().for_each(|session| counts.by_type[session.session_type.index()] += 1);
        counts.active_users = self.live.values().map(|session| &session.username).collect::<BTreeSet<_>>().len() as u64;
        let page = store.list(query, &LIFETIMES, self.now());
        assert_eq!((page.total, page.counts), (sessions.len() as u64, counts));
        assert_eq!(page.as_of, self.known.last().map_or(SessionId(0), |(id, _)| *id));
        let ids: Vec<_> = sessions.iter().map(|session| session.id).collect();
        assert_eq!(store.ids(&query.filter, query.sort, &LIFETIMES, self.now()), ids, "for {query:?}");
        let expected: Vec<_> = sessions.into_iter().skip(query.first as usize).take(query.limit as usize).collect();
        assert_eq!(page.sessions, expected, "for {query:?}");
    }

    fn now(&self) -> Timestamp {
        START.plus(self.elapsed)
    }

    /// One of the sessions that there ever were, or one that there never was.
    fn pick(&self, which: usize) -> (SessionId, TokenHash) {
        let nobody = (SessionId(u64::MAX), token(u64::MAX));
        which.checked_rem(self.known.len()).map_or(nobody, |which| self.known[which])
    }
}

/// Different for each type, so that an order by a deadline is not that by last activity.
const LIFETIMES: Lifetimes = Lifetimes([of(30, 12 * 60), of(20, 2 * 60), of(45, 60)]);

const fn of(idle_minutes: u64, lifetime_minutes: u64) -> Lifetime {
    Lifetime {
        idle_timeout: Duration::from_secs(idle_minutes * 60),
        absolute_lifetime: Duration::from_secs(lifetime_minutes * 60),
    }
}

fn has_expired(session: &Session, now: Timestamp) -> bool {
    now >= session.deadlines(&LIFETIMES).first()
}

/// Texts in any case, then exactly; the User-Agent by its words, then itself; types as they are shown.
fn order(column: Column, one: &Session, other: &Session) -> Ordering {
    let text = |text: &Arc<str>| (text.to_lowercase(), text.clone());
    let agent = |session: &Session| {
        let (client, raw) = (&session.client, &session.user_agent);
        (client.to_lowercase(), raw.to_lowercase(), client.clone(), raw.clone())
    };
    let idle = |session: &Session| session.deadlines(&LIFETIMES).idle_timeout;
    match column {
        Column::Username => text(&one.username).cmp(&text(&other.username)),
        Column::SessionType => one.session_type.label().cmp(other.session_type.label()),
        Column::Address => one.address.cmp(&other.address),
        Column::LastActive => one.last_active_at.cmp(&other.last_active_at),
        Column::ServerName => text(&one.server_name).cmp(&text(&other.server_name)),
        Column::UserAgent => agent(one).cmp(&agent(other)),
        Column::IdleTimeout => idle(one).cmp(&idle(other)),
        Column::AbsoluteLifetime => {
            one.deadlines(&LIFETIMES).absolute_lifetime.cmp(&other.deadlines(&LIFETIMES).absolute_lifetime)
        }
    }
}

/// Waits for a future on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}
