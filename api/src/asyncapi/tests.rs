//! The document is whole, and what is sent is what it says.

use super::*;
use crate::ws::{ServerMessage, protocol};
use schema::ErrorKind;
use schema::event::{Cursor, EventBody, EventError, Position, StreamId};
use schema::id::JobId;
use schema::job::record::JobState;
use schema::time::WallTime;
use std::collections::BTreeSet;

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn made() -> Value {
    document("1.2.3", "sightline.v1")
}

/// One of each type, as it goes out.
fn golden() -> Vec<Value> {
    let id: JobId = ID.parse().expect("a UUIDv7");
    let error = EventError { code: ErrorKind::CorruptMedia, message: "no index".to_owned() };
    let state = |status, error| EventBody::JobState { status, attempt: 2, progress: 0.25, error };
    let progress = |frames_total, eta_seconds| EventBody::JobProgress {
        progress: 0.5,
        frames_done: 50,
        frames_total,
        fps: 25.0,
        eta_seconds,
        stage: "analyze".to_owned(),
    };
    let bodies = [
        state(JobState::Failed, Some(error)),
        state(JobState::Processing, None),
        EventBody::JobDeleted {},
        EventBody::JobDeadLettered { attempt: 4, furthest_frame: 17, cause: "killed".to_owned() },
        EventBody::JobResult { results_url: format!("/api/v1/jobs/{ID}/results") },
        progress(Some(100), Some(2.0)),
        progress(None, None),
    ];
    let message = |body: EventBody| {
        let stored = !matches!(body, EventBody::JobProgress { .. });
        let event = Event {
            position: stored.then_some(Position { stream: StreamId::Job(id), seq: 3 }),
            subject: body.subject(id),
            time: WallTime(1_795_258_401_000_250),
            body,
        };
        serde_json::from_slice(&event.to_message().expect("finite")).expect("JSON")
    };
    bodies.map(message).to_vec()
}

fn validator(document: &Value, message: &str) -> jsonschema::Validator {
    let payload = &document["components"]["messages"][message]["payload"];
    jsonschema::draft7::options()
        .should_validate_formats(true)
        .build(payload)
        .unwrap_or_else(|e| panic!("{message}: {e}"))
}

#[test]
fn every_subject_and_every_type_is_in_it() {
    let document = made();
    let channels = document["channels"].as_object().expect("channels");
    assert_eq!(channels.len(), TABLE.len() + 1, "and the WebSocket");
    for row in TABLE {
        let channel = &channels[&name(row)];
        assert_eq!(channel["address"], format!("sightline.v1.{}", row.template));
        let messages = channel["messages"].as_object().expect("messages");
        assert_eq!(messages.len(), row.events.len().max(1), "{}", row.template);
        assert!(row.events.iter().all(|kind| messages.contains_key(*kind)), "{}", row.template);
    }
    // Each type of event has its message: none was forgotten in the table.
    let types: BTreeSet<String> = schema_of::<Event>(Contract::Serialize)["oneOf"]
        .as_array()
        .expect("types of events")
        .iter()
        .map(|body| body["properties"]["type"]["const"].as_str().expect("a type").to_owned())
        .collect();
    let messages = document["components"]["messages"].as_object().expect("messages");
    let named: BTreeSet<String> = messages.keys().cloned().collect();
    assert!(types.is_subset(&named), "{types:?} {named:?}");
    let sent: BTreeSet<String> =
        golden().iter().map(|m| m["type"].as_str().expect("a type").to_owned()).collect();
    assert_eq!(sent, types, "the golden messages are of every type");
}

#[test]
fn what_is_sent_is_what_it_says() {
    let document = made();
    for message in golden() {
        let kind = message["type"].as_str().expect("a type");
        let validator = validator(&document, kind);
        if let Err(e) = validator.validate(&message) {
            panic!("{kind}: {e}\n{message:#}");
        }
        // Neither a lack nor another form is taken.
        for field in message.as_object().expect("an object").keys() {
            let mut lacking = message.clone();
            lacking.as_object_mut().expect("an object").remove(field);
            assert!(!validator.is_valid(&lacking), "{kind} without {field} was taken");
            let mut other = message.clone();
            other[field] = json!([1]);
            assert!(!validator.is_valid(&other), "{kind} with another {field} was taken");
        }
    }
    let wake = serde_json::to_value(Wake { job: ID.parse().expect("a UUIDv7"), cancel: false });
    let wake = wake.expect("JSON");
    assert!(validator(&document, "wake_jobs").is_valid(&wake));
    assert!(!validator(&document, "wake_jobs").is_valid(&json!({ "job": ID })));
    assert!(!validator(&document, "wake_jobs").is_valid(&json!({ "job": 7, "cancel": true })));
}

