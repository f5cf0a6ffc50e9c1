//! The envelope of seven keys, all of which are always there.

use crate::context::Context;
use crate::door::details;
use crate::error::error_type;
use crate::wire::{ErrorCode, VideoJobDetail};
use poem::http::StatusCode;
use poem_openapi::Object;
use schema::job::JobKind;
use schema::{Error, ErrorKind};
use serde_json::{Value, json};

/// What an answer says beside its data.
#[derive(Debug, Object)]
#[oai(rename = "LegacySubmitMeta")]
pub(crate) struct SubmitMeta {
    /// When it was made, RFC 3339.
    pub timestamp: String,
    /// How long the request took, in seconds.
    pub request_time: f64,
}

/// What an answer about a job says beside its data.
#[derive(Debug, Object)]
#[oai(rename = "LegacyJobMeta")]
pub(crate) struct JobMeta {
    /// When it was made, RFC 3339.
    pub timestamp: String,
    /// How long the job has taken so far, in seconds.
    pub processing_time_seconds: f64,
    /// Frames per second of the video; 0 of a picture, and where it is not known yet.
    pub fps: f64,
    /// Frames of the video: those that were analysed, and until it has ended those that there are.
    pub frame_count: u64,
}

/// Why a job or a request failed.
#[derive(Debug, Object)]
pub(crate) struct LegacyError {
    /// One sentence for people.
    pub message: String,
    /// The stable code.
    pub code: ErrorCode,
    /// The kind of fault.
    pub error_type: String,
    /// The chain of causes; in production for admins only.
    pub traceback: Option<String>,
    /// The request, as the server's log names it.
    pub request_id: Option<String>,
    /// What can be done about it, and the faulty fields.
    #[oai(skip_serializing_if_is_none)]
    pub details: Option<Value>,
}

/// A submission that was accepted.
#[derive(Debug, Object)]
#[oai(rename = "LegacyAccepted")]
pub(crate) struct Accepted {
    /// `accepted`.
    pub status: String,
    /// What is to be found out.
    pub job_type: String,
    /// Nothing yet.
    pub output_image: Option<String>,
    /// Nothing yet.
    pub output_video: Option<String>,
    /// The job.
    pub data: VideoJobDetail,
    /// When, and how long it took.
    pub meta: SubmitMeta,
    /// Nothing.
    pub error: Option<LegacyError>,
}

/// A job.
#[derive(Debug, Object)]
#[oai(rename = "LegacyJob")]
pub(crate) struct JobEnvelope {
    /// `pending`, `processing`, `done` or `failed`.
    pub status: String,
    /// What is to be found out.
    pub job_type: String,
    /// The annotated picture.
    pub output_image: Option<String>,
    /// The annotated video.
    pub output_video: Option<String>,
    /// The job, with the fields of its results beside its own.
    pub data: VideoJobDetail,
    /// How the work went.
    pub meta: JobMeta,
    /// Why it failed.
    pub error: Option<LegacyError>,
}

/// A request that failed.
#[derive(Debug, Object)]
#[oai(rename = "LegacyFailure")]
pub(crate) struct FailureEnvelope {
    /// `failed`.
    pub status: String,
    /// What was to be found out, where the path says it.
    pub job_type: Option<String>,
    /// Nothing.
    pub output_image: Option<String>,
    /// Nothing.
    pub output_video: Option<String>,
    /// Nothing.
    pub data: Option<Value>,
    /// When, and how long it took.
    pub meta: SubmitMeta,
    /// What went wrong.
    pub error: LegacyError,
}

/// A failed request in the envelope.
#[must_use]
pub(crate) fn failure(
    error: &Error,
    status: StatusCode,
    context: &Context,
    path: &str,
    traceback: Option<&str>,
) -> Value {
    let first = path.trim_start_matches("/api/").split('/').next().unwrap_or_default();
    let mut body = json!({
        "status": "failed",
        "job_type": first.parse::<JobKind>().ok(),
        "output_image": null,
        "output_video": null,
        "data": null,
        "meta": {
            "timestamp": context.received_at.to_string(),
            "request_time": context.elapsed_seconds(),
        },
        "error": {
            "message": error.message(),
            "code": error.kind().code(),
            "error_type": error_type(status),
            "traceback": traceback,
            "request_id": context.request_id,
        },
    });
    if let Some(details) = details(error) {
        body["error"]["details"] = details;
    }
    body
}

/// The kind of fault of a job that failed.
#[must_use]
pub(crate) fn job_error_type(kind: ErrorKind) -> &'static str {
    error_type(crate::error::status(kind))
}
