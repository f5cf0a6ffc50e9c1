//! The clients: as little as can be between the socket and a latency, so that the servers are what
//! is measured. One thread; frames are read by hand, as a server's are plain (RFC 6455, 5.2).

use super::Load;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// Who hears nothing for so long has heard everything.
const QUIET: Duration = Duration::from_secs(3);

/// Nanoseconds of the clock that all processes of a machine share, and nobody sets.
pub(super) fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has it");
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

/// Runs all clients against the server at `port`; says `ready`, then what they saw: the latencies'
/// p50 and p99 in milliseconds, events received, events that the server said it dropped.
pub(super) fn run(port: &str, load: Load) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(all(port, load));
}

async fn all(port: &str, load: Load) {
    let (ready, mut readies) = mpsc::channel(load.clients);
    let (go, gone) = watch::channel(false);
    let mut tasks = Vec::new();
    for number in 0..load.clients {
        let client = Client::connect(port, number % load.topics).await;
        tasks.push(tokio::spawn(client.listen(load.events(), ready.clone(), gone.clone())));
    }
    for _ in 0..load.clients {
        readies.recv().await.expect("every client is let in");
    }
    println!("ready");
    go.send_replace(true);
    let (mut delays, mut lagged) = (Vec::new(), 0);
    for task in tasks {
        let client = task.await.expect("no panic");
        delays.extend(client.delays);
        lagged += client.lagged;
    }
    delays.sort_unstable();
    let at = |share: f64| {
        let place = (delays.len() as f64 * share) as usize;
        delays.get(place.min(delays.len().saturating_sub(1))).copied().unwrap_or(0) as f64 / 1e6
    };
    println!("{} {} {} {lagged}", at(0.5), at(0.99), delays.len());
}

/// One connection.
struct Client {
    stream: TcpStream,
    waiting: Vec<u8>,
    delays: Vec<u64>,
    lagged: u64,
    subscribed: bool,
}

impl Client {
    async fn connect(port: &str, topic: usize) -> Self {
        let mut stream =
            TcpStream::connect(format!("127.0.0.1:{port}")).await.expect("the server listens");
        let hello = format!(
            "GET /api/v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(hello.as_bytes()).await.expect("is open");
        let mut client = Self {
            stream,
            waiting: Vec::with_capacity(16 << 10),
            delays: Vec::new(),
            lagged: 0,
            subscribed: false,
        };
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        client
            .say(&format!(
                r#"{{"op":"subscribe","id":"1","subjects":["job.{}.>"]}}"#,
                super::server::topic(topic)
            ))
            .await;
        client
    }

    async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.waiting.windows(4).position(|w| w == b"\r\n\r\n") {
                let head: Vec<u8> = self.waiting.drain(..end + 4).collect();
                return String::from_utf8_lossy(&head).into_owned();
            }
            assert_ne!(self.stream.read_buf(&mut self.waiting).await.expect("is open"), 0);
        }
    }

    /// Sends a short text, under a mask of zeros.
    async fn say(&mut self, text: &str) {
        let length = u8::try_from(text.len()).ok().filter(|n| *n < 126).expect("is short");
        let frame = [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat();
        self.stream.write_all(&frame).await.expect("is open");
    }

    /// Listens until all `events` came, or nothing comes any more.
    async fn listen(
        mut self,
        events: u64,
        ready: mpsc::Sender<()>,
        mut go: watch::Receiver<bool>,
    ) -> Self {
        let mut told = false;
        while (self.delays.len() as u64) < events {
            let read = self.stream.read_buf(&mut self.waiting);
            match timeout(QUIET, read).await {
                Ok(Ok(0)) | Ok(Err(_)) => break,
                Ok(Ok(_)) => self.frames(),
                Err(_) if *go.borrow_and_update() => break,
                Err(_) => {}
            }
            if self.subscribed && !told {
                told = true;
                ready.send(()).await.expect("somebody counts");
            }
        }
        self
    }

    /// Takes whole frames off what waits.
    fn frames(&mut self) {
        let now = now();
        let mut at = 0;
        while let Some((start, end)) = frame(&self.waiting[at..]) {
            let payload = &self.waiting[at + start..at + end];
            at += end;
            if let Some(due) = number(payload, b"\"due\":") {
                self.delays.push(now.saturating_sub(due));
            } else if payload.starts_with(br#"{"op":"lagged""#) {
                self.lagged += number(payload, b"\"dropped\":").unwrap_or(0);
            } else if payload.starts_with(br#"{"op":"subscribed""#) {
                self.subscribed = true;
            }
        }
        self.waiting.drain(..at);
    }
}

/// Where the payload of the first frame begins and ends, where it is there.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (start, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => panic!("nothing here is so long"),
        length => (2, usize::from(length)),
    };
    (bytes.len() >= start + length).then_some((start, start + length))
}

/// The number after `key`.
fn number(payload: &[u8], key: &[u8]) -> Option<u64> {
    let place = payload.windows(key.len()).position(|w| w == key)? + key.len();
    let digits = payload[place..].iter().take_while(|b| b.is_ascii_digit());
    Some(digits.fold(0, |n, b| n * 10 + u64::from(b - b'0')))
}
