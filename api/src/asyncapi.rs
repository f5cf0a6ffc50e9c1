//! The AsyncAPI document: what is published on which subject, for who subscribes to NATS, and what is
//! said over the WebSocket.
//!
//! Made from the one table of subjects and from the very types that are sent; nothing is told twice
//! by hand. Follows AsyncAPI 3.0 (<https://www.asyncapi.com/docs/reference/specification/v3.0.0>),
//! its payloads JSON Schema draft 7. Pure: no clock, no I/O.

mod web_socket;

use schema::event::{Event, Wake};
use schema::subject::{Delivery, SubjectRow, TABLE, header};
use schemars::JsonSchema;
use schemars::generate::{Contract, SchemaSettings};
use serde_json::{Map, Value, json};

/// The document of this `version` of Sightline, whose subjects begin with `prefix`.
#[must_use]
pub fn document(version: &str, prefix: &str) -> Value {
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for row in TABLE {
        let channel = name(row);
        let carried = carried(row);
        let names: Vec<String> = carried.iter().map(|(name, _)| name.clone()).collect();
        operations.insert(format!("send_{channel}"), operation(row, &channel, &names));
        channels.insert(channel, described(row, prefix, &names));
        messages.extend(carried);
    }
    let events = TABLE.iter().flat_map(|row| row.events.iter().map(|kind| (*kind).to_owned()));
    let events: Vec<String> = events.collect();
    let (asked, told) = (web_socket::asked(), web_socket::told());
    let names = |of: &[(String, Value)]| of.iter().map(|(name, _)| name.clone()).collect();
    let (asks, tells): (Vec<String>, Vec<String>) = (names(&asked), names(&told));
    let tells = [tells, events].concat();
    let channel = web_socket::channel(&[asks.clone(), tells.clone()].concat());
    channels.insert(web_socket::CHANNEL.to_owned(), channel);
    let receive = web_socket::operation("receive", "What clients say", &asks);
    operations.insert("receive_web_socket".to_owned(), receive);
    let send = web_socket::operation("send", "What clients are told", &tells);
    operations.insert("send_web_socket".to_owned(), send);
    messages.extend(asked.into_iter().chain(told));
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sightline",
            "version": version,
            "description": INTRODUCTION,
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": { "nats": {
            "host": "{host}",
            "protocol": "nats",
            "description": "NATS core, without JetStream. An account that may subscribe is enough.",
            "variables": { "host": { "default": "localhost:4222" } },
        }, "web_socket": web_socket::server() },
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages },
    })
}

const INTRODUCTION: &str = "Copies of what happens. What must be kept is stored before it is \
    published: a subscriber that was away reads it at `/api/v1/events`. Clients of the WebSocket \
    `/api/v1/ws` get the same objects. Receivers ignore fields and types that they do not know.";

/// The subject's tokens without its parameters: `job_state`.
fn name(row: &SubjectRow) -> String {
    let tokens = row.template.split('.').filter(|token| !token.starts_with('{'));
    tokens.collect::<Vec<_>>().join("_")
}

fn described(row: &SubjectRow, prefix: &str, messages: &[String]) -> Value {
    let parameters = row.template.split('.').filter(|token| token.starts_with('{'));
    let parameters: Map<String, Value> = parameters
        .map(|token| {
            (token.trim_matches(['{', '}']).to_owned(), json!({ "description": "a UUIDv7" }))
        })
        .collect();
    let mut channel = json!({
        "address": format!("{prefix}.{}", row.template),
        "servers": [{ "$ref": "#/servers/nats" }],
        "summary": row.about,
        "description": promise(row.delivery),
        "messages": references(messages.iter().map(|m| format!("#/components/messages/{m}")), messages),
    });
    if !parameters.is_empty() {
        channel["parameters"] = parameters.into();
    }
    channel
}

fn operation(row: &SubjectRow, channel: &str, messages: &[String]) -> Value {
    let messages =
        messages.iter().map(|m| json!({ "$ref": format!("#/channels/{channel}/messages/{m}") }));
    json!({
        "action": "send",
        "summary": row.about,
        "channel": { "$ref": format!("#/channels/{channel}") },
        "messages": messages.collect::<Vec<_>>(),
    })
}

