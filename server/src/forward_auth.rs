//! `/forward-auth`: whether a request to an application behind a reverse proxy may pass.
//!
//! The proxy asks with the headers of the request it holds back. Nothing among them decides but the session token;
//! those that say where the request went only tell where signing in may lead back to, which is checked there.

use std::time::Instant;

use app::{paths, principal::Principal, time::Timestamp};
use axum::{
    Extension,
    body::Body,
    response::{AppendHeaders, Html, IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header, header::LOCATION};
use url::{Url, form_urlencoded};

use crate::{
    api::problem::Problem,
    auth::authenticate::{Asker, Presented, judge, presented},
    header_values::HeaderValues,
    metrics::Checker,
    serve::{Answer, Whole},
    state::AppState,
};

/// Answers the request of somebody signed in that may pass, without the way through the routes; `false` for all others: the
/// routes find out why.
pub fn pass_at_once(state: &AppState, request: &Whole<'_>, answer: &mut Answer) -> bool {
    if !is_check(request.method, request.path()) {
        return false;
    }
    let (begun, now) = (Instant::now(), state.sessions.now());
    let Some(headers) = may_pass(state, request, now) else { return false };
    answer.begin(StatusCode::OK, now);
    answer.header(NO_STORE.0.as_str(), NO_STORE.1.as_bytes());
    headers.iter().for_each(|(name, value)| answer.header(name.as_str(), value.as_bytes()));
    answer.end(b"");
    state.metrics.count_answer(paths::FORWARD_AUTH, StatusCode::OK, begun.elapsed());
    true
}

/// The same for a request that hyper has read.
pub fn pass<B>(state: &AppState, request: &Request<B>) -> Option<Response> {
    if !is_check(request.method().as_str(), request.uri().path()) {
        return None;
    }
    let (begun, now) = (Instant::now(), state.sessions.now());
    let headers = may_pass(state, request.headers(), now)?;
    let response = (AppendHeaders([NO_STORE]), AppendHeaders(headers)).into_response();
    state.metrics.count_answer(paths::FORWARD_AUTH, StatusCode::OK, begun.elapsed());
    Some(response)
}

/// None of our other headers: no browser sees them, and every proxy would read them each time.
const NO_STORE: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

fn is_check(method: &str, path: &str) -> bool {
    method == Method::GET.as_str() && path == paths::FORWARD_AUTH
}

/// What the application is told if a check is one of somebody signed in that may pass; counts it then.
fn may_pass(state: &AppState, headers: &impl HeaderValues, now: Timestamp) -> Option<[(HeaderName, HeaderValue); 3]> {
    let credential = presented(state, paths::FORWARD_AUTH, headers)?;
    let Asker::User(principal) = judge(state, paths::FORWARD_AUTH, &credential, now)? else { return None };
    let headers = headers_of(&principal)?;
    state.metrics.count_check(Checker::ForwardAuth, true);
    Some(headers)
}

/// The answer of the route, which lets nobody through who is not signed in.
///
/// # Errors
/// 401 when the username cannot stand in a header.
pub async fn check(Extension(asker): Extension<Principal>) -> Result<impl IntoResponse, Problem> {
    let headers = headers_of(&asker).ok_or(Problem::new(401, "the username cannot be passed on in a header"))?;
    Ok((StatusCode::OK, AppendHeaders(headers)))
}

/// What the application is told: `Remote-User`, `Remote-Role` and `Remote-Session`.
fn headers_of(asker: &Principal) -> Option<[(HeaderName, HeaderValue); 3]> {
    let name = HeaderValue::from_bytes(asker.username.as_bytes()).ok()?;
    let role = HeaderValue::from_static(asker.role.as_str());
    let session = HeaderValue::from(asker.session_id.0);
    Some(
        [("remote-user", name), ("remote-role", role), ("remote-session", session)]
            .map(|(header, value)| (HeaderName::from_static(header), value)),
    )
}

/// The answer 401. When a browser goes to a page it has a `Location`, the sign-in page that leads back there. Else it has
/// none, because what is no page cannot be come back to; a client that is no browser is asked for an app password.
///
/// With `?denied=303` in the address that the proxy asks at, the answer for a page is 303: for proxies that can only hand
/// the answer on.
pub fn refuse(state: &AppState, request: &Request<Body>) -> Response {
    let asked = Asked::of(request);
    let bare = Problem::new(401, "sign in first");
    if !asked.is_page {
        let mut response = bare.into_response();
        // git and others send an app password only when they are asked for one. A browser would ask its user.
        if !state.cookie.is_among(request.headers()) && !request.headers().contains_key("sec-fetch-mode") {
            let challenge = HeaderValue::from_static("Basic realm=\"Keepwatch\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        return response;
    }
    let presented = request.extensions().get::<Presented>();
    let location = sign_in_address(state, presented, asked.url.as_ref());
    let Ok(header) = HeaderValue::from_str(location.as_str()) else { return bare.into_response() };
    let is_for_browsers = request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "denied=303"));
    let status = if is_for_browsers { StatusCode::SEE_OTHER } else { StatusCode::UNAUTHORIZED };
    // The parser has escaped whatever could end the attribute.
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sign in</title><p><a href=\"{}\">Sign in</a> \
         to go on.</p></html>\n",
        location.as_str().replace('&', "&amp;")
    );
    (status, [(LOCATION, header)], Html(page)).into_response()
}

/// The request that the proxy holds back, as far as the proxy tells.
struct Asked {
    url: Option<Url>,
    /// Whether a browser goes to it: not what a script fetches, nor what changes something.
    is_page: bool,
}

impl Asked {
    fn of(request: &Request<Body>) -> Self {
        let headers = request.headers();
        let method = ["x-original-method", "x-forwarded-method"].into_iter().find_map(|name| only(headers, name));
        let method = method.unwrap_or(request.method().as_str());
        let is_html = only(headers, header::ACCEPT.as_str()).is_some_and(|accepted| accepted.contains("text/html"));
        let is_read = [Method::GET, Method::HEAD].iter().any(|read| read.as_str() == method);
        Self { url: original_url(request), is_page: is_read && is_html }
    }
}

/// `X-Original-URL`, or `X-Forwarded-Proto`, `-Host` and `-Uri`; of the last two also what stands behind
/// `/forward-auth` and in `Host`, where Envoy puts them.
fn original_url(request: &Request<Body>) -> Option<Url> {
    let headers = request.headers();
    let url = match only(headers, "x-original-url") {
        Some(url) => url.to_owned(),
        None => {
            let scheme = only(headers, "x-forwarded-proto")?;
            let behind = request.uri().path_and_query()?.as_str().strip_prefix(paths::FORWARD_AUTH);
            let target = only(headers, "x-forwarded-uri").or(behind.filter(|path| path.starts_with('/')))?;
            let host = only(headers, "x-forwarded-host").or(only(headers, header::HOST.as_str()))?;
            format!("{scheme}://{host}{target}")
        }
    };
    Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// A header that occurs once and is text.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn sign_in_address(state: &AppState, presented: Option<&Presented>, back: Option<&Url>) -> Url {
    let mut address = state.public_url.clone();
    address.set_path(paths::SIGN_IN);
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(back) = back {
        query.append_pair("rd", back.as_str());
    }
    if let Some(reason) = presented.and_then(|Presented(token)| state.store.end_reason(token)) {
        query.append_pair("reason", reason.as_str());
    }
    let query = query.finish();
    address.set_query(Some(&query).filter(|query| !query.is_empty()).map(String::as_str));
    address
}
