//! The document: whole, current, and true of who may call what.

use crate::support::{Client, Server, settings};
use actors::config::PlatformConfig;
use api::config::Settings;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

/// Every operation: path, method, itself.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            all.push((path.clone(), method.to_uppercase(), operation.clone()));
        }
    }
    all
}

fn document() -> Value {
    let document = api::openapi::document().expect("comes out whole");
    serde_json::from_str(&document.json).expect("json")
}

/// `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_document_in_the_repository_is_current() {
    let document = api::openapi::document().expect("comes out whole");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, document.json.as_bytes()).expect("can be written");
    }
    let golden = std::fs::read_to_string(Path::new(GOLDEN)).expect("is in the repository");
    assert!(golden == *document.json, "out of date: UPDATE_GOLDEN=1 cargo test -p sightline-api");
}

#[test]
fn every_operation_declares_bodies_failures_and_who_may_call() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let at = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{at}: no id"));
        assert!(ids.insert(id.to_owned()), "{at}: {id} twice");
        assert!(operation["security"].is_array(), "{at}: who may call is not said");
        assert!(operation["tags"].as_array().is_some_and(|t| !t.is_empty()), "{at}: no tag");
        assert!(operation["summary"].is_string(), "{at}: no summary");
        let responses = operation["responses"].as_object().expect("responses");
        let success = responses.iter().find(|(status, _)| status.starts_with('2'));
        let (status, success) = success.unwrap_or_else(|| panic!("{at}: no success"));
        let typed = success["content"]
            .as_object()
            .is_some_and(|content| content.values().all(|media| !media["schema"].is_null()));
        assert!(typed || status == "204", "{at}: {status} has no body");
        for status in ["default", "429", "500", "503"] {
            let body = responses[status]["content"].as_object().expect("content");
            assert!(body.values().all(|m| m["schema"]["$ref"].is_string()), "{at}: {status}");
        }
        let needs_caller = operation["security"].as_array().is_some_and(|s| !s.is_empty());
        let optional = operation["security"].as_array().is_some_and(|s| s.contains(&json!({})));
        let told = !needs_caller || optional || responses.contains_key("401");
        assert!(told, "{at}: 401 is not said");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(name)) = fields.get("$ref") {
                    found.insert(name.clone());
                }
                fields.values().for_each(|v| walk(v, found));
            }
            Value::Array(values) => values.iter().for_each(|v| walk(v, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    walk(&document, &mut found);
    assert!(found.contains("#/components/schemas/EmergencyCountResults"), "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[tokio::test]
async fn the_documents_are_served() {
    let settings = Settings { nats_prefix: Some("site.9".to_owned()), ..settings() };
    let server = Server::with(settings, PlatformConfig::default()).await;
    let client = server.client();
    let served = client.get("/openapi.json").await;
    assert_eq!((served.status, served.json()), (200, document()));
    let legacy = client.get("/openapi-legacy.json").await.json();
    let paths: Vec<&String> = legacy["paths"].as_object().expect("paths").keys().collect();
    assert!(paths.iter().all(|p| p.starts_with("/api/") && !p.starts_with("/api/v1")), "{paths:?}");
    assert!(paths.iter().any(|p| *p == "/api/people-count/"));
    let events = client.get("/asyncapi.json").await;
    assert_eq!(events.json()["channels"]["job_state"]["address"], "site.9.job.{id}.state");
    let docs = client.get("/docs").await;
    assert_eq!(docs.status, 200);
    assert!(docs.text().contains("\"create_job\""), "the page holds the finished document");
    let policy = docs.header("content-security-policy").expect("a policy");
    assert!(policy.contains("script-src 'unsafe-inline'"), "{policy}");
    for path in ["/health", "/api/v1/health", "/livez", "/readyz"] {
        let answer = client.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    let health = client.get("/health").await.json();
    assert_eq!(health["components"]["store"]["status"], "up", "{health}");
}

/// What an operation answers to one who calls with `client`, with nothing sensible in the body.
async fn call(client: &Client, path: &str, method: &str) -> u16 {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let path = path.replace("{id}", id).replace("{path}", &format!("outputs/output_{id}.mp4"));
    let json = [("content-type", "application/json")];
    let (headers, body) = match method {
        "POST" => (&json[..], &b"{}"[..]),
        _ => (&[][..], &b""[..]),
    };
    client.send(method, &path, headers, body).await.status
}

#[tokio::test]
async fn every_operation_asks_who_calls() {
    let server = Server::start().await;
    let (admin, made) = server.user("admin").await;
    let (user, _) = server.user("user").await;
    let with = |token: &str| Client { token: Some(token.to_owned()), ..server.client() };
    let refresh = with(made["refresh_token"].as_str().expect("a token"));
    let nobody = server.client();
    let open = [401, 403, 404, 200, 202, 204, 409, 415, 422, 400];
    for (path, method, operation) in operations(&document()) {
        let security = operation["security"].as_array().expect("said");
        let needs_caller = !security.is_empty() && !security.contains(&json!({}));
        let at = format!("{method} {path}");
        for (who, client) in [("admin", &admin), ("user", &user)] {
            let status = call(client, &path, &method).await;
            assert!(open.contains(&status), "{at} as {who}: {status}");
            assert!(!needs_caller || status != 401, "{at} as {who}: {status}");
        }
        for (who, client) in [("nobody", &nobody), ("a refresh token", &refresh)] {
            let status = call(client, &path, &method).await;
            assert!(!needs_caller || status == 401, "{at} as {who}: {status}");
        }
    }
    server.clock.advance(std::time::Duration::from_secs(1000));
    for (path, method, operation) in operations(&document()) {
        let security = operation["security"].as_array().expect("said");
        if !security.is_empty() && !security.contains(&json!({})) {
            let status = call(&admin, &path, &method).await;
            assert_eq!(status, 401, "{method} {path} with an expired token");
        }
    }
}
