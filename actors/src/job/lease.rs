//! Leasing: takes jobs from the queue while there is room, and begins an actor for each.

use super::actor::JobActor;
use super::shop::Shop;
use crate::media;
use crate::queue::LeaseRequest;
use crate::queue::transition::Transition;
use crate::supervise::restart::{Backoff, Restart, RestartPolicy};
use crate::supervise::tree::Message;
use crate::supervise::worker::{Service, child};
use ractor::{ActorCell, ActorRef};
use schema::Result;
use schema::job::record::Job;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// Without any news, how often the queue is looked at: a hint may have been missed.
const IDLE: Duration = Duration::from_secs(2);

/// The queue is what begins a job again, not its supervisor.
const ONCE: RestartPolicy = RestartPolicy {
    restart: Restart::Temporary,
    backoff: Backoff { first: Duration::ZERO, most: Duration::ZERO },
    healthy_after: Duration::ZERO,
    tolerated: 0,
};

/// Takes jobs from the queue; its supervisor is that of the jobs.
#[derive(Clone)]
pub(crate) struct Leasing(pub(crate) Arc<Shop>);

impl Service for Leasing {
    async fn run(self, stop: CancellationToken, parent: ActorCell) -> Result<()> {
        let shop = &self.0;
        let jobs = ActorRef::<Message>::from(parent);
        loop {
            let room = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = shop.draining.cancelled() => return Ok(()),
                room = Arc::clone(&shop.room).acquire_owned() => room,
            };
            let Ok(room) = room else { return Ok(()) };
            if let Some(job) = self.lease().await {
                self.begin(job, room, &jobs).await;
                continue;
            }
            drop(room);
            tokio::select! {
                () = shop.wake.notified() => {}
                () = tokio::time::sleep(self.until_due().await) => {}
                () = stop.cancelled() => return Ok(()),
                () = shop.draining.cancelled() => return Ok(()),
            }
        }
    }
}

impl Leasing {
    /// The next job that is due, unless there is a reason to begin none.
    async fn lease(&self) -> Option<Job> {
        let shop = &self.0;
        if let Some(reason) = self.obstacle().await {
            self.hold_up(Some(reason));
            return None;
        }
        let now = shop.clock.now();
        let request = LeaseRequest {
            holder: shop.start,
            now,
            expires_at: now.plus(shop.config.lease),
            running_per_owner: shop.config.running_per_owner,
        };
        let leased = shop.queue.lease(request).await;
        self.hold_up(leased.as_ref().err().map(ToString::to_string));
        leased.ok().flatten()
    }

    /// Why a job that is begun now would fail, where that is so: each attempt counts.
    async fn obstacle(&self) -> Option<String> {
        let abandoned = media::abandoned();
        if abandoned >= media::ABANDONED_DECODERS {
            return Some(format!("{abandoned} decoders hang"));
        }
        match self.0.objects.free_bytes().await {
            Ok(Some(0)) => Some("the disk is full".to_owned()),
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        }
    }

    async fn begin(&self, job: Job, room: OwnedSemaphorePermit, jobs: &ActorRef<Message>) {
        let shop = &self.0;
        shop.recorder.stored_beside();
        let (id, token) = (job.id, job.last_token);
        tracing::info!(job = %id, attempt = job.attempt, kind = %job.kind, "job begins");
        let actor = JobActor::new(Arc::clone(shop), job, room);
        let spec = child(format!("job/{id}/{token}"), ONCE, actor);
        if jobs.cast(Message::Add(spec)).is_err() {
            // The supervisor is ending: nothing was done, nothing is counted.
            let released = shop.recorder.change(id, Transition::Release { token }).await;
            if let Err(error) = released {
                tracing::warn!(job = %id, %error, "a lease that was not used stays until it ends");
            }
        }
    }

    /// How long to wait for the next job that is due by its time.
    async fn until_due(&self) -> Duration {
        let now = self.0.clock.now();
        let due = self.0.queue.next_due(now).await.ok().flatten();
        due.map_or(IDLE, |due| due.since(now).clamp(Duration::from_millis(1), IDLE))
    }

    fn hold_up(&self, reason: Option<String>) {
        if self.0.observed.get().held_up == reason {
            return;
        }
        match &reason {
            Some(reason) => tracing::warn!(reason, "no job is begun"),
            None => tracing::info!("jobs are begun again"),
        }
        self.0.observed.update(|seen| seen.held_up = reason);
    }
}
