//! A job as the first seed's clients know it.

use super::envelope::{JobEnvelope, JobMeta, LegacyError, job_error_type};
use crate::v1::view::{Viewer, object};
use crate::wire::{ErrorCode, JobKindName, JobParameters, VideoJobDetail};
use poem_openapi::Object;
use poem_openapi::types::ToJSON;
use schema::job::record::{Job, JobState};
use schema::time::WallTime;
use serde_json::Value;

/// Path below which these doors serve media.
pub(crate) const MEDIA_PATH: &str = "/api/media/";

/// A job.
#[derive(Debug, Object)]
pub(crate) struct VideoJob {
    /// Which job.
    pub id: String,
    /// The same as `id`.
    pub job_id: String,
    /// What is to be found out.
    pub job_type: JobKindName,
    /// `pending`, `processing`, `done` or `failed`.
    pub status: String,
    /// The file that was sent.
    pub input_file: Option<String>,
    /// The URL that was sent.
    pub youtube_url: Option<String>,
    /// What was asked.
    pub params: JobParameters,
    /// How far the present attempt is, 0 to 1.
    pub progress: f64,
    /// Seconds that are left at the present rate, where that can be told.
    pub eta_seconds: Option<f64>,
    /// How many times it was begun.
    pub attempt: u32,
    /// The annotated picture.
    pub output_image: Option<String>,
    /// The annotated video.
    pub output_video: Option<String>,
    /// Why it failed.
    pub error: Option<LegacyError>,
    /// When it was submitted, RFC 3339.
    pub created_at: String,
    /// When anything of it changed last.
    pub updated_at: String,
    /// When its first attempt began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
}

/// A cancelled job is a failed one here: these clients would poll for ever.
#[must_use]
pub(crate) const fn status(state: JobState) -> &'static str {
    match state {
        JobState::Cancelled => JobState::Failed.name(),
        other => other.name(),
    }
}

/// A job without its results.
#[must_use]
pub(crate) fn video_job(viewer: &Viewer<'_>, job: &Job) -> VideoJob {
    let view = viewer.job(job);
    VideoJob {
        status: status(job.state).to_owned(),
        input_file: Some(view.input.url),
        youtube_url: None,
        error: error(viewer, job),
        id: view.id,
        job_id: view.job_id,
        job_type: view.job_type,
        params: view.params,
        progress: view.progress,
        eta_seconds: view.eta_seconds,
        attempt: view.attempt,
        output_image: view.output_image,
        output_video: view.output_video,
        created_at: view.created_at,
        updated_at: view.updated_at,
        started_at: view.started_at,
        finished_at: view.finished_at,
    }
}

/// A job with `results` as a field and its fields beside the job's own.
#[must_use]
pub(crate) fn detail(viewer: &Viewer<'_>, job: &Job, results: Option<Value>) -> VideoJobDetail {
    let own = object(video_job(viewer, job).to_json());
    let mut detail = object(results.clone());
    detail.extend(own);
    detail.insert("results".to_owned(), results.unwrap_or_default());
    VideoJobDetail(detail.into())
}

/// A job in its envelope.
#[must_use]
pub(crate) fn envelope(
    viewer: &Viewer<'_>,
    job: &Job,
    results: Option<Value>,
    now: WallTime,
) -> JobEnvelope {
    // Of a picture there is a rate as well, which is that of nothing.
    let is_video = job.outputs.as_ref().is_some_and(|outputs| outputs.image.is_none());
    let rate = results.as_ref().and_then(|results| results.get("frame_rate")?.as_f64());
    let fps = rate.filter(|_| is_video).unwrap_or(0.0);
    let data = detail(viewer, job, results);
    let view = viewer.job(job);
    let spent = match (&job.outputs, job.started_at) {
        (Some(outputs), _) => outputs.processing_us as f64 / 1e6,
        (None, Some(begun)) => job.updated_at.since(begun).as_secs_f64(),
        (None, None) => 0.0,
    };
    let so_far = job.progress.frames_total.unwrap_or(job.progress.frames_done);
    JobEnvelope {
        status: status(job.state).to_owned(),
        job_type: job.kind.name().to_owned(),
        output_image: view.output_image,
        output_video: view.output_video,
        data,
        meta: JobMeta {
            timestamp: now.to_string(),
            processing_time_seconds: spent,
            fps,
            frame_count: job.outputs.as_ref().map_or(so_far, |outputs| outputs.frames),
        },
        error: error(viewer, job),
    }
}

fn error(viewer: &Viewer<'_>, job: &Job) -> Option<LegacyError> {
    let failure = job.failure.as_ref()?;
    Some(LegacyError {
        message: failure.message.clone(),
        code: ErrorCode(failure.code),
        error_type: job_error_type(failure.code).to_owned(),
        traceback: failure.traceback.clone().filter(|_| viewer.sees_causes()),
        request_id: None,
        details: failure.hint.as_ref().map(|hint| serde_json::json!({ "hint": hint })),
    })
}
