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
use futures_util::FutureExt;
use proptest::{collection::vec, prelude::*, sample::Index};
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime,
};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

use super::*;
use crate::{
    clock::SystemClock,
    live::{hub, websocket},
    user_agent,
};

/// What happens to sessions, or who looks.
#[derive(Clone, Debug)]
enum Step {
    SignIn(Index),
    End(Index),
    Touch(Index),
    Open(Index),
    Leave(Index),
    CatchUp(Index),
    /// Does not read for a while, so that something waits for it.
    Lag(Index),
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
        2 => index().prop_map(Step::CatchUp),
        1 => index().prop_map(Step::Lag),
        3 => Just(Step::Round),
    ]
}

/// What a tab's system takes for it, in bytes, and more than that and what the server's holds.
const NARROW: u32 = 4 * 1_024;
const TOO_MUCH: usize = 100 * 1_024;

/// A tab that reads what it is sent, unless it lags.
struct Tab {
    place: Place,
    outlet: Arc<Outlet>,
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
        let narrow = TcpSocket::new_v4().unwrap();
        narrow.set_recv_buffer_size(NARROW).unwrap();
        let socket = narrow.connect(listener.local_addr().unwrap()).await.unwrap().into_std().unwrap();
        let outlet = Arc::new(Outlet::new(listener.accept().await.unwrap().0));
        let place = view.seat(self.viewer, outlet.clone());
        place.open();
        Tab { place, outlet, socket, shown: Snapshot::default() }
    }

    /// Has all views read and told: then every tab that does not lag shows what is there.
    async fn round(&self, tabs: &mut [Tab]) {
        self.store.begin_round();
        let mut rooms: Vec<_> = self.views.iter().map(|_| Messages::default()).collect();
        let read = self.views.iter().zip(&mut rooms).filter_map(|(view, room)| view.renew(room));
        read.collect::<Vec<_>>().into_iter().for_each(Renewal::tell);
        self.store.end_round();
        for tab in tabs.iter_mut().filter(|tab| !tab.lags()) {
            tab.read().await;
            assert_eq!(tab.shown(), self.fresh(tab.view()));
        }
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
    /// Has more wait for it than goes out before it reads.
    fn lag(&self) {
        let sign = websocket::binary(&wire::encode(&ServerMessage::Tick(Timestamp::default())));
        self.outlet.send(&sign.repeat(TOO_MUCH / sign.len()));
        assert!(!self.outlet.is_free());
    }

    /// Reads, and is told what it has missed.
    async fn catch_up(&mut self) {
        self.read().await;
        self.place.catch_up();
    }

    /// What it is to show, and what it shows: sessions, total and how many are newer.
    fn view(&self) -> &View {
        let Watched::List(view) = &self.place.view.watched else { panic!("not a list") };
        view
    }

    fn shown(&self) -> (Vec<Session>, u64, u64) {
        let Snapshot { sessions, total, newer, .. } = self.shown.clone();
        (sessions, total, newer)
    }

    fn lags(&self) -> bool {
        !self.outlet.is_free()
    }

    /// Reads all that has been sent, and what waits.
    async fn read(&mut self) {
        let mut bytes = Vec::new();
        loop {
            let end = self.socket.read_to_end(&mut bytes).unwrap_err();
            assert_eq!(end.kind(), ErrorKind::WouldBlock);
            if !self.lags() {
                break;
            }
            self.outlet.drained().now_or_never();
            tokio::task::yield_now().await;
        }
        self.socket.read_to_end(&mut bytes).unwrap_err();
        let mut messages = WebSocket::from_raw_socket(Cursor::new(bytes), Role::Client, None);
        while let Ok(message) = messages.read() {
            match wire::decode(&message.into_data()).unwrap() {
                ServerMessage::Snapshot(snapshot) => self.shown = snapshot,
                ServerMessage::Patch(patch) => self.shown.apply(patch),
                ServerMessage::Tick(_) => {}
                ServerMessage::Held(_) | ServerMessage::Range(_) => panic!("a view sends no such thing"),
            }
        }
    }
}

async fn play(steps: Vec<Step>) {
    let mut stage = Stage::new().await;
    let mut tabs = Vec::<Tab>::new();
    for step in steps {
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
            Step::Lag(which) if !tabs.is_empty() => {
                let tab = which.get(&tabs);
                if !tab.lags() {
                    tab.lag();
                }
            }
            Step::CatchUp(which) if !tabs.is_empty() => {
                let at = which.index(tabs.len());
                tabs[at].catch_up().await;
            }
            Step::Round => stage.round(&mut tabs).await,
            Step::End(_) | Step::Touch(_) | Step::Leave(_) | Step::CatchUp(_) | Step::Lag(_) => {}
        }
    }
    for tab in &mut tabs {
        tab.catch_up().await;
    }
    stage.round(&mut tabs).await;
    assert!(tabs.iter().all(|tab| !tab.lags()));
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
    apart.read().await;
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

#[tokio::test]
async fn views_are_told_once_there_is_enough_to_send_or_enough_have_been_read() {
    let mut stage = Stage::new().await;
    let mut tabs = Vec::new();
    for _ in 0..50 {
        tabs.push(stage.open(&stage.views[0]).await);
    }
    for _ in 0..45 {
        stage.sign_in(SessionType::Browser).await;
    }
    let rooms = |count: usize| (0..count).map(|_| Messages::default()).collect::<Vec<_>>();
    let left = hub::renew(&stage.views, &mut rooms(3));
    assert_eq!(left.len(), 2, "50 tabs are to be sent more than 64 kB");
    assert_eq!(hub::renew(left, &mut rooms(1)).len(), 1, "there is room for one");
    assert_eq!(hub::renew(left, &mut rooms(3)).len(), 0);
    for tab in &mut tabs {
        tab.read().await;
        assert_eq!(tab.shown(), stage.fresh(tab.view()));
    }
}
