//! Parameters of a job from the text fields of a form.

use schema::error::FieldFault;
use schema::{Error, Result};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Fields that are text whatever they look like.
const TEXT: [&str; 1] = ["model"];
/// Fields that are lists of text: as JSON, between commas, or sent several times.
const LISTS: [&str; 1] = ["classes"];

/// The object that the fields of a form are; empty ones are left out.
///
/// # Errors
/// `VALIDATION_ERROR` for every field that is there twice and is no list.
pub(crate) fn from_fields(fields: BTreeMap<String, Vec<String>>) -> Result<Map<String, Value>> {
    let mut parameters = Map::new();
    let mut faults = Vec::new();
    for (name, mut values) in fields {
        values.retain(|value| !value.trim().is_empty());
        let value = match (values.as_slice(), LISTS.contains(&name.as_str())) {
            ([], _) => continue,
            (values, true) => list(values),
            ([value], _) if TEXT.contains(&name.as_str()) => Value::from(value.as_str()),
            ([value], _) => scalar(value),
            _ => {
                faults.push(FieldFault { field: name, message: "is there twice".to_owned() });
                continue;
            }
        };
        parameters.insert(name, value);
    }
    if faults.is_empty() { Ok(parameters) } else { Err(Error::validation(faults)) }
}

/// Numbers, arrays and objects are JSON; all else is text, for the schema to judge.
fn scalar(text: &str) -> Value {
    match serde_json::from_str(text.trim()) {
        Ok(value @ (Value::Number(_) | Value::Array(_) | Value::Object(_))) => value,
        _ => Value::from(text),
    }
}

fn list(values: &[String]) -> Value {
    if let [single] = values
        && let Ok(array @ Value::Array(_)) = serde_json::from_str(single)
    {
        return array;
    }
    values.iter().flat_map(|value| value.split(',')).map(|item| Value::from(item.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<String>> {
        let mut fields = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in pairs {
            fields.entry((*name).to_owned()).or_default().push((*value).to_owned());
        }
        fields
    }

    #[test]
    fn form_strings_are_what_they_mean() {
        let parameters = from_fields(fields(&[
            ("emergency_lines", "[[[0,0],[1,1]]]"),
            ("video_width", "640"),
            ("video_height", ""),
            ("score_threshold", "high"),
            ("classes", "person, car"),
            ("model", "7"),
        ]));
        assert_eq!(
            Value::Object(parameters.expect("each once")),
            json!({"emergency_lines": [[[0, 0], [1, 1]]], "video_width": 640,
                "score_threshold": "high", "classes": ["person", "car"], "model": "7"})
        );
    }

    #[test]
    fn lists_come_in_three_forms() {
        for pairs in [
            &[("classes", "[\"a\",\"b\"]")][..],
            &[("classes", "a,b")],
            &[("classes", "a"), ("classes", "b")],
        ] {
            let parameters = from_fields(fields(pairs)).expect("a list");
            assert_eq!(parameters["classes"], json!(["a", "b"]));
        }
        let error = from_fields(fields(&[("video_width", "1"), ("video_width", "2")]));
        assert_eq!(error.expect_err("twice").fields()[0].field, "video_width");
    }
}
