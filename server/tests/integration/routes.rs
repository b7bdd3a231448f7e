//! What holds for every route there is.

use axum::body::Body;
use http::{Method, StatusCode, header};
use server::{auth::authenticate::Access, router};

use crate::support::{Answer, TestServer};

fn concrete(path: &str) -> String {
    path.replace("{id}", "1").replace("{name}", "console.js").replace("{*asked}", "wiki/start")
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_past_a_private_route_without_a_session() {
    let server = TestServer::start().await;
    let routes = router::routes(server.state.clone());
    assert!(routes.len() > 15, "the walk sees too few routes: {routes:?}");
    for route in routes.iter().filter(|route| route.access != Access::Public) {
        for method in &route.methods {
            let asker = server.anonymous();
            let answer =
                asker.send(asker.request(method.clone(), &concrete(&route.path)).body(Body::empty()).unwrap()).await;
            let at = format!("{method} {}: {} {}", route.path, answer.status, answer.text);
            match route.access {
                Access::Page => {
                    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{at}");
                    assert!(answer.header("location").starts_with("/sign-in?"), "{at}");
                }
                Access::Api | Access::Client(_) => {
                    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{at}");
                    assert_eq!(answer.header("content-type"), "application/problem+json", "{at}");
                }
                Access::ForwardAuth => {
                    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{at}");
                    assert_eq!(answer.header("cache-control"), "no-store", "{at}");
                    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("remote-")), "{at}");
                }
                Access::ServerFunction => assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{at}"),
                Access::Public => unreachable!("filtered out"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_routes_are_exactly_these() {
    let server = TestServer::start().await;
    let mut public: Vec<_> = router::routes(server.state.clone())
        .into_iter()
        .filter(|route| route.access == Access::Public)
        .flat_map(|route| route.methods.into_iter().map(move |method| format!("{method} {}", route.path)))
        .collect();
    public.sort();
    assert_eq!(
        public,
        [
            "GET /api/v1/openapi.json",
            "GET /assets/{name}",
            "GET /healthz",
            "GET /readyz",
            "GET /sign-in",
            "POST /api/v1/sessions",
            "POST /rpc/sign_in",
            "POST /sign-in",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_unsafe_request_from_another_site_is_refused() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let routes = router::routes(server.state.clone());
    // A reverse proxy asks about requests of other sites, with their methods and headers.
    for route in routes.into_iter().filter(|route| route.access != Access::ForwardAuth) {
        for method in route.methods.iter().filter(|method| **method != Method::GET) {
            for (name, value) in [
                (header::ORIGIN, "https://evil.example"),
                (header::ORIGIN, "null"),
                (header::ORIGIN, "http://127.0.0.1:3001"),
                (header::HeaderName::from_static("sec-fetch-site"), "cross-site"),
                (header::HeaderName::from_static("sec-fetch-site"), "same-site"),
            ] {
                let request = admin.browser(method.clone(), &concrete(&route.path)).header(name, value);
                let answer = admin.send(request.body(Body::empty()).unwrap()).await;
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {} from {value}", route.path);
            }
        }
    }
    assert_eq!(admin.get("/api/v1/session").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_channel_is_refused_to_other_sites() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for origin in ["https://evil.example", "null"] {
        let request = admin.browser(Method::GET, "/live").header(header::ORIGIN, origin);
        assert_eq!(admin.send(request.body(Body::empty()).unwrap()).await.status, StatusCode::FORBIDDEN);
    }
    let without = admin.browser(Method::GET, "/live").body(Body::empty()).unwrap();
    assert_eq!(admin.send(without).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_security_headers() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for path in ["/", "/sign-in", "/reports/sessions", "/nothing", "/api/v1/sessions", "/api/v1/sessions/x", "/healthz"]
    {
        let answer = admin.open(path).await;
        assert_protected(path, &answer);
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    let posted = admin.submit("/healthz", "").await;
    assert_protected("POST /healthz", &posted);
}

fn assert_protected(path: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy");
    let is_page = answer.header("content-type").starts_with("text/html");
    let begin = if is_page { "default-src 'none'; script-src 'nonce-" } else { "default-src 'none'; base-uri 'none'" };
    assert!(policy.starts_with(begin) && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{path}: {policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
    assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_has_its_own_nonce_and_its_scripts_carry_it() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let nonce = |answer: &Answer| {
        let policy = answer.header("content-security-policy").to_owned();
        policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned()
    };
    let is_built = !server::assets::assets().js.is_empty();
    let (anonymous, mut nonces) = (server.anonymous(), Vec::new());
    for (asker, path) in
        [(&anonymous, "/sign-in"), (&admin, "/reports/sessions"), (&admin, "/account/sessions"), (&admin, "/users")]
    {
        let page = asker.open(path).await;
        let tags = page.text.split("<script").skip(1).map(|script| script.split('>').next().unwrap());
        // What is not run needs none.
        let run: Vec<_> = tags.filter(|tag| !tag.contains("type=\"text/plain\"")).collect();
        assert_eq!(run.len(), usize::from(is_built), "{path}");
        for tag in run {
            assert!(tag.contains(&format!("nonce=\"{}\"", nonce(&page))), "{path}: <script{tag}>");
        }
        assert!(!page.text.contains("style=\""), "inline styles are refused by the policy");
        nonces.push(nonce(&page));
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 4);
}
