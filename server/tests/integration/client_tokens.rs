//! Client tokens and introspection: what a token may do, and what is told of the tokens of others.

use app::{scope::Scope, session::SessionType};
use axum::body::Body;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use server::{auth::authenticate::Access, router};

use crate::support::{Answer, Asker, TestServer};

async fn client<'a>(server: &'a TestServer, admin: &Asker<'_>, scopes: &[Scope]) -> Asker<'a> {
    let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    let wish = json!({ "name": "Wiki", "scopes": scopes, "expires_in_days": 366 });
    let answer = admin.post("/api/v1/client-tokens", wish).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["session"]["client_token"]["scopes"], json!(scopes));
    let mut client = server.anonymous();
    client.token = Some(body["token"].as_str().unwrap().to_owned());
    client.id = body["session"]["id"].as_u64().unwrap();
    client
}

async fn introspect(client: &Asker<'_>, form: &str) -> Answer {
    let request = client.request(Method::POST, "/api/v1/introspect");
    let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    client.send(request.body(Body::from(form.to_owned())).unwrap()).await
}

async fn look_at(client: &Asker<'_>, token: &str) -> Value {
    let answer = introspect(client, &format!("token={token}&token_type_hint=access_token")).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"), "{}", answer.text);
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_what_its_scope_says_and_nothing_else_on_any_route() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for scope in Scope::ALL {
        let client = client(&server, &admin, &[scope]).await;
        for route in router::routes(server.state.clone()) {
            let path = route.path.replace("{id}", "999").replace("{name}", "x").replace("{*asked}", "x");
            for method in &route.methods {
                for as_cookie in [false, true] {
                    let request = if as_cookie {
                        let request = client.browser(method.clone(), &path);
                        request.header(header::ORIGIN, "http://127.0.0.1:3000")
                    } else {
                        client.request(method.clone(), &path)
                    };
                    let status = client.send(request.body(Body::empty()).unwrap()).await.status.as_u16();
                    let at = format!("{method} {path} with {} as a cookie: {as_cookie}: {status}", scope.as_str());
                    match route.access {
                        Access::Public => {}
                        Access::Client(needed) if needed == scope && !as_cookie => {
                            assert!(!matches!(status, 401 | 403), "{at}");
                        }
                        Access::Client(_) if !as_cookie => assert_eq!(status, 403, "{at}"),
                        Access::Page => assert_eq!(status, 303, "{at}"),
                        Access::Api | Access::Client(_) | Access::ForwardAuth | Access::ServerFunction => {
                            assert_eq!(status, 401, "{at}");
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_needs_its_scope() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let wish = json!({ "session_type": "other", "username": "nas", "address": "10.0.0.9" });
    let may = client(&server, &admin, &[Scope::SessionsCreate]).await;
    assert_eq!(may.post("/api/v1/sessions", wish.clone()).await.status, 201);
    let may_not = client(&server, &admin, &[Scope::SessionsRead]).await;
    may_not.post("/api/v1/sessions", wish).await.assert_problem(403, "sessions:create");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_listed_with_where_it_is_used_and_ends_like_any_session() {
    let server = TestServer::start().await;
    let (admin, other) = (server.admin().await, server.user("anna").await);
    let client = client(&server, &admin, &[Scope::SessionsRead]).await;
    let request = client.request(Method::GET, "/api/v1/sessions?type=rest").header(header::USER_AGENT, "wiki/1.0");
    let listed = client.send(request.body(Body::empty()).unwrap()).await.json();
    assert_eq!(listed["total"], 3);
    let shown = admin.get(&format!("/api/v1/sessions/{}", client.id)).await.json();
    assert_eq!((&shown["client_token"]["name"], &shown["username"]), (&json!("Wiki"), &json!("Admin")));

    other
        .post("/api/v1/client-tokens", json!({ "name": "x", "scopes": ["introspect"], "expires_in_days": 1 }))
        .await
        .assert_problem(403, "administrator");
    let form = format!("id={}", client.id);
    assert_eq!(admin.submit("/account/sessions", &form).await.status, 303);
    assert_eq!(client.get("/api/v1/sessions").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_worth_no_more_than_its_administrator() {
    let server = TestServer::start().await;
    server
        .state
        .accounts
        .add("erin", app::principal::Role::Administrator, crate::support::PASSWORD, server.state.sessions.now(), None)
        .await
        .unwrap();
    let erin = server.signed_in("erin", SessionType::RestApi).await;
    let client = client(&server, &erin, &Scope::ALL).await;
    server.state.accounts.update("erin", |account| account.role = app::principal::Role::User).await.unwrap();
    assert_eq!(client.get("/api/v1/sessions").await.status, 403);
    assert_eq!(introspect(&client, "token=x").await.status, 403);
    server.state.accounts.set_disabled("erin", true, None).await.unwrap();
    assert_eq!(client.get("/api/v1/sessions").await.status, 401, "disabling ends it");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_wishes_are_told() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for (scopes, words) in [(json!([]), "at least one scope"), (json!(["introspect", "all"]), "'all' is not a scope")] {
        let wish = json!({ "name": "x", "scopes": scopes, "expires_in_days": 1 });
        admin.post("/api/v1/client-tokens", wish).await.assert_problem(400, words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_is_told_of_and_any_other_is_only_not_good() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    let client = client(&server, &admin, &[Scope::Introspect]).await;
    server.clock.advance(std::time::Duration::from_secs(60));
    let told = look_at(&client, anna.token.as_deref().unwrap()).await;
    assert_eq!(
        told,
        json!({
            "active": true, "sub": "anna", "username": "anna", "role": "user", "token_type": "session",
            "session_id": anna.id, "session_type": "rest", "iat": 1_800_000_000, "exp": 1_800_000_000 + 60 + 30 * 60,
            "created_at": "2027-01-15T08:00:00.000Z", "last_active_at": "2027-01-15T08:01:00.000Z",
        })
    );
    let made = anna.post("/api/v1/app-passwords", json!({ "name": "git", "expires_in_days": 1 })).await.json();
    let told = look_at(&client, made["password"].as_str().unwrap()).await;
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("app_password")));

    let registered = server.signed_in("anna", SessionType::Other).await;
    let told = look_at(&client, registered.token.as_deref().unwrap()).await;
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("registered")));

    admin.delete(&format!("/api/v1/sessions/{}", anna.id)).await;
    let unknown = "0".repeat(64);
    for token in [anna.token.as_deref().unwrap(), client.token.as_deref().unwrap(), &unknown, "x", "%00"] {
        assert_eq!(look_at(&client, token).await, json!({ "active": false }), "{token}");
    }
    for missing in ["", "token=", "token_type_hint=x"] {
        introspect(&client, missing).await.assert_problem(400, "'token' is missing");
    }
    introspect(&client, "token=x&token=y").await.assert_problem(400, "occurs twice");
    client.post("/api/v1/introspect", json!({ "token": "x" })).await.assert_problem(415, "x-www-form-urlencoded");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tokens_are_answered_in_their_order() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    let client = client(&server, &admin, &[Scope::Introspect]).await;
    let ask = async |tokens: Vec<&str>| client.post("/api/v1/introspect/batch", json!({ "tokens": tokens })).await;
    let (one, two) = (anna.token.as_deref().unwrap(), admin.token.as_deref().unwrap());
    let results = ask(vec![two, "x", one]).await.json()["results"].clone();
    assert_eq!(results[0]["username"], "Admin");
    assert_eq!((&results[1], &results[2]["username"]), (&json!({ "active": false }), &json!("anna")));
    assert_eq!(ask(vec!["x"; 64]).await.status, 200);
    ask(vec!["x"; 65]).await.assert_problem(400, "at most 64");
}
