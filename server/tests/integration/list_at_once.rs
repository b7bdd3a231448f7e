//! Pages of the list that are answered before the routes.

use app::session::SessionType;
use axum::body::{Body, to_bytes};
use base64::prelude::{BASE64_STANDARD, Engine};
use http::{
    HeaderMap, Request,
    header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE},
};
use serde_json::json;
use server::api::sessions::list_at_once;
use tower::ServiceExt;

use crate::support::TestServer;

#[tokio::test]
async fn a_list_that_is_answered_at_once_is_what_the_routes_answer() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.signed_in("anna", SessionType::Browser).await);
    let made = async |path: &str, wish: serde_json::Value| admin.post(path, wish).await.json();
    let of_scope = |scope: &str| json!({"name": "list", "expires_in_days": 1, "scopes": [scope]});
    let reader = made("/api/v1/client-tokens", of_scope("sessions:read")).await;
    let gate = made("/api/v1/client-tokens", of_scope("introspect")).await;
    let registered = json!({"username": "bert", "session_type": "other", "address": "10.9.0.3"});
    let registered = made("/api/v1/sessions", registered).await;
    let password = made("/api/v1/app-passwords", json!({"name": "mail", "expires_in_days": 1})).await;
    let [reader, gate, registered] = [reader, gate, registered].map(|made| made["token"].as_str().unwrap().to_owned());
    let admins = admin.token.clone().unwrap();
    let credentials = [
        format!("Bearer {admins}"),
        format!("Bearer {reader}"),
        format!("Bearer {gate}"),
        format!("Bearer {registered}"),
        format!("Bearer {}", anna.token.clone().unwrap()),
        format!("Bearer {}", password["password"].as_str().unwrap()),
        format!("Bearer {}", "0".repeat(64)),
        format!("Basic {}", BASE64_STANDARD.encode(format!("Admin:{}", password["password"].as_str().unwrap()))),
        String::new(),
    ];
    let ways = credentials.iter().map(|credential| (AUTHORIZATION, credential.clone()));
    let ways: Vec<_> = ways.chain([(COOKIE, format!("a=b; keepwatch={admins}"))]).collect();
    let queries = [
        "",
        "?",
        "?first=1&limit=2",
        "?type=browser",
        "?sort=last_active",
        "?first=9",
        "?q=",
        "?q=anna",
        "?q=user:",
        "?type=x",
        "?sort=username",
        "?limit=0",
        "?limit=1001",
        "?sort=nobody",
        "?first=-1",
    ];
    let counted = async || {
        let text = admin.get("/metrics").await.text;
        let is_meant =
            |line: &&str| line.starts_with("keepwatch_checks_total") || line.starts_with("keepwatch_answers_total");
        let counts = text.lines().filter(is_meant).filter_map(|line| line.rsplit_once(' '));
        counts.map(|(_, count)| count.parse().unwrap()).collect::<Vec<u64>>()
    };
    let grown = |before: &[u64], after: &[u64]| -> Vec<_> {
        assert_eq!(before.len(), after.len());
        after.iter().zip(before).map(|(after, before)| after - before).collect()
    };
    let mut at_once = Vec::new();
    for method in ["GET", "HEAD", "DELETE"] {
        for (name, credential) in &ways {
            for query in queries {
                let target = format!("/api/v1/sessions{query}");
                let request = || Request::builder().method(method).uri(&target).header(name, credential);
                let request = || request().body(Body::empty()).unwrap();
                let before = counted().await;
                let Some(ours) = list_at_once(&server.state, &request()) else { continue };
                let between = counted().await;
                let routes = server.router.clone().oneshot(request()).await.unwrap();
                assert_eq!(grown(&between, &counted().await), grown(&before, &between), "{target} {credential}");
                assert_eq!(ours.status(), routes.status(), "{target} {credential}");
                let headers = |headers: &HeaderMap| {
                    let mut headers = headers.clone();
                    // Whoever writes the answer adds it.
                    headers.remove(CONTENT_LENGTH);
                    headers
                };
                assert_eq!(headers(ours.headers()), headers(routes.headers()), "{target} {credential}");
                let bodies = (to_bytes(ours.into_body(), 99_999).await, to_bytes(routes.into_body(), 99_999).await);
                assert_eq!(bodies.0.unwrap(), bodies.1.unwrap(), "{target} {credential}");
                at_once.push((method, credential.as_str(), query));
            }
        }
    }
    let expected = [0, 1, 9].into_iter().flat_map(|way| queries[..7].iter().map(move |query| (way, *query)));
    let expected: Vec<_> = expected.map(|(way, query)| ("GET", ways[way].1.as_str(), query)).collect();
    assert_eq!(at_once, expected);
}
