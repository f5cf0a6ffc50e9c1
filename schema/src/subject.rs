//! Subjects of the bus: one table, to text and back; and patterns over them.
//!
//! Text here is without the prefix (`sightline.v1`), which belongs to the driver. What each
//! subject carries is in `event`.

use crate::error::{Error, ErrorKind};
use crate::id::JobId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How a subject's messages reach those who listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Stored in a stream first, published after; a gap is seen and can be read again.
    AtLeastOnce,
    /// Only the newest matters; what is missed is counted.
    NewestWins,
    /// Says that it is worth looking; whoever misses it looks a little later.
    Hint,
}

/// Where a message is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// `job.{id}.state`: what became of a job.
    JobState(JobId),
    /// `job.{id}.result`: its results are there.
    JobResult(JobId),
    /// `job.{id}.progress`: how far it is.
    JobProgress(JobId),
    /// `wake.jobs`: there is work, or a wish to cancel.
    WakeJobs,
}

/// One row of the table of subjects, for documents.
#[derive(Debug, Clone, Copy)]
pub struct SubjectRow {
    /// The subject with its parameters in braces.
    pub template: &'static str,
    /// How it is delivered.
    pub delivery: Delivery,
    /// What is said there.
    pub about: &'static str,
    /// The types of events that are published there; none where it is no event.
    pub events: &'static [&'static str],
}

/// Headers of messages on NATS, beside the payload.
pub mod header {
    /// The id of a stored event, `{stream}:{seq}`.
    pub const MESSAGE_ID: &str = "Nats-Msg-Id";
    /// The start of who publishes newest-wins messages.
    pub const EPOCH: &str = "Sightline-Epoch";
    /// The number of a newest-wins message, from 1 per subject and epoch.
    pub const SEQ: &str = "Sightline-Seq";
    /// The user whose the message is.
    pub const OWNER: &str = "Sightline-Owner";
    /// The version of the payload's form.
    pub const SCHEMA: &str = "Sightline-Schema";
    /// The version that is spoken.
    pub const SCHEMA_VERSION: &str = "1";
}

/// Every subject that is built.
pub const TABLE: &[SubjectRow] = &[
    SubjectRow {
        template: "job.{id}.state",
        delivery: Delivery::AtLeastOnce,
        about: "a job changed its state, was deleted, or was given up",
        events: &["job_state", "job_deleted", "job_dead_lettered"],
    },
    SubjectRow {
        template: "job.{id}.result",
        delivery: Delivery::AtLeastOnce,
        about: "the results of a job are there",
        events: &["job_result"],
    },
    SubjectRow {
        template: "job.{id}.progress",
        delivery: Delivery::NewestWins,
        about: "how far a job is, at most four times a second, the last one always",
        events: &["job_progress"],
    },
    SubjectRow {
        template: "wake.jobs",
        delivery: Delivery::Hint,
        about: "there is work in the queue of jobs, or a job is to be cancelled",
        events: &[],
    },
];

impl Subject {
    /// How its messages are delivered.
    #[must_use]
    pub const fn delivery(self) -> Delivery {
        match self {
            Self::JobState(_) | Self::JobResult(_) => Delivery::AtLeastOnce,
            Self::JobProgress(_) => Delivery::NewestWins,
            Self::WakeJobs => Delivery::Hint,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JobState(id) => write!(f, "job.{id}.state"),
            Self::JobResult(id) => write!(f, "job.{id}.result"),
            Self::JobProgress(id) => write!(f, "job.{id}.progress"),
            Self::WakeJobs => f.write_str("wake.jobs"),
        }
    }
}

impl FromStr for Subject {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let tokens: Vec<&str> = text.split('.').collect();
        match tokens.as_slice() {
            ["job", id, "state"] => Ok(Self::JobState(id.parse()?)),
            ["job", id, "result"] => Ok(Self::JobResult(id.parse()?)),
            ["job", id, "progress"] => Ok(Self::JobProgress(id.parse()?)),
            ["wake", "jobs"] => Ok(Self::WakeJobs),
            _ => Err(wrong(text, "there is no such subject")),
        }
    }
}

