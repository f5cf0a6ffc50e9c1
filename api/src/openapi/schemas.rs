//! Parameters and results of jobs in the document: what `schemars` says of them.

use super::plain;
use schema::job::{JobKind, emergency_count, people_count};
use schema::{Error, ErrorKind, Result};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// Replaces the placeholders among `schemas`.
///
/// # Errors
/// `SERVER_ERROR` where two different schemas have one name.
pub(super) fn replace(schemas: &mut Map<String, Value>) -> Result<()> {
    for kind in JobKind::ALL {
        let (parameters, results) = match kind {
            JobKind::PeopleCount => {
                (schema_of::<people_count::Parameters>(), schema_of::<people_count::Results>())
            }
            JobKind::EmergencyCount => (
                schema_of::<emergency_count::Parameters>(),
                schema_of::<emergency_count::Results>(),
            ),
        };
        add(schemas, &name(*kind, "Parameters"), parameters)?;
        add(schemas, &name(*kind, "Results"), results)?;
    }
    let any = |what: &str| -> Vec<Value> {
        JobKind::ALL.iter().map(|kind| reference(&name(*kind, what))).collect()
    };
    let mut found = any("Results");
    found.push(json!({"type": "object", "description": "Nothing, until the job is done."}));
    let results = json!({
        "description": "What was found, by the kind of job.", "anyOf": any("Results")
    });
    let nullable = json!({
        "description": "What was found, by the kind of job.",
        "nullable": true,
        "allOf": [reference("JobResults")],
    });
    schemas.insert("JobResults".to_owned(), results);
    schemas.insert(
        "JobParameters".to_owned(),
        json!({"description": "What is asked, by the kind of job.", "anyOf": any("Parameters")}),
    );
    schemas.insert(
        "VideoJobDetail".to_owned(),
        json!({
            "description": "A job, with its results, and with their fields beside its own.",
            "allOf": [
                reference("VideoJob"),
                {"type": "object", "required": ["results"], "properties": {"results": nullable}},
                {"anyOf": found},
            ],
        }),
    );
    Ok(())
}

/// `people-count` and `Results` as `PeopleCountResults`.
pub(super) fn name(kind: JobKind, what: &str) -> String {
    let words = kind.name().split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    words.collect::<String>() + what
}

/// A reference to the schema `name`.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// What `schemars` says of `T`, with what it names below `components/schemas`.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let mut root = SchemaSettings::openapi3().into_generator().into_root_schema_for::<T>();
    // It brings the root into the form of OpenAPI 3.0, and leaves what that names as it is.
    if let Some(Value::Object(named)) = root.pointer_mut("/components/schemas") {
        for schema in named.values_mut().filter_map(|schema| schema.try_into().ok()) {
            let schema: &mut Schema = schema;
            for transform in &mut SchemaSettings::openapi3().transforms {
                transform.transform(schema);
            }
        }
    }
    let mut root = root.to_value();
    plain::enumerate(&mut root);
    root
}

/// Adds a root schema and those that it names.
fn add(schemas: &mut Map<String, Value>, name: &str, mut root: Value) -> Result<()> {
    let mut named = Map::new();
    if let Value::Object(fields) = &mut root {
        fields.remove("$schema");
        fields.remove("title");
        let parts = fields.remove("components");
        if let Some(Value::Object(parts)) =
            parts.and_then(|mut c| c.get_mut("schemas").map(Value::take))
        {
            named = parts;
        }
    }
    named.insert(name.to_owned(), root);
    for (name, schema) in named {
        match schemas.get(&name) {
            Some(other) if *other != schema => {
                let message = format!("two schemas of the document are named {name}");
                return Err(Error::new(ErrorKind::ServerError, message));
            }
            _ => schemas.insert(name, schema),
        };
    }
    Ok(())
}
