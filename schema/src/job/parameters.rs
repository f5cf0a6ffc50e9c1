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
    check_also(value, Vec::new())
}

/// As [`check`], with `faults` that were found in `value` beyond its form: all are named together,
/// by field.
///
/// # Errors
/// `VALIDATION_ERROR` with one entry per fault.
pub fn check_also<T: JsonSchema + DeserializeOwned>(
    mut value: Value,
    mut faults: Vec<FieldFault>,
) -> Result<T, Error> {
    if !value.is_object() {
        return Err(Error::new(
            ErrorKind::ValidationError,
            "parameters: expected an object whose keys are the fields of the job",
        ));
    }
    let validator = jsonschema::validator_for(&json_schema::<T>()).map_err(|e| {
        Error::new(ErrorKind::ServerError, format!("schema of the parameters: {e}"))
    })?;
    faults.extend(validator.iter_errors(&value).flat_map(|e| explain(&e)));
    if faults.is_empty() {
        whole_numbers(&mut value);
        return serde_json::from_value(value)
            .map_err(|e| Error::new(ErrorKind::ValidationError, format!("parameters: {e}")));
    }
    faults.sort_by(|a, b| a.field.cmp(&b.field));
    Err(Error::validation(faults))
}

/// Writes `30.0` as `30`: for JSON Schema both are integers, for serde only the second is. Numbers
/// that are meant as fractions keep their value.
fn whole_numbers(value: &mut Value) {
    /// Up to here every whole float is one integer and no other.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(whole) = number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() <= EXACT) {
                *value = Value::from(whole as i64);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// Length in JSON up to which a wrong value is repeated in the message on it.
const SHOWN_VALUE: usize = 60;

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
        _ => {
            let shown = error.instance().to_string().len() <= SHOWN_VALUE;
            let message = if shown { error.to_string() } else { error.masked().to_string() };
            vec![FieldFault { field: at, message }]
        }
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
    fn whole_floats_are_integers() {
        let form: Form = check(json!({
            "needed": 2.0, "track_buffer": 30.0, "min_seconds": 1.0, "score_threshold": 1
        }))
        .expect("right by its schema");
        assert_eq!((form.needed, form.counting.track_buffer), (2, Some(30)));
        assert_eq!(
            (form.counting.min_seconds, form.counting.score_threshold),
            (Some(1.0), Some(1.0))
        );
        let error = check::<Form>(json!({"needed": 2.5})).expect_err("not whole");
        assert_eq!(error.fields()[0].field, "needed");
    }

    #[test]
    fn large_values_are_not_repeated() {
        let error = check::<Form>(json!({"needed": 1, "model": "x".repeat(10_000)}));
        let message = error.expect_err("too long").fields()[0].message.clone();
        assert_eq!(message, "value is longer than 64 characters");
        let error = check::<Form>(json!({"needed": -1})).expect_err("below 0");
        assert_eq!(error.message(), "needed: -1 is less than the minimum of 0");
        let unknown = json!({"needed": 1, "y".repeat(10_000): 1});
        assert!(check::<Form>(unknown).expect_err("unknown").message().len() < 300);
    }

    #[test]
    fn only_objects_are_parameters() {
        assert!(check::<Form>(json!([1])).is_err());
        assert!(check::<Form>(json!(null)).is_err());
    }
}
