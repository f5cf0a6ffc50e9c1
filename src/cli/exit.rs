//! From error kind to exit status: the only table.
//!
//! 0 done (also with warnings), 2 usage or parameters, 3 bad input, 4 missing dependency or model,
//! 5 I/O or disk full, 130 interrupted, 1 anything else.

use schema::{Error, ErrorKind};
use std::io::Write;
use std::process::ExitCode;

/// The status of an interrupted run.
pub(super) const INTERRUPTED: u8 = 130;

/// The exit status of an error of `kind`.
pub(super) const fn status(kind: ErrorKind) -> u8 {
    use ErrorKind as K;
    match kind {
        K::ValidationError | K::MissingInput | K::InvalidInputCombination | K::MissingUrl => 2,
        K::InvalidFileType
        | K::FileTooLarge
        | K::CorruptMedia
        | K::UnsupportedFormat
        | K::MediaLimitExceeded
        | K::FrameExtractFailed
        | K::DownloadFailed
        | K::DownloadError
        | K::NotFound => 3,
        K::ModelUnavailable => 4,
        K::InsufficientStorage | K::StorageError => 5,
        K::Cancelled => INTERRUPTED,
        _ => 1,
    }
}

/// Tells an error on standard error, in two lines at most, and gives its exit status.
pub(super) fn tell(error: &Error) -> ExitCode {
    let line = |text: &str| text.replace(['\n', '\r'], " ");
    let mut text = format!("error: {}: {}\n", error.kind(), line(error.message()));
    if let Some(hint) = error.hint() {
        text += &format!("hint: {}\n", line(hint));
    }
    // Where nobody listens any more, the status still tells.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(status(error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_those_of_the_manual() {
        let table = [
            ("MISSING_INPUT", 2),
            ("INVALID_INPUT_COMBINATION", 2),
            ("INVALID_FILE_TYPE", 3),
            ("FILE_TOO_LARGE", 3),
            ("DOWNLOAD_FAILED", 3),
            ("DOWNLOAD_ERROR", 3),
            ("MISSING_URL", 2),
            ("FRAME_EXTRACT_FAILED", 3),
            ("SERVER_ERROR", 1),
            ("VALIDATION_ERROR", 2),
            ("CORRUPT_MEDIA", 3),
            ("UNSUPPORTED_FORMAT", 3),
            ("MEDIA_LIMIT_EXCEEDED", 3),
            ("NOT_FOUND", 3),
            ("CONFLICT", 1),
            ("MODEL_UNAVAILABLE", 4),
            ("STORAGE_ERROR", 5),
            ("INSUFFICIENT_STORAGE", 5),
            ("CANCELLED", 130),
            ("UNAUTHENTICATED", 1),
            ("TOKEN_EXPIRED", 1),
            ("FORBIDDEN", 1),
            ("USER_EXISTS", 1),
            ("RATE_LIMITED", 1),
            ("QUEUE_FULL", 1),
            ("NOT_READY", 1),
            ("CURSOR_EXPIRED", 1),
            ("REQUEST_TIMEOUT", 1),
            ("METHOD_NOT_ALLOWED", 1),
        ];
        let found: Vec<_> = ErrorKind::ALL.iter().map(|k| (k.code(), status(*k))).collect();
        assert_eq!(found, table);
    }
}
