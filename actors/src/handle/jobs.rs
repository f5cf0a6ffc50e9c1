//! Jobs, as those who own them see and steer them.

use super::{Platform, StagedFile, Submission, submit::CANONICAL_EXTENSIONS};
use crate::job::kinds::JobType;
use crate::job::wake::hint;
use crate::queue::transition::Transition;
use crate::store::jobs::{Created, JobFilter, JobPage, Page};
use schema::account::Scope;
use schema::event::Wake;
use schema::id::JobId;
use schema::job::JobKind;
use schema::job::record::Job;
use schema::{Error, ErrorKind, Result};
use serde_json::Value;
use std::time::Duration;

/// How long a deletion waits for who works on the job.
const DELETING: Duration = Duration::from_secs(10);
/// How often another process is looked after meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What can be asked: a kind of job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobTypeInfo {
    /// Which kind.
    pub kind: JobKind,
    /// What it is for, in one sentence.
    pub title: &'static str,
    /// JSON Schema of its parameters.
    pub parameters: Value,
    /// JSON Schema of its results.
    pub results: Value,
}

impl Platform {
    /// Every kind of job.
    #[must_use]
    pub fn job_types(&self) -> Vec<JobTypeInfo> {
        let info = |kind: &JobKind| {
            let job = JobType::of(*kind);
            let (parameters, results) = ((job.parameters)(), (job.results)());
            JobTypeInfo { kind: *kind, title: job.summary, parameters, results }
        };
        JobKind::ALL.iter().map(info).collect()
    }

    /// The job `id`.
    ///
    /// # Errors
    /// `NOT_FOUND` where there is none, the scope may not see it, or it is being deleted;
    /// `STORAGE_ERROR`.
    pub async fn job(&self, scope: &Scope, id: JobId) -> Result<Job> {
        let job = self.0.engines.store.job(scope, id).await?;
        if job.delete_requested {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no job {id}")));
        }
        Ok(job)
    }

    /// Jobs that the scope may see, newest first.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn jobs(&self, scope: &Scope, filter: &JobFilter, page: Page) -> Result<JobPage> {
        self.0.engines.store.jobs(scope, filter, page).await
    }

    /// Jobs that were given up, newest first.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn dead_letters(&self, scope: &Scope, limit: u32) -> Result<Vec<Job>> {
        self.0.engines.store.dead_letters(scope, limit).await
    }

    /// Asks the job `id` to end; one that waits is cancelled at once, one that runs within 2 s.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` where it has ended in another way; `STORAGE_ERROR`.
    pub async fn cancel(&self, scope: &Scope, id: JobId) -> Result<Job> {
        self.job(scope, id).await?;
        let job = self.ask(scope, id, Transition::RequestCancel).await?;
        self.wake(id, !job.state.is_final()).await;
        Ok(job)
    }

    /// Deletes the job `id` and everything of it. From the call on nobody sees it; on return
    /// nothing writes any more, and its files and rows are gone.
    ///
    /// # Errors
    /// `NOT_FOUND`; `NOT_READY` where another process still works on it: it goes when that ends;
    /// `STORAGE_ERROR`.
    pub async fn delete(&self, scope: &Scope, id: JobId) -> Result<()> {
        self.ask(scope, id, Transition::RequestDelete).await?;
        self.wake(id, true).await;
        let gone = tokio::time::timeout(DELETING, self.deleted(id)).await;
        self.0.shop.recorder.stored_beside();
        gone.unwrap_or_else(|_| {
            let message = format!("job {id} is still worked on: it goes when that ends");
            Err(Error::new(ErrorKind::NotReady, message))
        })
    }

    /// Stores a wish of a user; one that nobody works on may end by it.
    async fn ask(&self, scope: &Scope, id: JobId, wish: Transition) -> Result<Job> {
        let engines = &self.0.engines;
        let now = engines.clock.now();
        let job = engines.store.change_job(scope, id, wish, now).await?;
        // Not one that had ended before.
        if job.finished_at == Some(now) {
            self.0.shop.ended(&job);
        }
        Ok(job)
    }

    /// Waits until a job that is to be deleted has ended, then takes it away.
    async fn deleted(&self, id: JobId) -> Result<()> {
        loop {
            self.0.shop.active.ended(id).await;
            match self.0.engines.store.job(&Scope::System, id).await {
                Ok(job) if job.state.is_final() => return self.0.removal.remove(&job).await,
                // Another process has it, or is about to say how it ended.
                Ok(_) => tokio::time::sleep(LOOK_AGAIN).await,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a new job that does again what the job `id` was to do, for the same owner.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` where it has not ended; as [`Platform::submit`].
    pub async fn retry(
        &self,
        scope: &Scope,
        id: JobId,
        idempotency_key: Option<String>,
    ) -> Result<Created> {
        self.expect_open()?;
        let job = self.job(scope, id).await?;
        if !job.state.is_final() {
            let message = format!("job {id} has not ended: it is {}", job.state);
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let owner = job.owner;
        let submission = Submission {
            kind: job.kind,
            file: self.copy(&job).await?,
            params: job.params,
            accepted: CANONICAL_EXTENSIONS,
            priority: job.priority,
            idempotency_key,
            retry_of: Some(id),
        };
        self.create(owner, submission).await
    }

    /// The input of `job` as a staged file of its own.
    async fn copy(&self, job: &Job) -> Result<StagedFile> {
        let objects = &self.0.engines.objects;
        let staging = objects.stage().await?;
        let original = objects.to_path(&job.input.key.parse()?).await?;
        let path = staging.path().join("upload");
        let copy = path.clone();
        // Objects never change, so that two may share their bytes; other file systems copy.
        let linked = tokio::task::spawn_blocking(move || {
            std::fs::hard_link(&original, &copy)
                .or_else(|_| std::fs::copy(&original, &copy).map(drop))
        });
        let linked = linked.await.map_err(|e| Error::internal("copying the input", e))?;
        linked.map_err(|e| Error::io(&job.input.key, e))?;
        let extension = job.input.key.rsplit('.').next().unwrap_or_default();
        let named = job.input.file_name.to_ascii_lowercase();
        let file_name = match named.ends_with(&format!(".{extension}")) {
            true => job.input.file_name.clone(),
            false => format!("input.{extension}"),
        };
        let (size, sha256) = (job.input.size, job.input.sha256.clone());
        Ok(StagedFile { staging, path, size, sha256, file_name })
    }

    /// Says that there is work, or a wish to cancel.
    pub(super) async fn wake(&self, job: JobId, cancel: bool) {
        let shop = &self.0.shop;
        shop.recorder.stored_beside();
        if cancel {
            shop.active.look(job);
        } else {
            shop.wake.notify_one();
        }
        hint(shop.bus.as_ref(), Wake { job, cancel }).await;
    }
}
