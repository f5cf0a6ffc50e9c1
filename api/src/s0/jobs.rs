//! S0-E02, E05, E11, E12, E13: submit, list, poll and delete jobs.

use super::envelope::{Accepted, JobEnvelope, SubmitMeta};
use super::video_job::{MEDIA_PATH, VideoJob, detail, envelope, video_job};
use crate::app::{Services, State};
use crate::auth::Principal;
use crate::auth::scheme::Caller;
use crate::context::Context;
use crate::failure::Failure;
use crate::media::range::is_known;
use crate::openapi::Tag;
use crate::upload::canonical::{combination, missing, no_downloader};
use crate::upload::parameters::from_fields;
use crate::upload::raw::Described;
use crate::upload::{RawBody, Submitted};
use crate::v1::jobs::{POLL_SECONDS, job_id};
use crate::v1::view::Viewer;
use actors::handle::{FIRST_SEED_EXTENSIONS, JobFilter, Page, Submission};
use poem::Request;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaRequest, Registry};
use poem_openapi::types::multipart::Upload;
use poem_openapi::{ApiExtractor, ApiResponse, Multipart, Object, OpenApi, Union};
use schema::job::JobKind;
use schema::job::record::Priority;
use schema::{Error, ErrorKind};
use serde_json::Value;
use std::collections::HashMap;

/// Entries of the list that is no page; a multiple of those of a page.
const WHOLE: u32 = 1000;
/// Entries of a page unless said otherwise.
const PAGE: u32 = 20;
/// Entries of a page at most.
const MOST: u32 = 200;

/// A submission: exactly one of `video`, `image` and `youtube_url`.
#[derive(Multipart)]
#[allow(dead_code, reason = "describes the form; it is read as a stream")]
struct VideoForm {
    /// A video: `.mp4`; or a picture, which is a video of one frame.
    video: Option<Upload>,
    /// A picture: `.jpg`, `.jpeg`, `.png`.
    image: Option<Upload>,
    /// A video elsewhere.
    youtube_url: Option<String>,
    /// Model to detect with.
    model: Option<String>,
    /// Labels to count: a JSON array, or between commas.
    classes: Option<String>,
}

/// A submission: exactly one of `video`, `image` and `youtube_url`.
#[derive(Multipart)]
#[allow(dead_code, reason = "describes the form; it is read as a stream")]
struct LinesForm {
    /// A video: `.mp4`; or a picture, which is a video of one frame.
    video: Option<Upload>,
    /// A picture: `.jpg`, `.jpeg`, `.png`.
    image: Option<Upload>,
    /// A video elsewhere.
    youtube_url: Option<String>,
    /// Lines to count at, as JSON: `[{"x1":0,"y1":0,"x2":1,"y2":1}]` or `[[[0,0],[1,1]]]`.
    emergency_lines: Option<String>,
    /// Width of the picture in which the lines were drawn.
    video_width: Option<String>,
    /// Height of that picture.
    video_height: Option<String>,
    /// Model to detect with.
    model: Option<String>,
    /// Labels to count: a JSON array, or between commas.
    classes: Option<String>,
}

macro_rules! described {
    ($($form:ty)+) => {$(
        impl Described for $form {
            fn meta() -> MetaRequest {
                <Self as ApiExtractor>::request_meta().expect("a form has a request object")
            }

            fn register(registry: &mut Registry) {
                <Self as ApiExtractor>::register(registry);
            }
        }
    )+};
}

described! { VideoForm LinesForm }

/// Jobs, newest first: an array, or a page where one was asked for.
#[derive(Union)]
enum VideoJobList {
    /// All of them.
    All(AllJobs),
    /// A page.
    Page(JobsPage),
}

/// A page of jobs.
#[derive(Object)]
#[oai(rename = "VideoJobPage")]
struct JobsPage {
    /// How many the whole list has.
    count: u64,
    /// The page after this one.
    next: Option<String>,
    /// The page before this one.
    previous: Option<String>,
    /// The jobs, without their results.
    results: Vec<VideoJob>,
}

type AllJobs = Vec<VideoJob>;

#[derive(ApiResponse)]
enum SubmitResponse {
    /// The job waits to be begun. An `Idempotency-Key` that was seen before gives the job that it
    /// made.
    #[oai(status = 202)]
    Accepted(
        Json<Accepted>,
        /// Where the job is.
        #[oai(header = "Location")]
        String,
    ),
}

