//! From error kind to HTTP status: the only table.

use http::StatusCode;
use schema::ErrorKind;

/// The status of an error at the canonical endpoints (`/api/v1`).
#[must_use]
pub fn status(kind: ErrorKind) -> StatusCode {
    use ErrorKind as K;
    match kind {
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
        K::DownloadError => StatusCode::BAD_GATEWAY,
        K::NotFound => StatusCode::NOT_FOUND,
        K::Conflict | K::Cancelled => StatusCode::CONFLICT,
        K::ModelUnavailable => StatusCode::SERVICE_UNAVAILABLE,
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
    fn the_first_seeds_doors_know_only_400_for_input() {
        assert_eq!(status(ErrorKind::FileTooLarge), 413);
        assert_eq!(legacy_status(ErrorKind::FileTooLarge), 400);
        assert_eq!(legacy_status(ErrorKind::NotFound), 404);
        assert_eq!(legacy_status(ErrorKind::InsufficientStorage), 507);
    }
}
