//! The error of every handler, and what poem's own errors are in our words.
//!
//! A handler returns [`Failure`]; which body it becomes is decided in one place, by the door
//! (`door`). poem answers parse, content type, 404 and 405 errors of its own: [`from_poem`] turns
//! every one of them into an error of the registry.

use crate::error::{self, ErrorType};
use crate::middleware::body::BodyFault;
use crate::wire::ErrorCode;
use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError, ResponseError};
use poem::http::StatusCode;
use poem_openapi::error as openapi;
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};
use poem_openapi::{ApiResponse, Object, ResponseContent};
use schema::error::FieldFault;
use schema::{Error, ErrorKind};
use std::fmt;
use std::time::Duration;

/// What a handler ends with where it cannot do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub error: Error,
    /// How long to wait, where that is known better than the table does.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error::new(kind, message).into()
    }

    /// A failure that says when to come again.
    #[must_use]
    pub fn wait(kind: ErrorKind, message: impl Into<String>, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Self::new(kind, message) }
    }

    /// How long the client should wait before it comes again, rounded up to whole seconds.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let wait = self.retry_after.or_else(|| error::retry_after(self.error.kind()))?;
        Some(wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, retry_after: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

impl ResponseError for Failure {
    fn status(&self) -> StatusCode {
        error::status(self.error.kind())
    }
}

/// What every operation may end with is the same; the document says it once per operation, and
/// `openapi` adds the statuses that follow from the operation's form.
impl ApiResponse for Failure {
    fn meta() -> MetaResponses {
        let failed = MetaResponse {
            description: "Any failure: `error.code` says which. Codes may be added: tolerate those \
                          that you do not know.",
            status: None,
            status_range: None,
            content: <Json<ErrorBody> as ResponseContent>::media_types(),
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![failed] }
    }

    fn register(registry: &mut Registry) {
        <Json<ErrorBody> as ResponseContent>::register(registry);
    }
}

/// A failed request.
#[derive(Debug, Object)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Object)]
pub struct ErrorDetail {
    /// The stable code.
    pub(crate) code: ErrorCode,
    /// One sentence for people.
    pub message: String,
    /// Whose fault it is.
    pub error_type: ErrorType,
    /// What can be done about it, and which fields are at fault.
    #[oai(skip_serializing_if_is_none)]
    pub details: Option<ErrorDetails>,
    /// The request, as the server's log names it.
    pub request_id: String,
}

/// What can be done about a failure, and which fields are at fault.
#[derive(Debug, Object)]
pub struct ErrorDetails {
    /// What can be done about it.
    #[oai(skip_serializing_if_is_none)]
    pub hint: Option<String>,
    /// The faulty fields.
    #[oai(skip_serializing_if_is_none)]
    pub fields: Option<Vec<FieldError>>,
}

/// One faulty field.
#[derive(Debug, Object)]
pub struct FieldError {
    /// Where it is, as `emergency_lines[1].x1`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// What an error of poem's is in our words.
#[must_use]
pub fn from_poem(error: poem::Error) -> Failure {
    let error = match error.downcast::<Failure>() {
        Ok(failure) => return failure,
        Err(error) => error,
    };
    let text = error.to_string();
    if let Some(fault) = body_fault(&error) {
        return fault.into();
    }
    if error.is::<NotFoundError>() {
        return Failure::new(ErrorKind::NotFound, "there is nothing at this path");
    }
    if error.is::<MethodNotAllowedError>() {
        return Failure::new(ErrorKind::MethodNotAllowed, "the method is not offered here");
    }
    if let Some(parse) = error.downcast_ref::<openapi::ParseParamError>() {
        return faulty_field(parse.name, &parse.reason);
    }
    if error.is::<openapi::ParsePathError>() {
        // An id that is none names nothing, as one that nobody has.
        return Failure::new(ErrorKind::NotFound, "there is nothing at this path");
    }
    if let Some(parse) = error.downcast_ref::<openapi::ParseRequestPayloadError>() {
        return faulty_field("body", &parse.reason);
    }
    if error.is::<openapi::AuthorizationError>() {
        return Failure::new(ErrorKind::Unauthenticated, "an access token is required");
    }
    let kind = match error.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorKind::UnsupportedFormat,
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ErrorKind::MethodNotAllowed,
        StatusCode::UNAUTHORIZED => ErrorKind::Unauthenticated,
        StatusCode::FORBIDDEN => ErrorKind::Forbidden,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::FileTooLarge,
        status if status.is_client_error() => ErrorKind::ValidationError,
        _ => ErrorKind::ServerError,
    };
    Failure { error: Error::new(kind, lower_first(&text)).with_source(error), retry_after: None }
}

/// What is wrong with a body that could not be read to its end.
fn body_fault(error: &poem::Error) -> Option<Error> {
    let read = error.downcast_ref::<ReadBodyError>()?;
    if let Some(fault) = BodyFault::within(read) {
        return Some(fault.to_error());
    }
    match read {
        ReadBodyError::Io(io) => {
            Some(Error::new(ErrorKind::ValidationError, format!("the body broke off: {io}")))
        }
        _ => None,
    }
}

fn faulty_field(field: &str, reason: &str) -> Failure {
    let fault = FieldFault { field: field.to_owned(), message: plain_reason(reason) };
    Error::validation(vec![fault]).into()
}

/// poem-openapi's reasons name its types before and after what is wrong.
pub(crate) fn plain_reason(reason: &str) -> String {
    let reason = reason.split(" (occurred while").next().unwrap_or_default();
    let reason = match reason.strip_prefix("failed to parse") {
        Some(rest) => rest.split_once("\": ").map_or(reason, |(_, told)| told),
        None => reason,
    };
    lower_first(reason)
}

/// Texts of poem begin with a capital and end with a full stop.
fn lower_first(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    letters.next().map_or_else(String::new, |c| c.to_lowercase().chain(letters).collect())
}
