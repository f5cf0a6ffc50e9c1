//! What is kept of an error that ended an attempt, and whether trying again may help.

use schema::job::record::JobFailure;
use schema::{Error, ErrorKind};
use std::error::Error as _;

/// The error as it is stored, with the chain of its causes.
pub(super) fn failure(error: &Error) -> JobFailure {
    let mut chain = format!("{}: {error}", error.kind());
    let mut cause = error.source();
    while let Some(source) = cause {
        chain.push_str(&format!("\ncaused by: {source}"));
        cause = source.source();
    }
    JobFailure {
        code: error.kind(),
        message: error.message().to_owned(),
        hint: error.hint().map(str::to_owned),
        traceback: Some(chain),
    }
}

/// Whether the cause may pass by itself; what is wrong with the input never does.
pub(super) const fn is_transient(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::StorageError
            | ErrorKind::InsufficientStorage
            | ErrorKind::DownloadError
            | ErrorKind::NotReady
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_of_causes_is_kept() {
        let io = std::io::Error::other("the cable is out");
        let failure = failure(&Error::io("out.mp4", io).with_hint("plug it in"));
        assert_eq!(
            (failure.code, failure.hint.as_deref()),
            (ErrorKind::StorageError, Some("plug it in"))
        );
        let traceback = failure.traceback.expect("a chain");
        assert_eq!(
            traceback,
            "STORAGE_ERROR: out.mp4: the cable is out\ncaused by: the cable is out"
        );
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let transient: Vec<&str> =
            ErrorKind::ALL.iter().filter(|k| is_transient(**k)).map(|k| k.code()).collect();
        let expected = ["DOWNLOAD_ERROR", "STORAGE_ERROR", "INSUFFICIENT_STORAGE", "NOT_READY"];
        assert_eq!(transient, expected);
    }
}
