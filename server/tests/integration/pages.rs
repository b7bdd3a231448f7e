//! The pages as a browser without JavaScript sees them.

use app::{pages::PageData, session::SessionType, wire};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::json;

use crate::support::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rows_are_in_the_document() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    server.signed_in("anna", SessionType::Browser).await;
    let page = admin.open("/reports/sessions").await;
    assert_eq!(page.status, 200);
    for words in [
        "Delete session of anna from 10.0.0.7",
        "Select session of anna from 10.0.0.7",
        "Active Users",
        "Show/Hide Columns",
    ] {
        assert!(page.text.contains(words), "{words} is missing");
    }
    assert!(!page.text.contains("Delete session of Admin"));
    let rows = page.text.split_once("class=\"rows\">").unwrap().1.split_once("</tbody>").unwrap().0;
    assert_eq!(rows.matches("<tr").count(), 2);
    assert!(!rows.contains("<!>"), "nobody hydrates rows");
    assert_eq!(rows.matches("datetime=\"2").count(), 2, "of columns that nobody sees there are no times");
    assert!(rows.contains("<td role=\"cell\" class=\"idle_timeout\"><time datetime=\"\" title=\"\"></time>"));
}

/// The messages that a document carries for the browser's half of the page.
fn carried(document: &str) -> Vec<Vec<u8>> {
    let begin = "<script type=\"text/plain\" id=\"page-data\">";
    let blocks = document.split(begin).skip(1).map(|block| block.split_once("</script>").unwrap().0);
    blocks.map(|text| BASE64_STANDARD.decode(text).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_comes_alive_carries_its_data() {
    let is_built = !server::assets::assets().js.is_empty();
    let server = TestServer::start().await;
    let (anonymous, admin) = (server.anonymous(), server.admin().await);
    for (asker, path, is_its) in [
        (&anonymous, "/sign-in", (|page| matches!(page, PageData::SignIn(_))) as fn(&PageData) -> bool),
        (&admin, "/reports/sessions", |page| matches!(page, PageData::Sessions(_))),
        (&admin, "/account/sessions", |page| matches!(page, PageData::MySessions(_))),
        (&admin, "/users", |page| matches!(page, PageData::Users(_))),
    ] {
        let carried = carried(&asker.open(path).await.text);
        assert_eq!(carried.len(), usize::from(is_built), "{path}");
        for message in carried {
            assert!(is_its(&wire::decode(&message).unwrap()), "{path}");
        }
    }
    assert!(!admin.open("/no/such/page").await.text.contains("<script"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_once_and_not_carried() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for (path, form, word) in [
        ("/account/app-passwords", "name=calendar&days=30", "Password"),
        ("/account/client-tokens", "name=audit&days=30&scopes=sessions:read", "Token"),
    ] {
        let page = admin.submit(path, form).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let after = page.text.split_once(&format!("<dt>{word}</dt>")).unwrap().1;
        let secret = after.split_once("<code>").unwrap().1.split_once('<').unwrap().0;
        assert!(secret.len() > 40, "{secret}");
        for message in carried(&page.text) {
            assert!(!String::from_utf8_lossy(&message).contains(secret), "{path}");
        }
        assert!(!admin.open("/account/sessions").await.text.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_and_user_agents_are_text() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for (username, user_agent) in [
        ("<script>alert(1)</script>", "</script><script>alert(2)</script>"),
        ("\"><img/onerror=alert(3)>", "\"><img src=x onerror=alert(4)>"),
        ("'onmouseover='alert(5)", "\u{2028}\u{202e}<svg onload=alert(6)>"),
        ("between", "be<!>fore"),
    ] {
        let body =
            json!({"username": username, "session_type": "other", "address": "10.0.0.9", "user_agent": user_agent});
        assert_eq!(admin.post("/api/v1/sessions", body).await.status, 201);
    }
    let page = admin.open("/reports/sessions").await.text;
    for tag in ["<script>alert", "<img/onerror", "<img src=x", "<svg onload"] {
        assert!(!page.contains(tag), "{tag} is in the page as markup");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    // As a text and as a title.
    assert_eq!(page.matches("be&lt;!&gt;fore").count(), 2);
    // What breaks out of single quotes has none to break out of.
    assert!(page.contains("'onmouseover='alert(5)"));
    let others = page.split_once("<body>").unwrap().1.replace("'onmouseover='alert(5)", "");
    assert!(!others.contains("='"), "an attribute stands in single quotes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_address_falls_back_and_says_so() {
    let server = TestServer::start().await;
    let page = server.admin().await.open("/reports/sessions?type=ftp&sort=%3Cb%3E").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("is not a session type"));
    assert!(!page.text.contains("<b>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_without_javascript_asks_once() {
    let server = TestServer::start().await;
    let (admin, anna, berta) = (server.admin().await, server.user("anna").await, server.user("berta").await);
    let asked = admin.open(&format!("/reports/sessions?ids={}&ids={}&ids={}", anna.id, berta.id, admin.id)).await;
    assert!(asked.text.contains("Delete 2 sessions of 2 users?"), "{}", asked.text);
    assert_eq!(anna.get("/api/v1/session").await.status, 200);
    let only = admin.open(&format!("/reports/sessions?ids={}&only={}", anna.id, berta.id)).await;
    assert!(only.text.contains("Delete 1 session of 1 user?"));
    let done = admin.submit("/reports/sessions", &format!("ids={}&back=type%3Drest", berta.id)).await;
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, "/reports/sessions?type=rest&deleted=1&skipped=0")
    );
    assert!(admin.open(done.header("location")).await.text.contains("1 session deleted."));
    assert_eq!(berta.get("/api/v1/session").await.status, 401);
    assert_eq!(anna.get("/api/v1/session").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_asks_nothing_says_why() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    let said = async |query: String| {
        let page = admin.open(&format!("/reports/sessions?{query}")).await.text;
        assert!(!page.contains("<dialog class=\"confirmation\" aria-labelledby=\"question\" open"), "{query}");
        let status = page.split("role=\"status\"").nth(1).unwrap();
        status.split(['>', '<']).nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(
        said("delete=selected".to_owned()).await,
        "No session is selected. Tick some, then press Delete Selected."
    );
    assert_eq!(said(format!("ids={}", admin.id)).await, "These are your own sessions: end them under My Sessions.");
    anna.delete("/api/v1/session").await;
    assert_eq!(said(format!("delete=selected&ids={}", anna.id)).await, "These sessions have ended already.");
    assert_eq!(said(String::new()).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_fails_is_answered_with_a_page() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    for (asker, path, form, status) in [
        (&anna, "/reports/sessions", format!("ids={}", admin.id), 403),
        (&anna, "/account/sessions", "id=x".to_owned(), 400),
        (&anna, "/account/sessions", format!("id={}", admin.id), 404),
    ] {
        let answer = asker.submit(path, &form).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (status, "text/html; charset=utf-8"));
        assert!(answer.text.contains("Go to the start page"), "{}", answer.text);
    }
    server.state.store.close().unwrap();
    let refused = anna.submit("/sign-out", "").await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("set-cookie")),
        (503, ""),
        "nothing was done: it can be tried again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chosen_columns_follow_the_administrator() {
    let server = TestServer::start().await;
    let (here, elsewhere) = (server.admin().await, server.admin().await);
    let answer = here.submit("/account/columns", "columns=username&columns=user_agent&back=q%3Danna").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/reports/sessions?q=anna"));
    let page = elsewhere.open("/reports/sessions").await.text;
    assert!(page.contains("data-columns=\"username user_agent\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_lands_on_my_sessions_and_sees_nothing_else() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    assert_eq!(anna.open("/").await.header("location"), "/account/sessions");
    assert_eq!(anna.open("/reports/sessions").await.status, 403);
    let page = anna.open("/account/sessions").await;
    assert!(page.text.contains("This session"));
    assert!(!page.text.contains("href=\"/reports/sessions\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_is_a_page_that_says_so() {
    let server = TestServer::start().await;
    let page = server.admin().await.open("/no/such/page").await;
    assert_eq!(page.status, 404);
    assert!(page.text.contains("/no/such/page"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_all_come_from_one_private_address_are_remarked_on() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for _ in 0..3 {
        server.signed_in("anna", SessionType::Browser).await;
    }
    assert!(!admin.open("/reports/sessions").await.text.contains("your proxy is not trusted"));
    for _ in 0..10 {
        server.signed_in("anna", SessionType::Browser).await;
    }
    let page = admin.open("/reports/sessions").await.text;
    assert!(page.contains("your proxy is not trusted. Add --trusted-proxy 10.0.0.7"), "{page}");
}
