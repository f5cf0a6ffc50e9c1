//! Before there is an application: S3-B02.

use crate::support::{Client, Server, eventually, settings};
use api::App;
use api::config::ApiConfig;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn who_comes_early_is_told_that_the_server_is_starting() {
    let server = Server::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("is bound");
    let config: Arc<ApiConfig> = Arc::new(settings().validate(None).expect("they are right"));
    let starting = api::Server::start(listener, config.clone(), server.clock.clone());
    let starting = starting.expect("it has an address");
    let client = Client { address, token: None };

    for path in ["/livez", "/livez/"] {
        assert_eq!(client.get(path).await.status, 200, "{path}: it lives");
    }
    let before = client.get("/health").await.json();
    for path in ["/health", "/health/", "/api/v1/health"] {
        let answer = client.get(path).await;
        assert_eq!((answer.status, &answer.json()["status"]), (503, &json!("starting")));
        assert_eq!(answer.json()["components"]["store"]["status"], "down");
        assert_eq!(answer.header("retry-after"), Some("2"));
    }
    for path in ["/", "/readyz", "/api/v1/jobs", "/api/jobs", "/openapi.json"] {
        let answer = client.get_with(path, &[("x-request-id", "mine-1")]).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "NOT_READY"), "{path}");
        assert_eq!(answer.header("retry-after"), Some("2"), "{path}");
        assert_eq!(answer.header("refresh"), Some("2"), "{path}");
        assert_eq!(answer.header("x-request-id"), Some("mine-1"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    assert_eq!(client.get("/api/jobs").await.json()["status"], "failed", "in that door's form");
    // Somebody who keeps the connection for the next request.
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = "GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut text = String::new();
    while !text.ends_with("}}") {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.expect("an answer");
        assert_ne!(read, 0, "{text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).expect("text"));
    }
    assert!(text.starts_with("HTTP/1.1 503 "), "{text}");

    let app = App::new(server.platform.clone(), config).await.expect("an application");
    let task = tokio::spawn(starting.open(app).ended());
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut status = [0; 13];
    stream.read_exact(&mut status).await.expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200 ");
    assert_eq!(client.get("/readyz").await.status, 200);
    let health = client.get("/health").await.json();
    assert_eq!(health["status"], "healthy");
    let parts = |health: &Value| {
        health["components"].as_object().map(|parts| parts.keys().cloned().collect::<Vec<_>>())
    };
    assert_eq!(parts(&before), parts(&health), "the same parts by name");
    drop(stream);
    server.stop().await;
    task.await.expect("no panic").expect("it ends in order");
}

#[tokio::test]
async fn a_start_that_fails_leaves_nothing_that_answers() {
    let server = Server::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("is bound");
    let config = Arc::new(settings().validate(None).expect("they are right"));
    let starting = api::Server::start(listener, config, server.clock.clone());
    assert_eq!(Client { address, token: None }.get("/livez").await.status, 200);
    drop(starting);
    // The port is given back once the loop has seen it.
    let refused = || async move { TcpStream::connect(address).await.err() };
    eventually("a free port", refused).await;
    server.stop().await;
}
