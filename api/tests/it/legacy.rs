//! The first seed's doors, row by row.

use crate::support::{Answer, Client, Server, eventually, video};
use serde_json::{Value, json};

const KEYS: [&str; 7] =
    ["data", "error", "job_type", "meta", "output_image", "output_video", "status"];

/// Name, file name, bytes.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

fn envelope(answer: &Answer) -> Value {
    let body = answer.json();
    let mut keys: Vec<&str> =
        body.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, KEYS, "{body}");
    body
}

async fn ended(client: &Client, id: &str) -> Value {
    eventually("the end of the job", async || {
        let answer = client.get(&format!("/api/jobs/{id}/")).await;
        let body = envelope(&answer);
        let status = body["status"].as_str().expect("a status").to_owned();
        assert_eq!(body["data"]["status"], json!(status));
        ["done", "failed"].contains(&status.as_str()).then_some(body)
    })
    .await
}

#[tokio::test]
async fn s0_e05_people_count_from_submission_to_deletion() {
    let server = Server::start().await;
    let (ann, _) = server.user("ann").await;
    let clip = video(30);
    let made = ann.form("/api/people-count/", &[("video", Some("a.mp4"), &clip)]).await;
    assert_eq!(made.status, 202, "{}", made.text());
    let body = envelope(&made);
    assert_eq!((&body["status"], &body["job_type"]), (&json!("accepted"), &json!("people-count")));
    assert_eq!((&body["output_video"], &body["error"]), (&Value::Null, &Value::Null));
    assert!(body["meta"]["timestamp"].is_string() && body["meta"]["request_time"].is_f64());
    // S0-L07, C07: the seed's client reads data.id here and status at the top there.
    let id = body["data"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(body["data"]["job_id"], json!(id));
    assert_eq!(made.header("location"), Some(format!("/api/jobs/{id}/").as_str()));

    let job = ended(&ann, &id).await;
    assert_eq!(job["status"], "done", "{job}");
    assert_eq!(job["data"]["total_people"], 0);
    assert!(job["data"]["tracking_data"].is_array());
    assert_eq!(job["data"]["results"]["total_people"], 0);
    let url = job["output_video"].as_str().expect("a url");
    assert_eq!(job["data"]["output_video"], json!(url));
    let prefix = format!("http://{}/api/media/outputs/output_{id}.mp4?", server.address);
    assert!(url.starts_with(&prefix), "S0-L11: {url}");
    // S0-L05: of the video, not of the work.
    assert!(job["meta"]["processing_time_seconds"].is_f64(), "{}", job["meta"]);
    assert_eq!((&job["meta"]["fps"], &job["meta"]["frame_count"]), (&json!(25.0), &json!(30)));
    let fetched =
        server.client().get(url.split_once(&server.address.to_string()).expect("ours").1).await;
    assert_eq!(fetched.status, 200, "usable in a browser as it is");
    // C10
    let named = "inline; filename=\"a_annotated.mp4\"";
    assert!(fetched.header("content-disposition").is_some_and(|d| d.starts_with(named)));

    let gone = ann.delete(&format!("/api/jobs/{id}/")).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    let missing = ann.get(&format!("/api/jobs/{id}/")).await;
    assert_eq!((missing.status, missing.code()), (404, "NOT_FOUND".to_owned()));
    envelope(&missing);
    server.stop().await;
}

#[tokio::test]
async fn s0_e02_emergency_count_takes_form_strings() {
    let server = Server::start().await;
    let (ann, _) = server.user("ann").await;
    let clip = video(30);
    let made = ann
        .form(
            "/api/emergency-count",
            &[
                ("emergency_lines", None, br#"[{"id":"gate","x1":0,"y1":8,"x2":16,"y2":8}]"#),
                ("video_width", None, b"16"),
                ("classes", None, b"moving"),
                ("video", Some("a.mp4"), &clip),
                ("video_height", None, b"16"),
                ("model", None, b"motion"),
            ],
        )
        .await;
    assert_eq!(made.status, 202, "{}", made.text());
    let id = made.json()["data"]["id"].as_str().expect("an id").to_owned();
    let job = ended(&ann, &id).await;
    let data = &job["data"];
    assert_eq!((&data["unique_people"], &data["total_crossings"]), (&json!(0), &json!(0)), "{job}");
    assert!(data["final_counts"]["gate"].is_object(), "S0-R01: {data}");
}

#[tokio::test]
async fn s0_i01_to_i08_one_answer_for_each_bad_input() {
    let server = Server::start().await;
    let (ann, _) = server.user("ann").await;
    let clip = video(5);
    let url = ("youtube_url", None, &b"https://youtu.be/x"[..]);
    let cases: Vec<(&str, Vec<Part<'_>>, &str)> = vec![
        ("nothing", vec![], "MISSING_INPUT"),
        ("an empty field", vec![("youtube_url", None, b"")], "MISSING_INPUT"),
        ("both", vec![("video", Some("a.mp4"), &clip), url], "INVALID_INPUT_COMBINATION"),
        (
            "two files",
            vec![("video", Some("a.mp4"), &clip), ("image", Some("a.jpg"), b"x")],
            "INVALID_INPUT_COMBINATION",
        ),
        ("a url", vec![url], "DOWNLOAD_FAILED"),
        ("an empty file", vec![("video", Some("a.mp4"), b"")], "INVALID_FILE_TYPE"),
        ("text", vec![("video", Some("a.mp4"), b"no video at all")], "INVALID_FILE_TYPE"),
        ("another extension", vec![("video", Some("a.mov"), &clip)], "INVALID_FILE_TYPE"),
        ("a wrong extension", vec![("image", Some("a.jpg"), &clip)], "INVALID_FILE_TYPE"),
        ("no extension", vec![("video", Some("clip"), &clip)], "INVALID_FILE_TYPE"),
        ("a cut file", vec![("video", Some("a.mp4"), &clip[..40])], "CORRUPT_MEDIA"),
        (
            "an unknown field",
            vec![("video", Some("a.mp4"), &clip), ("speed", None, b"1")],
            "VALIDATION_ERROR",
        ),
        (
            "a wrong value",
            vec![("video", Some("a.mp4"), &clip), ("score_threshold", None, b"NaN")],
            "VALIDATION_ERROR",
        ),
    ];
    for (what, parts, code) in cases {
        let answer = ann.form("/api/people-count/", &parts).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, code.to_owned()),
            "{what}: {}",
            answer.text()
        );
        let body = envelope(&answer);
        assert_eq!((&body["status"], &body["data"]), (&json!("failed"), &Value::Null), "{what}");
        assert_eq!(body["job_type"], "people-count");
        for key in ["message", "code", "error_type", "traceback"] {
            assert!(
                body["error"].as_object().expect("an error").contains_key(key),
                "{what}: {key}"
            );
        }
    }
    let told = ann.form("/api/people-count/", &[url]).await.text();
    assert!(told.contains("no downloader is configured yet"), "{told}");
    let json = ann.post("/api/people-count/", &json!({"youtube_url": "https://youtu.be/x"})).await;
    assert_eq!((json.status, json.code()), (400, "DOWNLOAD_FAILED".to_owned()));
    let empty = ann.send("POST", "/api/people-count/", &[], b"").await;
    assert_eq!((empty.status, empty.code()), (400, "MISSING_INPUT".to_owned()));
    let nobody =
        server.client().form("/api/people-count/", &[("video", Some("a.mp4"), &clip)]).await;
    assert_eq!((nobody.status, nobody.code()), (401, "UNAUTHENTICATED".to_owned()));
    let staging = server.folder.path().join("media/.staging");
    let left = std::fs::read_dir(staging).map_or(0, Iterator::count);
    assert_eq!(left, 0, "S0-L08: nothing of a refused submission stays");
}

