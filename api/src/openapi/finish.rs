//! What poem-openapi cannot say: schemas that are written elsewhere, the failures of every
//! operation, who may call, paths as the seed has them.

use super::{broken, fields, kinds, plain, schemas};
use crate::auth::scheme::SCHEME;
use crate::door::Door;
use crate::failure::ErrorBody;
use crate::s0::envelope::FailureEnvelope;
use crate::s0::token::SimpleJwtError;
use poem_openapi::registry::Registry;
use poem_openapi::types::Type;
use schema::Result;
use serde_json::{Map, Value, json};

/// Content type of every failure.
const JSON: &str = "application/json; charset=utf-8";
/// Operations that a signed URL opens as well as a token.
const SIGNED: [&str; 4] =
    ["get_media_file", "head_media_file", "legacy_media", "legacy_media_head"];
/// Operations that a token is optional for.
const OPTIONAL: [&str; 1] = ["register"];

/// Finishes the document that poem-openapi gives.
///
/// # Errors
/// `SERVER_ERROR` where a part is missing or two schemas have one name.
pub(super) fn finish(mut document: Value) -> Result<Value> {
    add_failures(object_in(object(&mut document, "components")?, "schemas")?)?;
    // What `schemars` says is true as it is; it comes after.
    fields::tell_nulls(&mut document);
    let components = object(&mut document, "components")?;
    schemas::replace(object_in(components, "schemas")?)?;
    let security = object_in(components, "securitySchemes")?;
    let signed = json!({"type": "apiKey", "in": "query", "name": "sig",
        "description": "The signature of a URL that an answer of the API gave, with `exp`."});
    security.insert("signedUrl".to_owned(), signed);
    let paths = std::mem::take(object(&mut document, "paths")?);
    let mut finished = Map::new();
    for (path, mut operations) in paths {
        let mut path = path.replace("*param0", "{path}");
        let door = Door::of(&path);
        for (method, operation) in operations.as_object_mut().into_iter().flatten() {
            finish_operation(operation, method, &path, door);
        }
        // The seed writes its paths with a slash at the end; both are served.
        if door != Door::Canonical && !path.ends_with('/') && !path.ends_with("{path}") {
            path.push('/');
        }
        finished.insert(path, operations);
    }
    document["paths"] = finished.into();
    fields::close_requests(&mut document);
    kinds::tag(&mut document)?;
    plain::simplify(&mut document);
    Ok(document)
}

/// The operations of the first seed's doors alone.
pub(super) fn legacy(document: &Value) -> Value {
    let mut legacy = document.clone();
    if let Some(paths) = legacy["paths"].as_object_mut() {
        paths.retain(|path, _| Door::of(path) != Door::Canonical);
    }
    legacy["info"]["title"] = json!("Sightline, the first seed's doors");
    legacy
}

/// The methods of every path, by its segments.
pub(super) fn methods(document: &Value) -> Vec<(Vec<String>, String)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let mut methods: Vec<(Vec<String>, String)> = paths
        .map(|(path, operations)| {
            let path = path.strip_suffix('/').unwrap_or(path);
            let names = operations.as_object().into_iter().flat_map(Map::keys);
            let mut names: Vec<String> = names.map(|name| name.to_ascii_uppercase()).collect();
            if names.iter().any(|n| n == "GET") && !names.iter().any(|n| n == "HEAD") {
                names.push("HEAD".to_owned());
            }
            names.sort();
            (path.split('/').map(str::to_owned).collect(), names.join(", "))
        })
        .collect();
    for path in crate::app::OWN_PATHS {
        methods.push((path.split('/').map(str::to_owned).collect(), "GET, HEAD".to_owned()));
    }
    methods
}

fn object<'a>(value: &'a mut Value, name: &str) -> Result<&'a mut Map<String, Value>> {
    value.get_mut(name).and_then(Value::as_object_mut).ok_or_else(|| broken(name))
}

fn object_in<'a>(
    fields: &'a mut Map<String, Value>,
    name: &str,
) -> Result<&'a mut Map<String, Value>> {
    fields.get_mut(name).and_then(Value::as_object_mut).ok_or_else(|| broken(name))
}

