//! Events that are stored, for those who were away.

use crate::app::State;
use crate::auth::scheme::Caller;
use crate::failure::Failure;
use crate::listener::expect_readable;
use crate::openapi::Tag;
use actors::handle::Replay;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use schema::event::{Cursor, Event};
use schema::subject::Pattern;
use schema::{Error, ErrorKind, Result};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Events of a page.
const PAGE: u32 = 100;
/// Patterns of one request.
const MAX_PATTERNS: usize = 100;

/// An event.
#[derive(Object)]
#[oai(rename = "Event")]
struct EventView {
    /// The stream that it belongs to, `job/{id}`.
    stream: Option<String>,
    /// Its number there: 1, 2, 3 ... without a gap.
    seq: Option<u64>,
    /// Where it is said.
    subject: String,
    /// What kind of event it is, as `job_state`.
    #[oai(rename = "type")]
    kind: String,
    /// When it was stored, RFC 3339.
    time: String,
    /// What happened.
    data: BTreeMap<String, Value>,
}

/// Where a reader stands.
#[derive(Object)]
struct EventsMeta {
    /// For `since` next time: everything up to here has been looked at.
    cursor: String,
    /// Whether there are more at once.
    has_more: bool,
}

/// Events, enveloped.
#[derive(Object)]
struct EventsBody {
    /// The events, oldest first.
    data: Vec<EventView>,
    /// Where the next page begins.
    meta: EventsMeta,
}

pub(crate) struct EventsApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Events")]
impl EventsApi {
    /// Events after a cursor, oldest first. A wildcard gives what the caller may read.
    ///
    /// What was given before may be given again; nothing is left out. A cursor that points before
    /// what is kept is answered with `CURSOR_EXPIRED`.
    #[oai(path = "/events", method = "get", operation_id = "list_events")]
    async fn list(
        &self,
        services: State<'_>,
        caller: Caller,
        /// As `meta.cursor` gave it; without it from the oldest event that is kept.
        since: Query<Option<String>>,
        /// Subjects or patterns between commas, as `job.*.state`; without it all.
        subjects: Query<Option<String>>,
        /// Events at most.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<EventsBody>, Failure> {
        let scope = caller.scope();
        let since = since.0.map(|text| text.parse::<Cursor>()).transpose()?;
        let patterns = patterns(subjects.0.as_deref())?;
        for pattern in &patterns {
            expect_readable(&services.platform, &scope, pattern).await?;
        }
        let limit = limit.0.unwrap_or(PAGE);
        match services.platform.replay(&scope, since, &patterns, limit).await? {
            Replay::Events { events, cursor, has_more } => {
                let data = events.iter().map(view).collect::<Result<Vec<_>>>()?;
                let meta = EventsMeta { cursor: cursor.to_string(), has_more };
                Ok(Json(EventsBody { data, meta }))
            }
            Replay::Gone { oldest } => {
                let message = format!("events before the cursor {oldest} are gone");
                Err(Failure::new(ErrorKind::CursorExpired, message))
            }
        }
    }
}

fn patterns(subjects: Option<&str>) -> Result<Vec<Pattern>> {
    let subjects = subjects.map_or_else(Vec::new, |text| text.split(',').collect());
    if subjects.len() > MAX_PATTERNS {
        let message = format!("more than {MAX_PATTERNS} subjects");
        return Err(Error::new(ErrorKind::ValidationError, message));
    }
    subjects.into_iter().map(|text| text.trim().parse()).collect()
}

fn view(event: &Event) -> Result<EventView> {
    let mut body = match serde_json::to_value(&event.body) {
        Ok(Value::Object(body)) => body,
        Ok(_) => Map::new(),
        Err(error) => return Err(Error::internal("an event as json", error)),
    };
    let data = match body.remove("data") {
        Some(Value::Object(data)) => data.into_iter().collect(),
        _ => BTreeMap::new(),
    };
    let kind = body.remove("type").and_then(|kind| kind.as_str().map(str::to_owned));
    Ok(EventView {
        stream: event.position.map(|at| at.stream.to_string()),
        seq: event.position.map(|at| at.seq),
        subject: event.subject.to_string(),
        kind: kind.unwrap_or_default(),
        time: event.time.to_string(),
        data,
    })
}
