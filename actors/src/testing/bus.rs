//! A bus that is away for a while.

use crate::bus::{Bus, BusState, DropPolicy, Message, Payload, Requests, Subscription};
use crate::drivers::memory::MemoryBus;
use async_trait::async_trait;
use schema::subject::Pattern;
use schema::{Error, ErrorKind, Result};
use std::sync::Mutex;
use std::time::Duration;

/// How the next calls go: each takes the first entry; without one, it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It works.
    Works,
    /// A message is refused: the bus is away.
    RefusesPublish,
    /// What was published since the last flush may be lost: the bus went away meanwhile.
    RefusesFlush,
}

/// The bus of this process behind moods; notes every message that got through.
#[derive(Debug, Default)]
pub struct FlakyBus {
    inner: MemoryBus,
    moods: Mutex<Vec<Mood>>,
    heard: Mutex<Vec<Message>>,
}

impl FlakyBus {
    /// A bus that goes through `moods`, one per publication or flush, then works.
    #[must_use]
    pub fn new(moods: &[Mood]) -> Self {
        let moods = Mutex::new(moods.iter().rev().copied().collect());
        Self { moods, ..Self::default() }
    }

    /// Every message that got through, in order.
    ///
    /// # Panics
    /// Where one who listened panicked.
    #[must_use]
    pub fn heard(&self) -> Vec<Message> {
        self.heard.lock().expect("no panic holds it").clone()
    }

    fn mood(&self, bad: Mood) -> Result<()> {
        let mut moods = self.moods.lock().expect("no panic holds it");
        match moods.last() {
            Some(mood) if *mood == bad || *mood == Mood::Works => {
                if moods.pop() == Some(bad) {
                    return Err(Error::new(ErrorKind::NotReady, "the bus is away, as scripted"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Bus for FlakyBus {
    async fn publish(&self, message: Message) -> Result<()> {
        self.mood(Mood::RefusesPublish)?;
        self.heard.lock().expect("no panic holds it").push(message.clone());
        self.inner.publish(message).await
    }

    async fn flush(&self) -> Result<()> {
        self.mood(Mood::RefusesFlush)?;
        self.inner.flush().await
    }

    async fn subscribe(
        &self,
        pattern: &Pattern,
        capacity: usize,
        policy: DropPolicy,
    ) -> Result<Box<dyn Subscription>> {
        self.inner.subscribe(pattern, capacity, policy).await
    }

    async fn request(&self, message: Message, deadline: Duration) -> Result<Payload> {
        self.inner.request(message, deadline).await
    }

    async fn serve(
        &self,
        pattern: &Pattern,
        group: &str,
        credits: usize,
    ) -> Result<Box<dyn Requests>> {
        self.inner.serve(pattern, group, credits).await
    }

    fn state(&self) -> BusState {
        self.inner.state()
    }

    async fn close(&self, deadline: Duration) {
        self.inner.close(deadline).await;
    }
}
