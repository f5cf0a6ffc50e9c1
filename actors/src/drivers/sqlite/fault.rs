//! What can go wrong inside a transaction, and how it is told outside.

use rusqlite::ErrorCode;
use schema::{Error, ErrorKind};
use std::fmt;

/// The result of a piece of work on the database.
pub(super) type Outcome<T> = Result<T, Fault>;

/// Why a piece of work failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database could not do it.
    Sql(rusqlite::Error),
    /// The work itself refused.
    Told(Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Told(error)
    }
}

impl Fault {
    /// The error that callers see; `what` says what was being done.
    pub(super) fn into_error(self, what: impl fmt::Display) -> Error {
        match self {
            Self::Told(error) => error,
            Self::Sql(error) => {
                let told = Error::new(kind_of(&error), format!("database: {what}: {error}"));
                match hint_of(&error) {
                    Some(hint) => told.with_hint(hint).with_source(error),
                    None => told.with_source(error),
                }
            }
        }
    }
}

fn kind_of(error: &rusqlite::Error) -> ErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ErrorKind::InsufficientStorage,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::NotReady,
        _ => ErrorKind::StorageError,
    }
}

fn hint_of(error: &rusqlite::Error) -> Option<&'static str> {
    match error.sqlite_error_code()? {
        ErrorCode::DiskFull => Some("free some space: the server goes on by itself then"),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            Some("another process is writing to the database: try again when it has ended")
        }
        ErrorCode::DatabaseCorrupt => Some("run `sightline fsck`, and restore a backup"),
        _ => None,
    }
}

/// A JSON column that cannot be written or read.
pub(super) fn json_fault(column: &str, error: serde_json::Error) -> Fault {
    Fault::Told(Error::internal(format_args!("database: column {column}"), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn each_failure_of_the_engine_has_its_kind() {
        for (code, kind) in [
            (ffi::SQLITE_FULL, ErrorKind::InsufficientStorage),
            (ffi::SQLITE_BUSY, ErrorKind::NotReady),
            (ffi::SQLITE_LOCKED, ErrorKind::NotReady),
            (ffi::SQLITE_CORRUPT, ErrorKind::StorageError),
            (ffi::SQLITE_IOERR, ErrorKind::StorageError),
        ] {
            let failure = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = Fault::from(failure).into_error("testing");
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.message().starts_with("database: testing: "), "{error}");
        }
    }
}
