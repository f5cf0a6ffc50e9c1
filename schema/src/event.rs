//! Events: what happened, in which stream, and where it is said.
//!
//! A durable event belongs to one stream, whose events are numbered 1, 2, 3 ... without a gap;
//! `{stream}:{seq}` is its id. One that only tells how far something is has neither. The same
//! object goes to WebSocket clients, to NATS subscribers and to readers of `/api/v1/events`.

use crate::error::{Error, ErrorKind};
use crate::id::JobId;
use crate::job::record::JobState;
use crate::subject::Subject;
use crate::time::WallTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A stream of durable events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum StreamId {
    /// `job/{id}`.
    Job(JobId),
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(id) => write!(f, "job/{id}"),
        }
    }
}

impl FromStr for StreamId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once('/') {
            Some(("job", id)) => Ok(Self::Job(id.parse()?)),
            _ => Err(Error::new(
                ErrorKind::ValidationError,
                format!("stream {text:?}: expected job/ and an id"),
            )),
        }
    }
}

impl TryFrom<String> for StreamId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<StreamId> for String {
    fn from(stream: StreamId) -> Self {
        stream.to_string()
    }
}

/// Where an event stands in its stream.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Position {
    /// Which stream.
    #[schemars(with = "String")]
    pub stream: StreamId,
    /// Its number there, from 1.
    #[schemars(range(min = 1))]
    pub seq: u64,
}

/// Prints the event's id, `{stream}:{seq}`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.stream, self.seq)
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            let message = format!("event id {text:?}: expected a stream, a colon and a number");
            Error::new(ErrorKind::ValidationError, message)
        };
        let (stream, seq) = text.rsplit_once(':').ok_or_else(wrong)?;
        let seq = seq.parse().map_err(|_| wrong())?;
        Ok(Self { stream: stream.parse()?, seq })
    }
}

/// Why a job failed, as far as events tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventError {
    /// The code of the registry, which grows.
    #[schemars(with = "String")]
    pub code: ErrorKind,
    /// One sentence in lower case.
    pub message: String,
}

/// What happened: the `type` and the `data` of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventBody {
    /// A job changed its state. On `job.{id}.state`.
    JobState {
        /// Its state now.
        status: JobState,
        /// How many times it was begun.
        attempt: u32,
        /// How far it is, 0 to 1.
        #[schemars(range(min = 0.0, max = 1.0))]
        progress: f64,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<EventError>,
    },
    /// A job and everything of it was deleted: the last event of its stream. On `job.{id}.state`.
    JobDeleted {},
    /// A job was given up: it ended its worker again and again. On `job.{id}.state`.
    JobDeadLettered {
        /// How many times it was begun.
        attempt: u32,
        /// The furthest frame that any attempt reached.
        furthest_frame: u64,
        /// How its last attempt ended.
        cause: String,
    },
    /// The results of a job are there. On `job.{id}.result`.
    JobResult {
        /// Where: a path on this server that takes the access token.
        results_url: String,
    },
    /// How far a job is. On `job.{id}.progress`; not stored.
    JobProgress {
        /// 0 to 1.
        #[schemars(range(min = 0.0, max = 1.0))]
        progress: f64,
        /// Frames that went all the way through.
        frames_done: u64,
        /// Frames there are, where the container says it.
        frames_total: Option<u64>,
        /// Mean frames per second of this attempt.
        fps: f64,
        /// Seconds that are left at this rate, where the total is known.
        eta_seconds: Option<f64>,
        /// What is going on, as `analyze` or `store`.
        stage: String,
    },
}

impl EventBody {
    /// Where it is said, for the job `id`.
    #[must_use]
    pub const fn subject(&self, id: JobId) -> Subject {
        match self {
            Self::JobState { .. } | Self::JobDeleted {} | Self::JobDeadLettered { .. } => {
                Subject::JobState(id)
            }
            Self::JobResult { .. } => Subject::JobResult(id),
            Self::JobProgress { .. } => Subject::JobProgress(id),
        }
    }
}

/// One event, as everybody outside sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Where it stands in its stream; nothing for what is not stored.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Where it is said, without prefix.
    #[schemars(with = "String")]
    pub subject: Subject,
    /// When it was stored, or said.
    #[serde(with = "crate::time::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: WallTime,
    /// What happened: `type` and `data`.
    #[serde(flatten)]
    pub body: EventBody,
}

#[derive(Serialize)]
struct Wire<'a> {
    op: &'static str,
    #[serde(flatten)]
    event: &'a Event,
}

impl Event {
    /// The message as WebSocket clients and NATS subscribers get it: the event with `op` before
    /// it.
    ///
    /// # Errors
    /// `SERVER_ERROR` where a number cannot be written as JSON.
    pub fn to_message(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(&Wire { op: "event", event: self })
            .map_err(|e| Error::internal(format_args!("event on {}", self.subject), e))
    }
}

/// What is said on `wake.jobs`: a hint, which may be missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wake {
    /// Which job it is about.
    #[schemars(with = "String", extend("format" = "uuid"))]
    pub job: JobId,
    /// Whether it is to end; else it waits to be begun.
    pub cancel: bool,
}

