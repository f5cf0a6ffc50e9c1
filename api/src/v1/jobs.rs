//! Jobs.

use super::view::{JobStatus, JobView, Meta, Viewer};
use crate::app::{Services, State};
use crate::auth::Principal;
use crate::auth::scheme::Caller;
use crate::context::Context;
use crate::failure::Failure;
use crate::media::range::is_known;
use crate::openapi::Tag;
use crate::upload::RawBody;
use crate::upload::canonical::{CanonicalForm, submission};
use crate::wire::{JobDetail, JobKindName, JobResults};
use actors::handle::{JobFilter, Page};
use poem::Request;
use poem::http::header::IF_NONE_MATCH;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::{Json, PlainText};
use poem_openapi::{ApiResponse, Object, OpenApi};
use schema::id::JobId;
use schema::job::record::Job;
use std::slice;

/// Path below which media are served here.
pub(crate) const MEDIA_PATH: &str = "/api/v1/media/files/";
/// When to ask for a running job again, in seconds.
pub(crate) const POLL_SECONDS: u64 = 2;
/// Entries of a page.
const PAGE: u32 = 50;

/// A job, enveloped.
#[derive(Object)]
struct JobBody {
    /// The job.
    data: JobView,
}

/// A job with its results, enveloped.
#[derive(Object)]
struct JobDetailBody {
    /// The job, with the fields of its results beside its own once it is done.
    data: JobDetail,
}

/// Jobs, newest first.
#[derive(Object)]
struct JobListBody {
    /// The jobs, without their results.
    data: Vec<JobView>,
    /// Where the next page begins.
    meta: Meta,
}