#[tokio::test]
async fn s0_e11_the_list_is_an_array_or_a_page() {
    let server = Server::start().await;
    let (_, _) = server.user("admin").await;
    let (ann, _) = server.user("ann").await;
    let (ben, _) = server.user("ben").await;
    let clip = video(5);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let made = ann.form("/api/people-count/", &[("video", Some("a.mp4"), &clip)]).await;
        ids.insert(0, made.json()["data"]["id"].clone());
        // Ids of one millisecond have no order.
        server.clock.advance(std::time::Duration::from_millis(1));
    }
    let list = ann.get("/api/jobs/").await;
    assert_eq!((list.status, list.header("x-total-count")), (200, Some("3")));
    let body = list.json();
    let got: Vec<Value> =
        body.as_array().expect("an array").iter().map(|j| j["id"].clone()).collect();
    assert_eq!(got, ids, "newest first");
    assert!(body[0].get("results").is_none() && body[0]["input_file"].is_string());
    let page = ann.get("/api/jobs/?page=2&page_size=2").await;
    let body = page.json();
    let base = format!("http://{}/api/jobs/", server.address);
    assert_eq!((&body["count"], &body["next"]), (&json!(3), &Value::Null));
    assert_eq!(body["previous"], json!(format!("{base}?page=1&page_size=2")));
    assert_eq!(body["results"][0]["id"], ids[2]);
    assert_eq!(
        page.header("link"),
        Some(format!("<{base}?page=1&page_size=2>; rel=\"prev\"").as_str())
    );
    let first = ann.get("/api/jobs?page=1&page_size=2").await.json();
    assert_eq!(first["next"], json!(format!("{base}?page=2&page_size=2")));
    assert_eq!(ann.get("/api/jobs/?page=9").await.status, 404);
    assert_eq!(ann.get("/api/jobs/?page=x").await.status, 400);
    // S0-L12: nobody sees anybody else's.
    assert_eq!(ben.get("/api/jobs/").await.json(), json!([]));
    let id = ids[0].as_str().expect("an id");
    for answer in
        [ben.get(&format!("/api/jobs/{id}/")).await, ben.delete(&format!("/api/jobs/{id}/")).await]
    {
        assert_eq!((answer.status, answer.code()), (404, "NOT_FOUND".to_owned()));
    }
    assert_eq!(ann.get("/api/jobs/no-such-id/").await.status, 404);
}