#[derive(ApiResponse)]
#[allow(clippy::large_enum_variant, reason = "lives for one answer")]
enum JobResponse {
    /// The job.
    #[oai(status = 200)]
    Job(
        Json<JobEnvelope>,
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
enum ListResponse {
    /// The jobs.
    #[oai(status = 200)]
    Jobs(
        Json<VideoJobList>,
        /// How many the whole list has.
        #[oai(header = "X-Total-Count")]
        u64,
        /// Where the neighbours of a page are (RFC 8288).
        #[oai(header = "Link")]
        Option<String>,
    ),
}

#[derive(ApiResponse)]
enum DeleteResponse {
    /// The job and everything of it are gone; nothing writes any more.
    #[oai(status = 204)]
    Deleted,
}

pub(crate) struct LegacyJobsApi;

#[OpenApi(prefix_path = "/api", tag = "Tag::Legacy")]
impl LegacyJobsApi {
    /// Counts people in a video or picture.
    #[oai(path = "/people-count", method = "post", operation_id = "legacy_people_count")]
    async fn people_count(
        &self,
        services: State<'_>,
        request: &Request,
        caller: Caller,
        /// The same submission sent again within 24 h makes no second job.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        idempotency_key: Header<Option<String>>,
        body: RawBody<VideoForm>,
    ) -> Result<SubmitResponse, Failure> {
        let submitted = body.read(&services.platform, request).await?;
        submit(&services, request, &caller, JobKind::PeopleCount, idempotency_key.0, submitted)
            .await
    }

    /// Counts who crosses which line, in which direction.
    #[oai(path = "/emergency-count", method = "post", operation_id = "legacy_emergency_count")]
    async fn emergency_count(
        &self,
        services: State<'_>,
        request: &Request,
        caller: Caller,
        /// The same submission sent again within 24 h makes no second job.
        #[oai(name = "Idempotency-Key", validator(min_length = 1, max_length = 255))]
        idempotency_key: Header<Option<String>>,
        body: RawBody<LinesForm>,
    ) -> Result<SubmitResponse, Failure> {
        let submitted = body.read(&services.platform, request).await?;
        submit(&services, request, &caller, JobKind::EmergencyCount, idempotency_key.0, submitted)
            .await
    }

    /// One's own jobs, newest first: an array; with `page` or `page_size` a page.
    #[oai(path = "/jobs", method = "get", operation_id = "legacy_list_jobs")]
    async fn list(
        &self,
        services: State<'_>,
        request: &Request,
        caller: Caller,
        /// Which page, from 1.
        #[oai(validator(minimum(value = "1")))]
        page: Query<Option<u32>>,
        /// Entries of a page.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        page_size: Query<Option<u32>>,
    ) -> Result<ListResponse, Failure> {
        let paged = page.0.is_some() || page_size.0.is_some();
        let (number, size) = match paged {
            true => (page.0.unwrap_or(1), page_size.0.unwrap_or(PAGE).min(MOST)),
            false => (1, WHOLE),
        };
        // An admin's list here is their own too: the seed knows no other.
        let filter = JobFilter { owner: Some(caller.user.id), ..JobFilter::default() };
        let offset = u64::from(number - 1) * u64::from(size);
        let page = Page::Offset { offset, limit: size };
        let found = services.platform.jobs(&caller.scope(), &filter, page).await?;
        if number > 1 && found.jobs.is_empty() {
            return Err(Failure::new(ErrorKind::NotFound, format!("there is no page {number}")));
        }
        let context = Context::of(request);
        let viewer = viewer(&services, &caller, &context);
        let results = found.jobs.iter().map(|job| video_job(&viewer, job)).collect();
        let neighbours = Neighbours::of(&context.base_url, number, size, found.has_more);
        let (count, link) = (found.total, neighbours.link());
        let Neighbours { next, previous } = neighbours;
        let list = match paged {
            true => VideoJobList::Page(JobsPage { count, next, previous, results }),
            false => VideoJobList::All(results),
        };
        Ok(ListResponse::Jobs(Json(list), count, link))
    }

    /// A job; with its results once it is done. Ask again after `Retry-After` seconds.
    #[oai(path = "/jobs/:id", method = "get", operation_id = "legacy_get_job")]
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
    ) -> Result<JobResponse, Failure> {
        let job = services.platform.job(&caller.scope(), job_id(&id.0)?).await?;
        let context = Context::of(request);
        let viewer = viewer(&services, &caller, &context);
        let etag = viewer.etag(&job);
        if is_known(if_none_match.0.as_deref(), &etag) {
            return Ok(JobResponse::Unchanged(etag));
        }
        let results = services.results_of(&caller, &job).await?;
        let body = envelope(&viewer, &job, results, context.received_at);
        let again = (!job.state.is_final()).then_some(POLL_SECONDS);
        Ok(JobResponse::Job(Json(body), etag, again))
    }

    /// Deletes a job and everything of it; one that runs is ended first.
    #[oai(path = "/jobs/:id", method = "delete", operation_id = "legacy_delete_job")]
    async fn delete(
        &self,
        services: State<'_>,
        caller: Caller,
        /// The job's id.
        id: Path<String>,
    ) -> Result<DeleteResponse, Failure> {
        services.platform.delete(&caller.scope(), job_id(&id.0)?).await?;
        Ok(DeleteResponse::Deleted)
    }
}

/// Where the pages beside one are.
struct Neighbours {
    next: Option<String>,
    previous: Option<String>,
}

impl Neighbours {
    /// Of page `number` with `size` entries; what follows a list that is no page is on pages.
    fn of(base_url: &str, number: u32, size: u32, has_more: bool) -> Self {
        let entries = size.min(MOST);
        let url = |page| format!("{base_url}/api/jobs/?page={page}&page_size={entries}");
        let next = has_more.then(|| url(number * size / entries + 1));
        Self { next, previous: (number > 1).then(|| url(number - 1)) }
    }

