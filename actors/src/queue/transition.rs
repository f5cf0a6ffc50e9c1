//! How a job changes: one pure function, for every store.
//!
//! A store reads the job, applies a [`Transition`], and writes job and events in one transaction
//! or compare-and-set. Time and tokens are handed in; nothing here looks at a clock.
//!
//! States go `pending -> processing -> done | failed | cancelled` and never back. A worker's
//! transitions carry the fencing token of its lease: one that was superseded changes nothing.

use schema::event::{EventBody, EventError};
use schema::id::StartId;
use schema::job::record::{AttemptProgress, Job, JobFailure, JobOutputs, JobState, Lease};
use schema::time::WallTime;
use schema::{Error, ErrorKind, Result};
use std::time::Duration;

/// Attempts that may end with an error of a transient kind, the last one included.
pub const TRANSIENT_ATTEMPTS: u32 = 3;
/// Attempts that may end abnormally without getting beyond those before them, the first and the
/// last one included: three deaths at the same frame are enough, whichever frame it is.
pub const POISON_STRIKES: u32 = 3;
/// A job that waits for its time is due where the clock says so much less than when that was set: it
/// went back, and what it said then is void. A step of less delays by no more than this.
pub const CLOCK_WENT_BACK: Duration = Duration::from_secs(10);

/// A wish to change a job.
#[derive(Debug, Clone)]
pub enum Transition {
    /// A worker takes it, with the next fencing token.
    Begin {
        /// The start of the worker's process.
        holder: StartId,
        /// When the lease ends unless it is extended.
        expires_at: WallTime,
    },
    /// The worker is alive and this far.
    Extend {
        /// Its fencing token.
        token: u64,
        /// How far it is.
        progress: AttemptProgress,
        /// The new end of the lease.
        expires_at: WallTime,
    },
    /// The worker has finished; its files are in place.
    Finish {
        /// Its fencing token.
        token: u64,
        /// What it leaves.
        outputs: Box<JobOutputs>,
        /// How far it came.
        progress: AttemptProgress,
    },
    /// The worker ended with an error.
    Fail {
        /// Its fencing token.
        token: u64,
        /// What went wrong.
        failure: Box<JobFailure>,
        /// Whether trying again may help, and when.
        retry_at: Option<WallTime>,
    },
    /// The worker ended because it was asked to cancel.
    ConfirmCancel {
        /// Its fencing token.
        token: u64,
    },
    /// The worker gives the job back unharmed: its process stops in an orderly way.
    Release {
        /// Its fencing token.
        token: u64,
    },
    /// The worker is gone: it panicked, its process was killed, its lease ran out.
    Abandon {
        /// Its fencing token.
        token: u64,
        /// How far it came, where that is known beyond its last extension.
        progress: Option<AttemptProgress>,
        /// How it ended.
        cause: String,
        /// The backtrace of its panic, where there is one.
        traceback: Option<String>,
        /// Not to be begun again before this time.
        retry_at: WallTime,
    },
    /// A user wants it to end.
    RequestCancel,
    /// A user wants it gone.
    RequestDelete,
}

/// Applies `transition` to `job` at `now`, and says what happened.
///
/// The version grows with every change; it stays where there was nothing to change.
///
/// # Errors
/// `CONFLICT` where the lease is not the worker's any more, the job has ended, or a worker confirms
/// what nobody asked for; `CANCELLED` for an end with results of a job that is to be cancelled. The
/// job is unchanged then.
pub fn apply(job: &mut Job, transition: Transition, now: WallTime) -> Result<Vec<EventBody>> {
    let events = match transition {
        Transition::Begin { holder, expires_at } => begin(job, holder, expires_at, now)?,
        Transition::Extend { token, progress, expires_at } => {
            let lease = held(job, token)?;
            lease.expires_at = expires_at;
            job.progress = progress;
            Vec::new()
        }
        Transition::Finish { token, outputs, progress } => {
            held(job, token)?;
            if job.cancel_requested {
                let message = format!("job {} is to be cancelled", job.id);
                return Err(Error::new(ErrorKind::Cancelled, message));
            }
            job.progress = progress;
            job.outputs = Some(*outputs);
            let results_url = format!("/api/v1/jobs/{}/results", job.id);
            vec![end(job, JobState::Done, now), EventBody::JobResult { results_url }]
        }
        Transition::Fail { token, failure, retry_at } => {
            held(job, token)?;
            fail(job, *failure, retry_at, now)
        }
        Transition::ConfirmCancel { token } => {
            held(job, token)?;
            if !job.cancel_requested {
                let message = format!("job {}: nobody wants it to be cancelled", job.id);
                return Err(Error::new(ErrorKind::Conflict, message));
            }
            vec![end(job, JobState::Cancelled, now)]
        }
        Transition::Release { token } => {
            held(job, token)?;
            // Due as it was: also where the clock went back meanwhile.
            give_back(job, job.not_before, now)
        }
        Transition::Abandon { token, progress, cause, traceback, retry_at } => {
            held(job, token)?;
            job.progress = progress.unwrap_or(job.progress);
            abandon(job, cause, traceback, retry_at, now)
        }
        Transition::RequestCancel => match request_cancel(job, now)? {
            Some(events) => events,
            None => return Ok(Vec::new()),
        },
        Transition::RequestDelete if job.delete_requested => return Ok(Vec::new()),
        Transition::RequestDelete => {
            job.delete_requested = true;
            if job.state.is_final() {
                Vec::new()
            } else {
                request_cancel(job, now)?.unwrap_or_default()
            }
        }
    };
    job.version += 1;
    job.updated_at = now;
    Ok(events)
}

