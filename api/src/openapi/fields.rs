//! Fields of the document's objects: which may be null, which are always there, what limits they
//! have, and that requests have no others.

use crate::door::Door;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Where an operation names the schema of its JSON body.
const JSON_REQUEST: &str = "/requestBody/content/application~1json/schema/$ref";

/// Fields of answers that are left out where there is nothing to say; all others are null then.
const LEFT_OUT: [(&str, &str); 6] = [
    ("ErrorDetail", "details"),
    ("ErrorDetails", "hint"),
    ("ErrorDetails", "fields"),
    ("LegacyError", "details"),
    ("SimpleJwtError", "detail"),
    ("SimpleJwtError", "code"),
];

/// Says of every object that poem-openapi describes which fields may be null: it writes them so,
/// and takes them so, but does not say it.
pub(super) fn tell_nulls(document: &mut Value) {
    let requests = request_schemas(document, |_| true);
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for (name, schema) in schemas {
        // What has alternatives is one of them, whatever its type is said to be.
        if schema.get("anyOf").is_some() {
            schema.as_object_mut().into_iter().for_each(|fields| drop(fields.remove("type")));
        }
        let required: BTreeSet<String> = schema.get("required").map(names).unwrap_or_default();
        let mut always = Vec::new();
        let Some(Value::Object(fields)) = schema.get_mut("properties") else { continue };
        for (field, is) in fields {
            let left_out = LEFT_OUT.contains(&(name.as_str(), field.as_str()));
            if !required.contains(field) && !left_out {
                make_nullable(is);
                always.push(field.clone());
            }
        }
        if !requests.contains(name) && !always.is_empty() {
            let all: BTreeSet<String> = required.into_iter().chain(always).collect();
            schema["required"] = all.into_iter().map(Value::from).collect();
        }
    }
}

fn make_nullable(schema: &mut Value) {
    if let Some(reference) = schema.as_object_mut().and_then(|fields| fields.remove("$ref")) {
        schema["allOf"] = json!([{"$ref": reference}]);
    }
    schema["nullable"] = true.into();
}

/// What is sent to a canonical door has no other fields than are said, and these limits.
pub(super) fn close_requests(document: &mut Value) {
    for name in request_schemas(document, |path| Door::of(path) == Door::Canonical) {
        let schema = &mut document["components"]["schemas"][&name];
        if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
            schema["additionalProperties"] = false.into();
        }
    }
    let schemas = &mut document["components"]["schemas"];
    let mut limit = |schema: &str, field: &str, limits: Value| {
        let target = match field {
            "" => &mut schemas[schema],
            field => &mut schemas[schema]["properties"][field],
        };
        if let (Some(target), Value::Object(limits)) = (target.as_object_mut(), limits) {
            target.extend(limits);
        }
    };
    let username = json!({"pattern": "^[A-Za-z0-9@.+_-]+$", "minLength": 1, "maxLength": 150});
    limit("RegisterRequest", "username", username);
    limit("RegisterRequest", "password", json!({"minLength": 8, "maxLength": 1024}));
    let email = json!({"pattern": "^[^@\\s]+@[^@\\s]+$", "maxLength": 254});
    limit("RegisterRequest", "email", email);
    limit("JobRequest", "priority", json!({"minimum": 1, "maximum": 10}));
    limit("JobSource", "", json!({"minProperties": 1, "maxProperties": 1}));
}

/// The schemas that JSON bodies of operations on `paths` are made of.
fn request_schemas(document: &Value, paths: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let mut next: Vec<String> = Vec::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        let operations: &Map<String, Value> = match operations.as_object() {
            Some(operations) if paths(path) => operations,
            _ => continue,
        };
        next.extend(operations.values().filter_map(|o| name_at(o, JSON_REQUEST)));
    }
    let mut found = BTreeSet::new();
    while let Some(name) = next.pop() {
        let schema = &document["components"]["schemas"][&name];
        if found.insert(name) {
            let fields = schema["properties"].as_object().into_iter().flatten();
            next.extend(fields.filter_map(|(_, field)| {
                name_at(field, "/$ref").or_else(|| name_at(field, "/allOf/0/$ref"))
            }));
        }
    }
    found
}

/// The name of the schema that is referred to at `pointer`.
fn name_at(value: &Value, pointer: &str) -> Option<String> {
    let reference = value.pointer(pointer)?.as_str()?;
    reference.rsplit('/').next().map(str::to_owned)
}

fn names(list: &Value) -> BTreeSet<String> {
    let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}
