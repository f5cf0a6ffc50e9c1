//! The bus inside the process.

use crate::suite::{self, LONG, listen, soon, text, until};
use actors::bus::{Bus, Delivery, DropPolicy};
use actors::drivers::memory::MemoryBus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[tokio::test]
async fn it_holds_the_contract() {
    let bus = MemoryBus::new();
    suite::run(&bus).await;
    suite::run(&bus).await;
    suite::run_close(&bus).await;
    assert_eq!(bus.state().engine, "memory");
}

#[tokio::test]
async fn subscriptions_end_with_the_bus() {
    let bus = MemoryBus::new();
    let mut subscription = listen(&bus, "a.b", 1).await;
    let mut requests = bus.serve(&suite::pattern("a.b"), "group", 1).await.expect("open");
    drop(bus);
    assert_eq!(soon(subscription.next()).await, None);
    assert!(soon(requests.next()).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_among_many_tasks() {
    const PUBLISHERS: u64 = 4;
    const EACH: u64 = 2000;
    let bus = Arc::new(MemoryBus::new());
    let received = Arc::new(AtomicU64::new(0));
    for topic in 0..20 {
        let policy = [DropPolicy::Oldest, DropPolicy::Replace][topic % 2];
        let on = suite::pattern(["many.>", "many.*", "many.0"][topic % 3]);
        let mut subscription = bus.subscribe(&on, 16, policy).await.expect("open");
        let received = Arc::clone(&received);
        tokio::spawn(async move {
            while let Some(delivery) = subscription.next().await {
                let count = match delivery {
                    Delivery::Message(_) => 1,
                    Delivery::Gap(missed) => missed,
                };
                received.fetch_add(count, Ordering::Relaxed);
            }
        });
    }
    let publishers = (0..PUBLISHERS).map(|publisher| {
        let bus = Arc::clone(&bus);
        tokio::spawn(async move {
            for i in 0..EACH {
                let subject = format!("many.{}", publisher % 2);
                bus.publish(text(&subject, &i.to_string())).await.expect("open");
            }
        })
    });
    for publisher in publishers.collect::<Vec<_>>() {
        publisher.await.expect("no panic");
    }
    // 14 subscribers hear all, 6 only those of one subject of two; each message came or was told.
    let want = PUBLISHERS * EACH * 14 + PUBLISHERS / 2 * EACH * 6;
    until("every message is accounted for", || received.load(Ordering::Relaxed) == want).await;
    bus.close(LONG).await;
}
