//! What is said over the socket, besides events themselves.
//!
//! Clients send one JSON object per text message, told apart by `op`. An event goes out as the
//! text that the bus carries: it is serialised once, and looked into once, whoever listens.

use schema::event::Cursor;
use schema::subject::Pattern;
use schema::time::WallTime;
use schema::{Error, ErrorKind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// Longest message of a client, in bytes.
pub(super) const MAX_MESSAGE: usize = 64 * 1024;
/// Longest id of a subscription, in bytes.
const MAX_ID: usize = 64;
/// Patterns of one subscription.
const MAX_SUBJECTS: usize = 32;

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ClientMessage {
    /// Says who it is; a second time, with a newer token.
    Auth {
        /// An access token.
        token: String,
    },
    /// Listens; a subscription of the same id is replaced.
    Subscribe {
        /// The client's name for it.
        #[schemars(length(min = 1, max = 64))]
        id: String,
        /// What to listen to: `*` stands for one word, `>` at the end for all that follow.
        #[schemars(with = "Vec<String>", length(min = 1, max = 32))]
        subjects: Vec<Pattern>,
        /// What to leave out.
        #[serde(default)]
        filter: Filter,
        /// Replay what came after this place first.
        #[serde(default)]
        #[schemars(with = "Option<String>")]
        since: Option<Cursor>,
    },
    /// Listens no more.
    Unsubscribe {
        /// The client's name for it.
        id: String,
    },
    /// Asks for a heartbeat.
    Ping {},
}

/// Which events of a subscription to send. What an event does not say does not speak against it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Filter {
    /// Events whose `data.confidence` is at least this, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_confidence: Option<f64>,
    /// Events of these types.
    pub types: Option<Vec<String>>,
}

/// The text of an event, and what filters look at in it.
#[derive(Debug)]
pub(super) struct EventText {
    text: String,
    /// Read by the first filter that looks; nothing where it is no event.
    filtered: OnceLock<Option<Filtered>>,
}

/// What filters look at.
#[derive(Debug, Deserialize)]
struct Filtered {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: FilteredData,
}

#[derive(Debug, Default, Deserialize)]
struct FilteredData {
    #[serde(default)]
    confidence: Option<f64>,
}

impl EventText {
    /// The event of these bytes.
    ///
    /// # Errors
    /// `SERVER_ERROR` where they are not UTF-8.
    pub(super) fn new(bytes: Vec<u8>) -> Result<Self> {
        let text = String::from_utf8(bytes).map_err(|e| Error::internal("an event", e))?;
        Ok(Self { text, filtered: OnceLock::new() })
    }

    /// What is sent.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn filtered(&self) -> Option<&Filtered> {
        self.filtered.get_or_init(|| serde_json::from_str(&self.text).ok()).as_ref()
    }
}

impl Filter {
    /// Whether `event` is wanted.
    pub(super) fn wants(&self, event: &EventText) -> bool {
        if self.min_confidence.is_none() && self.types.is_none() {
            return true;
        }
        let Some(event) = event.filtered() else { return false };
        let confident = match (self.min_confidence, event.data.confidence) {
            (Some(least), Some(confidence)) => confidence >= least,
            _ => true,
        };
        let named = self.types.as_ref().is_none_or(|types| types.contains(&event.kind));
        confident && named
    }
}

/// Reads a message of a client.
///
/// # Errors
/// `VALIDATION_ERROR` that says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<ClientMessage> {
    let wrong = |why: String| Error::new(ErrorKind::ValidationError, why);
    let message: ClientMessage =
        serde_json::from_str(text).map_err(|e| wrong(format!("message: {e}")))?;
    if let ClientMessage::Subscribe { id, subjects, filter, .. } = &message {
        if id.is_empty() || id.len() > MAX_ID {
            return Err(wrong(format!("id: expected 1 to {MAX_ID} bytes")));
        }
        if subjects.is_empty() || subjects.len() > MAX_SUBJECTS {
            return Err(wrong(format!("subjects: expected 1 to {MAX_SUBJECTS}")));
        }
        if filter.min_confidence.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
            return Err(wrong("filter.min_confidence: expected 0 to 1".to_owned()));
        }
    }
    Ok(message)
}

