//! Unions by their tag: what a job is asked and answers by its `job_type`, an event by its `type`.
//!
//! poem-openapi sees one type each; clients that are generated from the document get one per kind,
//! told apart by a discriminator.

use super::schemas::{name, reference, schema_of};
use super::{broken, plain};
use schema::Result;
use schema::event::EventBody;
use schema::job::JobKind;
use schema::job::record::JobState;
use serde_json::{Map, Value, json};

/// The form of a submission, in the document.
const FORM: &str = "/paths/~1api~1v1~1jobs/post/requestBody/content/multipart~1form-data";

/// Tells jobs, submissions and events apart by their tags.
///
/// # Errors
/// `SERVER_ERROR` where a part is missing.
pub(super) fn tag(document: &mut Value) -> Result<()> {
    let form = document.pointer_mut(FORM).ok_or_else(|| broken(FORM))?;
    let form_schema = form["schema"].take();
    form["schema"] = reference("JobForm");
    // A part of JSON in the form, not text with JSON in it.
    form["encoding"] = json!({"params": {"contentType": "application/json"}});
    let schemas = document["components"]["schemas"].as_object_mut();
    let schemas = schemas.ok_or_else(|| broken("schemas"))?;
    let request = schemas.remove("JobRequest").ok_or_else(|| broken("JobRequest"))?;
    by_kind(schemas, "JobForm", "Form", |kind| asked(&form_schema, kind));
    by_kind(schemas, "JobRequest", "Request", |kind| asked(&request, kind));
    by_kind(schemas, "JobDetail", "Job", answered);
    // Wrapped in `allOf`, some generators would take the tag out of it.
    schemas["JobDetailBody"]["properties"]["data"] = reference("JobDetail");
    events(schemas)
}

/// Replaces the schema `whole` by a union of one schema for each kind of job.
fn by_kind(
    schemas: &mut Map<String, Value>,
    whole: &str,
    suffix: &str,
    make: impl Fn(JobKind) -> Value,
) {
    let about = schemas.get(whole).map_or(Value::Null, |schema| schema["description"].clone());
    let names = JobKind::ALL.iter().map(|kind| (kind.name().to_owned(), name(*kind, suffix)));
    let mut union = union("job_type", &names.collect::<Vec<_>>());
    union["description"] = match about {
        Value::Null => json!("A submission with its file."),
        about => about,
    };
    schemas.insert(whole.to_owned(), union);
    for kind in JobKind::ALL {
        schemas.insert(name(*kind, suffix), make(*kind));
    }
}

/// One of the schemas of `cases`, by what its field `tag` says.
fn union(tag: &str, cases: &[(String, String)]) -> Value {
    let one_of: Vec<Value> = cases.iter().map(|(_, name)| reference(name)).collect();
    let mapping: Map<String, Value> =
        cases.iter().map(|(value, name)| (value.clone(), reference(name)["$ref"].take())).collect();
    json!({"oneOf": one_of, "discriminator": {"propertyName": tag, "mapping": mapping}})
}

/// A submission, as it is for one kind.
fn asked(any: &Value, kind: JobKind) -> Value {
    let mut one = any.clone();
    one.as_object_mut().into_iter().for_each(|fields| drop(fields.remove("title")));
    one["properties"]["job_type"] = tag_of(kind.name());
    one["properties"]["params"] = json!({
        "description": "The parameters.",
        "nullable": true,
        "allOf": [reference(&name(kind, "Parameters"))],
    });
    one
}

/// A job, as it is for one kind: with the fields of its results once it is done.
fn answered(kind: JobKind) -> Value {
    let is = |states: Vec<&str>| {
        json!({"type": "object", "required": ["status"],
            "properties": {"status": {"type": "string", "enum": states}}})
    };
    let done = JobState::Done;
    let others = JobState::ALL.into_iter().filter(|state| *state != done);
    let results = reference(&name(kind, "Results"));
    json!({
        "description": format!("A job of the kind `{}`.", kind.name()),
        "allOf": [
            reference("Job"),
            {"type": "object", "required": ["job_type", "params"], "properties": {
                "job_type": tag_of(kind.name()),
                "params": reference(&name(kind, "Parameters")),
            }},
            {"oneOf": [
                {"allOf": [is(vec![done.name()]), results]},
                is(others.map(JobState::name).collect()),
            ]},
        ],
    })
}

fn tag_of(value: &str) -> Value {
    json!({"type": "string", "enum": [value]})
}

/// Replaces the schema of events by one for each type of event.
fn events(schemas: &mut Map<String, Value>) -> Result<()> {
    let any = schemas.remove("Event").ok_or_else(|| broken("Event"))?;
    let mut body = schema_of::<EventBody>();
    let named = body["components"]["schemas"].take();
    let Value::Array(types) = body["oneOf"].take() else { return Err(broken("EventBody")) };
    let mut cases = Vec::new();
    for mut case in types {
        let Some(tag) = case["properties"]["type"]["enum"][0].as_str().map(str::to_owned) else {
            return Err(broken("EventBody's tag"));
        };
        let words = tag.split('_').map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
        let name = words.collect::<String>() + "Event";
        let mut event = any.clone();
        event["description"] = case["description"].take();
        event.as_object_mut().into_iter().for_each(|fields| drop(fields.remove("title")));
        event["properties"]["type"] = tag_of(&tag);
        event["properties"]["data"] = case["properties"]["data"].take();
        schemas.insert(name.clone(), event);
        cases.push((tag, name));
    }
    let mut event = union("type", &cases);
    event["description"] =
        "An event. Types may be added: tolerate those that you do not know.".into();
    schemas.insert("Event".to_owned(), event);
    for (name, mut schema) in named.as_object().cloned().unwrap_or_default() {
        plain::enumerate(&mut schema);
        schemas.entry(name).or_insert(schema);
    }
    Ok(())
}
