//! The WebSocket's part of the document: what clients say, and what they are told besides events.

use super::{references, schema_of};
use crate::app::WEB_SOCKET;
use crate::ws::{ClientMessage, ServerMessage};
use schemars::JsonSchema;
use schemars::generate::Contract;
use serde_json::{Map, Value, json};

/// The channel's name.
pub(super) const CHANNEL: &str = "web_socket";

const ABOUT: &str = "One connection for all that its user may hear. Who calls is told by the header \
    `Authorization`, by `?ticket=` (from `/api/v1/auth/ws-ticket`, for one use), or by a first \
    message of op `auth`. After `subscribed` comes what was stored since the cursor that was sent \
    along, then `caught_up`, then what happens. A `cursor` in any message means: everything up to \
    it has been sent.";

/// What clients say, by the messages' names.
pub(super) fn asked() -> Vec<(String, Value)> {
    forms::<ClientMessage>(Contract::Deserialize)
}

/// What they are told besides events, by the messages' names.
pub(super) fn told() -> Vec<(String, Value)> {
    forms::<ServerMessage<'_>>(Contract::Serialize)
}

/// The server of the document.
pub(super) fn server() -> Value {
    json!({
        "host": "{host}",
        "pathname": WEB_SOCKET,
        "protocol": "ws",
        "description": "The server itself; `wss` behind a proxy that ends TLS.",
        "variables": { "host": { "default": "localhost:8000" } },
    })
}

/// The channel, with messages of these names.
pub(super) fn channel(names: &[String]) -> Value {
    json!({
        "address": WEB_SOCKET,
        "servers": [{ "$ref": "#/servers/web_socket" }],
        "summary": "Events for programs and pages, live and replayed",
        "description": ABOUT,
        "messages": references(
            names.iter().map(|name| format!("#/components/messages/{name}")),
            names,
        ),
    })
}

/// An operation of the server: it sends or receives the messages of these names.
pub(super) fn operation(action: &str, summary: &str, names: &[String]) -> Value {
    let message = |name| json!({ "$ref": format!("#/channels/{CHANNEL}/messages/{name}") });
    json!({
        "action": action,
        "summary": summary,
        "channel": { "$ref": format!("#/channels/{CHANNEL}") },
        "messages": names.iter().map(message).collect::<Vec<_>>(),
    })
}

/// The forms of a message, each under its `op`.
fn forms<T: JsonSchema>(contract: Contract) -> Vec<(String, Value)> {
    let schema = schema_of::<T>(contract);
    let forms = schema["oneOf"].as_array().into_iter().flatten();
    forms.map(named).collect()
}

fn named(form: &Value) -> (String, Value) {
    let op = form["properties"]["op"]["const"].as_str();
    let op = op.expect("messages are told apart by op: a test asks for each").to_owned();
    let mut payload = form.clone();
    let fields: Option<&mut Map<String, Value>> = payload.as_object_mut();
    let summary = fields.and_then(|fields| fields.remove("description")).unwrap_or_default();
    (op.clone(), json!({ "name": op, "summary": summary, "payload": payload }))
}