/// A message of the server, besides events.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum ServerMessage<'a> {
    /// The token was taken.
    Authenticated {
        /// When it ends; the connection ends then, unless a newer one is sent.
        #[serde(with = "schema::time::rfc3339")]
        #[schemars(with = "String", extend("format" = "date-time"))]
        expires_at: WallTime,
    },
    /// The subscription stands; what comes is after `cursor`.
    Subscribed {
        /// The client's name for it.
        id: &'a str,
        /// Where it begins.
        #[schemars(with = "String")]
        cursor: Cursor,
    },
    /// It does not stand any more.
    Unsubscribed {
        /// The client's name for it.
        id: &'a str,
    },
    /// The replay has reached what is live.
    CaughtUp {
        /// The client's name for it.
        id: &'a str,
        /// Everything up to here has been sent.
        #[schemars(with = "String")]
        cursor: Cursor,
    },
    /// The client read too slowly; what is stored is replayed from `cursor` now.
    Lagged {
        /// The client's name for it.
        id: &'a str,
        /// Messages that were left out.
        dropped: u64,
        /// Everything up to here has been sent.
        #[schemars(with = "String")]
        cursor: Cursor,
    },
    /// What came after the cursor is not kept any more; the subscription goes on at `oldest`.
    Gone {
        /// The client's name for it.
        id: &'a str,
        /// From here on everything is kept.
        #[schemars(with = "String")]
        oldest: Cursor,
    },
    /// The connection lives.
    Heartbeat {
        /// Everything of every subscription up to here has been sent; nothing without one.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        cursor: Option<Cursor>,
        /// The server's time.
        #[serde(with = "schema::time::rfc3339")]
        #[schemars(with = "String", extend("format" = "date-time"))]
        time: WallTime,
    },
    /// A message of the client was not taken.
    Error {
        /// The subscription that it was about, where there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        /// The code of the registry.
        #[schemars(with = "String")]
        code: ErrorKind,
        /// One sentence in lower case.
        message: &'a str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_of_clients_are_read() {
        let text = r#"{"op":"subscribe","id":"1","subjects":["job.*.state"],
            "filter":{"min_confidence":0.7},"since":"c1-ff"}"#;
        let ClientMessage::Subscribe { id, subjects, filter, since } = parse(text).expect("good")
        else {
            panic!("not a subscription");
        };
        assert_eq!((id.as_str(), subjects[0].as_str()), ("1", "job.*.state"));
        assert_eq!(filter.min_confidence, Some(0.7));
        assert_eq!(since.expect("a cursor").to_string(), "c1-ff");
    }

    #[test]
    fn what_is_no_message_is_told() {
        let many = format!(
            r#"{{"op":"subscribe","id":"1","subjects":[{}]}}"#,
            vec!["\"a\""; 33].join(",")
        );
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"op":"dance"}"#,
            r#"{"op":"subscribe","id":"","subjects":["a"]}"#,
            r#"{"op":"subscribe","id":"1","subjects":[]}"#,
            r#"{"op":"subscribe","id":"1","subjects":["a..b"]}"#,
            r#"{"op":"subscribe","id":"1","subjects":["a"],"since":"x"}"#,
            r#"{"op":"subscribe","id":"1","subjects":["a"],"filter":{"min_confidence":2}}"#,
            r#"{"op":"subscribe","id":"1","subjects":["a"],"filter":{"colour":"red"}}"#,
            &many,
        ] {
            let error = parse(bad).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::ValidationError, "{bad}");
        }
    }

    #[test]
    fn filters_look_at_what_is_said_only() {
        let event = |kind: &str, data: serde_json::Value| {
            let event = json!({"op": "event", "type": kind, "data": data}).to_string();
            EventText::new(event.into()).expect("is text")
        };
        let all = Filter::default();
        let sure = Filter { min_confidence: Some(0.5), types: None };
        let ends = Filter { min_confidence: None, types: Some(vec!["job_result".to_owned()]) };
        let none = EventText::new(b"not even JSON".to_vec()).expect("is text");
        assert!(all.wants(&none) && !sure.wants(&none));
        assert!(sure.wants(&event("seen", json!({"confidence": 0.5}))));
        assert!(!sure.wants(&event("seen", json!({"confidence": 0.4}))));
        assert!(sure.wants(&event("job_state", json!({"status": "done"}))));
        assert!(ends.wants(&event("job_result", json!({}))));
        assert!(!ends.wants(&event("job_state", json!({}))));
    }

    #[test]
    fn messages_of_the_server_have_golden_forms() {
        let cursor = Cursor::after(WallTime(255));
        let check = |message: ServerMessage<'_>, golden: serde_json::Value| {
            assert_eq!(serde_json::to_value(message).expect("JSON"), golden);
        };
        let (id, time) = ("1", "1970-01-01T00:00:00.000255Z");
        check(
            ServerMessage::Lagged { id, dropped: 3, cursor },
            json!({"op": "lagged", "id": "1", "dropped": 3, "cursor": "c1-ff"}),
        );
        check(
            ServerMessage::Heartbeat { cursor: Some(cursor), time: WallTime(255) },
            json!({"op": "heartbeat", "cursor": "c1-ff", "time": time}),
        );
        check(
            ServerMessage::Error { id: Some(id), code: ErrorKind::Forbidden, message: "no" },
            json!({"op": "error", "id": "1", "code": "FORBIDDEN", "message": "no"}),
        );
        check(
            ServerMessage::CaughtUp { id, cursor },
            json!({"op": "caught_up", "id": "1", "cursor": "c1-ff"}),
        );
    }
}
