//! What reverse proxies are told.

use app::session::SessionType;
use axum::body::Body;
use http::{Method, StatusCode, header};
use server::{client::TrustedProxies, config::Config};

use crate::support::{Answer, Asker, TestServer, config};

const PAGE: [(&str, &str); 2] =
    [("accept", "text/html,*/*;q=0.8"), ("x-original-url", "https://wiki.example.com/start?a=1&b=2")];

async fn ask(asker: &Asker<'_>, address: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = asker.browser(Method::GET, address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    asker.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_signed_in_passes_and_is_named() {
    let server = TestServer::start().await;
    server.user("Jürgen").await;
    let asker = server.signed_in("Jürgen", SessionType::Browser).await;
    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        for address in ["/forward-auth", "/forward-auth/", "/forward-auth/page?denied=303"] {
            // A form of the application, which is another site to Keepwatch.
            let request = asker.browser(method.clone(), address).header(header::ORIGIN, "https://wiki.example.com");
            let answer = asker.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, ""), "{method} {address}");
            assert_eq!(answer.headers["remote-user"].as_bytes(), "Jürgen".as_bytes());
            assert_eq!(answer.header("remote-role"), "user");
            assert_eq!(answer.header("remote-session"), asker.id.to_string());
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_sent_to_sign_in_and_back_and_nothing_else_is() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    let back = "http://127.0.0.1:3000/sign-in?rd=https%3A%2F%2Fwiki.example.com%2Fstart%3Fa%3D1%26b%3D2";

    let answer = ask(&nobody, "/forward-auth", &PAGE).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (401, back));
    assert!(answer.text.contains(&format!("href=\"{back}\"")), "{}", answer.text);
    let answer = ask(&nobody, "/forward-auth?denied=303", &PAGE).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, back));

    let parts = [
        ("accept", "text/html"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "wiki.example.com"),
        ("x-forwarded-uri", "/start?a=1&b=2"),
        ("x-forwarded-method", "HEAD"),
    ];
    assert_eq!(ask(&nobody, "/forward-auth", &parts).await.header("location"), back);
    let envoy = [("accept", "text/html"), ("x-forwarded-proto", "https"), ("host", "wiki.example.com")];
    assert_eq!(ask(&nobody, "/forward-auth/start?a=1&b=2", &envoy).await.header("location"), back);

    for other in [("accept", "application/json"), ("x-original-method", "POST"), ("x-forwarded-method", "DELETE")] {
        let mut headers = PAGE.to_vec();
        headers.retain(|(name, _)| *name != other.0);
        headers.push(other);
        for address in ["/forward-auth", "/forward-auth?denied=303"] {
            let answer = ask(&nobody, address, &headers).await;
            assert_eq!((answer.status.as_u16(), answer.header("location")), (401, ""), "{other:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_come_back_to_leads_to_sign_in_alone() {
    let server = TestServer::start().await;
    for url in ["javascript:alert(1)", "wiki.example.com", "//wiki.example.com", "https://", "data:text/html,x", ""] {
        let headers = [("accept", "text/html"), ("x-original-url", url)];
        let answer = ask(&server.anonymous(), "/forward-auth", &headers).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (401, "http://127.0.0.1:3000/sign-in"),
            "{url}"
        );
    }
    let elsewhere = [("accept", "text/html"), ("x-original-url", "https://evil.example/\"><script>")];
    let answer = ask(&server.anonymous(), "/forward-auth", &elsewhere).await;
    assert!(!answer.text.contains("<script"), "{}", answer.text);
    let page = server.anonymous().open(answer.header("location").trim_start_matches("http://127.0.0.1:3000")).await;
    assert_eq!(page.status, 400, "the sign-in page signs nobody in for an application that is not ours");
    assert!(page.text.contains("--application https://evil.example"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_session_is_out_at_the_next_question_and_told_why() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    server.user("anna").await;
    let anna = server.signed_in("anna", SessionType::Browser).await;
    assert_eq!(ask(&anna, "/forward-auth", &PAGE).await.status, 200);
    admin.delete(&format!("/api/v1/sessions/{}", anna.id)).await;
    let answer = ask(&anna, "/forward-auth", &PAGE).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("location").ends_with("&reason=deleted"), "{}", answer.header("location"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_good_token_passes() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let token = anna.token.clone().unwrap();
    let cookie = |text: &str| ("cookie", text.replace("TOKEN", &token));
    let bearer = |text: &str| ("authorization", text.replace("TOKEN", &token));
    for credentials in [
        vec![],
        vec![cookie("keepwatch=")],
        vec![cookie("keepwatch=TOKEN; keepwatch=TOKEN")],
        vec![cookie("keepwatch=TOKEN"), cookie("keepwatch=x")],
        vec![cookie("keepwatch=TOKENA")],
        vec![cookie("Keepwatch=TOKEN")],
        vec![cookie("__Host-keepwatch=TOKEN")],
        vec![cookie("__Secure-keepwatch=TOKEN")],
        vec![cookie("keepwatch=\"TOKEN\"")],
        vec![bearer("TOKEN")],
        vec![bearer("Bearer")],
        vec![bearer("Bearer  TOKEN")],
        vec![bearer("Bearer TOKEN"), bearer("Bearer TOKEN")],
        vec![bearer("Bearer TOKEN, Bearer TOKEN")],
        // The cookie is what decides where there is one.
        vec![cookie("keepwatch=x"), bearer("Bearer TOKEN")],
        vec![("remote-user", "anna".to_owned()), ("remote-role", "administrator".to_owned())],
        vec![("x-forwarded-user", "anna".to_owned())],
        vec![("user-agent", "GoogleHC/1.0".to_owned())],
    ] {
        let headers: Vec<_> = credentials.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = ask(&server.anonymous(), "/forward-auth", &headers).await;
        assert_eq!(answer.status, 401, "{credentials:?}");
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("remote-")), "{credentials:?}");
    }
    for credentials in [
        vec![cookie("a=b; keepwatch=TOKEN")],
        vec![bearer("bearer TOKEN")],
        // The application's own.
        vec![cookie("keepwatch=TOKEN"), bearer("Basic YTpi")],
        vec![cookie("keepwatch=TOKEN"), bearer("Bearer other"), bearer("Bearer another")],
        vec![cookie("keepwatch=TOKEN"), ("x-original-url", "::".to_owned()), ("x-forwarded-method", "?".to_owned())],
    ] {
        let headers: Vec<_> = credentials.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = ask(&server.anonymous(), "/forward-auth", &headers).await;
        assert_eq!((answer.status.as_u16(), answer.header("remote-user")), (200, "anna"), "{credentials:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_to_be_asked_is_asked_for_an_app_password() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    let challenge = async |headers: &[(&str, &str)]| {
        let answer = ask(&nobody, "/forward-auth", headers).await;
        assert_eq!(answer.status, 401);
        answer.header("www-authenticate").to_owned()
    };
    assert_eq!(challenge(&[]).await, "Basic realm=\"Keepwatch\", charset=\"UTF-8\"");
    assert!(challenge(&[("x-forwarded-method", "PROPFIND"), ("accept", "*/*")]).await.starts_with("Basic"));
    // A browser would show its own dialog.
    for of_browser in [PAGE[0], ("sec-fetch-mode", "cors"), ("cookie", "keepwatch=x")] {
        assert_eq!(challenge(&[of_browser]).await, "", "{of_browser:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_session_passes_only_under_a_name_without_an_account() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    server.user("anna").await;
    for (name, status) in [("nas", 200), ("Anna", 401), ("admin", 401)] {
        let wish = serde_json::json!({ "session_type": "other", "username": name, "address": "10.0.0.9" });
        let mut registered = server.anonymous();
        let answer = admin.post("/api/v1/sessions", wish).await.json();
        registered.token = answer["token"].as_str().map(str::to_owned);
        assert_eq!(registered.get("/forward-auth").await.status, status, "{name}");
        assert_eq!(registered.open("/account/sessions").await.status, 303, "{name}");
        assert_eq!(registered.get(&format!("/api/v1/sessions/{}", admin.id)).await.status, 401, "{name}");
        assert_eq!(registered.submit("/account/sessions", &format!("id={}", admin.id)).await.status, 303, "{name}");
        assert_eq!(registered.get("/api/v1/session").await.status, 200, "{name}");
        assert_eq!(registered.delete("/api/v1/session").await.status, 204, "{name}");
    }
    assert_eq!(admin.get("/api/v1/session").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_path_itself_is_asked_at() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    assert_eq!(ask(&anna, "/forward-authentic", &PAGE).await.status, 404);
    let elsewhere = [("x-original-url", "https://wiki.example.com/"), ("authorization", "Bearer x")];
    assert_eq!(ask(&anna, "/api/v1/session", &elsewhere).await.status, 401, "elsewhere a bearer token counts first");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_domain_s_cookie_is_the_only_one_when_there_is_a_domain() {
    let public_url = Some("https://keep.example.org".parse().unwrap());
    let cookie_domain = Some("example.org".to_owned());
    let server = TestServer::with_config(Config { public_url, cookie_domain, ..config() }).await;
    let token = server.user("anna").await.token.unwrap();
    for (name, status) in [("__Secure-keepwatch", 200), ("__Host-keepwatch", 401), ("keepwatch", 401)] {
        let cookie = format!("{name}={token}");
        assert_eq!(ask(&server.anonymous(), "/forward-auth", &[("cookie", &cookie)]).await.status, status, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_the_address_that_a_trusted_proxy_names() {
    for (trusted, expected) in [("127.0.0.1", "203.0.113.9"), ("10.0.0.0/8", "127.0.0.1")] {
        let proxies = TrustedProxies::new(vec![trusted.parse().unwrap()], Default::default());
        let server = TestServer::with_config(Config { proxies, ..config() }).await;
        let nobody = server.anonymous();
        let body = serde_json::json!({ "username": "admin", "password": crate::support::PASSWORD }).to_string();
        let request = nobody
            .request(Method::POST, "/api/v1/sessions")
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-forwarded-for", "198.51.100.1, 203.0.113.9")
            .header("forwarded", "for=198.51.100.2");
        let answer = nobody.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.json()["session"]["address"], expected, "{}", answer.text);
    }
}
