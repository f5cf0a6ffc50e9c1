//! Accounts, tokens, sign-in: F47, F48, S0-E15, S0-E23, S1-E03.

use crate::support::{PASSWORD, Server, settings};
use actors::config::PlatformConfig;
use actors::handle::NewUser;
use api::config::{Environment, Settings};
use schema::account::{Role, User};
use schema::id::UserId;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn s1_e03_register_login_refresh_logout_me() {
    let server = Server::start().await;
    let (ann, made) = server.user("Ann").await;
    assert_eq!(made["user"]["role"], "admin", "the first in development");
    assert_eq!(
        (made["token_type"].as_str(), made["expires_in"].as_u64()),
        (Some("Bearer"), Some(900))
    );
    let (_, second) = server.user("ben").await;
    assert_eq!(second["user"]["role"], "user");
    let me = ann.get("/api/v1/auth/me").await;
    assert_eq!((me.status, &me.json()["data"]["username"]), (200, &json!("Ann")));
    assert!(!me.text().contains("password"));

    let again = json!({"username": "ANN", "password": PASSWORD});
    let taken = server.client().post("/api/v1/auth/register", &again).await;
    assert_eq!((taken.status, taken.code()), (409, "USER_EXISTS".to_owned()));
    let login = server.client().post("/api/v1/auth/login", &again).await;
    assert_eq!(login.status, 200, "{}", login.text());
    let refresh = json!({"refresh_token": login.json()["data"]["refresh_token"]});
    let fresh = server.client().post("/api/v1/auth/refresh", &refresh).await;
    assert_eq!(fresh.status, 200, "{}", fresh.text());
    let successor = json!({"refresh_token": fresh.json()["data"]["refresh_token"]});
    let out = server.client().post("/api/v1/auth/logout", &successor).await;
    assert_eq!((out.status, out.body.len()), (204, 0));
    let gone = server.client().post("/api/v1/auth/refresh", &successor).await;
    assert_eq!((gone.status, gone.code()), (401, "UNAUTHENTICATED".to_owned()));
}

