//! Submissions at `POST /api/v1/jobs`: a form with its file, or JSON that says where the input is.

use super::parameters::from_fields;
use super::raw::{Described, RawBody};
use super::{Form, Submitted};
use crate::failure::Failure;
use crate::wire::{JobKindName, JobParameters, parse};
use actors::handle::{CANONICAL_EXTENSIONS, Platform, Submission};
use poem::Request;
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::types::multipart::Upload;
use poem_openapi::{ApiExtractor, Multipart, Object};
use schema::error::FieldFault;
use schema::job::JobKind;
use schema::job::record::Priority;
use schema::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

/// A submission with its file. Fields come in any order; every parameter may also be a field of
/// its own. The file's field is `file`, `video` or `image`.
#[derive(Multipart)]
#[allow(dead_code, reason = "describes the form; it is read as a stream")]
struct JobForm {
    /// What is to be found out.
    job_type: String,
    /// The parameters: a JSON object as text.
    params: Option<String>,
    /// 1 to 10, 10 before all others; 5 unless said.
    priority: Option<u8>,
    /// The video or picture.
    file: Upload,
}

/// A submission whose input is elsewhere.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct JobRequest {
    /// What is to be found out.
    job_type: JobKindName,
    /// Where the input is: exactly one of them.
    source: JobSource,
    /// The parameters.
    params: Option<JobParameters>,
    /// 1 to 10, 10 before all others; 5 unless said.
    priority: Option<u8>,
}

/// Where an input is: exactly one of them.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct JobSource {
    /// An upload that is complete.
    upload_id: Option<String>,
    /// A file on the web.
    url: Option<String>,
    /// A video of that site.
    youtube_url: Option<String>,
}

/// Describes the bodies of `POST /api/v1/jobs`.
pub(crate) struct CanonicalForm;

impl Described for CanonicalForm {
    fn meta() -> MetaRequest {
        let form = <JobForm as ApiExtractor>::request_meta();
        let mut content = form.map_or_else(Vec::new, |form| form.content);
        let schema = MetaSchemaRef::Reference(JobRequest::name().into_owned());
        content.push(MetaMediaType { content_type: "application/json", schema });
        MetaRequest { description: None, content, required: true }
    }

    fn register(registry: &mut Registry) {
        <JobForm as ApiExtractor>::register(registry);
        JobRequest::register(registry);
    }
}

/// What `body` submits.
///
/// # Errors
/// `MISSING_INPUT`, `INVALID_INPUT_COMBINATION`, `DOWNLOAD_FAILED`, `VALIDATION_ERROR`, and as
/// [`super::read`].
pub(crate) async fn submission(
    platform: &Platform,
    request: &Request,
    body: RawBody<CanonicalForm>,
    idempotency_key: Option<String>,
) -> Result<Submission, Failure> {
    match body.read(platform, request).await? {
        Submitted::Form(form) => Ok(of_form(form, idempotency_key)?),
        Submitted::Json(value) => Err(of_json(value)?.into()),
        Submitted::Empty => Err(missing().into()),
    }
}

fn of_form(mut form: Form, idempotency_key: Option<String>) -> Result<Submission> {
    let file = form.file.take();
    let kind = match form.take("job_type")? {
        Some(name) => name.parse::<JobKind>()?,
        None => return Err(fault("job_type", "this field is required")),
    };
    let priority = match form.take("priority")? {
        Some(text) => {
            let number = text.trim().parse::<u8>().ok();
            let priority = number.and_then(|number| Priority::try_from(number).ok());
            priority.ok_or_else(|| fault("priority", "expected 1 to 10"))?
        }
        None => Priority::default(),
    };
    let elsewhere = [form.take("youtube_url")?, form.take("url")?].into_iter().flatten().count();
    let file = match (file, elsewhere) {
        (Some(file), 0) => file,
        (None, 1) => return Err(no_downloader()),
        (None, 0) => return Err(missing()),
        _ => return Err(combination()),
    };
    let mut params = match form.take("params")? {
        Some(text) => object(&text)?,
        None => Map::new(),
    };
    for (name, value) in from_fields(form.fields)? {
        if params.insert(name.clone(), value).is_some() {
            return Err(fault(&name, "is there twice"));
        }
    }
    Ok(Submission {
        kind,
        params: params.into(),
        file,
        accepted: CANONICAL_EXTENSIONS,
        priority,
        idempotency_key,
        retry_of: None,
    })
}

fn object(text: &str) -> Result<Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(fault("params", "expected a json object")),
        Err(error) => Err(fault("params", &format!("expected a json object: {error}"))),
    }
}

/// Why a submission as JSON is refused: nothing fetches yet, and there are no uploads to name.
fn of_json(value: Value) -> Result<Error> {
    let JobRequest { job_type: _, source, params, priority } = parse(value, true)?;
    if let Some(number) = priority {
        Priority::try_from(number).map_err(|_| fault("priority", "expected 1 to 10"))?;
    }
    if params.is_some_and(|params| !params.0.is_object()) {
        return Err(fault("params", "expected an object"));
    }
    Ok(match (source.upload_id, source.url, source.youtube_url) {
        (None, None, None) => missing(),
        (Some(upload), None, None) => {
            let shown: String = upload.chars().take(64).collect();
            Error::new(ErrorKind::NotFound, format!("there is no upload {shown}"))
        }
        (None, Some(_), None) | (None, None, Some(_)) => no_downloader(),
        _ => combination(),
    })
}

/// What is told of a URL until there is something that fetches it.
#[must_use]
pub(crate) fn no_downloader() -> Error {
    Error::new(ErrorKind::DownloadFailed, "no downloader is configured yet")
        .with_hint("download the video and send the file")
}

/// What is told where no input was given.
#[must_use]
pub(crate) fn missing() -> Error {
    Error::new(ErrorKind::MissingInput, "neither a file nor a url was sent")
        .with_hint("send the file in the form field video, image or file")
}

/// What is told where more than one input was given.
#[must_use]
pub(crate) fn combination() -> Error {
    Error::new(ErrorKind::InvalidInputCombination, "send either one file or one url")
}

fn fault(field: &str, message: &str) -> Error {
    Error::validation(vec![FieldFault { field: field.to_owned(), message: message.to_owned() }])
}
