//! The bus in process under the load of the WebSocket bench: 1,000 subscribers of ten topics, 100
//! messages a second on each topic.
//!
//! `cargo bench -p sightline-actors --bench bus` prints how long deliveries took and what was
//! dropped.

use actors::bus::{Bus, Delivery, DropPolicy, Message, Numbering, Payload};
use actors::drivers::memory::MemoryBus;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TOPICS: usize = 10;
const SUBSCRIBERS: usize = 1000;
const RATE: u32 = 100;
const SECONDS: u32 = 5;

#[tokio::main]
async fn main() {
    let (bus, start) = (Arc::new(MemoryBus::new()), Instant::now());
    let mut subscribers = Vec::new();
    for i in 0..SUBSCRIBERS {
        let pattern = format!("job.{}.progress", i % TOPICS).parse().expect("a pattern");
        let subscription = bus.subscribe(&pattern, 64, DropPolicy::Oldest).await;
        let mut subscription = subscription.expect("an open bus");
        subscribers.push(tokio::spawn(async move {
            let (mut delays, mut missed) = (Vec::new(), 0);
            while let Some(delivery) = subscription.next().await {
                match delivery {
                    Delivery::Message(message) => delays.push(start.elapsed() - sent_at(&message)),
                    Delivery::Gap(count) => missed += count,
                }
            }
            (delays, missed)
        }));
    }
    let mut tick = tokio::time::interval(Duration::from_secs(1) / RATE);
    let mut publishing = Duration::ZERO;
    for _ in 0..RATE * SECONDS {
        tick.tick().await;
        let began = Instant::now();
        for topic in 0..TOPICS {
            bus.publish(message(topic, start)).await.expect("an open bus");
        }
        publishing += began.elapsed();
    }
    bus.close(Duration::from_secs(5)).await;
    let (mut delays, mut missed) = (Vec::new(), 0);
    for subscriber in subscribers {
        let (seen, gaps) = subscriber.await.expect("no panic");
        delays.extend(seen);
        missed += gaps;
    }
    delays.sort();
    let at = |share: f64| delays[(delays.len() as f64 * share) as usize];
    println!(
        "{} deliveries, {missed} missed; p50 {:?}, p99 {:?}, longest {:?}; one publish to {} \
         subscribers {:?}",
        delays.len(),
        at(0.5),
        at(0.99),
        at(1.0 - f64::EPSILON),
        SUBSCRIBERS / TOPICS,
        publishing / (RATE * SECONDS * TOPICS as u32),
    );
}

/// A message that says when it was sent.
fn message(topic: usize, start: Instant) -> Message {
    let nanos = u64::try_from(start.elapsed().as_nanos()).expect("less than 584 years");
    let mut payload = vec![b' '; 250];
    payload.extend(nanos.to_le_bytes());
    Message {
        subject: format!("job.{topic}.progress"),
        payload: Payload::Json(payload.into()),
        numbering: Numbering::None,
        owner: None,
    }
}

fn sent_at(message: &Message) -> Duration {
    let Payload::Json(bytes) = &message.payload else { return Duration::ZERO };
    let last: &Bytes = bytes;
    let nanos = last.last_chunk().expect("eight bytes");
    Duration::from_nanos(u64::from_le_bytes(*nanos))
}
