//! Jobs at both doors.

use crate::support::{Answer, Client, Server, eventually, video};
use serde_json::{Value, json};

/// Polls a job of the canonical door until it has ended.
pub(crate) async fn ended(client: &Client, id: &str) -> Value {
    eventually("the end of the job", async || {
        let job = client.get(&format!("/api/v1/jobs/{id}")).await;
        assert_eq!(job.status, 200, "{}", job.text());
        let status = job.json()["data"]["status"].as_str().expect("a status").to_owned();
        let is_final = ["done", "failed", "cancelled"].contains(&status.as_str());
        assert_eq!(job.header("retry-after").is_some(), !is_final, "{status}");
        is_final.then(|| job.json()["data"].clone())
    })
    .await
}

fn id_of(answer: &Answer) -> String {
    answer.json()["data"]["id"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

#[tokio::test]
async fn a_job_is_submitted_followed_fetched_and_deleted() {
    let server = Server::start().await;
    let (ann, _) = server.user("ann").await;
    let clip = video(30);
    let made = ann
        .form(
            "/api/v1/jobs",
            &[
                ("file", Some("my clip.mp4"), &clip),
                ("params", None, b"{\"min_seconds\": 0.1}"),
                ("job_type", None, b"people-count"),
            ],
        )
        .await;
    assert_eq!(made.status, 202, "{}", made.text());
    let id = id_of(&made);
    assert_eq!(made.header("location"), Some(format!("/api/v1/jobs/{id}").as_str()));
    let job = ended(&ann, &id).await;
    assert_eq!(job["status"], "done", "{job}");
    assert_eq!((&job["id"], &job["progress"]), (&job["job_id"], &json!(1.0)));
    assert_eq!(job["total_people"], 0, "results stand beside the job's fields");
    let results = ann.get(&format!("/api/v1/jobs/{id}/results")).await;
    assert_eq!(results.status, 200);
    assert_eq!(results.json()["total_people"], 0);
    let on_disk = server.folder.path().join(format!("media/results/results_{id}.json"));
    assert_eq!(results.body, std::fs::read(on_disk).expect("is there"), "the very bytes");
    let list = ann.get("/api/v1/jobs?limit=10").await.json();
    assert_eq!((&list["meta"]["total"], &list["data"][0]["id"]), (&json!(1), &json!(id)));
    assert!(list["data"][0].get("tracking_data").is_none());
    let retry = async |key: &str| {
        let path = format!("/api/v1/jobs/{id}/retry");
        let answer = ann.send("POST", &path, &[("idempotency-key", key)], b"").await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert_eq!(answer.json()["data"]["retry_of"], json!(id));
        id_of(&answer)
    };
    let (again, resent, other) = (retry("a").await, retry("a").await, retry("b").await);
    assert!(again == resent && again != other && again != id, "{again} {resent} {other}");
    let gone = ann.delete(&format!("/api/v1/jobs/{id}")).await;
    assert_eq!(gone.status, 204, "{}", gone.text());
    assert_eq!(ann.get(&format!("/api/v1/jobs/{id}")).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn whose_a_job_is_is_told() {
    let server = Server::start().await;
    let (admin, root) = server.user("root").await;
    let (ann, data) = server.user("ann").await;
    let clip = video(5);
    let parts = [("file", Some("a.mp4"), &clip[..]), ("job_type", None, b"people-count")];
    let owner = json!({"id": data["user"]["id"], "username": "ann"});
    let made = ann.form("/api/v1/jobs", &parts).await;
    assert_eq!(made.json()["data"]["owner"], owner, "{}", made.text());
    let id = id_of(&made);
    id_of(&admin.form("/api/v1/jobs", &parts).await);
    let list = admin.get("/api/v1/jobs").await.json();
    let own = json!({"id": root["user"]["id"], "username": "root"});
    assert_eq!((&list["data"][0]["owner"], &list["data"][1]["owner"]), (&own, &owner));
    let job = admin.get(&format!("/api/v1/jobs/{id}")).await;
    assert_eq!(job.json()["data"]["owner"], owner);
    // Nobody is told of others.
    let list = ann.get("/api/v1/jobs").await;
    assert_eq!(list.json()["meta"]["total"], 1);
    for path in ["/api/jobs/", "/api/jobs/?page=1"] {
        let list = admin.get(path).await;
        assert_eq!(list.status, 200, "{}", list.text());
        assert!(!list.text().contains("owner") && !list.text().contains("ann"), "{}", list.text());
    }
    assert!(!list.text().contains("root"), "{}", list.text());
    server.stop().await;
}
