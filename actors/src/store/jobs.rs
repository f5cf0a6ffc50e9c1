//! Jobs in the store.

use crate::queue::transition::Transition;
use async_trait::async_trait;
use schema::Result;
use schema::account::Scope;
use schema::id::{JobId, UserId};
use schema::job::JobKind;
use schema::job::record::{Job, JobState};
use schema::time::WallTime;
use std::fmt::Debug;

/// What a submission may find in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Jobs of one owner that may wait.
    pub waiting_per_owner: u32,
    /// Jobs that may wait in all.
    pub waiting: u32,
}

/// The same submission, sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The client's key; it counts per owner.
    pub key: String,
    /// SHA-256 of what was submitted, in hexadecimal: the same key with another one is a conflict.
    pub fingerprint: String,
    /// Until when the key is remembered.
    pub expires_at: WallTime,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// The job is new.
    New(Job),
    /// It is the job that the same key made before.
    Again(Job),
}

impl Created {
    /// The job, whenever it was made.
    #[must_use]
    pub const fn job(&self) -> &Job {
        let (Self::New(job) | Self::Again(job)) = self;
        job
    }
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of this owner alone.
    pub owner: Option<UserId>,
    /// In this state.
    pub state: Option<JobState>,
    /// Of this kind.
    pub kind: Option<JobKind>,
}

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Entries older than `before` (all where it is `None`), newest first.
    Before {
        /// The last entry of the page before.
        before: Option<JobId>,
        /// Entries at most.
        limit: u32,
    },
    /// Entries from number `offset` (from 0) of the list, newest first.
    Offset {
        /// Entries to leave out.
        offset: u64,
        /// Entries at most.
        limit: u32,
    },
}

/// A part of the list of jobs, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// How many the whole list has.
    pub total: u64,
    /// Whether older ones follow.
    pub has_more: bool,
}

/// Jobs in the store.
#[async_trait]
pub trait JobStore: Debug + Send + Sync {
    /// Records a new job and its first event, unless its idempotency key is known.
    ///
    /// # Errors
    /// `RATE_LIMITED` or `QUEUE_FULL` where it is not admitted; `CONFLICT` for a known key with
    /// another fingerprint; `STORAGE_ERROR`.
    async fn create_job(
        &self,
        job: Job,
        admission: Admission,
        idempotency: Option<Idempotency>,
    ) -> Result<Created>;

    /// The job `id`.
    ///
    /// # Errors
    /// `NOT_FOUND` where there is none or the scope may not see it; `STORAGE_ERROR`.
    async fn job(&self, scope: &Scope, id: JobId) -> Result<Job>;

    /// Jobs that the scope may see, newest first; those to be deleted are left out.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn jobs(&self, scope: &Scope, filter: &JobFilter, page: Page) -> Result<JobPage>;

    /// Changes a job and appends what happened to its stream, all or nothing.
    ///
    /// # Errors
    /// As [`crate::queue::transition::apply`]; `NOT_FOUND`; `STORAGE_ERROR`.
    async fn change_job(
        &self,
        scope: &Scope,
        id: JobId,
        transition: Transition,
        now: WallTime,
    ) -> Result<Job>;

    /// Forgets a job that has ended and is to be deleted; its stream ends with `job_deleted`.
    ///
    /// # Errors
    /// `CONFLICT` where it has not ended; `NOT_FOUND`; `STORAGE_ERROR`.
    async fn remove_job(&self, scope: &Scope, id: JobId, now: WallTime) -> Result<()>;

    /// Jobs that are to be deleted and have ended: their files and rows are still to go.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn jobs_to_delete(&self) -> Result<Vec<Job>>;

    /// Jobs that were given up, newest first.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn dead_letters(&self, scope: &Scope, limit: u32) -> Result<Vec<Job>>;
}
