//! What a node is told: limits, times, numbers of workers. Values that are checked; where they come
//! from (files, environment) is the business of the composition root.

use crate::store::jobs::Admission;
use crate::supervise::restart::Backoff;
use schema::error::FieldFault;
use schema::{Error, Result};
use std::time::Duration;

/// Jobs that one process runs side by side unless told otherwise, if it has as many cores.
const CONCURRENT_JOBS: usize = 5;

/// How a node works.
#[derive(Debug, Clone, PartialEq)]
pub struct PlatformConfig {
    /// How jobs are run.
    pub jobs: JobsConfig,
    /// Jobs that may wait: 100 of one owner, 10,000 in all.
    pub admission: Admission,
    /// Largest input file in bytes: 500 MiB.
    pub max_upload_bytes: u64,
    /// How long an idempotency key is remembered: 24 h.
    pub idempotency: Duration,
    /// How long events can be replayed: 24 h.
    pub event_retention: Duration,
    /// Events that can be replayed of each stream: 1,000,000.
    pub events_per_stream: u64,
    /// How long jobs and their files are kept once they have ended: 30 days; `None` for ever.
    pub job_retention: Option<Duration>,
    /// How often what is old is removed: every 10 minutes.
    pub janitor_every: Duration,
}

/// How jobs are run.
#[derive(Debug, Clone, PartialEq)]
pub struct JobsConfig {
    /// Jobs side by side in this process: 5, or as many as there are cores if those are fewer.
    pub concurrent: usize,
    /// Jobs of one owner side by side: 4.
    pub running_per_owner: u32,
    /// How long a lease lasts without being extended: 15 s.
    pub lease: Duration,
    /// How often a lease is extended, and with it the wish to cancel seen: every second.
    pub extend_every: Duration,
    /// A job whose frame counter stands still for so long is ended and tried again: 120 s.
    pub stall: Duration,
    /// How long a job that is told to end may take to do so by itself: 1 s.
    pub grace: Duration,
    /// When an attempt that failed for a passing reason is tried again: after 1 s, 2 s, 4 s ...
    /// 60 s at most.
    pub backoff: Backoff,
}

impl Default for PlatformConfig {
    fn default() -> Self {
        Self {
            jobs: JobsConfig::default(),
            admission: Admission { waiting_per_owner: 100, waiting: 10_000 },
            max_upload_bytes: 500 << 20,
            idempotency: Duration::from_secs(24 * 3600),
            event_retention: Duration::from_secs(24 * 3600),
            events_per_stream: 1_000_000,
            job_retention: Some(Duration::from_secs(30 * 24 * 3600)),
            janitor_every: Duration::from_secs(600),
        }
    }
}

impl Default for JobsConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            concurrent: CONCURRENT_JOBS.min(cores),
            running_per_owner: 4,
            lease: Duration::from_secs(15),
            extend_every: Duration::from_secs(1),
            stall: Duration::from_secs(120),
            grace: Duration::from_secs(1),
            backoff: Backoff { first: Duration::from_secs(1), most: Duration::from_secs(60) },
        }
    }
}

impl PlatformConfig {
    /// Makes sure that the values fit together.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every fault.
    pub fn check(&self) -> Result<()> {
        let mut faults = Vec::new();
        let mut expect = |holds: bool, field: &str, message: &str| {
            if !holds {
                let (field, message) = (field.to_owned(), message.to_owned());
                faults.push(FieldFault { field, message });
            }
        };
        let jobs = &self.jobs;
        expect(jobs.concurrent > 0, "jobs.concurrent", "expected 1 or more");
        expect(jobs.running_per_owner > 0, "jobs.running_per_owner", "expected 1 or more");
        let often = !jobs.extend_every.is_zero() && jobs.extend_every <= Duration::from_secs(1);
        expect(often, "jobs.extend_every", "expected more than 0 and 1 s at most");
        let long = jobs.lease >= jobs.extend_every * 3;
        expect(long, "jobs.lease", "expected three times jobs.extend_every or more");
        expect(
            jobs.stall > jobs.extend_every,
            "jobs.stall",
            "expected more than jobs.extend_every",
        );
        expect(self.max_upload_bytes > 0, "max_upload_bytes", "expected 1 or more");
        expect(!self.janitor_every.is_zero(), "janitor_every", "expected more than 0");
        if faults.is_empty() { Ok(()) } else { Err(Error::validation(faults)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fit_together_and_faults_are_all_named() {
        PlatformConfig::default().check().expect("defaults are right");
        let mut config = PlatformConfig::default();
        config.jobs.concurrent = 0;
        config.jobs.lease = config.jobs.extend_every;
        config.janitor_every = Duration::ZERO;
        let error = config.check().expect_err("three faults");
        let fields: Vec<&str> = error.fields().iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["jobs.concurrent", "jobs.lease", "janitor_every"]);
    }
}
