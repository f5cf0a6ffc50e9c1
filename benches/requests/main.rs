//! Sends requests at a fixed rate, whether answers come or not, and says what came of them.
//!
//! `requests ADDRESS FILE RATE SECONDS CONNECTIONS`, where FILE is a JSON list of
//! `{"name", "weight", "text"}`: what is sent, and how often among the others. Each request is due
//! at a time that is fixed beforehand; it waits for a free connection (kept alive), and its latency
//! runs from when it was due if it had to, so that a server that falls behind is seen to. Prints a
//! JSON object. `benches/requests.py` makes the list and the server.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize)]
struct Shape {
    name: String,
    weight: usize,
    text: String,
}

#[derive(Debug)]
struct Plan {
    address: String,
    shapes: Vec<Shape>,
    /// Indices of shapes, each as often as it weighs, mixed.
    order: Vec<usize>,
    interval: Duration,
    total: u64,
    next: AtomicU64,
    begin: Instant,
}

/// What became of one request; no status where there was no whole answer.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    shape: usize,
    status: Option<u16>,
    latency: Duration,
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, file, rate, seconds, connections] = &arguments[..] else {
        panic!("ADDRESS FILE RATE SECONDS CONNECTIONS");
    };
    let number = |text: &String| text.parse::<u64>().expect("a number");
    let list = std::fs::read(file).expect("a list of requests");
    let shapes: Vec<Shape> = serde_json::from_slice(&list).expect("a list of requests");
    let (rate, seconds) = (number(rate), number(seconds));
    let plan = Arc::new(Plan {
        address: address.clone(),
        order: mixed(&shapes),
        shapes,
        interval: Duration::from_secs(1) / u32::try_from(rate).expect("a rate"),
        total: rate * seconds,
        next: AtomicU64::new(0),
        begin: Instant::now() + Duration::from_millis(100),
    });
    let workers: Vec<_> =
        (0..number(connections)).map(|_| tokio::spawn(work(Arc::clone(&plan)))).collect();
    let mut outcomes = Vec::new();
    for worker in workers {
        outcomes.extend(worker.await.expect("no panic"));
    }
    println!("{}", report(&plan, outcomes));
}

/// The same mixture every time.
fn mixed(shapes: &[Shape]) -> Vec<usize> {
    let every = |(index, shape): (usize, &Shape)| std::iter::repeat_n(index, shape.weight);
    let mut order: Vec<usize> = shapes.iter().enumerate().flat_map(every).collect();
    let mut state = 1_u64;
    for place in (1..order.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        order.swap(place, (state >> 33) as usize % (place + 1));
    }
    order
}

/// Takes what is due next, for as long as there is anything.
async fn work(plan: Arc<Plan>) -> Vec<Outcome> {
    let (mut outcomes, mut connection) = (Vec::new(), None);
    loop {
        let number = plan.next.fetch_add(1, Ordering::Relaxed);
        if number >= plan.total {
            return outcomes;
        }
        let due = plan.begin + plan.interval * u32::try_from(number).expect("not so many");
        let mut from = due;
        if Instant::now() < due {
            sleep_until(due.into()).await;
            // The timer's own lateness is not the server's.
            from = Instant::now();
        }
        let shape = plan.order[usize::try_from(number).expect("fits") % plan.order.len()];
        let asking = ask(&plan.address, &mut connection, &plan.shapes[shape].text);
        let status = timeout(PATIENCE, asking).await.ok().and_then(Result::ok);
        if status.is_none() {
            connection = None;
        }
        outcomes.push(Outcome { shape, status, latency: from.elapsed() });
    }
}

/// Sends `text` and reads the whole answer; tells its status.
async fn ask(address: &str, open: &mut Option<TcpStream>, text: &str) -> io::Result<u16> {
    let stream = match open {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            open.insert(stream)
        }
    };
    stream.write_all(text.as_bytes()).await?;
    let mut answer = Vec::with_capacity(16 << 10);
    let end = loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = answer.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
    let length = head.split("content-length: ").nth(1).and_then(|s| s.split('\r').next());
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let length: usize = length.and_then(|l| l.parse().ok()).ok_or_else(malformed)?;
    let mut left = (end + length).checked_sub(answer.len()).ok_or_else(malformed)?;
    while left > 0 {
        answer.clear();
        let read = stream.read_buf(&mut answer).await?;
        left = left.checked_sub(read).filter(|_| read > 0).ok_or_else(malformed)?;
    }
    status.ok_or_else(malformed)
}

fn report(plan: &Plan, mut outcomes: Vec<Outcome>) -> Value {
    let seconds = plan.begin.elapsed().as_secs_f64();
    outcomes.sort_by_key(|outcome| outcome.latency);
    let mut shapes = BTreeMap::new();
    let names: BTreeSet<&str> = plan.shapes.iter().map(|shape| shape.name.as_str()).collect();
    for name in names {
        let named = |o: &&Outcome| plan.shapes[o.shape].name == name;
        let of: Vec<Outcome> = outcomes.iter().filter(named).copied().collect();
        let mut statuses: BTreeMap<String, u64> = BTreeMap::new();
        for outcome in &of {
            let status = outcome.status.map_or_else(|| "none".to_owned(), |s| s.to_string());
            *statuses.entry(status).or_default() += 1;
        }
        let row = json!({"statuses": statuses, "p50_ms": at(&of, 0.5), "p99_ms": at(&of, 0.99)});
        shapes.insert(name, row);
    }
    let good = |o: &&Outcome| o.status.is_some_and(|status| (200..300).contains(&status));
    let errors = outcomes.len() - outcomes.iter().filter(good).count();
    json!({"requests": outcomes.len(), "seconds": seconds, "errors": errors,
        "p50_ms": at(&outcomes, 0.5), "p99_ms": at(&outcomes, 0.99), "shapes": shapes})
}

/// The latency that this share is below, in milliseconds; of sorted outcomes.
fn at(outcomes: &[Outcome], share: f64) -> f64 {
    let place = (outcomes.len() as f64 * share) as usize;
    let outcome = outcomes.get(place.min(outcomes.len().saturating_sub(1)));
    outcome.map_or(0.0, |o| o.latency.as_secs_f64() * 1e3)
}
