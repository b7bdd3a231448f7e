//! Signing in and out, cookies, tokens, deadlines.

use std::time::Duration;

use app::{
    principal::Role,
    server_fns::{ListSessions, SignIn, SignOut},
    session::{SessionType, query::SessionQuery, service::Clock, store::SessionStore},
};
use axum::body::Body;
use futures_util::future::join_all;
use http::{Method, header};
use serde_json::json;

use server::config::Config;

use crate::support::{Asker, PASSWORD, TestServer, config};

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_form_sets_the_cookie_and_goes_where_it_was_asked_to() {
    let server = TestServer::start().await;
    let form =
        format!("username=admin&password={}&next=%2Freports%2Fsessions%3Ftype%3Drest", PASSWORD.replace(' ', "+"));
    let answer = server.anonymous().submit("/sign-in", &form).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/reports/sessions?type=rest"));
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("keepwatch=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let mut asker = server.anonymous();
    asker.token = cookie.split(['=', ';']).nth(1).map(str::to_owned);
    let page = asker.open("/reports/sessions").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Active Sessions"));
    assert_eq!(asker.get("/api/v1/session").await.json()["session"]["session_type"], "rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn next_never_leads_away() {
    let server = TestServer::start().await;
    for next in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2F%5Cevil.example", "javascript%3Aalert(1)"] {
        let form = format!("username=admin&password={}&next={next}", PASSWORD.replace(' ', "+"));
        let answer = server.anonymous().submit("/sign-in", &form).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"), "{next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_page_for_an_application_makes_a_browser_session_and_returns_there() {
    let server = TestServer::start().await;
    let sign_in = async |rd: &str| {
        let form = format!("username=admin&password={}&rd={rd}", PASSWORD.replace(' ', "+"));
        server.anonymous().submit("/sign-in", &form).await
    };
    let answer = sign_in("https%3A%2F%2Fwiki.example.com%2Fstart").await;
    assert_eq!(answer.header("location"), "https://wiki.example.com/start");
    let foreign = sign_in("https%3A%2F%2Fevil.example%2F").await;
    assert_eq!((foreign.status.as_u16(), foreign.header("set-cookie")), (400, ""));
    assert!(foreign.text.contains("--application https://evil.example"), "{}", foreign.text);
    let page = server.anonymous().open("/sign-in?rd=https%3A%2F%2Fevil.example%2F").await;
    assert_eq!(page.status, 400);
    assert!(!page.text.contains("type=\"password\""), "nobody is asked for a password on the way there");
    let admin = server.admin().await;
    assert_eq!(admin.get("/api/v1/sessions?type=browser").await.json()["total"], 1);
    assert_eq!(admin.get("/api/v1/sessions").await.json()["total"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_over_a_session_ends_it() {
    let server = TestServer::start().await;
    let (anna, admin) = (server.user("anna").await, server.admin().await);
    let form = format!("username=anna&password={}", PASSWORD.replace(' ', "+"));
    let again = anna.submit("/sign-in", &form).await;
    assert_eq!(again.status, 303);
    assert_eq!(anna.get("/api/v1/session").await.status, 401);
    let wrong = admin.submit("/sign-in", "username=anna&password=wrong+password").await;
    assert_eq!(wrong.status, 401);
    assert_eq!(admin.get("/api/v1/session").await.status, 200, "a failed sign-in ends nothing");
    let (username, password, next) = ("anna".to_owned(), PASSWORD.to_owned(), "/".to_owned());
    assert_eq!(admin.call(&SignIn { username, password, next }).await.status, 200);
    assert_eq!(admin.get("/api/v1/session").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn right_passwords_side_by_side_are_not_slowed_down() {
    let server = TestServer::start().await;
    let client = server.anonymous();
    let sign_in = || client.post("/api/v1/sessions", json!({"username": "admin", "password": PASSWORD}));
    let answers = join_all((0..12).map(|_| sign_in())).await;
    assert!(
        answers.iter().all(|answer| answer.status == 201),
        "{:?}",
        answers.iter().map(|one| one.status).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sign_in_shows_the_page_again_with_the_name_kept() {
    let server = TestServer::start().await;
    let answer = server.anonymous().submit("/sign-in", "username=anna&password=wrong+password&next=%2F").await;
    assert_eq!(answer.status, 401);
    assert!(answer.text.contains("The username or password is not right."), "{}", answer.text);
    assert!(answer.text.contains("value=\"anna\""));
    assert!(!answer.text.contains("wrong password"));
    assert_eq!(answer.header("set-cookie"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_is_told_why_at_the_sign_in_page() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    admin.delete(&format!("/api/v1/sessions/{}", anna.id)).await;
    let answer = anna.open("/account/sessions").await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), "/sign-in?next=%2Faccount%2Fsessions&reason=deleted");
    let page = anna.open(answer.header("location")).await;
    assert!(page.text.contains("Your session was ended by an administrator."));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_cookie_or_one_bearer_token_is_believed() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let token = admin.token.clone().unwrap();
    let get = async |pairs: &[(header::HeaderName, String)]| {
        let mut request = server.anonymous().request(Method::GET, "/api/v1/session");
        for (name, value) in pairs {
            request = request.header(name, value);
        }
        admin.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
    };
    let bearer = (header::AUTHORIZATION, format!("Bearer {token}"));
    let cookie = (header::COOKIE, format!("keepwatch={token}"));
    assert_eq!(get(std::slice::from_ref(&bearer)).await, 200);
    assert_eq!(get(std::slice::from_ref(&cookie)).await, 200);
    assert_eq!(get(&[bearer.clone(), bearer.clone()]).await, 401);
    assert_eq!(get(&[cookie.clone(), cookie.clone()]).await, 401);
    assert_eq!(get(&[(header::AUTHORIZATION, format!("Basic {token}")), cookie.clone()]).await, 401);
    assert_eq!(get(&[(header::COOKIE, format!("other={token}"))]).await, 401);
    assert_eq!(server.anonymous().get(&format!("/api/v1/session?token={token}")).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_token_is_never_adopted() {
    let server = TestServer::start().await;
    let mut asker = server.anonymous();
    asker.token = Some("a".repeat(64));
    assert_eq!(asker.get("/api/v1/session").await.status, 401);
    let form = format!("username=admin&password={}", PASSWORD.replace(' ', "+"));
    let answer = asker.submit("/sign-in", &form).await;
    assert!(!answer.header("set-cookie").contains(&"a".repeat(64)));
    assert_eq!(asker.get("/api/v1/session").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_and_absolute_deadlines_hold_and_polling_is_not_activity() {
    let server = TestServer::start().await;
    let (poller, worker, typist) = (server.admin().await, server.admin().await, server.user("anna").await);
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let poll = |input| ListSessions { query: SessionQuery::default(), input };
    server.clock.advance(minutes(20));
    assert_eq!(poller.call(&poll(false)).await.status, 200);
    assert_eq!(typist.call(&poll(true)).await.status, 403, "but it was input");
    assert_eq!(worker.get("/api/v1/session").await.status, 200);
    server.clock.advance(minutes(10));
    assert_eq!(poller.get("/api/v1/session").await.status, 401);
    assert_eq!(typist.get("/api/v1/session").await.status, 200);
    assert_eq!(worker.get("/api/v1/session").await.status, 200);
    for _ in 0..35 {
        server.clock.advance(minutes(20));
        worker.get("/api/v1/session").await;
    }
    assert_eq!(worker.get("/api/v1/session").await.status, 401);
    server.state.sessions.sweep().await.unwrap();
    assert_eq!(server.admin().await.get("/api/v1/sessions").await.json()["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_or_reset_account_is_out_at_once() {
    let server = TestServer::start().await;
    let (anna, berta) = (server.user("anna").await, server.user("berta").await);
    server.state.accounts.set_disabled("anna", true, None).await.unwrap();
    server.state.accounts.set_password("berta", "another password", None).await.unwrap();
    assert_eq!(anna.get("/api/v1/session").await.status, 401);
    assert_eq!(berta.get("/api/v1/session").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn anonymous_requests_leave_no_session_behind() {
    let server = TestServer::start().await;
    for path in ["/", "/sign-in", "/reports/sessions", "/api/v1/session", "/healthz"] {
        for _ in 0..20 {
            server.anonymous().open(path).await;
        }
    }
    assert_eq!(server.admin().await.get("/api/v1/sessions").await.json()["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_https_the_cookie_is_bound_to_the_host() {
    let mut https = config();
    https.public_url = Some("https://keep.example.com".parse().unwrap());
    let server = TestServer::with_config(https).await;
    let form = format!("username=admin&password={}", PASSWORD.replace(' ', "+"));
    let request = server
        .anonymous()
        .browser(Method::POST, "/sign-in")
        .header(header::ORIGIN, "https://keep.example.com")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = server.anonymous().send(request.body(Body::from(form)).unwrap()).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-keepwatch=") && cookie.contains("; Secure"), "{cookie}");
    assert!(answer.header("strict-transport-security").starts_with("max-age="));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_from_the_console_does_the_same_as_the_form() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let answer = anna.call(&SignOut {}).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert!(answer.header("clear-site-data").contains("cache"));
    assert_eq!(anna.get("/api/v1/session").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_clears_the_cookie_and_what_is_on_the_screen() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let answer = anna.submit("/sign-out", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/sign-in?reason=signed_out"));
    assert!(
        answer.header("set-cookie").starts_with("keepwatch=; ") && answer.header("set-cookie").contains("Max-Age=0")
    );
    assert!(answer.header("clear-site-data").contains("cache"));
    assert_eq!(anna.get("/api/v1/session").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn my_sessions_ends_the_others_but_not_the_one_in_use() {
    let server = TestServer::start().await;
    let (one, other) = (server.user("anna").await, server.signed_in("anna", SessionType::Browser).await);
    assert_eq!(one.submit("/account/sessions", &format!("id={}", other.id)).await.status, 303);
    assert_eq!(other.get("/api/v1/session").await.status, 401);
    assert_eq!(one.submit("/account/sessions", &format!("id={}", one.id)).await.status, 400);
    assert_eq!(one.get("/api/v1/session").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_a_session_that_has_ended_is_acknowledged_by_the_store() {
    let server = TestServer::start().await;
    let (one, other) = (server.user("anna").await, server.signed_in("anna", SessionType::Browser).await);
    other.delete("/api/v1/session").await;
    assert_eq!(one.submit("/account/sessions", &format!("id={}", other.id)).await.status, 303);
    server.state.store.close().unwrap();
    let again = one.submit("/account/sessions", &format!("id={}", other.id)).await;
    assert_eq!(again.status, 503, "what cannot be made durable is not acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_the_oldest_session_of_the_user_ends() {
    let server = TestServer::with_config(Config { sessions_per_user: Some(2), ..config() }).await;
    let other = server.admin().await;
    server.state.accounts.add("anna", Role::User, PASSWORD, server.clock.now(), None).await.unwrap();
    let mut of_anna = Vec::new();
    for _ in 0..3 {
        server.clock.advance(Duration::from_secs(1));
        of_anna.push(signed_in_as_anna(&server).await);
        let wish = json!({ "name": "kept", "expires_in_days": 1 });
        assert_eq!(of_anna.last().unwrap().post("/api/v1/app-passwords", wish).await.status, 201, "does not count");
        let wish = json!({ "username": "anna", "session_type": "other", "address": "10.9.0.3" });
        assert_eq!(other.post("/api/v1/sessions", wish).await.status, 201, "nor does this");
    }
    let statuses = join_all(of_anna.iter().map(async |anna| anna.get("/api/v1/session").await.status.as_u16())).await;
    assert_eq!(statuses, [401, 200, 200]);
    assert_eq!(other.get("/api/v1/session").await.status, 200);
    let page = of_anna[0].open("/sign-in").await.text;
    assert!(page.contains("this was your oldest session"), "{page}");

    let many = join_all((0..8).map(|_| signed_in_as_anna(&server))).await;
    let live = join_all(many.iter().map(async |anna| anna.get("/api/v1/session").await.status == 200)).await;
    assert_eq!(live.iter().filter(|live| **live).count(), 2, "also when all come at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_signed_in_over_makes_room_for_the_new_one() {
    let server = TestServer::with_config(Config { sessions_per_user: Some(2), ..config() }).await;
    server.state.accounts.add("anna", Role::User, PASSWORD, server.clock.now(), None).await.unwrap();
    let (phone, console) = (signed_in_as_anna(&server).await, signed_in_as_anna(&server).await);
    let form = format!("username=anna&password={}&next=", PASSWORD.replace(' ', "+"));
    assert_eq!(console.submit("/sign-in", &form).await.status, 303);
    let statuses = [phone.get("/api/v1/session").await.status, console.get("/api/v1/session").await.status];
    assert_eq!(statuses, [200, 401], "the phone has nothing to do with it");
    assert_eq!(server.state.store.count_of_user("anna"), 2);
}

/// A session that anna has signed in to by her password.
async fn signed_in_as_anna(server: &TestServer) -> Asker<'_> {
    let credentials = json!({ "username": "anna", "password": PASSWORD });
    let answer = server.anonymous().post("/api/v1/sessions", credentials).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let mut anna = server.anonymous();
    anna.token = Some(answer.json()["token"].as_str().unwrap().to_owned());
    anna.id = answer.json()["session"]["id"].as_u64().unwrap();
    anna
}