/// The bodies of failures, which poem-openapi sees in no handler's type.
fn add_failures(schemas: &mut Map<String, Value>) -> Result<()> {
    let mut registry = Registry::new();
    ErrorBody::register(&mut registry);
    FailureEnvelope::register(&mut registry);
    SimpleJwtError::register(&mut registry);
    for (name, schema) in &registry.schemas {
        let schema = serde_json::to_value(schema);
        let schema = schema.map_err(|e| schema::Error::internal(name, e))?;
        schemas.insert(name.clone(), schema);
    }
    Ok(())
}

fn finish_operation(operation: &mut Value, method: &str, path: &str, door: Door) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let is_open = operation.get("security").is_none();
    operation["security"] = match operation.get("security") {
        _ if SIGNED.contains(&id.as_str()) => json!([{"signedUrl": []}, {SCHEME: []}]),
        _ if OPTIONAL.contains(&id.as_str()) => json!([{}, {SCHEME: []}]),
        Some(security) => security.clone(),
        None => json!([]),
    };
    let form = Form {
        door,
        needs_caller: !is_open || SIGNED.contains(&id.as_str()),
        has_body: operation.get("requestBody").is_some(),
        has_parameters: operation.get("parameters").is_some(),
        names_one: path.contains('{'),
        changes: method != "get" && method != "head",
    };
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    let schema = format!("#/components/schemas/{}", failure_schema(door));
    let body = json!({JSON: {"schema": {"$ref": schema}}});
    if let Some(default) = responses.get_mut("default") {
        default["content"] = body.clone();
    }
    for (status, description) in form.failures().into_iter().chain(own_failures(&id)) {
        let mut response = json!({"description": description, "content": body});
        if matches!(status, 429 | 503) {
            response["headers"] = json!({"Retry-After": {"required": true,
                "description": "How long to wait, in seconds.", "schema": {"type": "integer"}}});
        }
        responses.entry(status.to_string()).or_insert(response);
    }
}

/// What the failures of an operation follow from.
struct Form {
    door: Door,
    needs_caller: bool,
    has_body: bool,
    has_parameters: bool,
    /// Its path names one thing.
    names_one: bool,
    changes: bool,
}

impl Form {
    fn failures(&self) -> Vec<(u16, &'static str)> {
        let canonical = self.door == Door::Canonical;
        let wrong = if canonical { 422 } else { 400 };
        let submits = self.has_body && self.needs_caller;
        let all = [
            (true, 429, "Too many requests or jobs: wait as told."),
            (true, 500, "A fault of the server."),
            (true, 503, "Not ready, or too much at once: wait as told."),
            (self.needs_caller, 401, "No token, or one that is not valid or has expired."),
            (self.names_one, 404, "There is none, or it is not the caller's."),
            (self.has_body, wrong, "What was sent is wrong; every faulty field is named."),
            (self.has_parameters, wrong, "A parameter is wrong."),
            (self.has_body, 408, "The body came too slowly."),
            (self.has_body && canonical, 413, "The body or the file is too large."),
            (self.has_body && canonical, 415, "The content is of no type that is taken here."),
            (submits, 409, "The idempotency key belongs to another submission."),
            (self.changes && self.names_one, 409, "It contradicts what is so at present."),
            (submits, 507, "The disk is full."),
        ];
        all.into_iter().filter(|(so, ..)| *so).map(|(_, status, text)| (status, text)).collect()
    }
}

/// Failures that an operation's form does not tell.
fn own_failures(id: &str) -> Vec<(u16, &'static str)> {
    match id {
        "register" => {
            vec![(403, "Registration is not open to the caller."), (409, "The name is taken.")]
        }
        "login"
        | "refresh"
        | "legacy_token_obtain"
        | "legacy_token_refresh"
        | "legacy_token_verify" => vec![(401, "What was shown is not valid.")],
        "list_events" => vec![
            (403, "A subject that was named may not be read."),
            (410, "The cursor points before what is kept."),
        ],
        "get_job_results" => vec![(409, "The job is not done.")],
        "legacy_list_jobs" => vec![(404, "There is no such page.")],
        _ => Vec::new(),
    }
}

fn failure_schema(door: Door) -> String {
    match door {
        Door::Canonical => ErrorBody::name(),
        Door::FirstSeed => FailureEnvelope::name(),
        Door::SimpleJwt => SimpleJwtError::name(),
    }
    .into_owned()
}