    /// As a `Link` header has them.
    fn link(&self) -> Option<String> {
        let links = [(&self.next, "next"), (&self.previous, "prev")];
        let links = links
            .into_iter()
            .filter_map(|(url, rel)| url.as_ref().map(|url| format!("<{url}>; rel=\"{rel}\"")));
        links.reduce(|a, b| format!("{a}, {b}"))
    }
}

/// Makes a job of what was sent. The kind is the door's: clients cannot choose it.
async fn submit(
    services: &Services,
    request: &Request,
    caller: &Principal,
    kind: JobKind,
    idempotency_key: Option<String>,
    submitted: Submitted,
) -> Result<SubmitResponse, Failure> {
    let mut form = match submitted {
        Submitted::Form(form) => form,
        Submitted::Json(value) => return Err(of_json(&value).into()),
        Submitted::Empty => return Err(missing().into()),
    };
    let youtube_url = form.take("youtube_url")?;
    let file = match (form.file.take(), youtube_url) {
        (Some(file), None) => file,
        (Some(_), Some(_)) => return Err(combination().into()),
        (None, Some(_)) => return Err(no_downloader().into()),
        (None, None) => return Err(missing().into()),
    };
    let submission = Submission {
        kind,
        params: from_fields(form.fields)?.into(),
        file,
        accepted: FIRST_SEED_EXTENSIONS,
        priority: Priority::default(),
        idempotency_key,
        retry_of: None,
    };
    let created = services.platform.submit(&caller.scope(), submission).await?;
    let job = created.job();
    let context = Context::of(request);
    let viewer = viewer(services, caller, &context);
    let location = format!("/api/jobs/{}/", job.id);
    let body = Accepted {
        status: "accepted".to_owned(),
        job_type: kind.name().to_owned(),
        output_image: None,
        output_video: None,
        data: detail(&viewer, job, None),
        meta: SubmitMeta {
            timestamp: context.received_at.to_string(),
            request_time: context.elapsed_seconds(),
        },
        error: None,
    };
    Ok(SubmitResponse::Accepted(Json(body), location))
}

/// Why a submission as JSON is refused: nothing fetches yet.
fn of_json(value: &Value) -> Error {
    match value.get("youtube_url") {
        Some(Value::String(url)) if !url.is_empty() => no_downloader(),
        _ => missing(),
    }
}

fn viewer<'a>(services: &'a Services, caller: &'a Principal, context: &'a Context) -> Viewer<'a> {
    // Nobody's name is told here.
    let names = HashMap::new();
    Viewer { services, caller, base_url: &context.base_url, media_path: MEDIA_PATH, names }
}
