//! From error kind to exit status: the only table.
//!
//! 0 done (also with warnings), 2 usage or parameters, 3 bad input, 4 missing dependency or model,
//! 5 I/O or disk full, 130 interrupted, 1 anything else.

use schema::{Error, ErrorKind};
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
    eprintln!("error: {}: {}", error.kind(), line(error.message()));
    if let Some(hint) = error.hint() {
        eprintln!("hint: {}", line(hint));
    }
    ExitCode::from(status(error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_those_of_the_manual() {
        let allowed = [1, 2, 3, 4, 5, 130];
        for kind in ErrorKind::ALL {
            assert!(allowed.contains(&status(*kind)), "{kind}");
        }
        assert_eq!(status(ErrorKind::CorruptMedia), 3);
        assert_eq!(status(ErrorKind::ServerError), 1);
    }
}
