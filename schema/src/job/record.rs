//! A job as the store keeps it: what was asked, what became of it, what belongs to it.
//!
//! How it may change is one pure function beside the queue (`actors::queue::transition`); nothing else

use super::JobKind;
use crate::error::{Error, ErrorKind};
use crate::id::{JobId, StartId, UserId};
use crate::time::WallTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// Where a job is in its life.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits to be begun.
    Pending,
    /// Is being worked on, or waits to be tried again.
    Processing,
    /// Its results are there.
    Done,
    /// It ended with an error.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Processing, Self::Done, Self::Failed, Self::Cancelled];

    /// The wire name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing will change any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for JobState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
            let message =
                format!("state {text:?}: expected pending, processing, done, failed or cancelled");
            Error::new(ErrorKind::ValidationError, message)
        })
    }
}

/// Urgency of a job: 1 to 10, 10 before all others; among equals the older goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

impl Default for Priority {
    fn default() -> Self {
        Self(5)
    }
}

impl TryFrom<u8> for Priority {
    type Error = Error;

    fn try_from(value: u8) -> Result<Self, Error> {
        if (1..=10).contains(&value) {
            return Ok(Self(value));
        }
        let message = format!("priority {value}: expected 1 to 10");
        Err(Error::new(ErrorKind::ValidationError, message))
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

/// A file of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaFile {
    /// Where it lies among the objects: `uploads/people-count_{job}.mp4`.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Its media type, by its content.
    pub content_type: String,
    /// The name under which it is handed out.
    pub file_name: String,
}

/// What a finished job leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOutputs {
    /// `results/results_{job}.json`.
    pub results: MediaFile,
    /// `outputs/tracks_{job}.jsonl`.
    pub tracks: MediaFile,
    /// `outputs/output_{job}.jpg`, of a picture.
    pub image: Option<MediaFile>,
    /// `outputs/output_{job}.mp4`, of a video.
    pub video: Option<MediaFile>,
    /// How long the attempt that finished took.
    pub processing_us: u64,
    /// Frames that were analysed.
    pub frames: u64,
}

impl JobOutputs {
    /// Every file there is.
    pub fn files(&self) -> impl Iterator<Item = &MediaFile> {
        [Some(&self.results), Some(&self.tracks), self.image.as_ref(), self.video.as_ref()]
            .into_iter()
            .flatten()
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// The code of the registry.
    pub code: ErrorKind,
    /// One sentence in lower case.
    pub message: String,
    /// What can be done about it.
    pub hint: Option<String>,
    /// The chain of causes, or the backtrace of a panic; told to admins only in production.
    pub traceback: Option<String>,
}

/// The lease under which a worker has a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The start of the process whose worker it is.
    pub holder: StartId,
    /// The fencing token: grows with every lease of the job, and every write of the worker
    /// carries it.
    pub token: u64,
    /// When it ends unless it is extended.
    pub expires_at: WallTime,
}

/// How an attempt is doing, as its lease's extension tells it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct AttemptProgress {
    /// Frames that went all the way through.
    pub frames_done: u64,
    /// Frames there are, where the container says it.
    pub frames_total: Option<u64>,
}

impl AttemptProgress {
    /// 0 to 1; 0 where the total is not known.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        match self.frames_total {
            Some(total) if total > 0 => (self.frames_done as f64 / total as f64).min(1.0),
            _ => 0.0,
        }
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Which job.
    pub id: JobId,
    /// Whose it is.
    pub owner: UserId,
    /// What is to be found out.
    pub kind: JobKind,
    /// Its parameters, checked, as the client gave them.
    pub params: Value,
    /// What it looks at.
    pub input: MediaFile,
    /// How urgent it is.
    pub priority: Priority,
    /// The job that this one tries again.
    pub retry_of: Option<JobId>,
    /// Where it is in its life.
    pub state: JobState,
    /// Somebody wants it to end.
    pub cancel_requested: bool,
    /// Somebody wants it gone; it goes once nothing writes any more.
    pub delete_requested: bool,
    /// How many times it was begun.
    pub attempt: u32,
    /// Attempts that ended with an error of a transient kind.
    pub transient_failures: u32,
    /// Attempts that ended abnormally without getting beyond others that did before them.
    pub poison_strikes: u32,
    /// The furthest frame of the attempts that have ended.
    pub furthest_frame: u64,
    /// How the present attempt is doing.
    pub progress: AttemptProgress,
    /// Who works on it.
    pub lease: Option<Lease>,
    /// The greatest fencing token that was given out.
    pub last_token: u64,
    /// Not to be leased before this time.
    pub not_before: WallTime,
    /// What it left, once it is done.
    pub outputs: Option<JobOutputs>,
    /// Why it failed.
    pub failure: Option<JobFailure>,
    /// When it was submitted.
    pub created_at: WallTime,
    /// When anything of it changed last.
    pub updated_at: WallTime,
    /// When its first attempt began.
    pub started_at: Option<WallTime>,
    /// When it ended.
    pub finished_at: Option<WallTime>,
    /// Grows with every change; the base of its ETag and of compare-and-set.
    pub version: u64,
}

impl Job {
    /// A job that waits, with the priority that most have: nothing was done with it yet.
    #[must_use]
    pub fn new(
        id: JobId,
        owner: UserId,
        (kind, params): (JobKind, Value),
        input: MediaFile,
        now: WallTime,
    ) -> Self {
        Self {
            id,
            owner,
            kind,
            params,
            input,
            priority: Priority::default(),
            retry_of: None,
            state: JobState::Pending,
            cancel_requested: false,
            delete_requested: false,
            attempt: 0,
            transient_failures: 0,
            poison_strikes: 0,
            furthest_frame: 0,
            progress: AttemptProgress::default(),
            lease: None,
            last_token: 0,
            not_before: now,
            outputs: None,
            failure: None,
            created_at: now,
            updated_at: now,
            started_at: None,
            finished_at: None,
            version: 1,
        }
    }

    /// How far it is: 1 when done, else the fraction of the present attempt.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        if self.state == JobState::Done { 1.0 } else { self.progress.fraction() }
    }

    /// Every file of it that is there.
    pub fn files(&self) -> impl Iterator<Item = &MediaFile> {
        std::iter::once(&self.input).chain(self.outputs.iter().flat_map(JobOutputs::files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_priorities_are_their_wire_form() {
        for state in JobState::ALL {
            assert_eq!(serde_json::to_value(state).expect("a string"), state.name());
            assert_eq!(state.name().parse::<JobState>().expect("its own name"), state);
        }
        for bad in [0, 11, 255] {
            assert!(Priority::try_from(bad).is_err(), "{bad} was taken");
        }
        assert_eq!(u8::from(Priority::default()), 5);
    }

    #[test]
    fn progress_is_a_fraction() {
        let at =
            |done, total| AttemptProgress { frames_done: done, frames_total: total }.fraction();
        assert!((at(5, Some(10)) - 0.5).abs() < 1e-12);
        assert!((at(12, Some(10)) - 1.0).abs() < 1e-12);
        assert!(at(5, None).abs() < 1e-12);
        assert!(at(0, Some(0)).abs() < 1e-12);
    }
}
