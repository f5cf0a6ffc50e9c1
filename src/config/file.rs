//! The TOML file: sections and keys of the table, nothing else. Every fault names its line.

use super::key::{Key, TABLE};
use super::source::{File, Given, Origin, Raw};
use schema::error::FieldFault;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Takes over what the file says; faults go where all others are.
pub(super) fn read(file: &File, raw: &mut Raw) {
    let (root, errors) = DeTable::parse_recoverable(&file.text);
    for error in &errors {
        let place = place(file, error.span().unwrap_or_default());
        raw.faults.push(FieldFault { field: place, message: error.message().to_owned() });
    }
    for (section, value) in root.get_ref() {
        let name = section.get_ref();
        let known = TABLE.iter().any(|key| key.section == name.as_ref());
        match value.get_ref() {
            DeValue::Table(table) if known => read_section(file, name, table, raw),
            _ => raw.faults.push(unknown(file, name, &section.span())),
        }
    }
}

fn read_section(file: &File, section: &str, table: &DeTable<'_>, raw: &mut Raw) {
    for (name, value) in table {
        let found = TABLE.iter().find(|k| k.section == section && k.name == name.get_ref());
        match found {
            Some(key) => read_value(file, key, name.span(), value, raw),
            None => {
                let path = format!("{section}.{}", name.get_ref());
                raw.faults.push(unknown(file, &path, &name.span()));
            }
        }
    }
}

fn read_value(
    file: &File,
    key: &'static Key,
    at: Range<usize>,
    value: &Spanned<DeValue<'_>>,
    raw: &mut Raw,
) {
    let given = match value.get_ref() {
        DeValue::Array(items) => {
            items.iter().map(|i| scalar(i.get_ref())).collect::<Option<_>>().map(Given::Many)
        }
        other => scalar(other).map(Given::One),
    };
    match given {
        Some(given) => {
            let origin = Origin::File { name: file.name.clone(), line: line(&file.text, at.start) };
            raw.set(key, given, origin);
        }
        None => {
            let field = format!("{} ({})", key.path(), place(file, at));
            let message = format!("expected {}", key.expects);
            raw.faults.push(FieldFault { field, message });
        }
    }
}

/// A value as text, the way it would stand in the environment.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn unknown(file: &File, path: &str, at: &Range<usize>) -> FieldFault {
    let same_name = |key: &&Key| {
        let last = path.rsplit('.').next().unwrap_or(path);
        key.name.eq_ignore_ascii_case(last) || key.variable.eq_ignore_ascii_case(last)
    };
    let meant = TABLE.iter().find(same_name);
    let meant = meant.map(|key| format!(": {} is meant?", key.path())).unwrap_or_default();
    let message = format!("is no setting{meant}");
    FieldFault { field: format!("{path} ({})", place(file, at.clone())), message }
}

fn place(file: &File, at: Range<usize>) -> String {
    format!("{}:{}", file.name, line(&file.text, at.start))
}

fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}
