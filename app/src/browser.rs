//! What the page asks of the browser, beyond what its views say.
//!
//! Compiled on both sides, so that components need no `cfg`: they call it from effects and event handlers, which never
//! run on the server, or where the feature `ssr` is not.

pub(crate) mod channel;

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use gloo_timers::{
    callback::{Interval, Timeout},
    future::TimeoutFuture,
};
use js_sys::{Date, Function, Object, Reflect, Uint8Array};
use leptos::prelude::{document, window};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Element, Event, EventTarget, FocusOptions, HtmlElement, HtmlInputElement, RequestInit, Response,
};

use crate::{error::AppError, paths, session::SessionId, time::Timestamp};

/// The id of the element that carries the page's data.
pub(crate) const CARRIED: &str = "page-data";

/// In seconds.
const YEAR: u32 = 365 * 24 * 60 * 60;

/// Says on `<html data-hydrated>` that the page has come alive: its event handlers are attached.
pub fn mark_hydrated() {
    if let Some(html) = document().document_element() {
        _ = html.set_attribute("data-hydrated", "");
    }
}

/// What of the document comes alive.
pub fn living() -> Option<HtmlElement> {
    document().query_selector("main").ok()??.dyn_into().ok()
}

/// The message that is the page's data, which the document carries as Base64; empty if it carries none.
pub(crate) fn carried() -> Vec<u8> {
    let text = document().get_element_by_id(CARRIED).and_then(|carried| carried.text_content()).unwrap_or_default();
    // A character for each byte.
    window().atob(&text).unwrap_or_default().chars().map(|character| character as u8).collect()
}

/// The device's clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(Date::now() as u64)
}

/// How many minutes the device's time zone is behind UTC at an instant: -60 in Berlin in winter.
pub(crate) fn minutes_behind_utc(at: Timestamp) -> i64 {
    Date::new(&JsValue::from_f64(at.as_millis() as f64)).get_timezone_offset() as i64
}

/// Keeps a value for the server for a year.
pub(crate) fn keep_cookie(name: &str, value: &str) {
    let protection = if window().location().protocol().as_deref() == Ok("https:") { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; Max-Age={YEAR}; SameSite=Lax{protection}");
    _ = Reflect::set(&document(), &"cookie".into(), &cookie.into());
}

/// Calls `action` again and again.
pub(crate) fn every(millis: u32, action: impl FnMut() + 'static) {
    Interval::new(millis, action).forget();
}

/// Calls `action` once.
pub(crate) fn after(delay: Duration, action: impl FnOnce() + 'static) {
    Timeout::new(in_millis(delay), action).forget();
}

/// Waits for `action` and gives it up after a while.
pub(crate) async fn within<T>(patience: Duration, action: impl Future<Output = T>) -> Option<T> {
    let (mut action, mut up) = (pin!(action), pin!(TimeoutFuture::new(in_millis(patience))));
    poll_fn(|context| match action.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => up.as_mut().poll(context).map(|()| None),
    })
    .await
}

fn in_millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// A function that JavaScript can call; it lives as long as the page.
pub(crate) fn callback(action: impl FnMut(Event) + 'static) -> Function {
    Closure::<dyn FnMut(Event)>::new(action).into_js_value().unchecked_into()
}

/// Calls `action` at each event of this kind.
pub(crate) fn listen(target: &EventTarget, kind: &str, action: impl FnMut(Event) + 'static) {
    _ = target.add_event_listener_with_callback(kind, &callback(action));
}

/// Goes to another page.
pub(crate) fn go(address: &str) {
    _ = window().location().assign(address);
}

/// Changes the address of this page without loading it.
pub(crate) fn rename(address: &str) {
    if address == here() {
        return;
    }
    if let Ok(history) = window().history() {
        _ = history.replace_state_with_url(&JsValue::NULL, "", Some(address));
    }
}

/// Goes to the sign-in page, which says why and leads back here.
pub(crate) fn sign_in_again(reason: &str) {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", &here()).append_pair("reason", reason);
    go(&(paths::SIGN_IN.to_owned() + "?" + &query.finish()));
}

/// Goes to the sign-in page when a request was refused because the session has ended; tells whether it was.
pub(crate) fn is_signed_out(error: &AppError) -> bool {
    let signed_out = *error == AppError::Unauthorized;
    if signed_out {
        sign_in_again("ended");
    }
    signed_out
}

