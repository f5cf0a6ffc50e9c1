//! What the actors of all jobs of a node share.

use super::active::Active;
use super::run::{Finished, Request, Workshop, run};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::config::JobsConfig;
use crate::objects::Objects;
use crate::pipeline::Progress;
use crate::queue::Queue;
use crate::recorder::Recorder;
use crate::store::Store;
use crate::supervise::observe::Observed;
use async_trait::async_trait;
use rand::RngExt;
use rand_pcg::Pcg32;
use schema::Result;
use schema::id::{JobId, StartId};
use schema::job::record::Job;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// What runs one attempt of a job: [`run`] with the shared workshop, or a double that follows a
/// script.
#[async_trait]
pub(crate) trait Runner: Send + Sync {
    /// As [`run`].
    async fn run(
        &self,
        request: &Request,
        progress: &watch::Sender<Progress>,
        cancel: &CancellationToken,
    ) -> Result<Finished>;
}

#[async_trait]
impl Runner for Workshop {
    async fn run(
        &self,
        request: &Request,
        progress: &watch::Sender<Progress>,
        cancel: &CancellationToken,
    ) -> Result<Finished> {
        run(request, self, progress, cancel).await
    }
}

/// What can be seen of the jobs of a node.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct JobsState {
    /// Those that are worked on.
    pub running: BTreeMap<JobId, JobRunState>,
    /// Attempts that ended with results.
    pub done: u64,
    /// Attempts that ended with an error, and will not be tried again.
    pub failed: u64,
    /// Attempts that ended because somebody wanted them to.
    pub cancelled: u64,
    /// Attempts that ended in another way, and whose job is tried again or was given up.
    pub interrupted: u64,
    /// Why no job is begun, where that is so.
    pub held_up: Option<String>,
}

/// What can be seen of a job that is worked on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct JobRunState {
    /// Which attempt it is.
    pub attempt: u32,
    /// Frames that went all the way through.
    pub frames_done: u64,
    /// Frames there are, where the container says it.
    pub frames_total: Option<u64>,
    /// Mean frames per second of this attempt.
    pub fps: f64,
    /// What is going on: `analyze`, `store`.
    pub stage: &'static str,
}

/// What the actors of all jobs of a node share.
pub(crate) struct Shop {
    pub(crate) config: JobsConfig,
    pub(crate) start: StartId,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) runner: Arc<dyn Runner>,
    pub(crate) recorder: Recorder,
    pub(crate) active: Active,
    pub(crate) observed: Observed<JobsState>,
    /// The node is ending: nothing is begun any more.
    pub(crate) draining: CancellationToken,
    /// There may be work.
    pub(crate) wake: Notify,
    /// Room for jobs side by side.
    pub(crate) room: Arc<Semaphore>,
    /// Numbers of the last progress messages, per job.
    pub(crate) numbers: Mutex<BTreeMap<JobId, u64>>,
    /// Where the chance in delays comes from.
    pub(crate) chance: Mutex<Pcg32>,
}

impl Shop {
    /// -1 to 1.
    pub(crate) fn chance(&self) -> f64 {
        // Any state of the generator is as good as another.
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).random_range(-1.0..=1.0)
    }

    /// The next number of the progress messages of `id`, from 1.
    pub(crate) fn next_number(&self, id: JobId) -> u64 {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let number = numbers.entry(id).or_default();
        *number += 1;
        *number
    }

    /// Takes note of the end of `job`, once, by whoever ended it: it will say nothing any more.
    pub(crate) fn ended(&self, job: &Job) {
        crate::metrics::ended(job.state);
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).remove(&job.id);
    }
}