fn references(targets: impl Iterator<Item = String>, names: &[String]) -> Map<String, Value> {
    names.iter().cloned().zip(targets.map(|target| json!({ "$ref": target }))).collect()
}

fn promise(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::AtLeastOnce => {
            "At least once: stored in a stream first, published after, again after the bus was \
             away. Drop repetitions by `stream` and `seq`; read what is missing between two `seq` \
             of a stream at `/api/v1/events`."
        }
        Delivery::NewestWins => {
            "Only the newest matters: not stored. `Sightline-Seq` grows by one per message of a \
             subject and `Sightline-Epoch`, so that what was missed can be counted."
        }
        Delivery::Hint => "A hint: it may be missed, and nothing depends on it.",
    }
}

/// The messages of a subject, by name.
fn carried(row: &SubjectRow) -> Vec<(String, Value)> {
    let headers = headers(row.delivery);
    if row.events.is_empty() {
        let payload = schema_of::<Wake>(Contract::Serialize);
        return vec![(name(row), message(&name(row), payload, &headers))];
    }
    let event = schema_of::<Event>(Contract::Serialize);
    let named = row.events.iter();
    named
        .map(|kind| ((*kind).to_owned(), message(kind, payload(&event, kind, row), &headers)))
        .collect()
}

fn message(name: &str, mut payload: Value, headers: &Value) -> Value {
    let summary = payload.as_object_mut().and_then(|p| p.remove("description"));
    json!({
        "name": name,
        "summary": summary.unwrap_or_default(),
        "headers": headers,
        "payload": payload,
    })
}

/// The schema of the events of one type: what all events have, and the `data` of this one.
fn payload(event: &Value, kind: &str, row: &SubjectRow) -> Value {
    let bodies = event["oneOf"].as_array().into_iter().flatten();
    let body = bodies.clone().find(|body| body["properties"]["type"]["const"] == kind);
    let body = body.expect("the table names types that there are: a test asks for each");
    let mut properties = json!({ "op": { "type": "string", "const": "event" } });
    let mut required = vec!["op"];
    if row.delivery == Delivery::AtLeastOnce {
        for field in ["stream", "seq"] {
            properties[field] = event["properties"][field].clone();
            required.push(field);
        }
    }
    for (field, of) in [("subject", event), ("time", event), ("type", body), ("data", body)] {
        properties[field] = of["properties"][field].clone();
        required.push(field);
    }
    properties["subject"]["pattern"] = pattern(row.template).into();
    json!({
        "description": body["description"],
        "type": "object",
        "properties": properties,
        "required": required,
    })
}

/// A regular expression that a subject's texts match.
fn pattern(template: &str) -> String {
    let token = |token: &str| {
        if token.starts_with('{') { "[0-9a-f-]{36}".to_owned() } else { token.to_owned() }
    };
    let tokens: Vec<String> = template.split('.').map(token).collect();
    format!("^{}$", tokens.join("\\."))
}

fn headers(delivery: Delivery) -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let mut properties = json!({
        header::SCHEMA: { "type": "string", "const": header::SCHEMA_VERSION,
            "description": "The version of the payload's form." },
    });
    let mut required = vec![header::SCHEMA];
    match delivery {
        Delivery::AtLeastOnce => {
            properties[header::MESSAGE_ID] = text("The id of the event, `{stream}:{seq}`.");
            required.push(header::MESSAGE_ID);
        }
        Delivery::NewestWins => {
            properties[header::EPOCH] = text("The start of the publisher, a UUIDv7.");
            properties[header::SEQ] = json!({ "type": "string", "pattern": "^[1-9][0-9]*$",
                "description": "1, 2, 3 ... per subject from the start of the publisher." });
            required.extend([header::EPOCH, header::SEQ]);
        }
        Delivery::Hint => {}
    }
    if delivery != Delivery::Hint {
        properties[header::OWNER] = text("The user whose the job is, a UUIDv7.");
        required.push(header::OWNER);
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

/// The schema of `T` as it is written or read, in one piece.
fn schema_of<T: JsonSchema>(contract: Contract) -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.contract = contract;
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

#[cfg(test)]
mod tests;
