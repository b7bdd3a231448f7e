//! App passwords: made once, good only in front of applications, gone for good when their session is.

use std::time::Duration;

use app::session::{Client, SessionType, store::SessionStore};
use axum::body::Body;
use base64::prelude::{BASE64_STANDARD, Engine};
use http::{Method, header};
use serde_json::json;

use crate::support::{Answer, Asker, TestServer};

async fn create(asker: &Asker<'_>, name: &str) -> (String, u64) {
    let answer = asker.post("/api/v1/app-passwords", json!({ "name": name, "expires_in_days": 90 })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let body = answer.json();
    (body["password"].as_str().unwrap().to_owned(), body["session"]["id"].as_u64().unwrap())
}

async fn basic(server: &TestServer, path: &str, username: &str, password: &str) -> Answer {
    let credentials = BASE64_STANDARD.encode(format!("{username}:{password}"));
    let request = server.anonymous().request(Method::GET, path);
    let request = request.header(header::AUTHORIZATION, format!("Basic {credentials}"));
    server.anonymous().send(request.header(header::USER_AGENT, "DAVx5/4.5").body(Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_password_passes_as_its_user_and_shows_where_it_is_used() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    let (password, id) = create(&anna, " Calendar ").await;
    let answer = basic(&server, "/forward-auth", "ANNA", &password).await;
    assert_eq!((answer.status.as_u16(), answer.header("remote-user")), (200, "anna"));
    assert_eq!((answer.header("remote-role"), answer.header("remote-session")), ("user", id.to_string().as_str()));

    server.state.store.flush().await.unwrap();
    let session = admin.get(&format!("/api/v1/sessions/{id}")).await.json();
    assert_eq!((&session["session_type"], &session["user_agent"]), (&json!("other"), &json!("DAVx5/4.5")));
    assert_eq!(session["app_password"]["name"], "Calendar");
    let listed = admin.get("/api/v1/sessions?type=other").await.json();
    assert_eq!(listed["sessions"][0], session);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_good_for_nothing_else() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let (password, _) = create(&admin, "Backup").await;
    let mut asker = server.anonymous();
    asker.token = Some(password.clone());
    assert_eq!(asker.get("/api/v1/session").await.status, 401, "as a bearer token");
    assert_eq!(asker.open("/reports/sessions").await.status, 303, "as a cookie");
    assert_eq!(asker.open("/forward-auth").await.status, 401, "as a cookie there");
    assert_eq!(asker.get("/forward-auth").await.status, 401, "as a bearer token there");
    assert_eq!(basic(&server, "/api/v1/sessions", "Admin", &password).await.status, 401, "by Basic elsewhere");
    let answer = basic(&server, "/forward-auth", "Admin", &password).await;
    assert_eq!((answer.status.as_u16(), answer.header("remote-role")), (200, "user"), "never as an administrator");
    for (username, secret) in [
        ("anna", password.as_str()),
        ("", &password),
        ("Admin", &password.to_uppercase()),
        ("Admin", admin.token.as_deref().unwrap()),
        ("Admin", crate::support::PASSWORD),
    ] {
        assert_eq!(basic(&server, "/forward-auth", username, secret).await.status, 401, "{username}:{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_outlives_other_deadlines_but_no_delete_and_no_change_of_the_account() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let (first, first_id) = create(&anna, "One").await;
    let (second, _) = create(&anna, "Two").await;
    server.clock.advance(Duration::from_secs(40 * 24 * 60 * 60));
    server.state.sessions.sweep().await.unwrap();
    assert_eq!(basic(&server, "/forward-auth", "anna", &first).await.status, 200);

    let admin = server.admin().await;
    admin.delete(&format!("/api/v1/sessions/{first_id}")).await;
    assert_eq!(basic(&server, "/forward-auth", "anna", &first).await.status, 401);
    assert_eq!(basic(&server, "/forward-auth", "anna", &second).await.status, 200);

    server.state.accounts.set_disabled("anna", true, None).await.unwrap();
    assert_eq!(basic(&server, "/forward-auth", "anna", &second).await.status, 401);
    server.state.accounts.set_disabled("anna", false, None).await.unwrap();
    assert_eq!(basic(&server, "/forward-auth", "anna", &second).await.status, 401, "for good");
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_made_past_a_change_of_the_account() {
    let server = TestServer::start().await;
    for round in 0..40 {
        let anna = server.user("anna").await;
        let wishes = (0..6).map(async |number| {
            let wish = json!({ "name": format!("{round}-{number}"), "expires_in_days": 1 });
            let answer = anna.post("/api/v1/app-passwords", wish).await;
            (answer.status == 201).then(|| answer.json()["password"].as_str().unwrap().to_owned())
        });
        let disable = async {
            tokio::time::sleep(Duration::from_micros(round * 20)).await;
            server.state.accounts.set_disabled("anna", true, None).await.unwrap();
        };
        let (made, ()) = tokio::join!(futures_util::future::join_all(wishes), disable);
        assert_eq!(server.state.sessions.store().count_of_user("anna"), 0, "round {round}");
        server.state.accounts.set_disabled("anna", false, None).await.unwrap();
        for password in made.into_iter().flatten() {
            assert_eq!(basic(&server, "/forward-auth", "anna", &password).await.status, 401, "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_wishes_are_told_and_make_nothing() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    for (name, days, words) in [
        ("", 90, "'name' has"),
        ("  ", 90, "'name' has"),
        ("a\nb", 90, "'name' has"),
        (&"x".repeat(65), 90, "1 to 64 bytes"),
        ("x", 0, "1 to 366 days"),
        ("x", 367, "1 to 366 days"),
    ] {
        let wish = json!({ "name": name, "expires_in_days": days });
        anna.post("/api/v1/app-passwords", wish).await.assert_problem(400, words);
    }
    let registered = server.signed_in("anna", SessionType::Other).await;
    let wish = json!({ "name": "x", "expires_in_days": 1 });
    assert_eq!(registered.post("/api/v1/app-passwords", wish.clone()).await.status, 401);
    let ghost = Client::new([10, 0, 0, 7].into(), "curl/8.14");
    let (token, _) = server.state.sign_in.establish("ghost".into(), SessionType::RestApi, ghost).await.unwrap();
    let mut ghost = server.anonymous();
    ghost.token = Some(token.expose().to_owned());
    ghost.post("/api/v1/app-passwords", wish.clone()).await.assert_problem(401, "sign in");
    for _ in 0..50 {
        create(&anna, "x").await;
    }
    anna.post("/api/v1/app-passwords", wish).await.assert_problem(400, "end one");
}
