//! What clients may cost: F39, L5, S1-E05, S0-A04, C34; and that no secret is logged.

use crate::support::{Answer, PASSWORD, SECRET, Server, Setup, eventually, parse, settings, video};
use actors::config::PlatformConfig;
use api::config::Settings;
use poem::Endpoint;
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing_subscriber::fmt::MakeWriter;

fn small() -> PlatformConfig {
    PlatformConfig { max_upload_bytes: 3_000_000, ..PlatformConfig::default() }
}

#[tokio::test]
async fn l5_a_file_over_the_limit_is_refused_unread_or_at_its_first_byte_too_many() {
    let server = Server::with(settings(), small()).await;
    let (ann, _) = server.user("ann").await;
    let token = ann.token.clone().expect("signed in");
    let head = |length: &str| {
        format!(
            "POST /api/v1/jobs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: \
             multipart/form-data; boundary=XX\r\n{length}\r\nconnection: close\r\n\r\n"
        )
    };
    // Nothing of the body is sent: the answer comes all the same.
    let refused = ann.raw(head("content-length: 4048577").as_bytes()).await;
    assert_eq!((refused.status, refused.code()), (413, "FILE_TOO_LARGE".to_owned()));
    // Within what a form may weigh, the file's own bytes are counted; and in chunks as well.
    let over = ann.form("/api/v1/jobs", &[("file", Some("a.mp4"), &vec![0; 3_000_001])]).await;
    assert_eq!((over.status, over.code()), (413, "FILE_TOO_LARGE".to_owned()), "{}", over.text());
    let legacy =
        ann.form("/api/people-count/", &[("video", Some("a.mp4"), &vec![0; 3_000_001])]).await;
    assert_eq!((legacy.status, legacy.code()), (400, "FILE_TOO_LARGE".to_owned()));
    let exact = ann.form("/api/v1/jobs", &[("file", Some("a.mp4"), &vec![0; 3_000_000])]).await;
    assert_eq!(
        exact.code(),
        "VALIDATION_ERROR",
        "no job type, but not too large: {}",
        exact.text()
    );
    let mut chunked = head("transfer-encoding: chunked").into_bytes();
    let part = "--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\r\n";
    chunked.extend(format!("{:x}\r\n{part}\r\n", part.len()).as_bytes());
    for _ in 0..400 {
        chunked.extend(b"4000\r\n");
        chunked.extend(vec![0; 0x4000]);
        chunked.extend(b"\r\n");
    }
    let refused = ann.raw(&chunked).await;
    assert_eq!(
        (refused.status, refused.code()),
        (413, "FILE_TOO_LARGE".to_owned()),
        "{}",
        refused.text()
    );
    let staging = server.folder.path().join("media/.staging");
    assert_eq!(std::fs::read_dir(staging).map_or(0, Iterator::count), 0);
}

