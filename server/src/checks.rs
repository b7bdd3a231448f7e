//! Checks: for most servers nearly all of their requests. They are read in one piece and answered on the spot.

use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
};

use app::paths;
use axum::{
    BoxError, Router,
    body::{Bytes, HttpBody},
    extract::ConnectInfo,
    response::Response,
};
use futures_util::future::{Either, ready};
use http::Request;

use crate::{
    api::{introspect, sessions::list_at_once},
    forward_auth, router,
    serve::{Answer, Answers, Whole},
    state::AppState,
};

/// What answers the requests of the whole server: its routes, but for checks that are good and pages of the list in an order
/// that is kept up, which are answered without them. Whatever else there is to say, the routes say, also after a panic: one
/// of their answers is 500.
#[derive(Clone)]
pub struct Answering {
    state: AppState,
    routes: Router,
}

impl Answering {
    /// With all routes.
    pub fn new(state: AppState) -> Self {
        Self { routes: router::build(state.clone()), state }
    }
}

impl Answers for Answering {
    fn answer<B>(&self, request: Request<B>) -> impl Future<Output = Response> + Send + use<B>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let at_once = || forward_auth::pass(&self.state, &request).or_else(|| list_at_once(&self.state, &request));
        match catch_unwind(AssertUnwindSafe(at_once)).unwrap_or(None) {
            Some(response) => Either::Left(ready(response)),
            None => Either::Right(self.routes.answer(request)),
        }
    }

    async fn answer_on_the_spot(&self, bytes: &[u8], peer: SocketAddr, answer: &mut Answer) -> bool {
        if !may_be_check(bytes) {
            return false;
        }
        let at_once = |whole: &Whole<'_>| {
            let answer_it = || {
                forward_auth::pass_at_once(&self.state, whole, answer)
                    || introspect::answer_at_once(&self.state, peer, whole, answer)
            };
            let is_answered = catch_unwind(AssertUnwindSafe(answer_it)).unwrap_or(false);
            if is_answered { Some(None) } else { whole.to_request().map(Some) }
        };
        match Whole::read(bytes, at_once).flatten() {
            None => false,
            Some(None) => true,
            Some(Some(mut request)) => {
                request.extensions_mut().insert(ConnectInfo(peer));
                let response = self.routes.answer(request).await;
                answer.write(response, self.state.sessions.now()).await;
                true
            }
        }
    }
}

/// Whether a request line is one of a check, as far as a glance tells.
fn may_be_check(bytes: &[u8]) -> bool {
    let target = bytes.iter().take(8).position(|byte| *byte == b' ').and_then(|space| bytes.get(space + 1..));
    let is_followed = |path: &str, by: &[&[u8]]| {
        let rest = target.and_then(|target| target.strip_prefix(path.as_bytes()));
        rest.is_some_and(|rest| by.iter().any(|next| rest.starts_with(next)))
    };
    is_followed(paths::FORWARD_AUTH, &[b" ", b"?", b"/"]) || is_followed(paths::INTROSPECT, &[b" ", b"?", b"/batch "])
}
