//! What all kinds of job can be asked, and the check that names every fault at once.
//!
//! The JSON Schema that is published is the one that is enforced: [`check`] runs it over the raw
//! object before anything is deserialised.

use crate::error::{Error, ErrorKind, FieldFault};
use jsonschema::error::ValidationErrorKind;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Parameters of detection and tracking, the same in every counting job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counting {
    /// Model to detect with, by the name of its card, or `motion`. Default: the best one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub model: Option<String>,
    /// Labels to count. Default: `person` (`moving` with the motion detector).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 64)))]
    pub classes: Option<Vec<String>>,
    /// Detections from this score on begin tracks; weaker ones only continue them. 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.05, max = 1.0))]
    pub score_threshold: Option<f32>,
    /// How long a track that is not seen is kept, in frames at 30 frames/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3000))]
    pub track_buffer: Option<u32>,
    /// A track counts once it was seen for this many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub min_seconds: Option<f64>,
}

/// The JSON Schema (draft 2020-12) of parameters or results `T`.
#[must_use]
pub fn json_schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// Checks `value` against the schema of `T`, then takes it as a `T`.
///
/// # Errors
/// `VALIDATION_ERROR` with one entry per fault.
pub fn check<T: JsonSchema + DeserializeOwned>(value: Value) -> Result<T, Error> {
    if !value.is_object() {
        return Err(Error::new(
            ErrorKind::ValidationError,
            "parameters: expected an object whose keys are the fields of the job",
        ));
    }
    let validator = jsonschema::validator_for(&json_schema::<T>()).map_err(|e| {
        Error::new(ErrorKind::ServerError, format!("schema of the parameters: {e}"))
    })?;
    let mut faults: Vec<FieldFault> =
        validator.iter_errors(&value).flat_map(|e| explain(&e)).collect();
    if faults.is_empty() {
        return serde_json::from_value(value)
            .map_err(|e| Error::new(ErrorKind::ValidationError, format!("parameters: {e}")));
    }
    faults.sort_by(|a, b| a.field.cmp(&b.field));
    Err(Error::validation(faults))
}

/// One finding of the schema in our words: the field that is at fault, not the object around it.
fn explain(error: &jsonschema::ValidationError<'_>) -> Vec<FieldFault> {
    let at = field_path(error.instance_path().as_str());
    let child = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|name| FieldFault { field: child(name), message: "unknown field".to_owned() })
            .collect(),
        ValidationErrorKind::Required { property } => vec![FieldFault {
            field: child(property.as_str().unwrap_or_default()),
            message: "is required".to_owned(),
        }],
        _ => vec![FieldFault { field: at, message: error.to_string() }],
    }
}

/// `/emergency_lines/1/x1` as `emergency_lines[1].x1`.
fn field_path(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty() {
            path.push_str(&format!("[{part}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&part);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[schemars(extend("additionalProperties" = false))]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Form {
        #[serde(flatten)]
        counting: Counting,
        needed: u32,
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let error = check::<Form>(json!({
            "score_threshold": 7, "classes": ["person", ""], "track_buffer": "long", "speed": 1
        }))
        .expect_err("five faults");
        let fields: Vec<&str> = error.fields().iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["classes[1]", "needed", "score_threshold", "speed", "track_buffer"]);
        assert_eq!(error.kind(), ErrorKind::ValidationError);
    }

    #[test]
    fn a_right_form_is_taken() {
        let form: Form =
            check(json!({"needed": 2, "classes": ["car"], "min_seconds": 0.5})).expect("right");
        assert_eq!(form.needed, 2);
        assert_eq!(form.counting.classes.expect("given"), ["car"]);
    }

    #[test]
    fn only_objects_are_parameters() {
        assert!(check::<Form>(json!([1])).is_err());
        assert!(check::<Form>(json!(null)).is_err());
    }
}