#[tokio::test]
async fn f39_slow_heads_and_bodies_are_ended() {
    let settings = Settings { idle_seconds: Some(1), ..settings() };
    let server = Server::with(settings, PlatformConfig::default()).await;
    let slow = async |bytes: &str| -> Vec<u8> {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(server.address).await.expect("listens");
        stream.write_all(bytes.as_bytes()).await.expect("is taken");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(begun.elapsed() < Duration::from_secs(10), "{bytes:?}");
        answer
    };
    assert!(slow("").await.is_empty(), "who says nothing is told nothing");
    let answer = parse(&slow("GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ").await);
    assert_eq!((answer.status, answer.code()), (408, "REQUEST_TIMEOUT".to_owned()));
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let answer = parse(&slow(&format!("{head}content-length: 100\r\n\r\n{{")).await);
    assert_eq!((answer.status, answer.code()), (408, "REQUEST_TIMEOUT".to_owned()));
    let huge =
        format!("GET /health HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(1_000_000));
    let answer = server.client().raw(huge.as_bytes()).await;
    assert_eq!(answer.status, 431);
    let many: String = (0..200).map(|i| format!("x-{i}: 1\r\n")).collect();
    let answer =
        server.client().raw(format!("GET /health HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
    assert_eq!(answer.status, 431);
    let both = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: \
                chunked\r\n\r\n0\r\n\r\n";
    let answer = parse(&slow(both).await);
    // Read as chunked, and nothing else on that connection (RFC 9112, 6.1).
    assert_eq!((answer.status, answer.header("connection")), (415, Some("close")));
}

/// A connection over which a request has begun that does not go on.
async fn stuck(server: &Server, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.expect("listens");
    stream.write_all(request.as_bytes()).await.expect("is taken");
    stream
}

#[tokio::test]
async fn one_client_with_slow_requests_leaves_the_others_theirs() {
    let settings = Settings { max_in_flight: Some(32), ..settings() };
    let server = Server::with(settings, PlatformConfig::default()).await;
    let (ann, _) = server.user("ann").await;
    let login = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: \
                 application/json\r\ncontent-length: 100\r\n\r\n{";
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(stuck(&server, login).await);
    }
    let refused = eventually("the share of the address is used up", async || {
        let answer = server.client().get("/api/v1/health").await;
        (answer.status == 429).then_some(answer)
    });
    assert!(refused.await.header("retry-after").is_some());
    assert_eq!(server.client().get("/livez").await.status, 200);
    assert_eq!(server.client().get("/readyz").await.status, 200);
    assert_eq!(ann.get("/api/v1/auth/me").await.status, 200, "another client");
    drop(open);
    eventually("the share is free again", async || {
        (server.client().get("/api/v1/health").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_address_has_half_of_the_connections() {
    let settings = Settings { max_connections: Some(8), ..settings() };
    let server = Server::with(settings, PlatformConfig::default()).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(stuck(&server, "GET /health HTTP/1.1\r\nhost: x\r\n").await);
    }
    let mut fifth = stuck(&server, "").await;
    let closed = tokio::time::timeout(Duration::from_secs(30), fifth.read(&mut [0; 16])).await;
    assert!(matches!(closed.expect("is not kept"), Ok(0) | Err(_)), "one too many");
    // Another address of this machine.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 2], 0).into()).expect("is of this machine");
    let mut other = socket.connect(server.address).await.expect("listens");
    other.write_all(b"GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n").await.expect("taken");
    let mut answer = Vec::new();
    let _ = other.read_to_end(&mut answer).await;
    assert_eq!(parse(&answer).status, 200);
    drop(open);
}

#[tokio::test]
async fn requests_of_one_client_are_counted() {
    let settings = Settings { rate_limit_requests: Some("20/h".to_owned()), ..settings() };
    let server = Server::with(settings, PlatformConfig::default()).await;
    let (ann, _) = server.user("ann").await;
    let mut refused = None;
    for _ in 0..25 {
        let answer = server.client().get("/health").await;
        if answer.status != 200 {
            refused = Some(answer);
        }
    }
    let refused = refused.expect("25 are more than 20");
    assert_eq!((refused.status, refused.code()), (429, "RATE_LIMITED".to_owned()));
    assert!(refused.header("retry-after").is_some_and(|s| s.parse::<u64>().is_ok_and(|s| s > 0)));
    assert_eq!(server.client().get("/livez").await.status, 200, "probes are not counted");
    assert_eq!(ann.get("/health").await.status, 200, "who is signed in is counted apart");
}

#[tokio::test]
async fn s0_a04_pages_on_the_list_may_call() {
    let server = Server::start().await;
    let ask = async |origin: &str, method: &str| -> Answer {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        server.client().send(method, "/api/v1/auth/login", &headers, b"").await
    };
    let allowed = ask("http://localhost:3000", "OPTIONS").await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert!(allowed.header("access-control-allow-methods").is_some_and(|m| m.contains("DELETE")));
    for origin in ["http://evil.example", "null", "http://localhost:3000.evil.example"] {
        let other = ask(origin, "OPTIONS").await;
        assert_eq!(other.header("access-control-allow-origin"), None, "{origin}");
    }
    let own = [("origin", "http://evil.example")];
    let answer = server.client().get_with("/health", &own).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_tells_browsers_what_not_to_do() {
    let server = Server::start().await;
    let client = server.client();
    for path in ["/health", "/nowhere", "/api/nowhere", "/api/v1/nowhere", "/api/jobs/"] {
        let answer = client.get_with(path, &[("x-request-id", "mine-1")]).await;
        assert_eq!(answer.header("x-request-id"), Some("mine-1"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(answer.header("content-security-policy").is_some(), "{path}");
        if path.starts_with("/api/v1") {
            assert_eq!(answer.json()["error"]["request_id"], "mine-1");
            assert_eq!((answer.status, answer.code()), (404, "NOT_FOUND".to_owned()));
        }
    }
    let made = client.get_with("/health", &[("x-request-id", "bad id!")]).await;
    let id = made.header("x-request-id").expect("one is made");
    assert_eq!(id.len(), 36, "{id}");
    let wrong = client.send("DELETE", "/api/v1/jobs", &[], b"").await;
    assert_eq!((wrong.status, wrong.code()), (405, "METHOD_NOT_ALLOWED".to_owned()));
    assert_eq!(wrong.header("allow"), Some("GET, HEAD, POST"));
}

#[tokio::test]
async fn a_panic_is_one_failed_request() {
    let mut services = None;
    let server = Server::around(Setup::default(), |app| {
        services = Some(Arc::clone(app.services()));
        app
    });
    let server = server.await;
    let endpoint = poem::endpoint::make_sync(|_| -> poem::Response { panic!("scripted") });
    let services: Arc<api::Services> = services.expect("was asked");
    let clock = services.platform.clock().clone();
    let frame = api::middleware::Frame::new(services.config.clone(), clock);
    frame.open(services, endpoint);
    let request = poem::Request::builder().uri("/panic".parse().expect("a path")).finish();
    let failed = frame.call(request).await.expect("every request gets an answer");
    assert_eq!(failed.status(), 500);
    let body = failed.into_body().into_json::<serde_json::Value>().await.expect("JSON");
    assert_eq!(body["error"]["code"], "SERVER_ERROR");
    server.stop().await;
}

#[tokio::test]
async fn the_page_has_what_the_api_has_not() {
    let server = Server::start().await;
    let client = server.client();
    let page = client.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<title>Sightline</title>"), "{}", page.text());
    assert!(
        page.header("content-security-policy").is_some_and(|p| p.contains("script-src 'self'"))
    );
    for path in ["/anything.js", "/api/v1/nothing"] {
        assert_eq!(client.get(path).await.status, 404, "{path}");
    }
    assert_eq!(client.get("/livez").await.status, 200);
}

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// On one thread, so that everything of this test and nothing of others is seen.
#[test]
fn i9_no_secret_is_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let secrets = tracing::subscriber::with_default(subscriber, || {
        runtime.expect("a runtime").block_on(secrets_in_use())
    });
    let log = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("text");
    assert!(log.contains("path=\"/api/v1/auth/login\""), "requests are logged: {log:.500}");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
}

/// Sends secrets wherever they may go, rightly and wrongly; gives them all.
async fn secrets_in_use() -> Vec<String> {
    let server = Server::start().await;
    let (ann, made) = server.user("ann").await;
    let client = server.client();
    let refresh = made["refresh_token"].as_str().expect("a token").to_owned();
    let wrong = "canary-wrong-password";
    for body in [
        json!({"username": "ann", "password": PASSWORD}),
        json!({"username": "ann", "password": wrong}),
        json!({"username": "ann", "password": [PASSWORD]}),
        json!({"username": "ann", "password": PASSWORD, "canary-field": wrong}),
    ] {
        client.post("/api/v1/auth/login", &body).await;
        client.post("/api/token/", &body).await;
        client.post("/api/v1/auth/register", &body).await;
    }
    client.post("/api/v1/auth/refresh", &json!({"refresh_token": refresh})).await;
    client.get("/api/v1/ws?ticket=canary-ticket&token=canary-query").await;
    client.get("/api/v1/media/files/outputs/x?exp=1&sig=canary-signature").await;
    ann.get_with("/api/v1/auth/me", &[("cookie", "canary-cookie")]).await;
    let clip = video(3);
    ann.form(
        "/api/v1/jobs",
        &[("job_type", None, b"people-count"), ("file", Some("a.mp4"), &clip)],
    )
    .await;
    let token = ann.token.clone().expect("signed in");
    let mut secrets =
        vec![SECRET.to_owned(), PASSWORD.to_owned(), token, refresh, wrong.to_owned()];
    secrets.extend(["ticket", "query", "signature", "cookie"].map(|s| format!("canary-{s}")));
    secrets
}
