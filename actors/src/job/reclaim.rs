//! What others left: jobs whose worker is gone, jobs that are to be deleted; and how full the queue
//! is.

use super::removal::Removal;
use super::shop::Shop;
use crate::queue::transition::Transition;
use crate::supervise::worker::Service;
use ractor::ActorCell;
use schema::account::Scope;
use schema::{ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(2);

/// Takes back what others left.
#[derive(Clone)]
pub(crate) struct Reclaim {
    pub(crate) shop: Arc<Shop>,
    pub(crate) removal: Removal,
}

impl Service for Reclaim {
    async fn run(self, stop: CancellationToken, _: ActorCell) -> Result<()> {
        loop {
            let round = tokio::select! {
                round = self.round() => round,
                () = stop.cancelled() => return Ok(()),
            };
            if let Err(error) = round {
                tracing::warn!(%error, "what others left could not be looked at");
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }
}

impl Reclaim {
    async fn round(&self) -> Result<()> {
        self.take_back().await?;
        self.remove().await?;
        crate::metrics::queue(self.shop.queue.depth().await?, self.shop.clock.now());
        crate::metrics::bus(&self.shop.bus.state());
        Ok(())
    }

    /// Takes back the jobs whose workers are gone by now.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub(crate) async fn take_back(&self) -> Result<()> {
        let shop = &self.shop;
        let now = shop.clock.now();
        for job in shop.queue.stale(shop.start, now).await? {
            let Some(lease) = job.lease else { continue };
            // Ours, and alive: it was held up and extends its lease in a moment.
            if lease.holder == shop.start && shop.active.contains(job.id) {
                continue;
            }
            let cause = match lease.holder == shop.start {
                true => "its worker is gone",
                false => "its process is gone",
            };
            let abandon = Transition::Abandon {
                token: lease.token,
                progress: None,
                cause: cause.to_owned(),
                traceback: None,
                retry_at: now,
            };
            tracing::warn!(job = %job.id, attempt = job.attempt, cause, "job is taken back");
            match shop.store.change_job(&Scope::System, job.id, abandon, now).await {
                Ok(job) if job.state.is_final() => shop.ended(&job),
                Ok(_) => shop.wake.notify_one(),
                // Its worker, or another node, was quicker.
                Err(e) if matches!(e.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {}
                Err(error) => return Err(error),
            }
            shop.recorder.stored_beside();
        }
        Ok(())
    }

    /// Removes the jobs that are to be deleted; one that cannot be is tried again another time.
    async fn remove(&self) -> Result<()> {
        for job in self.shop.store.jobs_to_delete().await? {
            if let Err(error) = self.removal.remove(&job).await {
                tracing::warn!(job = %job.id, %error, "a job could not be removed");
            }
            self.shop.recorder.stored_beside();
        }
        Ok(())
    }
}