#[test]
fn what_is_said_over_the_socket_is_what_it_says() {
    let document = made();
    let cursor = "c1-ff";
    let asked = [
        json!({"op": "auth", "token": "x"}),
        json!({"op": "subscribe", "id": "1", "subjects": ["job.*.state"]}),
        json!({"op": "subscribe", "id": "1", "subjects": ["job.>"], "since": cursor,
            "filter": {"min_confidence": 0.7, "types": ["job_state"]}}),
        json!({"op": "unsubscribe", "id": "1"}),
        json!({"op": "ping"}),
    ];
    for message in &asked {
        protocol::parse(&message.to_string()).expect("the server takes it");
    }
    let (id, since) = ("1", Cursor::after(WallTime(255)));
    let told = [
        ServerMessage::Authenticated { expires_at: WallTime(255) },
        ServerMessage::Subscribed { id, cursor: since },
        ServerMessage::Unsubscribed { id },
        ServerMessage::CaughtUp { id, cursor: since },
        ServerMessage::Lagged { id, dropped: 3, cursor: since },
        ServerMessage::Gone { id, oldest: since },
        ServerMessage::Heartbeat { cursor: None, time: WallTime(255) },
        ServerMessage::Heartbeat { cursor: Some(since), time: WallTime(255) },
        ServerMessage::Error { id: Some(id), code: ErrorKind::Forbidden, message: "no" },
    ];
    let told = told.map(|message| serde_json::to_value(message).expect("JSON"));
    let mut said = BTreeSet::new();
    for message in asked.iter().chain(&told) {
        let op = message["op"].as_str().expect("an op");
        said.insert(op.to_owned());
        let validator = validator(&document, op);
        if let Err(e) = validator.validate(message) {
            panic!("{op}: {e}\n{message:#}");
        }
        let mut other = message.clone();
        other["op"] = json!("dance");
        assert!(!validator.is_valid(&other), "{op} under another name was taken");
    }
    let named = web_socket::asked().into_iter().chain(web_socket::told());
    let named: BTreeSet<String> = named.map(|(name, _)| name).collect();
    assert_eq!(said, named, "one of each");
    let subscribe = validator(&document, "subscribe");
    for wrong in [json!({"id": ""}), json!({"subjects": []}), json!({"colour": "red"})] {
        let mut message = asked[1].clone();
        let fields = message.as_object_mut().expect("an object");
        fields.extend(wrong.as_object().expect("an object").clone());
        assert!(!subscribe.is_valid(&message), "{message}");
        assert!(protocol::parse(&message.to_string()).is_err(), "{message}");
    }
}

#[test]
fn references_lead_somewhere() {
    fn walk(document: &Value, value: &Value, seen: &mut usize) {
        match value {
            Value::Object(fields) => {
                if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                    let pointer = target.strip_prefix('#').expect("within the document");
                    assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
                    *seen += 1;
                }
                fields.values().for_each(|v| walk(document, v, seen));
            }
            Value::Array(items) => items.iter().for_each(|v| walk(document, v, seen)),
            _ => {}
        }
    }
    let (document, mut seen) = (made(), 0);
    walk(&document, &document, &mut seen);
    assert!(seen >= 3 * TABLE.len(), "{seen} references");
}

#[test]
fn it_is_the_same_each_time_and_says_whose_it_is() {
    assert_eq!(made(), made());
    let other = document("2", "mine");
    assert_eq!(other["info"]["version"], "2");
    assert_eq!(other["channels"]["wake_jobs"]["address"], "mine.wake.jobs");
    assert!(!other.to_string().contains("sightline.v1"));
}

#[test]
fn the_page_about_nats_says_the_same() {
    let page = include_str!("../../../docs/nats.md");
    for row in TABLE {
        let delivery = match row.delivery {
            Delivery::AtLeastOnce => "at least once",
            Delivery::NewestWins => "newest wins",
            Delivery::Hint => "hint",
        };
        let types: Vec<String> = row.events.iter().map(|kind| format!("`{kind}`")).collect();
        let (template, about) = (row.template, row.about);
        let line =
            format!("| `sightline.v1.{template}` | {delivery} | {about} | {} |", types.join(", "));
        let line = line.replace("|  |", "| |");
        assert!(page.lines().any(|l| l == line), "docs/nats.md lacks: {line}");
    }
    for name in [header::MESSAGE_ID, header::EPOCH, header::SEQ, header::OWNER, header::SCHEMA] {
        assert!(page.contains(name), "docs/nats.md lacks {name}");
    }
}