#[derive(ApiResponse)]
enum Accepted {
    /// The job waits to be begun. An `Idempotency-Key` that was seen before gives the job that it
    /// made.
    #[oai(status = 202)]
    Job(
        Json<JobBody>,
        /// Where the job is.
        #[oai(header = "Location")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Found {
    /// The job.
    #[oai(status = 200)]
    Job(
        Json<JobDetailBody>,
        /// Changes with every change of the job, and with the URLs in it.
        #[oai(header = "ETag")]
        String,
        /// When to ask again, in seconds, while it runs.
        #[oai(header = "Retry-After")]
        Option<u64>,
    ),
    /// Nothing has changed.
    #[oai(status = 304)]
    Unchanged(
        /// As it was.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The job and everything of it are gone; nothing writes any more.
    #[oai(status = 204)]
    Done,
}

#[derive(ApiResponse)]
enum Results {
    /// The exact bytes of the results: the same input gives the same bytes.
    #[oai(status = 200, actual_type = "Json<JobResults>")]
    Bytes(
        PlainText<String>,
        /// SHA-256 of the bytes.
        #[oai(header = "ETag")]
        String,
    ),
    /// The client has them.
    #[oai(status = 304)]
    Unchanged(
        /// SHA-256 of the bytes.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Cancelling {
    /// The job ends within two seconds, or has ended: its status says which.
    #[oai(status = 202)]
    Job(
        Json<JobBody>,
        /// Where the job is.
        #[oai(header = "Location")]
        String,
    ),
}

pub(crate) struct JobsApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Jobs")]
impl JobsApi {
    /// Submits a job: a form with its file, or JSON that says where the input is.
    #[oai(path = "/jobs", method = "post", operation_id = "create_job")]
    async fn create(
        &self,
        services: State<'_>,
        request: &Request,
        caller: Caller,
        /// The same submission sent again within 24 h makes no second job.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        idempotency_key: Header<Option<String>>,
        body: RawBody<CanonicalForm>,
    ) -> Result<Accepted, Failure> {
        let platform = &services.platform;
        let submission = submission(platform, request, body, idempotency_key.0).await?;
        let created = platform.submit(&caller.scope(), submission).await?;
        let (body, location) = shown(&services, request, &caller, created.job()).await;
        Ok(Accepted::Job(body, location))
    }

    /// Jobs, newest first: one's own; an admin sees everybody's.
    #[allow(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    #[oai(path = "/jobs", method = "get", operation_id = "list_jobs")]
    async fn list(
        &self,
        services: State<'_>,
        request: &Request,
        caller: Caller,
        /// In this state only.
        status: Query<Option<JobStatus>>,
        /// Of this kind only.
        job_type: Query<Option<JobKindName>>,
        /// The last job of the page before, as `meta.cursor` gave it.
        cursor: Query<Option<String>>,
        /// Entries at most.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<JobListBody>, Failure> {
        let kind = job_type.0.map(|name| name.0);
        let filter = JobFilter { owner: None, state: status.0.map(Into::into), kind };
        let before = cursor.0.map(|id| id.parse::<JobId>()).transpose()?;
        let page = Page::Before { before, limit: limit.0.unwrap_or(PAGE) };
        let page = services.platform.jobs(&caller.scope(), &filter, page).await?;
        let context = Context::of(request);
        let viewer = viewer(&services, &caller, &context, &page.jobs).await;
        let cursor = page.jobs.last().filter(|_| page.has_more).map(|job| job.id.to_string());
        Ok(Json(JobListBody {
            data: page.jobs.iter().map(|job| viewer.job(job)).collect(),
            meta: Meta { cursor, has_more: page.has_more, total: page.total },
        }))
    }

    /// A job; with its results once it is done.
    #[oai(path = "/jobs/:id", method = "get", operation_id = "get_job")]
    async fn get(
        &self,
        services: State<'_>,
        request: &Request,
        caller: Caller,
        /// The job's id.
        id: Path<String>,
        /// The tag that the client has.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Found, Failure> {
        let job = services.platform.job(&caller.scope(), job_id(&id.0)?).await?;
        let context = Context::of(request);
        let viewer = viewer(&services, &caller, &context, slice::from_ref(&job)).await;
        let etag = viewer.etag(&job);
        if is_known(if_none_match.0.as_deref(), &etag) {
            return Ok(Found::Unchanged(etag));
        }
        let results = services.results_of(&caller, &job).await?;
        let data = JobDetail(viewer.detail(&job, results).into());
        let again = (!job.state.is_final()).then_some(POLL_SECONDS);
        Ok(Found::Job(Json(JobDetailBody { data }), etag, again))
    }

    /// Deletes a job and everything of it; one that runs is ended first.
    #[oai(path = "/jobs/:id", method = "delete", operation_id = "delete_job")]
    async fn delete(
        &self,
        services: State<'_>,
        caller: Caller,
        /// The job's id.
        id: Path<String>,
    ) -> Result<Deleted, Failure> {
        services.platform.delete(&caller.scope(), job_id(&id.0)?).await?;
        Ok(Deleted::Done)
    }

    /// Asks a job to end; it is cancelled within two seconds.
    #[oai(path = "/jobs/:id/cancel", method = "post", operation_id = "cancel_job")]
    async fn cancel(
        &self,
        services: State<'_>,
        request: &Request,
        caller: Caller,
        /// The job's id.
        id: Path<String>,
    ) -> Result<Cancelling, Failure> {
        let job = services.platform.cancel(&caller.scope(), job_id(&id.0)?).await?;
        let (body, location) = shown(&services, request, &caller, &job).await;
        Ok(Cancelling::Job(body, location))
    }

    /// Makes a new job that does again what one that has ended was to do.
    #[oai(path = "/jobs/:id/retry", method = "post", operation_id = "retry_job")]
    async fn retry(
        &self,
        services: State<'_>,
        request: &Request,
        caller: Caller,
        /// The job's id.
        id: Path<String>,
        /// The same wish sent again within 24 h makes no second job.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        idempotency_key: Header<Option<String>>,
    ) -> Result<Accepted, Failure> {
        let (scope, id) = (caller.scope(), job_id(&id.0)?);
        let created = services.platform.retry(&scope, id, idempotency_key.0).await?;
        let (body, location) = shown(&services, request, &caller, created.job()).await;
        Ok(Accepted::Job(body, location))
    }

    /// The exact bytes of a job's results.
    #[oai(path = "/jobs/:id/results", method = "get", operation_id = "get_job_results")]
    async fn results(
        &self,
        services: State<'_>,
        request: &Request,
        caller: Caller,
        /// The job's id.
        id: Path<String>,
    ) -> Result<Results, Failure> {
        let (file, bytes) = services.platform.results(&caller.scope(), job_id(&id.0)?).await?;
        let etag = format!("\"{}\"", file.sha256);
        if is_known(request.header(IF_NONE_MATCH), &etag) {
            return Ok(Results::Unchanged(etag));
        }
        let text =
            String::from_utf8(bytes.into()).map_err(|e| schema::Error::internal("results", e))?;
        Ok(Results::Bytes(PlainText(text), etag))
    }
}

/// A job as an answer shows it, and where it is.
async fn shown(
    services: &Services,
    request: &Request,
    caller: &Principal,
    job: &Job,
) -> (Json<JobBody>, String) {
    let context = Context::of(request);
    let data = viewer(services, caller, &context, slice::from_ref(job)).await.job(job);
    (Json(JobBody { data }), format!("/api/v1/jobs/{}", job.id))
}

/// What shows `jobs`.
async fn viewer<'a>(
    services: &'a Services,
    caller: &'a Principal,
    context: &'a Context,
    jobs: &[Job],
) -> Viewer<'a> {
    let names = services.names_of(jobs).await;
    Viewer { services, caller, base_url: &context.base_url, media_path: MEDIA_PATH, names }
}

/// What is no id names nothing.
///
/// # Errors
/// `NOT_FOUND`.
pub(crate) fn job_id(text: &str) -> Result<JobId, Failure> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        Failure::new(schema::ErrorKind::NotFound, format!("there is no job {shown}"))
    })
}

impl Services {
    /// The results of a job that is done, as JSON.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub(crate) async fn results_of(
        &self,
        caller: &Principal,
        job: &Job,
    ) -> schema::Result<Option<serde_json::Value>> {
        if job.outputs.is_none() || job.state != schema::job::record::JobState::Done {
            return Ok(None);
        }
        let (_, bytes) = self.platform.results(&caller.scope(), job.id).await?;
        let results = serde_json::from_slice(&bytes);
        results.map(Some).map_err(|e| schema::Error::internal("results", e))
    }
}
