//! The document in plain words: of several ways to say a thing the one that every generator of
//! clients understands. Nothing here changes what is said.

use serde_json::{Map, Value};

/// Makes a whole document plain.
pub(super) fn simplify(document: &mut Value) {
    walk(document, &mut |fields| {
        drop_description_schemas(fields);
        for (holder, plain) in [("content", media_type as fn(&str) -> String), ("headers", header)]
        {
            if let Some(Value::Object(named)) = fields.get_mut(holder) {
                let entries = std::mem::take(named).into_iter();
                *named = entries.map(|(name, value)| (plain(&name), value)).collect();
            }
        }
        let is_moment = |name: &str| name.ends_with("_at") || matches!(name, "time" | "timestamp");
        if let Some(Value::Object(properties)) = fields.get_mut("properties") {
            for (_, property) in properties.iter_mut().filter(|(name, _)| is_moment(name)) {
                if property["type"] == "string" {
                    property["format"] = "date-time".into();
                }
            }
        }
    });
}

/// `oneOf` of single values, each with what it means, as one enumeration.
pub(super) fn enumerate(schema: &mut Value) {
    walk(schema, &mut |fields| {
        let Some(Value::Array(cases)) = fields.get("oneOf") else { return };
        let value = |case: &Value| match case.get("enum")?.as_array()?.as_slice() {
            [value] => Some(value.clone()),
            _ => None,
        };
        let Some(values) = cases.iter().map(value).collect::<Option<Vec<Value>>>() else { return };
        let mut about = text(fields.get("description"));
        for (value, case) in values.iter().zip(cases) {
            about += &format!("\n\n`{}`: {}", text(Some(value)), text(case.get("description")));
        }
        *fields = Map::from_iter([
            ("type".to_owned(), "string".into()),
            ("enum".to_owned(), values.into()),
            ("description".to_owned(), about.into()),
        ]);
    });
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Calls `change` with every object in `value`, the outer before the inner.
fn walk(value: &mut Value, change: &mut dyn FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            change(fields);
            fields.values_mut().for_each(|field| walk(field, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
        _ => {}
    }
}

/// poem-openapi says what a reference is for by a second schema that says nothing else; it says
/// it beside them as well.
fn drop_description_schemas(fields: &mut Map<String, Value>) {
    let described = fields.contains_key("description");
    let Some(Value::Array(all)) = fields.get_mut("allOf") else { return };
    all.retain(|one| {
        let only_describes =
            one.as_object().is_some_and(|one| one.len() == 1 && one.contains_key("description"));
        !(described && only_describes)
    });
}

/// Without the character set, which JSON always has.
fn media_type(name: &str) -> String {
    name.strip_suffix("; charset=utf-8").unwrap_or(name).to_owned()
}

/// `LOCATION` as `Location`.
fn header(name: &str) -> String {
    if name.eq_ignore_ascii_case("etag") {
        return "ETag".to_owned();
    }
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
    });
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_says_nothing_more_is_dropped() {
        let mut document = json!({
            "content": {"application/json; charset=utf-8": {"schema": {
                "properties": {
                    "owner": {"description": "Whose.",
                        "allOf": [{"$ref": "#/User"}, {"description": "Whose."}]},
                    "created_at": {"type": "string"},
                    "name": {"type": "string"},
                },
            }}},
            "headers": {"RETRY-AFTER": {}, "ETAG": {}},
        });
        simplify(&mut document);
        let expected = json!({
            "content": {"application/json": {"schema": {
                "properties": {
                    "owner": {"description": "Whose.", "allOf": [{"$ref": "#/User"}]},
                    "created_at": {"type": "string", "format": "date-time"},
                    "name": {"type": "string"},
                },
            }}},
            "headers": {"Retry-After": {}, "ETag": {}},
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn values_with_meanings_are_an_enumeration() {
        let mut schema = json!({"description": "Which way.", "oneOf": [
            {"type": "string", "enum": ["up"], "description": "To the top."},
            {"type": "string", "enum": ["down"], "description": "To the bottom."},
        ]});
        enumerate(&mut schema);
        let expected = json!({"type": "string", "enum": ["up", "down"],
            "description": "Which way.\n\n`up`: To the top.\n\n`down`: To the bottom."});
        assert_eq!(schema, expected);
        let union = json!({"oneOf": [{"enum": ["up"]}, {"type": "object"}]});
        let mut same = union.clone();
        enumerate(&mut same);
        assert_eq!(same, union);
    }
}
