use std::{
    io::{Cursor, ErrorKind, Read},
    net::TcpStream,
};

use app::{
    live::{Held, ServerMessage, Snapshot, View},
    session::{
        Client, Lifetimes, Session, SessionType, TokenHash,
        query::SessionQuery,
        selection::Selection,
        service::{Clock, Sessions},
        store::{Deletion, EndReason, NewSession, SessionStore},
    },
    time::Timestamp,
    wire,
};
use proptest::{collection::vec, prelude::*, sample::Index};
use tokio::{net::TcpListener, runtime};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

use super::*;
use crate::{clock::SystemClock, user_agent};

/// What happens to sessions, or who looks.
#[derive(Clone, Debug)]
enum Step {
    SignIn(Index),
    End(Index),
    Touch(Index),
    Open(Index),
    Leave(Index),
    CatchUp(Index),
    Round,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        3 => index().prop_map(Step::SignIn),
        2 => index().prop_map(Step::End),
        1 => index().prop_map(Step::Touch),
        4 => index().prop_map(Step::Open),
        2 => index().prop_map(Step::Leave),
        1 => index().prop_map(Step::CatchUp),
        3 => Just(Step::Round),
    ]
}

/// A tab that reads what it is sent.
struct Tab {
    place: Place,
    socket: TcpStream,
    shown: Snapshot,
}

/// A store with views of it.
struct Stage {
    store: RedbStore,
    sessions: Arc<Sessions>,
    clock: SystemClock,
    viewer: SessionId,
    views: Vec<Arc<ShownView>>,
    /// How many sessions have been signed in.
    came: u8,
}

impl Stage {
    async fn new() -> Self {
        let store = RedbStore::in_memory(user_agent::in_words).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let sessions = Arc::new(Sessions::new(Arc::new(store.clone()), clock, Lifetimes::default(), "keep-01"));
        let mut stage =
            Self { store, sessions, clock: SystemClock::default(), viewer: SessionId(0), views: Vec::new(), came: 0 };
        stage.viewer = stage.sign_in(SessionType::Browser).await.id;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(stage.sign_in(SessionType::RestApi).await.id);
        }
        let list = |query: &str| View { query: SessionQuery::parse(query).unwrap(), held: None };
        let held = Held { as_of: ids[2], first: 0, limit: 50, ids };
        let views = [list(""), list("type=rest&first=1&limit=2"), View { held: Some(held), ..list("sort=username") }];
        let at_once = Arc::new(AtOnce::new(stage.sessions.clone(), stage.store.clone()));
        let shown = |view| {
            let (store, at_once) = (stage.store.clone(), at_once.clone());
            Arc::new(ShownView::new(Watched::List(view), store, at_once, None, Arc::default()))
        };
        stage.views = views.map(shown).to_vec();
        stage
    }

    async fn sign_in(&mut self, session_type: SessionType) -> Session {
        self.came += 1;
        let session = NewSession {
            token_hash: TokenHash([self.came; 32]),
            username: format!("user {}", self.came % 3).into(),
            session_type,
            client: Client::new([10, 0, 0, 7].into(), "curl/8.14"),
            server_name: "keep-01".into(),
            created_at: self.clock.now(),
            asker: None,
            standing: None,
        };
        self.store.create(session).await.unwrap()
    }

    /// All but the viewer's own.
    fn others(&self) -> Vec<Session> {
        let everything = SessionQuery { limit: 1_000, ..SessionQuery::default() };
        let mut sessions = self.store.list(&everything, &Lifetimes::default(), self.clock.now()).sessions;
        sessions.retain(|session| session.id != self.viewer);
        sessions
    }

    async fn open(&self, view: &Arc<ShownView>) -> Tab {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let outlet = Outlet::new(listener.accept().await.unwrap().0);
        let place = view.seat(self.viewer, Arc::new(outlet));
        place.open();
        Tab { place, socket, shown: Snapshot::default() }
    }

    /// What a tab is to show.
    fn fresh(&self, view: &View) -> (Vec<Session>, u64, u64) {
        let now = self.clock.now();
        let page = self.store.list(&view.query, &Lifetimes::default(), now);
        match &view.held {
            None => (page.sessions, page.total, 0),
            Some(held) => {
                let newer = self.others().iter().filter(|session| session.id > held.as_of).count() as u64;
                (self.store.get_many(&held.ids), page.total, newer)
            }
        }
    }
}

