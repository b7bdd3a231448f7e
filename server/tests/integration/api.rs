//! REST.

use std::time::Duration;

use app::{
    error::AppError,
    principal::Role,
    server_fns::{DeleteSessions, ListSessions},
    session::{
        SessionId, SessionType,
        query::SessionQuery,
        selection::{Deleted, Selection, SkipReason, Skipped},
    },
    wire,
};
use axum::body::Body;
use futures_util::{StreamExt, stream};
use http::{Method, header};
use serde_json::json;

use crate::support::{PASSWORD, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_over_rest_returns_the_token_once_and_it_works() {
    let server = TestServer::start().await;
    let answer = server.anonymous().post("/api/v1/sessions", json!({"username": "admin", "password": PASSWORD})).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["session"]["username"], "Admin");
    assert_eq!(body["session"]["session_type"], "rest");
    assert_eq!(body["session"]["address"], "127.0.0.1");
    assert_eq!(body["session"]["server_name"], "keep-01");
    assert_eq!(body["session"]["created_at"], "2027-01-15T08:00:00.000Z");
    assert!(body["session"]["id"].is_u64());

    let mut asker = server.anonymous();
    asker.token = Some(body["token"].as_str().unwrap().to_owned());
    let own = asker.get("/api/v1/session").await;
    assert_eq!(own.status, 200);
    assert_eq!(own.json()["session"], body["session"]);
    assert_eq!(own.json()["role"], "administrator");
    assert!(!own.text.contains(asker.token.as_deref().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_user_wrong_password_and_disabled_account_are_answered_alike() {
    let server = TestServer::start().await;
    server.user("anna").await;
    server.state.accounts.set_disabled("anna", true, None).await.unwrap();
    let mut bodies = Vec::new();
    for (username, password) in
        [("nobody", PASSWORD), ("admin", "wrong password"), ("anna", PASSWORD), ("a b", PASSWORD)]
    {
        let answer =
            server.anonymous().post("/api/v1/sessions", json!({"username": username, "password": password})).await;
        assert_eq!(answer.status, 401);
        bodies.push(answer.text);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down() {
    let server = TestServer::start().await;
    let guess = async || {
        server.anonymous().post("/api/v1/sessions", json!({"username": "admin", "password": "guess guess"})).await
    };
    for _ in 0..5 {
        assert_eq!(guess().await.status, 401);
    }
    let slowed = guess().await;
    slowed.assert_problem(429, "Try again in 1 s");
    assert_eq!(slowed.header("retry-after"), "1");
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(guess().await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_registers_other_sessions_and_nobody_else() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    let body =
        json!({"username": "ANNA", "session_type": "other", "address": "10.9.0.3", "user_agent": "restic/0.18.0"});
    server.anonymous().post("/api/v1/sessions", body.clone()).await.assert_problem(401, "sign in");
    anna.post("/api/v1/sessions", body.clone()).await.assert_problem(403, "administrator");
    let session = admin.post("/api/v1/sessions", body).await.json()["session"].clone();
    assert_eq!(session["username"], "anna");
    assert_eq!(session["session_type"], "other");
    assert_eq!(session["address"], "10.9.0.3");
    assert_eq!(session["client"], "restic 0.18");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_ends_what_was_registered_under_its_name() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let body = json!({"username": "Anna", "session_type": "other", "address": "10.9.0.3"});
    let registered = admin.post("/api/v1/sessions", body.clone()).await.json();
    assert_eq!(registered["session"]["username"], "anna");
    server.state.accounts.add("Anna", Role::User, PASSWORD, server.state.sessions.now(), None).await.unwrap();
    admin.get(&format!("/api/v1/sessions/{}", registered["session"]["id"])).await.assert_problem(404, "session");
    assert_eq!(admin.post("/api/v1/sessions", body).await.json()["session"]["username"], "Anna");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_session_never_carries_an_administrators_rights() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    server.state.accounts.add("root", Role::Administrator, PASSWORD, server.state.sessions.now(), None).await.unwrap();
    let body = json!({"username": "root", "session_type": "other", "address": "10.9.0.3"});
    let created = admin.post("/api/v1/sessions", body).await.json();
    let mut registered = server.anonymous();
    registered.token = created["token"].as_str().map(str::to_owned);
    assert_eq!(registered.get("/api/v1/session").await.json()["role"], "user");
    registered.get("/api/v1/sessions").await.assert_problem(401, "sign in");
    registered.delete(&format!("/api/v1/sessions/{}", admin.id)).await.assert_problem(401, "sign in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_session_ends_before_its_body_does_nothing() {
    let server = TestServer::start().await;
    let (slow, anna) = (server.admin().await, server.user("anna").await);
    let sessions = server.state.sessions.clone();
    let (first, ended) = (format!("{{\"ids\": [{}", anna.id), SessionId(slow.id));
    let rest = async move {
        sessions.sign_out(ended).await.unwrap();
        Ok::<_, std::io::Error>("]}".to_owned())
    };
    let body = stream::iter([Ok(first)]).chain(stream::once(rest));
    let request =
        slow.request(Method::POST, "/api/v1/sessions/delete").header(header::CONTENT_TYPE, "application/json");
    slow.send(request.body(Body::from_stream(body)).unwrap()).await.assert_problem(401, "sign in");
    assert_eq!(anna.get("/api/v1/session").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_whose_asker_hangs_up_goes_on_to_its_end() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    {
        let form = format!("username=anna&password={}", PASSWORD.replace(' ', "+"));
        let request = std::pin::pin!(anna.submit("/sign-in", &form));
        // Polled once, and dropped like a request whose connection is gone while the password is tried.
        _ = futures_util::future::poll_immediate(request).await;
    }
    server.state.tasks.close();
    server.state.tasks.wait().await;
    assert_eq!(anna.get("/api/v1/session").await.status, 401, "the last step, after the new session was established");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_function_cannot_read_is_the_senders_fault() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let cut = wire::encode(&"anna");
    let too_long = wire::encode(&(Selection::Ids(Vec::new()), "more"));
    for (path, body) in [("/rpc/sign_in", cut), ("/rpc/delete_sessions", too_long)] {
        let request = admin.request(Method::POST, path).header(header::CONTENT_TYPE, "application/octet-stream");
        let answer = admin.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
        assert!(matches!(answer.message(), AppError::Invalid(problem) if problem.contains("reload the page")));
    }
    let json = admin.request(Method::POST, "/rpc/sign_out").header(header::CONTENT_TYPE, "application/json");
    let answer = admin.send(json.body(Body::from("{}")).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.message()), (426, AppError::OtherVersion));
    let selection = Selection::Ids((1_000_000..1_020_000).map(SessionId).collect());
    let many = admin.call(&DeleteSessions { selection }).await;
    assert_eq!(many.message::<Deleted>().deleted, 0, "as many as REST takes");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_is_signed_in_may_send_a_large_body_and_only_to_delete() {
    let server = TestServer::start().await;
    let (admin, nobody) = (server.admin().await, server.anonymous());
    let large = json!({"ids": (0..20_000).map(|id| id + 1_000_000).collect::<Vec<_>>()});
    assert_eq!(admin.post("/api/v1/sessions/delete", large.clone()).await.status, 200);
    nobody.post("/api/v1/sessions/delete", large.clone()).await.assert_problem(413, "65536 bytes");
    admin.post("/api/v1/sessions", large.clone()).await.assert_problem(413, "65536 bytes");
    assert_eq!(nobody.post("/rpc/sign_in", large).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_asks_for_too_much_is_refused_on_every_path() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let query = SessionQuery { limit: u32::MAX, ..SessionQuery::default() };
    assert_eq!(admin.call(&ListSessions { query, input: false }).await.status, 400);
    let long = json!({"query": {"q": "x".repeat(300)}, "as_of": 9});
    admin.post("/api/v1/sessions/delete", long).await.assert_problem(400, "shorten the search");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_user_agent_is_kept_to_512_bytes() {
    let server = TestServer::start().await;
    let body =
        json!({"username": "anna", "session_type": "other", "address": "10.9.0.3", "user_agent": "é".repeat(5_000)});
    let answer = server.admin().await.post("/api/v1/sessions", body).await;
    assert_eq!(answer.json()["session"]["user_agent"], "é".repeat(256));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_counts_filters_sorts_and_pages() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for name in ["anna", "berta", "anna"] {
        server.clock.advance(Duration::from_secs(1));
        server.signed_in(name, SessionType::Browser).await;
    }
    server.clock.advance(Duration::from_secs(1));
    let all = admin.get("/api/v1/sessions").await.json();
    assert_eq!((&all["active_users"], &all["active_sessions"], &all["total"]), (&json!(3), &json!(4), &json!(4)));
    let names = |list: &serde_json::Value| -> Vec<String> {
        list["sessions"].as_array().unwrap().iter().map(|row| row["username"].as_str().unwrap().to_owned()).collect()
    };
    // Asking is activity: Admin is the one who was active last.
    assert_eq!(names(&all), ["Admin", "anna", "berta", "anna"]);
    let browsers = admin.get("/api/v1/sessions?type=browser&sort=username&limit=2").await.json();
    assert_eq!((names(&browsers), &browsers["total"]), (vec!["anna".to_owned(), "anna".to_owned()], &json!(3)));
    let rest = admin.get("/api/v1/sessions?type=browser&sort=username&first=2").await.json();
    assert_eq!(names(&rest), ["berta"]);
    let found = admin.get("/api/v1/sessions?q=BERT").await.json();
    assert_eq!((names(&found), &found["active_sessions"]), (vec!["berta".to_owned()], &json!(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_means_out_at_once_and_delete_is_idempotent() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    assert_eq!(anna.get("/api/v1/session").await.status, 200);
    assert_eq!(admin.delete(&format!("/api/v1/sessions/{}", anna.id)).await.status, 204);
    anna.get("/api/v1/session").await.assert_problem(401, "sign in");
    assert_eq!(anna.get("/forward-auth").await.status, 401);
    assert_eq!(admin.delete(&format!("/api/v1/sessions/{}", anna.id)).await.status, 204);
    assert_eq!(admin.delete("/api/v1/sessions/999999").await.status, 204);
    admin.get(&format!("/api/v1/sessions/{}", anna.id)).await.assert_problem(404, "session");
}

#[tokio::test(flavor = "multi_thread")]
async fn your_own_sessions_are_refused_on_every_path() {
    let server = TestServer::start().await;
    let (admin, second) = (server.admin().await, server.admin().await);
    for id in [admin.id, second.id] {
        admin.delete(&format!("/api/v1/sessions/{id}")).await.assert_problem(409, "My Sessions");
    }
    let many = admin.post("/api/v1/sessions/delete", json!({"ids": [admin.id, second.id]})).await.json();
    assert_eq!(many["deleted"], 0);
    assert_eq!(many["skipped"][1], json!({"id": second.id, "reason": "own_username"}));
    let everything =
        admin.post("/api/v1/sessions/delete", json!({"query": {}, "as_of": 999, "all": true})).await.json();
    assert_eq!(everything["deleted"], 0);
    let plain = admin.submit("/reports/sessions", &format!("ids={}&ids={}", admin.id, second.id)).await;
    assert_eq!(plain.header("location"), "/reports/sessions?deleted=0&skipped=2");
    let console = admin.call(&DeleteSessions { selection: Selection::Ids(vec![SessionId(second.id)]) }).await;
    let skipped = vec![Skipped { id: SessionId(second.id), reason: SkipReason::OwnUsername }];
    assert_eq!(console.message::<Deleted>(), Deleted { deleted: 0, skipped });
    assert_eq!(second.get("/api/v1/session").await.status, 200);
    assert_eq!(admin.get("/api/v1/session").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_deleted_by_ids_or_by_query() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.signed_in("anna", SessionType::Browser).await.id);
        server.signed_in("berta", SessionType::Other).await;
    }
    let outcome = admin.post("/api/v1/sessions/delete", json!({"ids": [ids[0], ids[1], 4_711]})).await.json();
    assert_eq!(outcome, json!({"deleted": 2, "skipped": [{"id": 4_711, "reason": "already_ended"}]}));
    let as_of = admin.get("/api/v1/sessions").await.json()["as_of"].clone();
    let newer = server.signed_in("berta", SessionType::Other).await;
    let outcome =
        admin.post("/api/v1/sessions/delete", json!({"query": {"type": "other"}, "as_of": as_of})).await.json();
    assert_eq!(outcome["deleted"], 3);
    assert_eq!(newer.get("/api/v1/session").await.status, 200);
    admin
        .post("/api/v1/sessions/delete", json!({"query": {}, "as_of": as_of}))
        .await
        .assert_problem(400, "\"all\": true");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sees_and_ends_nothing_of_others() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    anna.get("/api/v1/sessions").await.assert_problem(403, "administrator");
    anna.get(&format!("/api/v1/sessions/{}", admin.id)).await.assert_problem(404, "session");
    anna.delete(&format!("/api/v1/sessions/{}", admin.id)).await.assert_problem(403, "administrator");
    anna.post("/api/v1/sessions/delete", json!({"ids": [admin.id]})).await.assert_problem(403, "administrator");
    anna.get("/metrics").await.assert_problem(403, "administrator");
    anna.delete(&format!("/api/v1/sessions/{}", anna.id)).await.assert_problem(409, "My Sessions");
    assert_eq!(anna.get(&format!("/api/v1/sessions/{}", anna.id)).await.status, 200);
    assert_eq!(anna.submit("/account/sessions", &format!("id={}", admin.id)).await.status, 404);
    assert_eq!(admin.get("/api/v1/session").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    assert_eq!(anna.delete("/api/v1/session").await.status, 204);
    assert_eq!(anna.get("/api/v1/session").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_answered_with_what_to_change() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let raw = async |body: &'static str| {
        let request = admin.request(Method::POST, "/api/v1/sessions").header(header::CONTENT_TYPE, "application/json");
        admin.send(request.body(Body::from(body)).unwrap()).await
    };
    raw("{").await.assert_problem(400, "line 1");
    raw(r#"{"username": "a", "password": "b", "colour": 1}"#).await.assert_problem(400, "unknown field `colour`");
    raw(r#"{"username": "a", "username": "b", "password": "c"}"#)
        .await
        .assert_problem(400, "duplicate field `username`");
    raw(r#"{"username": "a"}"#).await.assert_problem(400, "'password' is missing");
    raw(r#"{"username": "a", "session_type": "ftp"}"#).await.assert_problem(400, "rest, browser or other");
    raw(r#"{"username": "a", "session_type": "other"}"#).await.assert_problem(400, "'address' is missing");
    raw(r#"{"username": "a", "session_type": "other", "address": "10.0.0"}"#)
        .await
        .assert_problem(400, "not an IP address");
    raw(r#"{"username": "a\u202eb", "session_type": "other", "address": "10.0.0.1"}"#)
        .await
        .assert_problem(400, "bidirectional");
    let untyped = admin.request(Method::POST, "/api/v1/sessions").body(Body::from("{}")).unwrap();
    admin.send(untyped).await.assert_problem(415, "application/json");
    for (query, parameter) in [("type=ftp", "type"), ("sort=size", "sort"), ("limit=0", "limit"), ("page=2", "page")] {
        let answer = admin.get(&format!("/api/v1/sessions?{query}")).await;
        answer.assert_problem(400, parameter);
        assert_eq!(answer.json()["parameter"], parameter);
    }
    admin.get("/api/v1/sessions/abc").await.assert_problem(400, "whole number");
    admin.delete("/api/v1/sessions/-1").await.assert_problem(400, "whole number");
    admin.get("/api/v1/sessions/%FF").await.assert_problem(400, "UTF-8");
    admin.get("/api/v1/sessions?q=idle%3Elong").await.assert_problem(400, "idle>2h");
    admin.get("/api/v1/nothing").await.assert_problem(404, "/api");
    admin.delete("/api/v1/openapi.json").await.assert_problem(405, "method");
    admin.post("/api/v1/sessions/delete", json!({})).await.assert_problem(400, "'ids'");
    admin
        .post("/api/v1/sessions/delete", json!({"query": {"typ": "rest"}, "as_of": 1}))
        .await
        .assert_problem(400, "unknown field");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_names_every_rest_address() {
    let server = TestServer::start().await;
    let document = server.anonymous().get("/api/v1/openapi.json").await.json();
    let mut documented: Vec<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    let mut routed: Vec<_> = server::router::routes(server.state.clone())
        .into_iter()
        .map(|route| route.path)
        .filter(|path| path.starts_with("/api/") && !path.ends_with("openapi.json"))
        .collect();
    documented.sort();
    routed.sort();
    routed.dedup();
    assert_eq!(documented, routed);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_lists_and_ends_their_own_sessions_and_no_others() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    let elsewhere = server.signed_in("anna", SessionType::Browser).await;
    let made = anna.post("/api/v1/app-passwords", json!({ "name": "calendar", "expires_in_days": 30 })).await;
    let kept = made.json()["session"]["id"].as_u64().unwrap();
    let own = async || {
        let list = anna.get("/api/v1/account/sessions").await.json();
        let mut ids: Vec<_> =
            list["sessions"].as_array().unwrap().iter().map(|session| session["id"].as_u64().unwrap()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(own().await, [anna.id, elsewhere.id, kept]);

    let path = |id: u64| format!("/api/v1/account/sessions/{id}");
    for id in [kept, elsewhere.id, elsewhere.id] {
        assert_eq!(anna.delete(&path(id)).await.status, 204);
    }
    assert_eq!(own().await, [anna.id]);
    assert_eq!(elsewhere.get("/api/v1/session").await.status, 401);
    anna.delete(&path(admin.id)).await.assert_problem(404, "session");
    admin.delete(&path(anna.id)).await.assert_problem(404, "session");
    anna.delete(&path(anna.id)).await.assert_problem(409, "DELETE /api/v1/session");
    anna.delete("/api/v1/account/sessions/x").await.assert_problem(400, "whole number");
    assert_eq!(admin.get("/api/v1/session").await.status, 200);
}