/// A place in the feed of everything that one may read: all before it has been sent. Opaque to
/// clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor(WallTime);

impl Cursor {
    /// After everything that was stored up to `time`.
    #[must_use]
    pub const fn after(time: WallTime) -> Self {
        Self(time)
    }

    /// Events of a later time than this have not been sent.
    #[must_use]
    pub const fn time(self) -> WallTime {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c1-{:x}", self.0.0)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let micros = text.strip_prefix("c1-").and_then(|t| i64::from_str_radix(t, 16).ok());
        micros.filter(|us| *us >= 0).map(|us| Self(WallTime(us))).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            Error::new(
                ErrorKind::ValidationError,
                format!("cursor {shown:?}: expected one that this server gave"),
            )
        })
    }
}

impl TryFrom<String> for Cursor {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::{Delivery, TABLE};
    use serde_json::{Value, json};

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn check(seq: Option<u64>, body: EventBody, golden: &Value) {
        let id: JobId = ID.parse().expect("a UUIDv7");
        let event = Event {
            position: seq.map(|seq| Position { stream: StreamId::Job(id), seq }),
            subject: body.subject(id),
            time: WallTime(1_795_258_401_000_250),
            body,
        };
        let wire: Value =
            serde_json::from_slice(&event.to_message().expect("finite")).expect("JSON");
        assert_eq!(&wire, golden);
        let text = event.subject.to_string().replace(ID, "{id}");
        let row = TABLE.iter().find(|row| row.template == text).expect("a row of the table");
        let kind = golden["type"].as_str().expect("a type");
        assert!(row.events.contains(&kind), "{kind} is not in the row of {text}");
        assert_eq!(event.position.is_some(), row.delivery == Delivery::AtLeastOnce);
        assert_eq!(serde_json::from_value::<Event>(wire).expect("its own form"), event);
    }

    #[test]
    fn each_body_has_a_golden_message() {
        let time = "2026-11-21T10:53:21.000250Z";
        let stream = format!("job/{ID}");
        check(
            Some(3),
            EventBody::JobState {
                status: JobState::Failed,
                attempt: 2,
                progress: 0.25,
                error: Some(EventError {
                    code: ErrorKind::CorruptMedia,
                    message: "no index".to_owned(),
                }),
            },
            &json!({"op": "event", "stream": stream, "seq": 3, "subject": format!("job.{ID}.state"),
                "time": time, "type": "job_state", "data": {"status": "failed", "attempt": 2,
                "progress": 0.25, "error": {"code": "CORRUPT_MEDIA", "message": "no index"}}}),
        );
        check(
            Some(9),
            EventBody::JobDeleted {},
            &json!({"op": "event", "stream": stream, "seq": 9, "subject": format!("job.{ID}.state"),
                "time": time, "type": "job_deleted", "data": {}}),
        );
        check(
            Some(8),
            EventBody::JobDeadLettered {
                attempt: 4,
                furthest_frame: 17,
                cause: "killed".to_owned(),
            },
            &json!({"op": "event", "stream": stream, "seq": 8, "subject": format!("job.{ID}.state"),
                "time": time, "type": "job_dead_lettered",
                "data": {"attempt": 4, "furthest_frame": 17, "cause": "killed"}}),
        );
        check(
            Some(4),
            EventBody::JobResult { results_url: format!("/api/v1/jobs/{ID}/results") },
            &json!({"op": "event", "stream": stream, "seq": 4, "subject": format!("job.{ID}.result"),
                "time": time, "type": "job_result",
                "data": {"results_url": format!("/api/v1/jobs/{ID}/results")}}),
        );
        check(
            None,
            EventBody::JobProgress {
                progress: 0.5,
                frames_done: 50,
                frames_total: Some(100),
                fps: 25.0,
                eta_seconds: Some(2.0),
                stage: "analyze".to_owned(),
            },
            &json!({"op": "event", "subject": format!("job.{ID}.progress"), "time": time,
                "type": "job_progress", "data": {"progress": 0.5, "frames_done": 50,
                "frames_total": 100, "fps": 25.0, "eta_seconds": 2.0, "stage": "analyze"}}),
        );
    }

    #[test]
    fn hints_have_a_golden_form() {
        let wake = Wake { job: ID.parse().expect("a UUIDv7"), cancel: true };
        let wire = serde_json::to_value(wake).expect("JSON");
        assert_eq!(wire, json!({"job": ID, "cancel": true}));
    }

    #[test]
    fn cursors_and_streams_are_their_text() {
        let cursor = Cursor::after(WallTime(1_795_258_401_000_250));
        assert_eq!(cursor.to_string().parse::<Cursor>().expect("its own text"), cursor);
        let stream: StreamId = format!("job/{ID}").parse().expect("a stream");
        let position = Position { stream, seq: 7 };
        assert_eq!(position.to_string(), format!("job/{ID}:7"));
        assert_eq!(position.to_string().parse::<Position>().expect("its own text"), position);
        for bad in ["", "7", "job/7", "sheep/1:7"] {
            assert!(bad.parse::<Position>().is_err(), "{bad:?} was taken");
        }
        for bad in ["", "c1-", "c1--1", "c2-10", "c1-xyz", "17"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad:?} was taken");
        }
    }
}
