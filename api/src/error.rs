//! From error kind to HTTP status: the only table.

use poem::http::StatusCode;
use poem_openapi::Enum;
use schema::ErrorKind;
use std::time::Duration;

/// The status of an error at the canonical endpoints (`/api/v1`).
#[must_use]
pub fn status(kind: ErrorKind) -> StatusCode {
    use ErrorKind as K;
    match kind {
        K::Unauthenticated | K::TokenExpired => StatusCode::UNAUTHORIZED,
        K::Forbidden => StatusCode::FORBIDDEN,
        K::NotFound => StatusCode::NOT_FOUND,
        K::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        K::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        K::Conflict | K::Cancelled | K::UserExists => StatusCode::CONFLICT,
        K::CursorExpired => StatusCode::GONE,
        K::FileTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        K::InvalidFileType | K::UnsupportedFormat => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        K::MissingInput
        | K::InvalidInputCombination
        | K::MissingUrl
        | K::DownloadFailed
        | K::FrameExtractFailed
        | K::ValidationError
        | K::CorruptMedia
        | K::MediaLimitExceeded => StatusCode::UNPROCESSABLE_ENTITY,
        K::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        K::DownloadError => StatusCode::BAD_GATEWAY,
        K::ModelUnavailable | K::QueueFull | K::NotReady => StatusCode::SERVICE_UNAVAILABLE,
        K::InsufficientStorage => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The status of the same error at the doors of the first seed (`/api/...`), where every fault of
/// the input is 400.
#[must_use]
pub fn legacy_status(kind: ErrorKind) -> StatusCode {
    match status(kind) {
        StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        other => other,
    }
}

/// How long a client should wait where the error itself does not say it: an answer of 429 or 503
/// always tells.
#[must_use]
pub fn retry_after(kind: ErrorKind) -> Option<Duration> {
    match kind {
        ErrorKind::ModelUnavailable => Some(Duration::from_secs(60)),
        ErrorKind::QueueFull | ErrorKind::RateLimited => Some(Duration::from_secs(10)),
        ErrorKind::NotReady => Some(Duration::from_secs(2)),
        _ => None,
    }
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ErrorType {
    /// What was sent is wrong.
    Validation,
    /// Nobody knows who calls.
    Authentication,
    /// The caller may not.
    Permission,
    /// There is none, or none any more.
    NotFound,
    /// It contradicts what is so.
    Conflict,
    /// Too often.
    RateLimit,
    /// The server cannot now.
    Unavailable,
    /// The server's.
    Server,
}

impl ErrorType {
    /// The wire name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::RateLimit => "rate_limit",
            Self::Unavailable => "unavailable",
            Self::Server => "server",
        }
    }
}

/// Whose fault it is, as `error_type` tells it.
#[must_use]
pub fn error_type(status: StatusCode) -> &'static str {
    let kind = match status {
        StatusCode::UNAUTHORIZED => ErrorType::Authentication,
        StatusCode::FORBIDDEN => ErrorType::Permission,
        StatusCode::NOT_FOUND | StatusCode::GONE => ErrorType::NotFound,
        StatusCode::CONFLICT => ErrorType::Conflict,
        StatusCode::TOO_MANY_REQUESTS => ErrorType::RateLimit,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE => {
            ErrorType::Unavailable
        }
        other if other.is_client_error() => ErrorType::Validation,
        _ => ErrorType::Server,
    };
    kind.name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_an_error_and_only_ours_are_500() {
        let ours = [ErrorKind::ServerError, ErrorKind::StorageError];
        for kind in ErrorKind::ALL {
            let status = status(*kind);
            assert!(status.is_client_error() || status.is_server_error(), "{kind}");
            assert_eq!(status == 500, ours.contains(kind), "{kind} is {status}");
        }
    }

    #[test]
    fn who_has_to_wait_is_told_how_long() {
        for kind in ErrorKind::ALL {
            let waits = matches!(status(*kind).as_u16(), 429 | 503);
            assert_eq!(retry_after(*kind).is_some(), waits, "{kind}");
        }
    }

    #[test]
    fn the_first_seeds_doors_know_only_400_for_input() {
        assert_eq!(status(ErrorKind::FileTooLarge), 413);
        assert_eq!(legacy_status(ErrorKind::FileTooLarge), 400);
        assert_eq!(legacy_status(ErrorKind::NotFound), 404);
        assert_eq!(legacy_status(ErrorKind::InsufficientStorage), 507);
    }
}