impl TryFrom<String> for Subject {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

/// What is listened to: a subject whose tokens may be `*` (any one) and whose last may be `>`
/// (any one or more), as NATS defines it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 256;

impl Pattern {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self(">".to_owned())
    }

    /// The pattern's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `subject` (text without prefix) is among what is listened to.
    #[must_use]
    pub fn matches(&self, subject: &str) -> bool {
        let mut tokens = subject.split('.');
        for wanted in self.0.split('.') {
            match (wanted, tokens.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(token)) if wanted == token => {}
                _ => return false,
            }
        }
        tokens.next().is_none()
    }

    /// The one subject that this is, where there is no wildcard in it.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        self.0.parse().ok()
    }
}

impl From<Subject> for Pattern {
    fn from(subject: Subject) -> Self {
        Self(subject.to_string())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let tokens: Vec<&str> = text.split('.').collect();
        let token = |t: &str| {
            t == "*"
                || !t.is_empty()
                    && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let (last, front) = tokens.split_last().expect("split gives one token at least");
        if text.len() <= MAX_PATTERN
            && front.iter().all(|t| token(t))
            && (token(last) || *last == ">")
        {
            return Ok(Self(text.to_owned()));
        }
        Err(wrong(text, "expected tokens of a-z, 0-9, _ and - between dots, * or a last >"))
    }
}

impl TryFrom<String> for Pattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

fn wrong(text: &str, why: &str) -> Error {
    let shown: String = text.chars().take(MAX_PATTERN).collect();
    Error::new(ErrorKind::ValidationError, format!("subject {shown:?}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn every() -> Vec<Subject> {
        let id = ID.parse().expect("a UUIDv7");
        vec![
            Subject::JobState(id),
            Subject::JobResult(id),
            Subject::JobProgress(id),
            Subject::WakeJobs,
        ]
    }

    #[test]
    fn subjects_are_their_text_and_their_row() {
        assert_eq!(every().len(), TABLE.len());
        for (subject, row) in every().into_iter().zip(TABLE) {
            assert_eq!(subject.to_string(), row.template.replace("{id}", ID));
            assert_eq!(subject.to_string().parse::<Subject>().expect("its own text"), subject);
            assert_eq!(subject.delivery(), row.delivery);
        }
        for bad in ["", "job", "job.x.state", "wake.sheep", &format!("job.{ID}.state.more")] {
            assert!(bad.parse::<Subject>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn patterns_match_as_in_nats() {
        let check = |pattern: &str, subject: &str| {
            pattern.parse::<Pattern>().expect(pattern).matches(subject)
        };
        assert!(check("job.*.state", "job.7.state"));
        assert!(check("job.>", "job.7.state"));
        assert!(check(">", "job"));
        assert!(check("job.7.state", "job.7.state"));
        assert!(!check("job.>", "job"));
        assert!(!check("job.*", "job.7.state"));
        assert!(!check("job.*.state", "job.7.result"));
        assert!(!check("job.7.state", "job.7"));
    }

    #[test]
    fn patterns_that_are_none_are_refused() {
        for bad in ["", ".", "job.", ".job", "job..x", "job.>.x", "j*b", "job.x y", "job.\u{e4}"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad:?} was taken");
        }
        assert!("x".repeat(257).parse::<Pattern>().is_err());
    }

    proptest! {
        #[test]
        fn a_subject_without_wildcards_matches_itself_alone(
            a in "[a-z0-9_-]{1,8}(\\.[a-z0-9_-]{1,8}){0,3}",
            b in "[a-z0-9_-]{1,8}(\\.[a-z0-9_-]{1,8}){0,3}",
        ) {
            let pattern: Pattern = a.parse().expect("tokens");
            prop_assert!(pattern.matches(&a));
            prop_assert_eq!(pattern.matches(&b), a == b);
        }
    }
}