impl Tab {
    /// Reads all that has been sent.
    fn read(&mut self) {
        let mut bytes = Vec::new();
        let end = self.socket.read_to_end(&mut bytes).unwrap_err();
        assert_eq!(end.kind(), ErrorKind::WouldBlock);
        let mut messages = WebSocket::from_raw_socket(Cursor::new(bytes), Role::Client, None);
        while let Ok(message) = messages.read() {
            match wire::decode(&message.into_data()).unwrap() {
                ServerMessage::Snapshot(snapshot) => self.shown = snapshot,
                ServerMessage::Patch(patch) => self.shown.apply(patch),
                ServerMessage::Held(_) | ServerMessage::Range(_) | ServerMessage::Tick(_) => {
                    panic!("a view sends no such thing")
                }
            }
        }
    }
}

async fn play(steps: Vec<Step>) {
    let mut stage = Stage::new().await;
    let mut tabs = Vec::<Tab>::new();
    for step in steps.into_iter().chain([Step::Round]) {
        let others = stage.others();
        match step {
            Step::SignIn(one) => _ = stage.sign_in(*one.get(&SessionType::ALL)).await,
            Step::End(which) if !others.is_empty() => {
                let ended = Selection::Ids(vec![which.get(&others).id]);
                stage.store.delete(Deletion::new(ended, EndReason::Deleted, stage.clock.now())).await.unwrap();
            }
            Step::Touch(which) if !others.is_empty() => {
                let session = which.get(&others);
                stage.store.touch(session.id, Timestamp::from_millis(session.last_active_at.as_millis() + 1));
            }
            Step::Open(view) => tabs.push(stage.open(view.get(&stage.views)).await),
            Step::Leave(which) if !tabs.is_empty() => drop(tabs.swap_remove(which.index(tabs.len()))),
            Step::CatchUp(which) if !tabs.is_empty() => which.get(&tabs).place.catch_up(),
            Step::Round => {
                let mut rooms: Vec<_> = stage.views.iter().map(|_| Messages::default()).collect();
                let read = stage.views.iter().zip(&mut rooms).filter_map(|(view, room)| view.renew(room));
                read.collect::<Vec<_>>().into_iter().for_each(Renewal::tell);
                for tab in &mut tabs {
                    tab.read();
                    let Watched::List(view) = &tab.place.view.watched else { panic!("not a list") };
                    let Snapshot { sessions, total, newer, .. } = tab.shown.clone();
                    assert_eq!((sessions, total, newer), stage.fresh(view));
                }
            }
            Step::End(_) | Step::Touch(_) | Step::Leave(_) | Step::CatchUp(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whoever has come, gone and been told apart from the others before.
    #[test]
    fn after_a_round_every_tab_shows_what_a_fresh_read_gives(steps in vec(step(), 0..40)) {
        runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(steps));
    }
}

#[tokio::test]
async fn a_tab_that_came_between_rounds_is_not_forgotten_when_another_comes() {
    let mut stage = Stage::new().await;
    let everything = stage.views[0].clone();
    let first = stage.open(&everything).await;
    stage.sign_in(SessionType::Browser).await;
    let mut apart = stage.open(&everything).await;
    drop(first);
    let ended = Selection::Ids(vec![stage.others()[0].id]);
    stage.store.delete(Deletion::new(ended, EndReason::Deleted, stage.clock.now())).await.unwrap();
    let _newcomer = stage.open(&everything).await;
    everything.renew(&mut Messages::default()).unwrap().tell();
    apart.read();
    assert_eq!(apart.shown.total, 4);
}

#[tokio::test]
async fn rows_that_are_held_are_read_again_only_when_one_has_changed() {
    let mut stage = Stage::new().await;
    let held = stage.views[2].clone();
    let _tab = stage.open(&held).await;
    held.renew(&mut Messages::default());
    let are_read = |stage: &Stage| {
        let (view, before) = (held.watched.read_at_once().unwrap(), held.lock().run);
        assert!(before.is_some());
        let mut are_read = None;
        stage.views[2].at_once.read(view, held.key, before, &mut Messages::default(), |reading| {
            are_read = Some(reading.run(None).is_some());
        });
        are_read.unwrap()
    };
    assert!(!are_read(&stage));
    stage.sign_in(SessionType::RestApi).await;
    assert!(!are_read(&stage));
    // All of them, so that they stand one behind the other again.
    let later = Timestamp::from_millis(stage.clock.now().as_millis() + 1_000);
    for id in &held.watched.read_at_once().unwrap().held.as_ref().unwrap().ids {
        stage.store.touch(*id, later);
    }
    assert!(are_read(&stage));
}