#[tokio::test]
async fn every_faulty_field_is_named() {
    let server = Server::start().await;
    let client = server.client();
    let faults = |answer: crate::support::Answer| {
        assert_eq!((answer.status, answer.code()), (422, "VALIDATION_ERROR".to_owned()));
        let fields = answer.json()["error"]["details"]["fields"].clone();
        let fields = fields.as_array().expect("a list").iter();
        fields.map(|f| f["field"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    let empty = client.post("/api/v1/auth/login", &json!({"user": "x"})).await;
    assert_eq!(faults(empty), ["username", "password", "user"]);
    let wrong = json!({"username": "a b", "password": "long enough", "email": "nobody"});
    assert_eq!(faults(client.post("/api/v1/auth/register", &wrong).await), ["username", "email"]);
    let short = json!({"username": "ann", "password": "short"});
    assert_eq!(faults(client.post("/api/v1/auth/register", &short).await), ["password"]);
    let junk = client
        .send("POST", "/api/v1/auth/login", &[("content-type", "application/json")], b"{")
        .await;
    assert_eq!((junk.status, junk.code()), (422, "VALIDATION_ERROR".to_owned()));
    let plain =
        client.send("POST", "/api/v1/auth/login", &[("content-type", "text/plain")], b"{}").await;
    assert_eq!((plain.status, plain.code()), (415, "UNSUPPORTED_FORMAT".to_owned()));
}

#[tokio::test]
async fn s0_e23_tokens_as_simplejwt_speaks_them() {
    let server = Server::start().await;
    let (_, _) = server.user("ann").await;
    let client = server.client();
    let login = json!({"username": "ann", "password": PASSWORD});
    for path in ["/api/token/", "/api/token"] {
        let pair = client.post(path, &login).await;
        assert_eq!(pair.status, 200, "{}", pair.text());
        assert_eq!(pair.json().as_object().expect("an object").len(), 2);
    }
    let form = format!("username=ann&password={}", PASSWORD.replace(' ', "+"));
    let urlencoded = [("content-type", "application/x-www-form-urlencoded")];
    let pair = client.send("POST", "/api/token/", &urlencoded, form.as_bytes()).await;
    assert_eq!(pair.status, 200, "{}", pair.text());
    let pair = pair.json();
    let valid = client.post("/api/token/verify/", &json!({"token": pair["access"]})).await;
    assert_eq!((valid.status, valid.json()), (200, json!({})));
    let next = client.post("/api/token/refresh/", &json!({"refresh": pair["refresh"]})).await;
    assert_eq!(next.status, 200);
    assert!(next.json()["access"].is_string() && next.json()["refresh"] != pair["refresh"]);

    let wrong = json!({"username": "ann", "password": "wrong"});
    let refused = client.post("/api/token/", &wrong).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.json(),
        json!({"detail": "No active account found with the given credentials",
            "code": "no_active_account"})
    );
    let blank = client.post("/api/token/", &json!({"username": "", "password": ""})).await;
    let told = json!(["This field may not be blank."]);
    assert_eq!(blank.status, 400, "{}", blank.text());
    assert_eq!(blank.json(), json!({"username": told, "password": told}));
    let missing = client.post("/api/token/", &json!({})).await;
    let required = json!(["This field is required."]);
    assert_eq!(missing.status, 400);
    assert_eq!(missing.json(), json!({"username": required, "password": required}));
    for (path, body) in [
        ("/api/token/verify/", json!({"token": "x"})),
        ("/api/token/refresh/", json!({"refresh": pair["access"]})),
    ] {
        let refused = client.post(path, &body).await;
        assert_eq!((refused.status, refused.code()), (401, "token_not_valid".to_owned()));
    }
    let get = client.get("/api/token/").await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn s0_e15_me_without_and_with_slash() {
    let server = Server::start().await;
    let (ann, made) = server.user("ann").await;
    for path in ["/api/me", "/api/me/"] {
        let me = ann.get(path).await;
        let expected =
            json!({"id": made["user"]["id"], "username": "ann", "email": null, "role": "admin"});
        assert_eq!((me.status, me.json()), (200, expected));
    }
    let nobody = server.client().get("/api/me/").await;
    assert_eq!(nobody.status, 401);
    let body = nobody.json();
    let keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert_eq!(keys.len(), 7, "{keys:?}");
    assert_eq!((&body["status"], &body["data"]), (&json!("failed"), &Value::Null));
    assert!(body["error"].as_object().expect("an error").contains_key("traceback"));
}

#[tokio::test]
async fn f47_a_thousand_parallel_refreshes_leave_one_live_branch() {
    // All of them from one address, which has an eighth.
    let settings = Settings { max_in_flight: Some(8000), ..settings() };
    let server = Server::with(settings, PlatformConfig::default()).await;
    let (_, made) = server.user("ann").await;
    let body = json!({"refresh_token": made["refresh_token"]});
    let all = (0..1000).map(|_| {
        let (client, body) = (server.client(), body.clone());
        tokio::spawn(async move { client.post("/api/v1/auth/refresh", &body).await })
    });
    let mut successors = std::collections::BTreeSet::new();
    for answer in all.collect::<Vec<_>>() {
        let answer = answer.await.expect("answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let successor = answer.json()["data"]["refresh_token"].clone();
        successors.insert(successor.as_str().expect("a token").to_owned());
    }
    assert_eq!(successors.len(), 1, "one branch");
    // Once the successor was used, or the grace is over, the old one is a theft.
    let successor = json!({"refresh_token": successors.pop_first()});
    let next = server.client().post("/api/v1/auth/refresh", &successor).await;
    assert_eq!(next.status, 200);
    server.clock.advance(Duration::from_secs(11));
    let stolen = server.client().post("/api/v1/auth/refresh", &body).await;
    assert_eq!(stolen.status, 401);
    let next = json!({"refresh_token": next.json()["data"]["refresh_token"]});
    let revoked = server.client().post("/api/v1/auth/refresh", &next).await;
    assert_eq!(revoked.status, 401, "the family is revoked");
}

#[tokio::test]
async fn a_lost_answer_logs_nobody_out_but_an_expired_token_does() {
    let server = Server::start().await;
    let (ann, made) = server.user("ann").await;
    let body = json!({"refresh_token": made["refresh_token"]});
    let lost = server.client().post("/api/v1/auth/refresh", &body).await;
    server.clock.advance(Duration::from_secs(9));
    let again = server.client().post("/api/v1/auth/refresh", &body).await;
    let token = |answer: &crate::support::Answer| answer.json()["data"]["refresh_token"].clone();
    assert_eq!(token(&lost), token(&again));
    server.clock.advance(Duration::from_secs(900));
    let late = ann.get("/api/v1/auth/me").await;
    assert_eq!(late.status, 200, "within the leeway");
    server.clock.advance(Duration::from_secs(60));
    let late = ann.get("/api/v1/auth/me").await;
    assert_eq!((late.status, late.code()), (401, "TOKEN_EXPIRED".to_owned()));
    server.clock.advance(Duration::from_secs(31 * 86_400));
    let gone = server
        .client()
        .post("/api/v1/auth/refresh", &json!({"refresh_token": token(&again)}))
        .await;
    assert_eq!(gone.status, 401);
}

#[tokio::test]
async fn f48_sign_in_is_throttled_alike_for_those_who_do_not_exist() {
    let settings = Settings { rate_limit_login: Some("3/min".to_owned()), ..settings() };
    let server = Server::with(settings, PlatformConfig::default()).await;
    let (_, _) = server.user("ann").await;
    let attempt = async |name: &str, password: &str| {
        let body = json!({"username": name, "password": password});
        server.client().post("/api/v1/auth/login", &body).await
    };
    let (mut ann, mut nobody) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        ann.push(attempt("ann", "wrong password").await);
        nobody.push(attempt("nobody", "wrong password").await);
    }
    for (a, n) in ann.iter().zip(&nobody) {
        assert_eq!(
            (a.status, a.json()["error"]["message"].clone()),
            (n.status, n.json()["error"]["message"].clone())
        );
    }
    let statuses: Vec<u16> = ann.iter().map(|a| a.status).collect();
    assert_eq!(statuses, [401, 401, 401, 429]);
    assert!(ann[3].header("retry-after").is_some());
    assert_eq!(attempt("ann", PASSWORD).await.status, 429, "the right one as well");
    let huge = attempt("ben", &"x".repeat(900_000)).await;
    assert_eq!(huge.status, 401);
    let too_huge = attempt("ben", &"x".repeat(1_100_000)).await;
    assert_eq!((too_huge.status, too_huge.code()), (413, "FILE_TOO_LARGE".to_owned()));
}

#[tokio::test]
async fn production_registers_nobody_and_hides_causes() {
    let settings = Settings { environment: Environment::Production, ..settings() };
    let server = Server::with(settings, PlatformConfig::default()).await;
    let body = json!({"username": "ann", "password": PASSWORD});
    let refused = server.client().post("/api/v1/auth/register", &body).await;
    assert_eq!((refused.status, refused.code()), (403, "FORBIDDEN".to_owned()));
}

#[tokio::test]
async fn tickets_are_for_one_use() {
    let server = Server::start().await;
    let (ann, _) = server.user("ann").await;
    let ticket = ann.send("POST", "/api/v1/auth/ws-ticket", &[], b"").await;
    assert_eq!(ticket.status, 200, "{}", ticket.text());
    assert_eq!(ticket.json()["data"]["expires_in"], 30);
    let nobody = server.client().send("POST", "/api/v1/auth/ws-ticket", &[], b"").await;
    assert_eq!(nobody.status, 401);
}

#[tokio::test]
async fn without_authentication_everybody_is_the_developer() {
    let settings = Settings { auth_disabled: true, ..settings() };
    let server = Server::with(settings, PlatformConfig::default()).await;
    let me = server.client().get("/api/v1/auth/me").await;
    assert_eq!((me.status, &me.json()["data"]["username"]), (200, &json!("developer")));
    assert_eq!(server.client().get("/api/jobs/").await.json(), json!([]));
}

#[tokio::test]
async fn f48_a_bcrypt_hash_signs_in_once_and_is_made_anew() {
    let server = Server::start().await;
    let accounts = server.platform.accounts();
    let user = User {
        id: UserId::from_uuid(server.platform.clock().uuid()),
        username: "old".to_owned(),
        email: None,
        role: Role::User,
        created_at: server.platform.clock().now(),
    };
    let password_hash = bcrypt::hash(PASSWORD, 4).expect("a cost from 4 on");
    let new = NewUser { user, password_hash, first_is_admin: false };
    accounts.create_user(new).await.expect("the name is free");
    let login = async |password: &str| {
        let body = json!({"username": "old", "password": password});
        server.client().post("/api/v1/auth/login", &body).await.status
    };
    assert_eq!(login("canary correct horse batterx").await, 401);
    assert_eq!(login(PASSWORD).await, 200);
    let stored = accounts.credentials("old").await.expect("readable").expect("is there");
    assert!(stored.password_hash.starts_with("$argon2id$"), "{}", stored.password_hash);
    assert_eq!(login(PASSWORD).await, 200);
}
