//! The queue of jobs: which one is due, and who works on it.
//!
//! The store is the record of every job; a queue only says which to begin. How a job changes is
//! [`transition`], pure and the same for every engine.

pub mod transition;

use async_trait::async_trait;
use schema::Result;
use schema::id::StartId;
use schema::job::record::Job;
use schema::time::WallTime;
use std::fmt::Debug;

/// How a worker leases.
#[derive(Debug, Clone, Copy)]
pub struct LeaseRequest {
    /// The start of the worker's process.
    pub holder: StartId,
    /// The time now.
    pub now: WallTime,
    /// When the lease ends unless it is extended.
    pub expires_at: WallTime,
    /// Jobs of one owner that may run side by side.
    pub running_per_owner: u32,
}

/// How full the queue is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Jobs that wait, those to be tried again included.
    pub waiting: u64,
    /// Jobs under a lease.
    pub running: u64,
    /// When the job that has waited longest was submitted.
    pub oldest: Option<WallTime>,
}

/// Says which job to begin next.
#[async_trait]
pub trait Queue: Debug + Send + Sync {
    /// Leases the most urgent job that is due, the oldest among equals; skips owners that have as
    /// many running as they may. `None` where nothing is due. What waits since a time that is yet
    /// to come, by more than [`transition::CLOCK_WENT_BACK`], is due at once.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn lease(&self, request: LeaseRequest) -> Result<Option<Job>>;

    /// Jobs whose lease has run out by `now`, or whose holder is an earlier start than `holder` of
    /// a process that owned this store alone: their workers are gone.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn stale(&self, holder: StartId, now: WallTime) -> Result<Vec<Job>>;

    /// When the next job that waits for its time is due; `None` where none does.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn next_due(&self, now: WallTime) -> Result<Option<WallTime>>;

    /// How full the queue is.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn depth(&self) -> Result<QueueDepth>;
}
