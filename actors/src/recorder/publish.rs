//! Publishing what is stored: from the mark of each stream, in order, until the bus has it.

use super::{Recorder, Shared};
use crate::bus::{Bus, Message, Numbering, Payload};
use crate::store::events::OwnedEvent;
use crate::supervise::restart::Backoff;
use crate::supervise::worker::Service;
use ractor::ActorCell;
use schema::{Error, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Events that are published before their marks are moved.
const TOGETHER: u32 = 256;
/// Without any news, how often the store is looked at: another process may have stored and died.
const IDLE: Duration = Duration::from_secs(10);
/// How long the last attempt may take once the node is ending.
const LAST: Duration = Duration::from_secs(5);
/// When a bus that is away is tried again.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(100), most: Duration::from_secs(2) };

/// Publishes what the recorder and everybody else store.
#[derive(Clone)]
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    bus: Arc<dyn Bus>,
}

impl Publisher {
    pub(crate) fn new(recorder: &Recorder, bus: Arc<dyn Bus>) -> Self {
        Self { shared: Arc::clone(&recorder.shared), bus }
    }

    /// Publishes everything beyond the marks, and moves them.
    ///
    /// # Errors
    /// `NOT_READY` where the bus is away: nothing is lost, the marks stay; `STORAGE_ERROR`.
    async fn publish_all(&self) -> Result<()> {
        loop {
            let events = self.shared.store.unpublished(TOGETHER).await?;
            if events.is_empty() {
                return Ok(());
            }
            self.publish(&events).await?;
            let positions: Vec<_> = events.iter().filter_map(|e| e.event.position).collect();
            self.shared.store.mark_published(&positions).await?;
            let published = events.len() as u64;
            self.shared.observed.update(|seen| seen.published += published);
            if let Some(last) = events.last() {
                let lag = self.shared.clock.now().since(last.event.time);
                crate::metrics::published(published, lag.as_secs_f64());
            }
        }
    }

    /// Publishes everything, however often it takes.
    async fn publish_rest(&self) {
        let mut failures = 0;
        while let Err(error) = self.publish_all().await {
            self.note(Some(&error));
            failures += 1;
            tokio::time::sleep(BACKOFF.delay(failures, 0.0)).await;
        }
        self.note(None);
    }

    async fn publish(&self, events: &[OwnedEvent]) -> Result<()> {
        let messages = events.iter().map(message).collect::<Result<_>>()?;
        self.bus.publish_all(messages).await
    }

    fn note(&self, error: Option<&Error>) {
        let behind = error.is_some();
        let was = std::cell::Cell::new(false);
        self.shared.observed.update(|seen| was.set(std::mem::replace(&mut seen.behind, behind)));
        match (was.get(), error) {
            (false, Some(error)) => tracing::warn!(%error, "stored events wait to be published"),
            (true, None) => tracing::info!("stored events are published again"),
            _ => {}
        }
    }
}

fn message(owned: &OwnedEvent) -> Result<Message> {
    let event = &owned.event;
    let numbering = event.position.map_or(Numbering::None, |p| Numbering::Stored(p.to_string()));
    Ok(Message {
        subject: event.subject.to_string(),
        payload: Payload::Json(event.to_message()?.into()),
        numbering,
        owner: Some(owned.owner),
    })
}

impl Service for Publisher {
    async fn run(self, stop: CancellationToken, _: ActorCell) -> Result<()> {
        let mut failures = 0;
        while !stop.is_cancelled() {
            let published = tokio::select! {
                published = self.publish_all() => published,
                () = stop.cancelled() => break,
            };
            self.note(published.as_ref().err());
            if published.is_ok() {
                failures = 0;
                tokio::select! {
                    () = self.shared.news.notified() => {}
                    () = tokio::time::sleep(IDLE) => {}
                    () = stop.cancelled() => {}
                }
            } else {
                failures += 1;
                tokio::select! {
                    () = tokio::time::sleep(BACKOFF.delay(failures, 0.0)) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        // The recorder has ended before: this is the rest.
        if tokio::time::timeout(LAST, self.publish_rest()).await.is_err() {
            tracing::warn!("stored events wait for the next start to be published");
        }
        Ok(())
    }
}
