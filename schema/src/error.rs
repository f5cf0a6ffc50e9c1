//! The registry of error kinds and the one error type that crosses crate borders.
//!
//! A kind says *what went wrong for the caller*; its code is the wire form and never changes. How
//! a kind maps to an HTTP status lives in `api`, how to an exit status in the command line.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The result of anything that can fail in a way a user is told about.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)+) => {
        /// What went wrong, from the caller's point of view.
        ///
        /// Clients must tolerate codes that they do not know: the registry grows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* #[serde(rename = $code)] $name,)+
        }

        impl ErrorKind {
            /// Every kind, in the order of the registry.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable code, as it stands on the wire.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }
        }
    };
}

kinds! {
    /// Neither a file nor a URL was given.
    MissingInput = "MISSING_INPUT",
    /// More than one input was given where exactly one is allowed.
    InvalidInputCombination = "INVALID_INPUT_COMBINATION",
    /// The content is not of a type that is accepted here, or its extension contradicts it.
    InvalidFileType = "INVALID_FILE_TYPE",
    /// The file is larger than the limit.
    FileTooLarge = "FILE_TOO_LARGE",
    /// A URL cannot be used, told at submission.
    DownloadFailed = "DOWNLOAD_FAILED",
    /// A download broke off or stalled.
    DownloadError = "DOWNLOAD_ERROR",
    /// A URL is required and missing.
    MissingUrl = "MISSING_URL",
    /// No frame could be had from the input.
    FrameExtractFailed = "FRAME_EXTRACT_FAILED",
    /// A fault of ours.
    ServerError = "SERVER_ERROR",
    /// Parameters are wrong; every faulty field is named.
    ValidationError = "VALIDATION_ERROR",
    /// A container or stream is of a known type but cannot be read.
    CorruptMedia = "CORRUPT_MEDIA",
    /// A container, codec or reference that is not allowed.
    UnsupportedFormat = "UNSUPPORTED_FORMAT",
    /// Too many pixels or too long.
    MediaLimitExceeded = "MEDIA_LIMIT_EXCEEDED",
    /// The thing asked for does not exist or is not the caller's.
    NotFound = "NOT_FOUND",
    /// The request contradicts the present state.
    Conflict = "CONFLICT",
    /// A model's weights, its runtime or an encoder is missing.
    ModelUnavailable = "MODEL_UNAVAILABLE",
    /// A file or folder of ours cannot be read or written.
    StorageError = "STORAGE_ERROR",
    /// The disk is full.
    InsufficientStorage = "INSUFFICIENT_STORAGE",
    /// The work was cancelled; in job bodies only.
    Cancelled = "CANCELLED",
    /// No credentials, or such as are not valid.
    Unauthenticated = "UNAUTHENTICATED",
    /// The access token has expired: refresh it.
    TokenExpired = "TOKEN_EXPIRED",
    /// The caller may not do this.
    Forbidden = "FORBIDDEN",
    /// The name is taken.
    UserExists = "USER_EXISTS",
    /// Too many requests or jobs of one caller: wait as told.
    RateLimited = "RATE_LIMITED",
    /// The queue takes no more work: wait as told.
    QueueFull = "QUEUE_FULL",
    /// The server is starting, ending, or lacks a part: wait as told.
    NotReady = "NOT_READY",
    /// A cursor points before what is kept; the message names the oldest.
    CursorExpired = "CURSOR_EXPIRED",
    /// The head or the body of a request came too slowly.
    RequestTimeout = "REQUEST_TIMEOUT",
    /// The method is not offered here.
    MethodNotAllowed = "METHOD_NOT_ALLOWED",
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One faulty field of a request: where it is, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldFault {
    /// Path of the field, as `emergency_lines[1].x1`.
    pub field: String,
    /// What is wrong with the value and what would be right, in lower case.
    pub message: String,
}

/// Faults that one error names.
const MOST_FAULTS: usize = 100;
/// Characters of a path or message of a fault.
const MOST_CHARACTERS: usize = 200;

fn clip(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MOST_CHARACTERS) {
        text.truncate(end);
        text.push('…');
    }
}

/// An error as it is told to a user: kind, one sentence, perhaps a hint and the faulty fields.
///
/// Messages begin in lower case, have no full stop, and name the thing and its value.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    fields: Vec<FieldFault>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, fields: Vec::new(), source: None }
    }

    /// A validation error that names every faulty field at once, up to 100; each path and each
    /// message is cut after 200 characters.
    #[must_use]
    pub fn validation(mut fields: Vec<FieldFault>) -> Self {
        let more = fields.len().saturating_sub(MOST_FAULTS);
        fields.truncate(MOST_FAULTS);
        for fault in &mut fields {
            clip(&mut fault.field);
            clip(&mut fault.message);
        }
        let list: Vec<String> =
            fields.iter().map(|f| format!("{}: {}", f.field, f.message)).collect();
        let mut message = list.join("; ");
        if more > 0 {
            message.push_str(&format!("; and {more} more"));
        }
        Self { fields, ..Self::new(ErrorKind::ValidationError, message) }
    }

    /// A failed read or write of `what`: `INSUFFICIENT_STORAGE` on a full disk, else
    /// `STORAGE_ERROR`. For files of ours; a missing input is `NOT_FOUND`.
    pub fn io(what: impl fmt::Display, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                ErrorKind::InsufficientStorage
            }
            _ => ErrorKind::StorageError,
        };
        Self::new(kind, format!("{what}: {source}")).with_source(source)
    }

    /// A fault of ours, or of the machine, that concerns no file: a thread that cannot start.
    pub fn internal(
        what: impl fmt::Display,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::new(ErrorKind::ServerError, format!("{what}: {source}")).with_source(source)
    }

    /// A file that the user named cannot be read: `NOT_FOUND` where there is none, else as
    /// [`Error::io`].
    pub fn input(path: &std::path::Path, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::NotFound => {
                Self::new(ErrorKind::NotFound, format!("{}: no such file", path.display()))
            }
            _ => Self::io(path.display(), source),
        }
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the error that led to this one.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What went wrong, for programs.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What went wrong, for people; without the hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What can be done about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The faulty fields of a validation error, else empty.
    #[must_use]
    pub fn fields(&self) -> &[FieldFault] {
        &self.fields
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_are_the_wire_form() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in ErrorKind::ALL {
            assert!(seen.insert(kind.code()), "{kind} twice");
            assert_eq!(serde_json::to_value(kind).expect("a string"), kind.code());
        }
    }

    #[test]
    fn floods_of_faults_are_cut() {
        let fault = |i| FieldFault { field: format!("f{i}"), message: "ä".repeat(201) };
        let error = Error::validation((0..123).map(fault).collect());
        assert_eq!((error.fields().len(), error.fields()[99].field.as_str()), (100, "f99"));
        assert_eq!(error.fields()[0].message, format!("{}…", "ä".repeat(200)));
        assert!(error.message().ends_with("; and 23 more"), "{error}");
        let few = Error::validation((0..100).map(fault).collect());
        assert!(!few.message().contains("more"), "{few}");
    }

    #[test]
    fn a_full_disk_is_not_just_any_failure() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(Error::io("out.mp4", full).kind(), ErrorKind::InsufficientStorage);
    }
}
