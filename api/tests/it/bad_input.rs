//! The table of bad inputs as both doors of HTTP meet it: each with its code and status, a word that
//! helps, and nothing left behind. What is too large is in `limits`; whose token it is, in `auth`.

use crate::jobs::ended;
use crate::support::{Answer, Client, Server, Setup, video};
use actors::config::PlatformConfig;
use actors::media::Limits;
use serde_json::json;
use std::time::Duration;

const V1: &str = "/api/v1/jobs";
const S0: &str = "/api/emergency-count/";

type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

const KIND: Part<'static> = ("job_type", None, b"emergency-count");

/// Sends the same to both doors, which differ in the status of what is the client's fault.
async fn refused(ann: &Client, parts: &[Part<'_>], code: &str, v1: u16) -> [Answer; 2] {
    let canonical = ann.form(V1, &[&[KIND], parts].concat()).await;
    assert_eq!((canonical.code(), canonical.status), (code.to_owned(), v1), "{}", canonical.text());
    let legacy = ann.form(S0, parts).await;
    let s0 = if matches!(v1, 413 | 415 | 422) { 400 } else { v1 };
    assert_eq!((legacy.code(), legacy.status), (code.to_owned(), s0), "{}", legacy.text());
    [canonical, legacy]
}

/// Nothing of what was refused is on the disk or in the list.
async fn nothing_is_left(server: &Server, ann: &Client) {
    assert_eq!(ann.get(V1).await.json()["meta"]["total"], 0);
    let mut folders = vec![server.folder.path().join("media")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("can be read").path();
            assert!(path.is_dir(), "left behind: {}", path.display());
            folders.push(path);
        }
    }
}

#[tokio::test]
async fn what_is_refused_at_submission() {
    let server = Server::start().await;
    let (ann, _) = server.user("ann").await;
    let clip = video(5);
    let playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n";
    let concat = b"ffconcat version 1.0\nfile /etc/passwd\n";
    let huge = huge_picture();
    let cases: [(&str, &[u8], &str, u16); 9] = [
        ("empty.mp4", b"", "INVALID_FILE_TYPE", 415),
        ("text.mp4", b"dear diary,\n", "INVALID_FILE_TYPE", 415),
        ("clip.exe", &clip, "INVALID_FILE_TYPE", 415),
        ("clip.jpg", &clip, "INVALID_FILE_TYPE", 415),
        ("clip", &clip, "INVALID_FILE_TYPE", 415),
        ("clip.mp4", &clip[..40], "CORRUPT_MEDIA", 422),
        ("list.mp4", playlist, "UNSUPPORTED_FORMAT", 415),
        ("list.mp4", concat, "UNSUPPORTED_FORMAT", 415),
        ("huge.png", &huge, "MEDIA_LIMIT_EXCEEDED", 422),
    ];
    for (name, content, code, status) in cases {
        for answer in refused(&ann, &[("video", Some(name), content)], code, status).await {
            assert!(!answer.text().contains("root:"), "{name}: {}", answer.text());
        }
    }
    refused(&ann, &[], "MISSING_INPUT", 422).await;
    let url = ("youtube_url", None, &b"https://youtu.be/x"[..]);
    let both = [("video", Some("a.mp4"), &clip[..]), url];
    refused(&ann, &both, "INVALID_INPUT_COMBINATION", 422).await;
    nothing_is_left(&server, &ann).await;
}

/// The head of a picture of 400 megapixels, as long as such a one is at least.
fn huge_picture() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend([20_000_u32.to_be_bytes(), 20_000_u32.to_be_bytes()].concat());
    png.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    png.resize(4 << 20, 0);
    png
}

#[tokio::test]
async fn every_faulty_parameter_is_named() {
    let server = Server::start().await;
    let (ann, _) = server.user("ann").await;
    let clip = video(5);
    let lines = br#"[{"x1": "a", "y1": 0, "x2": 1}]"#;
    let parts = [
        ("video", Some("a.mp4"), &clip[..]),
        ("emergency_lines", None, lines),
        ("score_threshold", None, b"NaN"),
        ("speed", None, b"3"),
    ];
    let named = ["emergency_lines[0].x1", "emergency_lines[0].y2", "score_threshold", "speed"];
    for answer in refused(&ann, &parts, "VALIDATION_ERROR", 422).await {
        let faults = answer.json()["error"]["details"]["fields"].clone();
        let faults = faults.as_array().unwrap_or_else(|| panic!("{}", answer.text()));
        for field in named {
            assert!(faults.iter().any(|f| f["field"] == field), "{field}: {}", answer.text());
        }
        assert_eq!(faults.len(), named.len(), "{}", answer.text());
    }
    nothing_is_left(&server, &ann).await;
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_counted_as_far_as_it_goes() {
    let server = Server::start().await;
    let (ann, _) = server.user("ann").await;
    let clip = video(60);
    // The index stands before the data.
    let data = clip.windows(4).position(|w| w == b"mdat").expect("a box of data");
    let cut = &clip[..data + (clip.len() - data) / 2];
    for (door, parts) in [
        (V1, vec![KIND, ("video", Some("cut.mp4"), cut)]),
        (S0, vec![("video", Some("cut.mp4"), cut)]),
    ] {
        let made = ann.form(door, &parts).await;
        assert_eq!(made.status, 202, "{door}: {}", made.text());
        let id = made.json()["data"]["id"].as_str().expect("an id").to_owned();
        let job = ended(&ann, &id).await;
        assert_eq!((&job["status"], &job["complete"]), (&json!("done"), &json!(false)), "{job}");
        let frames = job["frame_count"].as_u64().expect("a number");
        assert!((1..60).contains(&frames), "{job}");
        let warnings = job["warnings"].as_array().expect("warnings");
        assert!(warnings.iter().any(|w| w["code"] == "TRUNCATED"), "{job}");
    }
}

#[tokio::test]
async fn what_a_server_allows_is_its_operators_choice() {
    let clip = video(60);
    let file = [("video", Some("a.mp4"), &clip[..])];
    let long = Limits { duration: Some(Duration::from_secs(1)), ..Limits::default() };
    let wide = Limits { video_pixels: 100, ..Limits::default() };
    for limits in [long, wide] {
        let server = Server::of(Setup { limits, ..Setup::default() }).await;
        let (ann, _) = server.user("ann").await;
        refused(&ann, &file, "MEDIA_LIMIT_EXCEEDED", 422).await;
        nothing_is_left(&server, &ann).await;
    }
    let server = Server::of(Setup { min_free_bytes: u64::MAX, ..Setup::default() }).await;
    let (ann, _) = server.user("ann").await;
    refused(&ann, &file, "INSUFFICIENT_STORAGE", 507).await;
    nothing_is_left(&server, &ann).await;
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_again() {
    let clip = video(5);
    let file = [("video", Some("a.mp4"), &clip[..])];
    for (code, status) in [("RATE_LIMITED", 429), ("QUEUE_FULL", 503)] {
        let mut config = PlatformConfig::default();
        match status {
            429 => config.admission.waiting_per_owner = 0,
            _ => config.admission.waiting = 0,
        }
        let server = Server::of(Setup { config, ..Setup::default() }).await;
        let (ann, _) = server.user("ann").await;
        for answer in refused(&ann, &file, code, status).await {
            let again = answer.header("retry-after").expect("says when");
            assert!(again.parse::<u64>().is_ok_and(|seconds| seconds > 0), "{again}");
        }
        nothing_is_left(&server, &ann).await;
    }
}