fn begin(
    job: &mut Job,
    holder: StartId,
    expires_at: WallTime,
    now: WallTime,
) -> Result<Vec<EventBody>> {
    if job.state.is_final() || job.lease.is_some() || job.cancel_requested || !is_due(job, now) {
        let message = format!("job {} is not due: it is {}", job.id, job.state);
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    job.last_token += 1;
    job.lease = Some(Lease { holder, token: job.last_token, expires_at });
    job.state = JobState::Processing;
    job.attempt += 1;
    job.progress = AttemptProgress::default();
    job.started_at.get_or_insert(now);
    Ok(vec![state_event(job)])
}

/// Whether a job that waits has waited for its time.
fn is_due(job: &Job, now: WallTime) -> bool {
    job.not_before <= now || now.plus(CLOCK_WENT_BACK) < job.updated_at
}

/// The lease, where it is the one with `token`.
fn held(job: &mut Job, token: u64) -> Result<&mut Lease> {
    let id = job.id;
    job.lease.as_mut().filter(|lease| lease.token == token).ok_or_else(|| {
        let message = format!("job {id}: lease {token} is not in force any more");
        Error::new(ErrorKind::Conflict, message)
    })
}

fn fail(
    job: &mut Job,
    failure: JobFailure,
    retry_at: Option<WallTime>,
    now: WallTime,
) -> Vec<EventBody> {
    if job.cancel_requested {
        return vec![end(job, JobState::Cancelled, now)];
    }
    job.furthest_frame = job.furthest_frame.max(job.progress.frames_done);
    if let Some(retry_at) = retry_at {
        job.transient_failures += 1;
        if job.transient_failures < TRANSIENT_ATTEMPTS {
            return give_back(job, retry_at, now);
        }
    }
    job.failure = Some(failure);
    vec![end(job, JobState::Failed, now)]
}

/// An abnormal end: a strike unless it came further than others that ended so before it. The first
/// one has none to get beyond, and is a strike wherever it came to.
fn abandon(
    job: &mut Job,
    cause: String,
    traceback: Option<String>,
    retry_at: WallTime,
    now: WallTime,
) -> Vec<EventBody> {
    let reached = job.progress.frames_done;
    if job.poison_strikes == 0 || reached <= job.furthest_frame {
        job.poison_strikes += 1;
    }
    job.furthest_frame = job.furthest_frame.max(reached);
    if job.poison_strikes < POISON_STRIKES || job.cancel_requested {
        return give_back(job, retry_at, now);
    }
    let message = format!(
        "given up after {} attempts that ended abnormally, none beyond frame {}: {cause}",
        job.attempt, job.furthest_frame
    );
    job.failure = Some(JobFailure {
        code: ErrorKind::ServerError,
        message,
        hint: Some("the input may harm the decoder or the model; retry makes a new job".to_owned()),
        traceback,
    });
    let (attempt, furthest_frame) = (job.attempt, job.furthest_frame);
    let told = end(job, JobState::Failed, now);
    vec![EventBody::JobDeadLettered { attempt, furthest_frame, cause }, told]
}

/// Ends the lease; what nobody works on and is to be cancelled is cancelled.
fn give_back(job: &mut Job, not_before: WallTime, now: WallTime) -> Vec<EventBody> {
    if job.cancel_requested {
        return vec![end(job, JobState::Cancelled, now)];
    }
    job.lease = None;
    job.not_before = not_before;
    job.progress = AttemptProgress::default();
    vec![state_event(job)]
}

/// `None` where there is nothing to change.
fn request_cancel(job: &mut Job, now: WallTime) -> Result<Option<Vec<EventBody>>> {
    if job.state == JobState::Cancelled || (job.cancel_requested && !job.state.is_final()) {
        return Ok(None);
    }
    if job.state.is_final() {
        let message = format!("job {} has ended already: it is {}", job.id, job.state);
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    job.cancel_requested = true;
    let nobody_works = job.lease.is_none();
    Ok(Some(if nobody_works { vec![end(job, JobState::Cancelled, now)] } else { Vec::new() }))
}

fn end(job: &mut Job, state: JobState, now: WallTime) -> EventBody {
    job.state = state;
    job.lease = None;
    job.finished_at = Some(now);
    if state == JobState::Cancelled {
        job.failure = Some(JobFailure {
            code: ErrorKind::Cancelled,
            message: "cancelled on request".to_owned(),
            hint: None,
            traceback: None,
        });
    }
    state_event(job)
}

/// What is said of the state in which `job` is now: the first event of a new job, and after that
/// what [`apply`] says.
#[must_use]
pub fn state_event(job: &Job) -> EventBody {
    EventBody::JobState {
        status: job.state,
        attempt: job.attempt,
        progress: job.fraction(),
        error: job
            .failure
            .as_ref()
            .map(|f| EventError { code: f.code, message: f.message.clone() }),
    }
}

#[cfg(test)]
mod tests;
