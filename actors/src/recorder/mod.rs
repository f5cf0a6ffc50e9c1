//! The recorder: everything that job actors store goes through it, and everything that is stored is
//! published by it, in order, until the bus has it.
//!
//! Store first, then publish: a write is acknowledged when the store has it; the bus follows from
//! the published marks, also after a crash or a time without it. Nothing is read back from the bus.
//! The channel to it is bounded and awaited.

mod publish;

pub(crate) use publish::Publisher;

use crate::clock::Clock;
use crate::queue::transition::Transition;
use crate::store::Store;
use crate::supervise::observe::Observed;
use crate::supervise::worker::Service;
use futures_util::future::join_all;
use ractor::ActorCell;
use schema::account::Scope;
use schema::id::JobId;
use schema::job::record::Job;
use schema::{Error, ErrorKind, Result};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Writes that may wait.
const WAITING: usize = 256;
/// Writes that are handed to the store side by side, so that it can commit them together.
const TOGETHER: usize = 64;

/// What can be seen of the recorder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RecorderState {
    /// Changes that were stored.
    pub stored: u64,
    /// Changes that were refused.
    pub refused: u64,
    /// Events that the bus has taken.
    pub published: u64,
    /// Whether the last attempt to publish failed: events wait in the store.
    pub behind: bool,
}

/// A wish to change a job, and where the answer goes.
struct Change {
    id: JobId,
    transition: Transition,
    answer: oneshot::Sender<Result<Job>>,
}

/// The recorder: a handle for who stores, and the service that does it.
#[derive(Clone)]
pub(crate) struct Recorder {
    changes: mpsc::Sender<Change>,
    shared: Arc<Shared>,
}

struct Shared {
    /// Locked by the one service that runs; it goes on where one before it was interrupted.
    waiting: Mutex<mpsc::Receiver<Change>>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// There may be something to publish.
    news: Notify,
    observed: Observed<RecorderState>,
}

impl Recorder {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        observed: Observed<RecorderState>,
    ) -> Self {
        let (changes, waiting) = mpsc::channel(WAITING);
        let (waiting, news) = (Mutex::new(waiting), Notify::new());
        Self { changes, shared: Arc::new(Shared { waiting, store, clock, news, observed }) }
    }

    /// Changes the job `id` on behalf of the system; returns when that is stored.
    ///
    /// # Errors
    /// What the transition says; `STORAGE_ERROR`, also where it is not known whether it was
    /// stored.
    pub(crate) async fn change(&self, id: JobId, transition: Transition) -> Result<Job> {
        let (answer, answered) = oneshot::channel();
        let ended = || Error::new(ErrorKind::StorageError, "the recorder has ended");
        let change = Change { id, transition, answer };
        self.changes.send(change).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// Something was stored by another way: there are events to publish.
    pub(crate) fn stored_beside(&self) {
        self.shared.news.notify_one();
    }
}

impl Shared {
    async fn store(&self, change: Change) {
        let Change { id, transition, answer } = change;
        let now = self.clock.now();
        let changed = self.store.change_job(&Scope::System, id, transition, now).await;
        self.observed.update(|seen| match &changed {
            Ok(_) => seen.stored += 1,
            Err(_) => seen.refused += 1,
        });
        // Who asked may have been ended meanwhile; it is stored nevertheless.
        let _ = answer.send(changed);
    }
}

impl Service for Recorder {
    /// Stores what comes, in the order of each job; told to stop, what waits is still stored.
    async fn run(self, stop: CancellationToken, _: ActorCell) -> Result<()> {
        let shared = self.shared;
        let mut waiting = shared.waiting.lock().await;
        let mut batch = Vec::with_capacity(TOGETHER);
        loop {
            let some = tokio::select! {
                biased;
                some = waiting.recv_many(&mut batch, TOGETHER) => some,
                () = stop.cancelled(), if !waiting.is_closed() => {
                    waiting.close();
                    continue;
                }
            };
            if some == 0 {
                return Ok(());
            }
            // One job has one worker, which waits for each answer: their order is kept.
            join_all(batch.drain(..).map(|change| shared.store(change))).await;
            shared.news.notify_one();
        }
    }
}
