//! The page Users and the own password: what they change takes effect at once.

use app::{
    error::AppError,
    principal::{Principal, Role},
    session::{SessionId, SessionType, store::EndReason},
};
use serde_json::json;
use server::{
    auth::accounts::{Account, Lock},
    router,
    state::AppState,
    store::AccountChange,
};

use crate::support::{PASSWORD, TestServer, config};

const NEW: &str = "another+long+password";

fn form(action: &str, name: &str, rest: &str) -> String {
    format!("action={action}&name={name}&{rest}")
}

async fn add_administrator(server: &TestServer, name: &str) {
    server.state.accounts.add(name, Role::Administrator, PASSWORD, server.state.sessions.now(), None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_creates_finds_and_deletes_users() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let created = admin.submit("/users", &form("create", "Anna", &format!("role=user&password={NEW}"))).await;
    assert_eq!((created.status.as_u16(), created.header("location")), (303, "/users?user=Anna&done=create"));
    let wish = json!({ "username": "anna", "password": NEW.replace('+', " ") });
    let signed_in = server.anonymous().post("/api/v1/sessions", wish.clone()).await;
    assert_eq!(signed_in.status, 201, "{}", signed_in.text);

    let list = admin.open("/users?q=ANN").await.text;
    assert!(list.contains("1 users match") || list.contains("1 user<"), "{list}");
    assert!(list.contains("href=\"/users?user=Anna\"") && !list.contains("user=Admin"), "{list}");
    let one = admin.open("/users?user=anna").await.text;
    assert!(one.contains("href=\"/reports/sessions?q=user%3D%22Anna%22\""), "{one}");

    let mut anna = server.anonymous();
    anna.token = Some(signed_in.json()["token"].as_str().unwrap().to_owned());
    assert_eq!(anna.get("/api/v1/session").await.status, 200);
    assert_eq!(admin.submit("/users", &form("delete", "anna", "")).await.header("location"), "/users?done=delete");
    assert_eq!(anna.get("/api/v1/session").await.status, 401);
    assert_eq!(server.anonymous().post("/api/v1/sessions", wish).await.status, 401);
    assert_eq!(admin.open("/users?user=anna").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_ends_the_sessions_there_are_app_passwords_included() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for (action, rest) in [
        ("disable", String::new()),
        ("enable", String::new()),
        ("role", "role=administrator".to_owned()),
        ("role", "role=user".to_owned()),
        ("password", format!("password={NEW}")),
        ("delete", String::new()),
    ] {
        let anna = server.user("anna").await;
        if action != "enable" {
            let made = anna.post("/api/v1/app-passwords", json!({ "name": "x", "expires_in_days": 1 })).await;
            assert_eq!(made.status, 201);
        }
        let answer = admin.submit("/users", &form(action, "anna", &rest)).await;
        assert_eq!(answer.status, 303, "{action}: {}", answer.text);
        let expected = u64::from(action == "enable");
        assert_eq!(server.state.sessions.store().count_of_user("anna"), expected, "{action}");
        assert_eq!(anna.get("/api/v1/session").await.status == 200, expected == 1, "{action}");
        if action == "enable" {
            server.state.sessions.end_all_of("anna", None, EndReason::Deleted).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_and_the_own_account_stay() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for (action, rest) in [("disable", ""), ("delete", ""), ("role", "role=user"), ("password", "password=long+enough")]
    {
        let answer = admin.submit("/users", &form(action, "ADMIN", rest)).await;
        assert_eq!(answer.status, 400, "{action}");
        assert!(answer.text.contains("This is your own account"), "{}", answer.text);
    }
    add_administrator(&server, "erin").await;
    let erin = server.signed_in("erin", SessionType::RestApi).await;
    assert_eq!(erin.submit("/users", &form("disable", "Admin", "")).await.status, 303);
    assert_eq!(admin.get("/api/v1/session").await.status, 401);
    for change in ["disable", "role", "remove"] {
        let accounts = &server.state.accounts;
        let refused = match change {
            "disable" => accounts.set_disabled("erin", true, None).await.map(drop),
            "role" => accounts.set_role("erin", Role::User, None).await.map(drop),
            _ => accounts.remove("erin", None).await,
        };
        assert!(refused.unwrap_err().to_string().contains("last administrator"), "{change}");
    }
    assert_eq!(erin.get("/api/v1/session").await.status, 200, "nothing was done");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_see_and_do_nothing_there() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    server.user("bert").await;
    assert_eq!(anna.open("/users").await.status, 403);
    for action in ["create", "role", "password", "disable", "enable", "delete"] {
        let rest = format!("role=administrator&password={NEW}");
        assert_eq!(anna.submit("/users", &form(action, "bert", &rest)).await.status, 403, "{action}");
    }
    assert!(server.state.accounts.find("bert").is_some_and(|account| account.role == Role::User));
    assert!(!anna.open("/account/sessions").await.text.contains("href=\"/users\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_told_and_kept() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for (form, words) in [
        (form("create", "anna", "role=user"), "is missing: 8 bytes or more"),
        (form("create", "anna", "role=user&password=short"), "8 to 1024 bytes"),
        (form("create", "anna", &format!("role=king&password={NEW}")), "administrator or user"),
        (form("create", "", &format!("role=user&password={NEW}")), "name"),
        (form("create", "Admin", &format!("role=user&password={NEW}")), "already"),
        (form("promote", "anna", ""), "must be create, role"),
    ] {
        let answer = admin.submit("/users", &form).await;
        assert_eq!(answer.status, 400, "{form}");
        let alert = answer.text.split("role=\"alert\"").nth(1).and_then(|rest| rest.split("</p>").next()).unwrap_or("");
        assert!(alert.contains(words), "{form}: {alert}");
    }
    let kept = admin.submit("/users", &form("create", "an%22na", "role=administrator&password=short")).await.text;
    assert!(kept.contains("value=\"an&quot;na\""), "{kept}");
    assert_eq!(admin.submit("/users", &form("disable", "nobody", "")).await.status, 404);
    let bert = server.user("bert").await;
    let same = admin.submit("/users", &form("role", "bert", "role=user")).await;
    assert!(same.status == 400 && same.text.contains("is user already"), "{}", same.text);
    assert_eq!(bert.get("/api/v1/session").await.status, 200, "nothing has changed, and nothing ends");
    let long = admin.submit("/users", &form("lock", "", &format!("message={}", "x".repeat(301)))).await;
    assert!(long.status == 400 && long.text.contains(&format!("value=\"{}\"", "x".repeat(301))), "{}", long.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_been_signed_out_changes_no_account_any_more() {
    let server = TestServer::start().await;
    let (admin, erin) = (server.admin().await, server.user("erin").await);
    let by = Principal { username: "Admin".into(), role: Role::Administrator, session_id: SessionId(admin.id) };
    let accounts = &server.state.accounts;
    // The word was good when the request was let in; by the time it is acted on, it is not.
    assert_eq!(admin.delete("/api/v1/session").await.status, 204);
    let now = server.state.sessions.now();
    let refused = AppError::Unauthorized;
    assert_eq!(
        accounts.add("mallory", Role::Administrator, PASSWORD, now, Some(&by)).await.err(),
        Some(refused.clone())
    );
    assert_eq!(accounts.set_password("erin", "another password", Some(&by)).await.err(), Some(refused.clone()));
    assert_eq!(accounts.set_disabled("erin", true, Some(&by)).await.err(), Some(refused.clone()));
    assert_eq!(accounts.set_role("erin", Role::Administrator, Some(&by)).await.err(), Some(refused.clone()));
    assert_eq!(accounts.remove("erin", Some(&by)).await.err(), Some(refused.clone()));
    assert_eq!(accounts.set_lock(Some(Lock { message: String::new() }), Some(&by)).await.err(), Some(refused));
    assert!(accounts.find("mallory").is_none() && accounts.lock().is_none());
    assert_eq!(erin.get("/api/v1/session").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_reset_meanwhile_is_not_changed_by_who_knew_the_old_one() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let accounts = &server.state.accounts;
    let proved = accounts.find("anna").unwrap();
    accounts.set_password("anna", "a password by Admin", None).await.unwrap();
    let again = server.user("anna").await;
    let by = |asker: &crate::support::Asker<'_>| Principal {
        username: "anna".into(),
        role: Role::User,
        session_id: SessionId(asker.id),
    };
    let late = accounts.set_own_password(&by(&anna), &proved, "the intruder's own").await;
    assert_eq!(late, Err(AppError::WrongCredentials));
    let late = accounts.set_own_password(&by(&again), &proved, "the intruder's own").await;
    assert_eq!(late, Err(AppError::WrongCredentials));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_cannot_be_stored_is_none() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    server.state.store.close().unwrap();
    assert_eq!(admin.submit("/users", &form("lock", "", "message=Pause")).await.status, 503);
    assert_eq!(server.state.accounts.lock(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_an_account_that_is_disabled_or_gone_is_good_for_nothing() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    // As if the program had been killed between the account and its sessions, by an older one that wrote them apart.
    let stored = server.state.store.kept().unwrap().accounts;
    let (key, value) = stored.into_iter().find(|(key, _)| key == "anna").unwrap();
    let mut account: Account = serde_json::from_slice(&value).unwrap();
    account.disabled = true;
    let change = AccountChange {
        key,
        value: Some(serde_json::to_vec(&account).unwrap()),
        ends: Vec::new(),
        but: None,
        reason: EndReason::Deleted,
        now: server.state.sessions.now(),
        asker: None,
    };
    server.state.store.put_account(change).await.unwrap();
    let address = "127.0.0.1:3000".parse().unwrap();
    let state =
        AppState::with_clock(&config(), address, server.state.store.clone(), Default::default(), server.clock.clone());
    let again = TestServer {
        router: router::build(state.as_ref().unwrap().clone()),
        state: state.unwrap(),
        clock: server.clock.clone(),
    };
    let mut later = again.anonymous();
    later.token = anna.token.clone();
    assert_eq!(later.get("/api/v1/session").await.status, 401);
    assert_eq!(later.get("/forward-auth").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_of_one_s_own_ends_the_other_sessions() {
    let server = TestServer::start().await;
    let (anna, other) = (server.user("anna").await, server.user("anna").await);
    let current = PASSWORD.replace(' ', "+");
    let wrong = anna.submit("/account/password", &format!("current=wrong&new={NEW}")).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("The current password is not right."), "{}", wrong.text);
    let short = anna.submit("/account/password", &format!("current={current}&new=short")).await;
    assert_eq!(short.status, 400);
    assert_eq!(other.get("/api/v1/session").await.status, 200, "nothing has happened so far");

    let changed = anna.submit("/account/password", &format!("current={current}&new={NEW}")).await;
    assert_eq!((changed.status.as_u16(), changed.header("location")), (303, "/account/sessions?changed=password"));
    assert_eq!(anna.get("/api/v1/session").await.status, 200);
    assert_eq!(other.get("/api/v1/session").await.status, 401);
    let told = other.open("/account/sessions").await;
    assert!(told.header("location").ends_with("reason=ended_by_user"), "{}", told.header("location"));
    let sign_in = async |password: &str| {
        server.anonymous().post("/api/v1/sessions", json!({ "username": "anna", "password": password })).await.status
    };
    assert_eq!(sign_in(PASSWORD).await, 401);
    assert_eq!(sign_in(&NEW.replace('+', " ")).await, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_locked_only_administrators_sign_in_and_everybody_is_told_why() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    let sign_in = async |name: &str| {
        server.anonymous().post("/api/v1/sessions", json!({ "username": name, "password": PASSWORD })).await
    };
    let locked = admin.submit("/users", &form("lock", "", "message=Back+at+14%3A00.")).await;
    assert_eq!(locked.header("location"), "/users?done=lock");
    sign_in("anna").await.assert_problem(403, "Back at 14:00.");
    assert_eq!(sign_in("admin").await.status, 201);
    assert_eq!(anna.get("/api/v1/session").await.status, 200, "who is in stays in");
    let page = server.anonymous().open("/sign-in").await.text;
    assert!(page.contains("Only administrators may sign in just now. Back at 14:00."), "{page}");
    let guess =
        server.anonymous().post("/api/v1/sessions", json!({ "username": "anna", "password": "wrong one" })).await;
    assert_eq!(guess.status, 401, "who has not proved to be anna learns nothing of her");

    let again = server::auth::accounts::Accounts::open(server.state.store.clone(), server.state.sessions.clone());
    assert_eq!(again.unwrap().lock().map(|lock| lock.message), Some("Back at 14:00.".to_owned()), "after a restart");
    assert_eq!(admin.submit("/users", &form("lock", "", &format!("message={}", "x".repeat(301)))).await.status, 400);
    assert_eq!(anna.submit("/users", &form("unlock", "", "")).await.status, 403);
    assert_eq!(admin.submit("/users", &form("unlock", "", "")).await.status, 303);
    assert_eq!(sign_in("anna").await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_refused_says_why_where_it_stands() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    server.user("anna").await;
    let long = "x".repeat(1_000);
    for (form, action, words) in [
        ("action=create&name=bert&role=user&password=short", "create", "8 to 1024 bytes"),
        ("action=create&name=anna&role=user&password=a%20long%20password", "create", "a user"),
        ("action=password&name=anna&password=short", "password", "8 to 1024 bytes"),
        ("action=role&name=anna&role=king", "role", "administrator or user"),
        (&format!("action=lock&message={long}"), "lock", "300"),
    ] {
        let answer = admin.submit("/users", form).await;
        assert!(answer.status.is_client_error(), "{form}: {}", answer.status);
        let (_, rest) = answer.text.split_once(&format!("role=\"alert\" id=\"{action}-error\"")).expect(form);
        let (error, rest) = rest.split_once("<form").unwrap();
        assert!(error.contains(words), "{form}: {error}");
        let (fields, _) = rest.split_once("</form>").unwrap();
        assert!(fields.contains(&format!("value=\"{action}\"")), "{form}: {fields}");
        assert_eq!(answer.text.matches("role=\"alert\"").count(), 1, "{form}");
    }
    // One that is not on the page any more.
    let answer = admin.submit("/users", "action=enable&name=nobody").await;
    assert!(answer.text.contains("id=\"enable-error\""), "{}", answer.text);
    assert!(admin.open("/users?user=anna").await.text.contains("<title>anna - Keepwatch</title>"));
    server.user("a&b<i>").await;
    let page = admin.open("/users?user=a%26b%3Ci%3E").await.text;
    assert!(page.contains("<title>a&amp;b&lt;i> - Keepwatch</title>"), "{page}");
}
