//! Kinds of job: what can be asked, and what comes out.

use crate::app::State;
use crate::auth::scheme::Caller;
use crate::failure::Failure;
use crate::openapi::Tag;
use crate::wire::JobKindName;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;

/// A kind of job.
#[derive(Object)]
struct JobType {
    /// Its name.
    job_type: JobKindName,
    /// What it is for, in one sentence.
    title: String,
    /// JSON Schema (2020-12) of its parameters.
    parameters: Value,
    /// JSON Schema (2020-12) of its results.
    results: Value,
}

/// Kinds of job, enveloped.
#[derive(Object)]
struct JobTypesBody {
    /// Every kind.
    data: Vec<JobType>,
}

pub(crate) struct JobTypesApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Jobs")]
impl JobTypesApi {
    /// Every kind of job with the schemas of its parameters and results, to build forms from.
    #[oai(path = "/job-types", method = "get", operation_id = "list_job_types")]
    async fn list(
        &self,
        services: State<'_>,
        _caller: Caller,
    ) -> Result<Json<JobTypesBody>, Failure> {
        let types = services.platform.job_types().into_iter().map(|job| JobType {
            job_type: JobKindName(job.kind),
            title: job.title.to_owned(),
            parameters: job.parameters,
            results: job.results,
        });
        Ok(Json(JobTypesBody { data: types.collect() }))
    }
}