#[tokio::test]
async fn s0_l15_the_same_key_makes_one_job() {
    let server = Server::start().await;
    let (ann, _) = server.user("ann").await;
    let clip = video(5);
    let key = [("idempotency-key", "k-1")];
    let parts = [("video", Some("a.mp4"), clip.as_slice())];
    let first = ann.form_with("/api/people-count/", &key, &parts).await;
    let second = ann.form_with("/api/people-count/", &key, &parts).await;
    assert_eq!((first.status, second.status), (202, 202), "{}", second.text());
    assert_eq!(first.json()["data"]["id"], second.json()["data"]["id"]);
    let other = [("video", Some("a.mp4"), clip.as_slice()), ("min_seconds", None, &b"2"[..])];
    let conflict = ann.form_with("/api/people-count/", &key, &other).await;
    assert_eq!((conflict.status, conflict.code()), (409, "CONFLICT".to_owned()));
    assert_eq!(ann.get("/api/jobs/").await.header("x-total-count"), Some("1"));
}

#[tokio::test]
async fn a_cancelled_job_is_a_failed_one_here() {
    let mut config = actors::config::PlatformConfig::default();
    config.jobs.concurrent = 1;
    let server = Server::with(crate::support::settings(), config).await;
    let (ann, _) = server.user("ann").await;
    let clip = video(1500);
    let made = ann.form("/api/people-count/", &[("video", Some("a.mp4"), &clip)]).await;
    let id = made.json()["data"]["id"].as_str().expect("an id").to_owned();
    let cancelled = ann.send("POST", &format!("/api/v1/jobs/{id}/cancel"), &[], b"").await;
    assert_eq!(cancelled.status, 202, "{}", cancelled.text());
    let job = ended(&ann, &id).await;
    assert_eq!((&job["status"], &job["error"]["code"]), (&json!("failed"), &json!("CANCELLED")));
    let job = ann.get(&format!("/api/v1/jobs/{id}")).await.json();
    assert_eq!(job["data"]["status"], "cancelled");
    let again = ann.send("POST", &format!("/api/v1/jobs/{id}/cancel"), &[], b"").await;
    assert!(matches!(again.status, 202 | 409), "{}", again.text());
    let retried = ann.send("POST", &format!("/api/v1/jobs/{id}/retry"), &[], b"").await;
    assert_eq!((retried.status, &retried.json()["data"]["retry_of"]), (202, &json!(id)));
}