/// Loads this page anew. Not as it was asked for, which may have been with a form: that is not to be sent again.
pub(crate) fn load_anew() {
    go(&here());
}

fn here() -> String {
    let location = window().location();
    location.pathname().unwrap_or_default() + &location.search().unwrap_or_default()
}

/// Ends a request that nobody waits for any more: it would keep others from being sent.
struct AbortOnDrop(AbortController);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends a body and waits for the answer: its HTTP status and its body. `None` when the server cannot be
/// reached.
pub(crate) fn post(
    path: &str,
    content_type: &str,
    body: Vec<u8>,
) -> impl Future<Output = Option<(u16, Vec<u8>)>> + Send {
    SendWrapper::new(async move {
        let headers = Object::new();
        Reflect::set(&headers, &"content-type".into(), &content_type.into()).ok()?;
        let request = RequestInit::new();
        request.set_method("POST");
        request.set_headers(&headers);
        request.set_body(&Uint8Array::from(body.as_slice()));
        let (response, _abort) = fetch(path, &request).await?;
        let body = JsFuture::from(response.array_buffer().ok()?).await.ok()?;
        Some((response.status(), Uint8Array::new(&body).to_vec()))
    })
}

/// Whether there is a server that answers.
pub(crate) async fn is_there() -> bool {
    fetch(paths::HEALTH, &RequestInit::new()).await.is_some_and(|(response, _)| response.status() < 500)
}

/// The beginning of an answer, and what ends the request when it is dropped.
async fn fetch(path: &str, request: &RequestInit) -> Option<(Response, AbortOnDrop)> {
    let abort = AbortOnDrop(AbortController::new().ok()?);
    request.set_signal(Some(&abort.0.signal()));
    let response = JsFuture::from(window().fetch_with_str_and_init(path, request)).await.ok()?;
    Some((response.unchecked_into(), abort))
}

/// Moves the focus without scrolling.
pub(crate) fn focus(element: &HtmlElement) {
    let options = FocusOptions::new();
    options.set_prevent_scroll(true);
    _ = element.focus_with_options(&options);
}

/// Takes the focus from whatever has it.
pub(crate) fn blur() {
    if let Some(active) = document().active_element().and_then(|active| active.dyn_into::<HtmlElement>().ok()) {
        _ = active.blur();
    }
}

/// Where an element begins and ends on the screen, in pixels from the top.
pub(crate) fn extent(element: &Element) -> (f64, f64) {
    let rect = element.get_bounding_client_rect();
    (rect.y(), rect.y() + rect.height())
}

/// The height of the part of the page that is on the screen, in pixels.
pub(crate) fn screen_height() -> f64 {
    document().document_element().map_or(0.0, |html| f64::from(html.client_height()))
}

/// Scrolls the page down by this many pixels.
pub(crate) fn scroll_by(pixels: f64) {
    window().scroll_by_with_x_and_y(0.0, pixels);
}

/// Whether an element that is open in front of the page, or that takes text, has the keyboard.
pub(crate) fn is_keyboard_taken(event: &Event) -> bool {
    let typing = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok())
        .is_some_and(|target| matches(&target, "input:not([type=checkbox], [type=radio]), textarea, select"));
    typing || document().query_selector("dialog[open], :popover-open").is_ok_and(|open| open.is_some())
}

fn matches(element: &Element, selector: &str) -> bool {
    element.matches(selector).unwrap_or(false)
}

/// All elements within this one that a selector selects, in the order of the document.
pub(crate) fn all(within: &Element, selector: &str) -> impl Iterator<Item = Element> + use<> {
    let found = within.query_selector_all(selector).ok();
    let length = found.as_ref().map_or(0, |found| found.length());
    (0..length).filter_map(move |index| found.as_ref()?.item(index)?.dyn_into().ok())
}

/// The sessions whose checkbox the user checked before the page came alive.
pub(crate) fn checked_beforehand() -> Vec<SessionId> {
    let boxes = document().document_element().into_iter().flat_map(|root| all(&root, "input[name=ids]:checked"));
    boxes.filter_map(|found| found.dyn_into::<HtmlInputElement>().ok()?.value().parse().ok()).collect()
}
