//! A job as clients see it: every door tells the same facts.

use crate::app::Services;
use crate::auth::Principal;
use crate::config::Environment;
use crate::wire::{ErrorCode, JobKindName, JobParameters};
use poem_openapi::types::ToJSON;
use poem_openapi::{Enum, Object};
use schema::id::UserId;
use schema::job::record::{Job, JobFailure, JobState, MediaFile};
use schema::time::WallTime;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum JobStatus {
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

impl From<JobState> for JobStatus {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Pending => Self::Pending,
            JobState::Processing => Self::Processing,
            JobState::Done => Self::Done,
            JobState::Failed => Self::Failed,
            JobState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<JobStatus> for JobState {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Pending => Self::Pending,
            JobStatus::Processing => Self::Processing,
            JobStatus::Done => Self::Done,
            JobStatus::Failed => Self::Failed,
            JobStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// A file of a job.
#[derive(Debug, Object)]
#[oai(rename = "MediaFile")]
pub(crate) struct FileView {
    /// Where it is. Signed, it is good for a while only (`MEDIA_URL_TTL_SECONDS`): every answer
    /// about the job has a fresh one.
    pub url: String,
    /// The name under which it is handed out.
    pub file_name: String,
    /// Its media type.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// Whose a job is.
#[derive(Debug, Object)]
#[oai(rename = "JobOwner")]
pub(crate) struct OwnerView {
    /// Which user.
    pub id: String,
    /// Under which name; nothing where the account is gone, or cannot be looked up now.
    pub username: Option<String>,
}

/// Why a job failed.
#[derive(Debug, Object)]
#[oai(rename = "JobError")]
pub(crate) struct FailureView {
    /// The stable code.
    pub code: ErrorCode,
    /// One sentence for people.
    pub message: String,
    /// What can be done about it.
    pub hint: Option<String>,
    /// The chain of causes; in production for admins only.
    pub traceback: Option<String>,
}

/// A job.
#[derive(Debug, Object)]
#[oai(rename = "Job")]
pub(crate) struct JobView {
    /// Which job.
    pub id: String,
    /// The same as `id`.
    pub job_id: String,
    /// Whose it is.
    pub owner: OwnerView,
    /// What is to be found out.
    pub job_type: JobKindName,
    /// Where it is in its life.
    pub status: JobStatus,
    /// How urgent it is: 1 to 10, 10 before all others.
    pub priority: u8,
    /// What was asked.
    pub params: JobParameters,
    /// What it looks at.
    pub input: FileView,
    /// How far the present attempt is, 0 to 1.
    pub progress: f64,
    /// Frames that went all the way through.
    pub frames_done: u64,
    /// Frames there are, where the container says it.
    pub frames_total: Option<u64>,
    /// Seconds that are left at the present rate, where that can be told.
    pub eta_seconds: Option<f64>,
    /// How many times it was begun.
    pub attempt: u32,
    /// Somebody wants it to end.
    pub cancel_requested: bool,
    /// The job that this one tries again.
    pub retry_of: Option<String>,
    /// The annotated picture.
    pub output_image: Option<String>,
    /// The annotated video.
    pub output_video: Option<String>,
    /// Boxes and counts of every frame, one JSON object a line.
    pub tracks_url: Option<String>,
    /// The exact bytes of the results; needs the access token.
    pub results_url: Option<String>,
    /// Why it failed.
    pub error: Option<FailureView>,
    /// When it was submitted, RFC 3339.
    pub created_at: String,
    /// When anything of it changed last.
    pub updated_at: String,
    /// When its first attempt began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
}

/// What lists say beside their entries.
#[derive(Debug, Object)]
pub(crate) struct Meta {
    /// Where the next page begins; nothing on the last one.
    pub cursor: Option<String>,
    /// Whether more follow.
    pub has_more: bool,
    /// How many the whole list has.
    pub total: u64,
}

/// Makes what one caller sees of jobs.
pub(crate) struct Viewer<'a> {
    /// Everything that serves.
    pub services: &'a Services,
    /// Who looks.
    pub caller: &'a Principal,
    /// Scheme and host of URLs.
    pub base_url: &'a str,
    /// Path below which this door serves media.
    pub media_path: &'static str,
    /// Names of those whose jobs are shown.
    pub names: HashMap<UserId, Option<String>>,
}

impl Services {
    /// The names of those whose `jobs` these are; nothing for who is gone, or cannot be looked up
    /// now: no answer fails for that.
    pub(crate) async fn names_of(&self, jobs: &[Job]) -> HashMap<UserId, Option<String>> {
        let mut names = HashMap::new();
        for job in jobs {
            if names.contains_key(&job.owner) {
                continue;
            }
            let user = self.auth.user(job.owner).await;
            let name =
                user.inspect_err(|error| tracing::debug!(owner = %job.owner, %error, "no name"));
            names.insert(job.owner, name.ok().map(|user| user.username));
        }
        names
    }
}

impl Viewer<'_> {
    /// The URL of a file.
    #[must_use]
    pub(crate) fn url(&self, file: &MediaFile) -> String {
        let now = self.services.platform.clock().now();
        let query = self.services.media.query(&file.key, self.caller.user.id, now);
        format!("{}{}{}{query}", self.base_url, self.media_path, file.key)
    }

    /// Whether this caller sees causes.
    #[must_use]
    pub(crate) fn sees_causes(&self) -> bool {
        self.services.config.environment != Environment::Production || self.caller.is_admin()
    }

    /// A job.
    #[must_use]
    pub(crate) fn job(&self, job: &Job) -> JobView {
        let outputs = job.outputs.as_ref();
        let url = |file: Option<&MediaFile>| file.map(|file| self.url(file));
        let time = |time: Option<WallTime>| time.map(|time| time.to_string());
        let id = job.id.to_string();
        let username = self.names.get(&job.owner).cloned().flatten();
        JobView {
            owner: OwnerView { id: job.owner.to_string(), username },
            job_type: JobKindName(job.kind),
            status: job.state.into(),
            priority: job.priority.into(),
            params: JobParameters(job.params.clone()),
            input: self.file(&job.input),
            progress: job.fraction(),
            frames_done: job.progress.frames_done,
            frames_total: job.progress.frames_total,
            eta_seconds: eta_seconds(job),
            attempt: job.attempt,
            cancel_requested: job.cancel_requested,
            retry_of: job.retry_of.map(|id| id.to_string()),
            output_image: url(outputs.and_then(|o| o.image.as_ref())),
            output_video: url(outputs.and_then(|o| o.video.as_ref())),
            tracks_url: url(outputs.map(|o| &o.tracks)),
            results_url: outputs.map(|_| format!("{}/api/v1/jobs/{id}/results", self.base_url)),
            error: job.failure.as_ref().map(|failure| self.failure(failure)),
            created_at: job.created_at.to_string(),
            updated_at: job.updated_at.to_string(),
            started_at: time(job.started_at),
            finished_at: time(job.finished_at),
            job_id: id.clone(),
            id,
        }
    }

    fn file(&self, file: &MediaFile) -> FileView {
        FileView {
            url: self.url(file),
            file_name: file.file_name.clone(),
            content_type: file.content_type.clone(),
            size: file.size,
            sha256: file.sha256.clone(),
        }
    }

    fn failure(&self, failure: &JobFailure) -> FailureView {
        FailureView {
            code: ErrorCode(failure.code),
            message: failure.message.clone(),
            hint: failure.hint.clone(),
            traceback: failure.traceback.clone().filter(|_| self.sees_causes()),
        }
    }

    /// The tag of a job's representation: of its row, and of how long its URLs are good for.
    #[must_use]
    pub(crate) fn etag(&self, job: &Job) -> String {
        let expiry = self.services.media.expiry(self.services.platform.clock().now());
        format!("W/\"{}-{expiry}\"", job.version)
    }

    /// A job as an object, with the fields of its `results` beside its own.
    #[must_use]
    pub(crate) fn detail(&self, job: &Job, results: Option<Value>) -> Map<String, Value> {
        let own = object(self.job(job).to_json());
        let mut detail = object(results);
        // A job's own fields stand, whatever a kind of results is called.
        detail.extend(own);
        detail
    }
}

/// The fields of an object.
#[must_use]
pub(crate) fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// What is left of a first attempt at its mean rate, as of the row's last change: so the same row
/// gives the same answer.
fn eta_seconds(job: &Job) -> Option<f64> {
    let fraction = job.fraction();
    if job.state != JobState::Processing || job.attempt != 1 || fraction <= 0.0 {
        return None;
    }
    let spent = job.updated_at.since(job.started_at?).as_secs_f64();
    Some((spent * (1.0 - fraction) / fraction * 10.0).round() / 10.0)
}
