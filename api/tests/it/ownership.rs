//! What belongs to one user is not there for another: every operation on it, from the document.

use crate::jobs::ended;
use crate::support::{Client, Server, video};
use serde_json::Value;

/// Paths of one job, of each operation that names one, with its method. Deletions come last.
async fn of_job(ann: &Client) -> Vec<(String, String)> {
    let clip = video(5);
    let parts = [("job_type", None, &b"people-count"[..]), ("file", Some("a.mp4"), &clip)];
    let made = ann.form("/api/v1/jobs", &parts).await;
    let id = made.json()["data"]["id"].as_str().expect("an id").to_owned();
    let job = ended(ann, &id).await;
    assert_eq!(job["status"], "done", "{job}");
    let output = format!("outputs/output_{id}.mp4");

    let document = ann.get("/openapi.json").await.json();
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        if path.contains('{') {
            let path = path.replace("{id}", &id).replace("{path}", &output);
            let methods = operations.as_object().expect("operations").keys();
            all.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
    }
    all.sort_by_key(|(method, path)| (method == "DELETE", path.clone(), method.clone()));
    all
}

#[tokio::test]
async fn what_belongs_to_one_is_not_there_for_another() {
    let server = Server::start().await;
    let (admin, _) = server.user("admin").await;
    let (ann, _) = server.user("ann").await;
    let (bob, _) = server.user("bob").await;
    for owner_or_admin in [&ann, &admin] {
        let operations = of_job(&ann).await;
        assert!(operations.len() > 8, "{operations:?}");
        for (method, path) in &operations {
            let of_another = bob.send(method, path, &[], b"").await;
            assert_eq!(of_another.status, 404, "{method} {path} of another");
        }
        let mut deleted = false;
        for (method, path) in &operations {
            let mine = owner_or_admin.send(method, path, &[], b"").await;
            match method.as_str() {
                "DELETE" if deleted => assert_eq!(mine.status, 404, "{method} {path} again"),
                "DELETE" => assert_eq!(mine.status, 204, "{method} {path}"),
                // A job that has ended cannot be cancelled.
                "POST" if path.ends_with("/cancel") => assert_eq!(mine.status, 409, "{path}"),
                _ => assert!([200, 202].contains(&mine.status), "{method} {path}: {}", mine.status),
            }
            deleted |= method == "DELETE";
        }
    }
    let seen: Value = bob.get("/api/v1/jobs").await.json();
    assert_eq!(seen["meta"]["total"], 0, "{seen}");
    assert_eq!(bob.get("/api/v1/events").await.json()["data"], serde_json::json!([]));
}
