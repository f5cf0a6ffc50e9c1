//! A pool of workers behind permits.

use super::worker::{Health, Slot, Task, Worker};
use actix::{Addr, SyncArbiter};
use models::detect::{DetectOptions, Detections, Detector, SourceDetector};
use models::picture::Frame;
use schema::{Error, ErrorKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::task::AbortOnDropHandle;

/// Makes a worker's detector; called on the worker's thread, on first use and after a panic.
pub type Loader = Arc<dyn Fn() -> Result<Box<dyn Detector>> + Send + Sync>;

/// What came out of a worker, and how long it took there.
#[derive(Debug)]
pub struct Computed<T> {
    /// The value.
    pub value: T,
    /// Time on the worker's thread, loading included.
    pub busy: Duration,
}

/// A handle to a pool, to be shared by any number of users, who are served in turn; the pool ends
/// with the last handle, or with its system.
#[derive(Clone)]
pub struct Pool {
    workers: usize,
    address: Addr<Worker>,
    permits: Arc<Semaphore>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("workers", &self.workers).finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn start(
        system: &actix::System,
        workers: usize,
        load: Loader,
        alive: SyncSender<()>,
    ) -> Result<Self> {
        let (answer, address) = std::sync::mpsc::sync_channel(1);
        let sent = system.arbiter().spawn_fn(move || {
            let address =
                SyncArbiter::start(workers, move || Worker::new(Arc::clone(&load), alive.clone()));
            // The receiver waits below: it cannot be gone.
            let _ = answer.send(address);
        });
        let ended = || Error::new(ErrorKind::ServerError, "compute system has ended");
        let address = sent.then(|| address.recv().ok()).flatten().ok_or_else(ended)?;
        // One more than there are workers, so that a worker finds its next task waiting.
        Ok(Self { workers, address, permits: Arc::new(Semaphore::new(workers + 1)) })
    }

    /// Number of workers.
    #[must_use]
    pub const fn workers(&self) -> usize {
        self.workers
    }

    /// Whether both are handles to one pool.
    #[cfg(test)]
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.permits, &other.permits)
    }

    /// Permits that nobody holds.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.permits.available_permits()
    }

    /// Runs a stateless detector over one frame.
    ///
    /// # Errors
    /// What the detector or its loading says; `SERVER_ERROR` where it panicked.
    pub async fn detect(
        &self,
        frame: Arc<Frame>,
        options: Arc<DetectOptions>,
    ) -> Result<Computed<Detections>> {
        self.run(move |slot| {
            let mut found = slot.detector()?.detect(&[frame], &options)?;
            found.pop().ok_or_else(|| {
                Error::new(ErrorKind::ServerError, "detector gave no answer for a frame")
            })
        })
        .await
    }

    /// Runs a source's own detector over its next frame; the detector is moved there and back.
    ///
    /// # Errors
    /// As [`Pool::detect`]; a detector that panicked does not come back.
    pub async fn detect_in_order(
        &self,
        mut detector: Box<dyn SourceDetector>,
        frame: Arc<Frame>,
    ) -> Result<Computed<(Box<dyn SourceDetector>, Detections)>> {
        self.run(move |_| {
            let found = detector.detect(&frame)?;
            Ok((detector, found))
        })
        .await
    }

    /// Admits `work` to a worker and waits for its answer; dropped before, it is not begun.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Slot) -> Result<T> + Send + 'static,
    ) -> Result<Computed<T>> {
        // On a task of its own: whoever waits here may not be polled for long, as its own writer
        // is slow, and a permit that comes meanwhile must not lie idle while others wait for it.
        let (permits, address) = (Arc::clone(&self.permits), self.address.downgrade());
        let task = tokio::spawn(async move {
            let permit = permits.acquire_owned().await.ok()?;
            let (task, answer) = task(work, permit);
            address.upgrade()?.try_send(task).ok()?;
            answer.await.ok()
        });
        let ended = || Error::new(ErrorKind::ServerError, "compute pool has ended");
        AbortOnDropHandle::new(task).await.ok().flatten().ok_or_else(ended)?
    }
}

/// What a worker is sent: it gives the permit back before it answers, and tells its health.
fn task<T: Send + 'static>(
    work: impl FnOnce(&mut Slot) -> Result<T> + Send + 'static,
    permit: OwnedSemaphorePermit,
) -> (Task, oneshot::Receiver<Result<Computed<T>>>) {
    let (reply, answer) = oneshot::channel();
    let task = Task(Box::new(move |slot| {
        // A cancelled job drops its requests: nobody waits any more.
        if reply.is_closed() {
            return Health::Sound;
        }
        let begun = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| work(slot)));
        let busy = begun.elapsed();
        drop(permit);
        let (answer, health) = match outcome {
            Ok(result) => (result.map(|value| Computed { value, busy }), Health::Sound),
            Err(panic) => (Err(panicked(panic.as_ref())), Health::Broken),
        };
        // As above.
        let _ = reply.send(answer);
        health
    }));
    (task, answer)
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(ErrorKind::ServerError, format!("detector panicked: {said}"))
}
