//! `/metrics`: what is counted, and for whom.

use std::fmt::Write;

use app::{scope::Scope, session::SessionType};
use axum::body::Body;
use http::{Method, header};
use serde_json::json;

use crate::support::{Asker, PASSWORD, TestServer};

/// What docs/configuration.md says of them: the names and help of a fresh server.
pub(crate) fn table() -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let text = runtime.block_on(async {
        let server = TestServer::start().await;
        // So that all that depends on an outcome has one.
        server.anonymous().post("/api/v1/sessions", json!({ "username": "x", "password": "y" })).await;
        server.admin().await.get("/metrics").await.text
    });
    let mut table = String::new();
    for help in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, help) = help.split_once(' ').unwrap();
        writeln!(table, "| `{name}` | {help} |").unwrap();
    }
    table
}

/// The value of a metric with its labels as they are written.
async fn value(asker: &Asker<'_>, metric: &str) -> f64 {
    let answer = asker.get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let line = answer.text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_sign_ins_checks_and_ends_are_counted() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let anna = server.user("anna").await;
    let browser = server.signed_in("anna", SessionType::Browser).await;
    assert_eq!(value(&admin, "keepwatch_sessions{type=\"rest\"}").await, 2.0);
    assert_eq!(value(&admin, "keepwatch_sessions{type=\"browser\"}").await, 1.0);
    assert_eq!(value(&admin, "keepwatch_users").await, 2.0);
    assert_eq!(value(&admin, "keepwatch_sessions_created_total{type=\"browser\"}").await, 1.0);
    assert_eq!(value(&admin, "keepwatch_sessions_ended_total{reason=\"deleted\"}").await, 0.0);

    for (password, status) in [(PASSWORD, 201), ("a wrong password", 401)] {
        let credentials = json!({ "username": "anna", "password": password });
        assert_eq!(server.anonymous().post("/api/v1/sessions", credentials).await.status, status);
    }
    assert_eq!(value(&admin, "keepwatch_sign_ins_total{outcome=\"accepted\"}").await, 1.0);
    assert_eq!(value(&admin, "keepwatch_sign_ins_total{outcome=\"refused\"}").await, 1.0);

    assert_eq!(browser.open("/forward-auth").await.status, 200);
    assert_eq!(admin.delete(&format!("/api/v1/sessions/{}", browser.id)).await.status, 204);
    assert_eq!(browser.open("/forward-auth").await.status, 401);
    assert_eq!(value(&admin, "keepwatch_checks_total{by=\"forward_auth\",outcome=\"accepted\"}").await, 1.0);
    assert_eq!(value(&admin, "keepwatch_checks_total{by=\"forward_auth\",outcome=\"refused\"}").await, 1.0);
    assert_eq!(value(&admin, "keepwatch_sessions_ended_total{reason=\"deleted\"}").await, 1.0);
    assert_eq!(value(&admin, "keepwatch_answers_total{kind=\"forward_auth\",status=\"4xx\"}").await, 1.0);

    for token in [anna.token.as_deref().unwrap(), "none"] {
        let request = admin.request(Method::POST, "/api/v1/introspect");
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        admin.send(request.body(Body::from(format!("token={token}"))).unwrap()).await;
    }
    assert_eq!(value(&admin, "keepwatch_checks_total{by=\"introspection\",outcome=\"accepted\"}").await, 1.0);
    assert_eq!(value(&admin, "keepwatch_checks_total{by=\"introspection\",outcome=\"refused\"}").await, 1.0);
    assert!(value(&admin, "keepwatch_checks_total{by=\"request\",outcome=\"accepted\"}").await > 10.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_and_requests_are_timed() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let before = value(&admin, "keepwatch_commit_duration_seconds_count").await;
    server.user("anna").await;
    assert!(value(&admin, "keepwatch_commit_duration_seconds_count").await > before);
    assert!(value(&admin, "keepwatch_commit_duration_seconds_sum").await > 0.0);
    let asked = "keepwatch_request_duration_seconds_count{kind=\"operation\"}";
    let before = value(&admin, asked).await;
    assert_eq!(value(&admin, asked).await, before + 1.0);
    assert_eq!(value(&admin, "keepwatch_store_writable").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_token_for_metrics_reads_them_and_nothing_else() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let wish = json!({ "name": "Prometheus", "scopes": [Scope::Metrics.as_str()], "expires_in_days": 30 });
    let mut prometheus = server.anonymous();
    prometheus.token =
        Some(admin.post("/api/v1/client-tokens", wish).await.json()["token"].as_str().unwrap().to_owned());
    let answer = prometheus.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(value(&prometheus, "keepwatch_users").await, 1.0);
    prometheus.get("/api/v1/sessions").await.assert_problem(403, "sessions:read");
    // Good as a client token is not good in front of applications.
    let refused = "keepwatch_checks_total{by=\"forward_auth\",outcome=\"refused\"}";
    assert_eq!(prometheus.get("/forward-auth").await.status, 401);
    assert_eq!(value(&prometheus, refused).await, 1.0);
    server.user("anna").await.get("/metrics").await.assert_problem(403, "administrator");
    server.anonymous().get("/metrics").await.assert_problem(401, "sign in");
}
