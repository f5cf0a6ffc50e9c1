//! Doors: which form of error the clients of a path expect, and the error in that form.
//!
//! Every failure passes through [`Door::render`]: the status from the one table, the body in the
//! form of the door, `Retry-After` where one has to wait.

use crate::context::Context;
use crate::error;
use crate::failure::Failure;
use crate::s0::envelope;
use poem::http::{StatusCode, header};
use poem::{Body, Response};
use schema::account::Role;
use schema::{Error, ErrorKind};
use serde_json::{Map, Value, json};

/// The form in which the clients of a path expect errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// `{error: {code, message, error_type, details?, request_id}}`: everything that is new.
    Canonical,
    /// The first seed's envelope of seven keys.
    FirstSeed,
    /// `djangorestframework-simplejwt`'s `{detail, code}`, or a list per field.
    SimpleJwt,
}

impl Door {
    /// The door of a path.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let Some(rest) = path.strip_prefix("/api/") else { return Self::Canonical };
        match rest.split('/').next().unwrap_or_default() {
            "v1" => Self::Canonical,
            "token" => Self::SimpleJwt,
            _ => Self::FirstSeed,
        }
    }

    /// The status of an error of `kind` here.
    #[must_use]
    pub fn status(self, kind: ErrorKind) -> StatusCode {
        match self {
            Self::Canonical => error::status(kind),
            Self::FirstSeed | Self::SimpleJwt => error::legacy_status(kind),
        }
    }

    /// The answer to a request that failed. `verbose` shows causes to everybody; otherwise only
    /// admins see them.
    #[must_use]
    pub fn render(
        self,
        failure: &Failure,
        context: &Context,
        path: &str,
        verbose: bool,
    ) -> Response {
        let status = self.status(failure.error.kind());
        let admin = context.caller().is_some_and(|(_, role)| role == Role::Admin);
        let body = match self {
            Self::Canonical => canonical(&failure.error, status, context),
            Self::FirstSeed => {
                let traceback = (verbose || admin).then(|| causes(&failure.error)).flatten();
                envelope::failure(&failure.error, status, context, path, traceback.as_deref())
            }
            Self::SimpleJwt => simple_jwt(failure, status, path),
        };
        let mut response =
            Response::builder().status(status).content_type("application/json; charset=utf-8");
        if let Some(seconds) = failure.retry_after_seconds() {
            response = response.header(header::RETRY_AFTER, seconds);
        }
        if status == StatusCode::UNAUTHORIZED {
            response = response.header(header::WWW_AUTHENTICATE, "Bearer");
        }
        response.body(Body::from_string(body.to_string()))
    }
}

/// An error as `details` tells more of it; nothing where there is no more.
#[must_use]
pub fn details(error: &Error) -> Option<Value> {
    let mut details = Map::new();
    if let Some(hint) = error.hint() {
        details.insert("hint".to_owned(), hint.into());
    }
    if !error.fields().is_empty() {
        let fields = error.fields().iter();
        let fields = fields.map(|f| json!({"field": f.field, "message": f.message}));
        details.insert("fields".to_owned(), fields.collect());
    }
    (!details.is_empty()).then_some(Value::Object(details))
}

/// Every cause behind an error, the nearest first.
fn causes(error: &Error) -> Option<String> {
    let mut text = String::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    (!text.is_empty()).then_some(text)
}

fn canonical(error: &Error, status: StatusCode, context: &Context) -> Value {
    let mut body = json!({
        "code": error.kind().code(),
        "message": error.message(),
        "error_type": error::error_type(status),
        "request_id": context.request_id,
    });
    if let Some(details) = details(error) {
        body["details"] = details;
    }
    json!({ "error": body })
}

fn simple_jwt(failure: &Failure, status: StatusCode, path: &str) -> Value {
    let error = &failure.error;
    if error.kind() == ErrorKind::ValidationError && !error.fields().is_empty() {
        let mut fields = Map::new();
        for fault in error.fields() {
            let list = fields.entry(fault.field.clone()).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(sentence(&fault.message).into());
            }
        }
        return Value::Object(fields);
    }
    let (detail, code) = match (error.kind(), failure.retry_after_seconds()) {
        (ErrorKind::RateLimited, Some(seconds)) => (
            format!("Request was throttled. Expected available in {seconds} seconds."),
            "throttled",
        ),
        (ErrorKind::Unauthenticated, _) if path.trim_end_matches('/') == "/api/token" => {
            (capital(error.message()), "no_active_account")
        }
        (kind, _) => (capital(error.message()), simple_jwt_code(kind, status)),
    };
    json!({"detail": detail, "code": code})
}

const fn simple_jwt_code(kind: ErrorKind, status: StatusCode) -> &'static str {
    match (kind, status) {
        (ErrorKind::Unauthenticated | ErrorKind::TokenExpired, _) => "token_not_valid",
        (ErrorKind::MethodNotAllowed, _) => "method_not_allowed",
        (_, StatusCode::NOT_FOUND) => "not_found",
        (_, StatusCode::BAD_REQUEST) => "parse_error",
        (_, StatusCode::SERVICE_UNAVAILABLE) => "unavailable",
        _ => "error",
    }
}

/// That framework's texts begin with a capital; those about fields end with a full stop.
fn sentence(text: &str) -> String {
    format!("{}.", capital(text))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_doors() {
        for (path, door) in [
            ("/api/v1/jobs", Door::Canonical),
            ("/health", Door::Canonical),
            ("/", Door::Canonical),
            ("/api/jobs", Door::FirstSeed),
            ("/api/people-count/", Door::FirstSeed),
            ("/api/media/x", Door::FirstSeed),
            ("/api/token", Door::SimpleJwt),
            ("/api/token/refresh/", Door::SimpleJwt),
        ] {
            assert_eq!(Door::of(path), door, "{path}");
        }
    }

    #[test]
    fn texts_of_that_framework_are_sentences() {
        assert_eq!(sentence("this field is required"), "This field is required.");
        assert_eq!(capital("token is invalid"), "Token is invalid");
        assert_eq!(capital(""), "");
    }
}
