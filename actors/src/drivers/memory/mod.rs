//! The bus inside one process: nothing to install, nothing to lose but the process.
//!
//! Publishing looks the subscribers up under a read lock, lets go of it, and pushes to each queue:
//! it never waits. A copy of a message shares its payload.

mod index;
mod serve;

use crate::bus::queue::{Queue, Queued};
use crate::bus::{
    Bus, BusState, DropPolicy, Message, Payload, Requests, Subscription, check_subject,
};
use async_trait::async_trait;
use index::Index;
use schema::subject::Pattern;
use schema::{Error, ErrorKind, Result};
use serve::Groups;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// The bus inside this process. Its subscriptions end with it.
#[derive(Debug, Default)]
pub struct MemoryBus {
    shared: Arc<Shared>,
    groups: Arc<Groups>,
}

#[derive(Debug, Default)]
struct Shared {
    index: RwLock<Index>,
    closed: AtomicBool,
    subscriptions: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
}

impl MemoryBus {
    /// A bus that nobody listens to yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn open(&self) -> Result<()> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::NotReady, "the bus is closed"));
        }
        Ok(())
    }

    fn end(&self) {
        let queues = {
            let mut index = self.shared.index.write().unwrap_or_else(PoisonError::into_inner);
            self.shared.closed.store(true, Ordering::Release);
            index.take()
        };
        queues.iter().flat_map(|list| list.iter()).for_each(|queue| queue.close());
        self.groups.close();
    }

    fn admit(&self, message: &Message) -> Result<()> {
        self.open()?;
        check_subject(&message.subject).inspect_err(|_| {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
        })
    }
}

impl Drop for MemoryBus {
    fn drop(&mut self) {
        self.end();
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, message: Message) -> Result<()> {
        self.admit(&message)?;
        let found = {
            let index = self.shared.index.read().unwrap_or_else(PoisonError::into_inner);
            index.matching(&message.subject)
        };
        let message = Arc::new(message);
        let queues = found.iter().flat_map(|list| list.iter());
        let dropped: u64 = queues.map(|queue| queue.push(Arc::clone(&message))).sum();
        if dropped > 0 {
            self.shared.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn flush(&self) -> Result<()> {
        self.open()
    }

    async fn subscribe(
        &self,
        pattern: &Pattern,
        capacity: usize,
        policy: DropPolicy,
    ) -> Result<Box<dyn Subscription>> {
        let queue = Arc::new(Queue::new(capacity, policy));
        {
            let mut index = self.shared.index.write().unwrap_or_else(PoisonError::into_inner);
            // Under the lock: a bus that closes meanwhile would leave this one waiting for ever.
            self.open()?;
            index.insert(pattern, &queue);
        }
        self.shared.subscriptions.fetch_add(1, Ordering::Relaxed);
        let listed = Listed {
            pattern: pattern.clone(),
            queue: Arc::clone(&queue),
            shared: Arc::clone(&self.shared),
        };
        Ok(Box::new(Queued::new(queue, listed)))
    }

    async fn request(&self, message: Message, deadline: Duration) -> Result<Payload> {
        self.admit(&message)?;
        let subject = message.subject.clone();
        tokio::time::timeout(deadline, self.groups.ask(&message)).await.unwrap_or_else(|_| {
            let text = format!("no answer on {subject} within {} ms", deadline.as_millis());
            Err(Error::new(ErrorKind::NotReady, text))
        })
    }

    async fn serve(
        &self,
        pattern: &Pattern,
        group: &str,
        credits: usize,
    ) -> Result<Box<dyn Requests>> {
        // Under the lock, as in `subscribe`.
        let _index = self.shared.index.read().unwrap_or_else(PoisonError::into_inner);
        self.open()?;
        Ok(self.groups.join(pattern, group, credits))
    }

    fn state(&self) -> BusState {
        BusState {
            engine: "memory",
            connected: self.open().is_ok(),
            subscriptions: self.shared.subscriptions.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            refused: self.shared.refused.load(Ordering::Relaxed),
            ..BusState::default()
        }
    }

    async fn close(&self, _deadline: Duration) {
        self.end();
    }
}

/// A subscriber's place in the index.
#[derive(Debug)]
struct Listed {
    pattern: Pattern,
    queue: Arc<Queue>,
    shared: Arc<Shared>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut index = self.shared.index.write().unwrap_or_else(PoisonError::into_inner);
        index.remove(&self.pattern, &self.queue);
        self.shared.subscriptions.fetch_sub(1, Ordering::Relaxed);
    }
}
