//! From what was given to values of a type; every fault is kept, none ends the reading.

use super::key::{Fallback, Key, TABLE, by_variable};
use super::source::{Given, Origin, Raw};
use api::config::Environment;
use schema::error::FieldFault;
use schema::{Error, Result};
use serde::de::{DeserializeOwned, IntoDeserializer};
use std::collections::BTreeSet;
use std::str::FromStr;

/// Reads settings by their short variables and keeps what is wrong with them.
pub(crate) struct Reader {
    raw: Raw,
    environment: Environment,
    faults: Vec<FieldFault>,
    read: BTreeSet<&'static str>,
}

impl Reader {
    /// Begins with what was gathered.
    pub(crate) fn new(mut raw: Raw) -> Self {
        let faults = std::mem::take(&mut raw.faults);
        // Anything but development is held to be the strict one until its fault is told.
        let environment = Environment::Production;
        let mut reader = Self { raw, environment, faults, read: BTreeSet::new() };
        reader.environment = reader.word("ENVIRONMENT");
        reader
    }

    /// How strict this server is.
    pub(crate) const fn environment(&self) -> Environment {
        self.environment
    }

    /// The value of a setting that always has one.
    pub(crate) fn value<T: FromStr>(&mut self, variable: &'static str) -> T {
        self.value_where(variable, |_: &T| true)
    }

    /// The value of a setting that always has one; `holds` says whether it is in its range.
    pub(crate) fn value_where<T: FromStr>(
        &mut self,
        variable: &'static str,
        holds: impl Fn(&T) -> bool,
    ) -> T {
        let fallback = fallback_text(key(variable), self.environment);
        self.optional_where(variable, holds).unwrap_or_else(|| {
            let parsed = fallback.and_then(|text| text.parse().ok());
            parsed.expect("a setting that always has a value has a default that can be read")
        })
    }

    /// The value of a setting that need not have one.
    pub(crate) fn optional<T: FromStr>(&mut self, variable: &'static str) -> Option<T> {
        self.optional_where(variable, |_: &T| true)
    }

    /// The value of a setting that need not have one; `holds` says whether it is in its range.
    pub(crate) fn optional_where<T: FromStr>(
        &mut self,
        variable: &'static str,
        holds: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let key = self.key(variable);
        let (given, origin) = self.in_force(key)?;
        let parsed = match &given {
            Given::One(text) => text.trim().parse().ok().filter(holds),
            Given::Many(_) => None,
        };
        if parsed.is_none() {
            self.expected(key, &given, &origin);
        }
        parsed
    }

    /// The value of a setting that always has one, of a type that is one of a few words.
    pub(crate) fn word<T: DeserializeOwned>(&mut self, variable: &'static str) -> T {
        self.value::<Word<T>>(variable).0
    }

    /// The values of a setting that may have several.
    pub(crate) fn list<T: FromStr>(&mut self, variable: &'static str) -> Vec<T> {
        let key = self.key(variable);
        let Some((given, origin)) = self.in_force(key) else { return Vec::new() };
        let items: Vec<&str> = match &given {
            Given::One(text) => text.split(',').map(str::trim).filter(|i| !i.is_empty()).collect(),
            Given::Many(items) => items.iter().map(|i| i.trim()).collect(),
        };
        let parsed: Option<Vec<T>> = items.iter().map(|i| i.parse().ok()).collect();
        parsed.unwrap_or_else(|| {
            self.expected(key, &given, &origin);
            Vec::new()
        })
    }

    /// Tells that the value of a setting does not do, for a reason of its own.
    pub(crate) fn refuse(&mut self, variable: &'static str, message: &str) {
        let key = key(variable);
        let field = key.variable.to_owned();
        let message = match self.in_force(key) {
            Some((given, origin)) => format!("{}: {message}", told(key, &given, &origin)),
            None => format!("is not set: {message}"),
        };
        self.faults.push(FieldFault { field, message });
    }

    /// Takes over the faults that a section found in its values; `variable` names the setting that
    /// a field was made of.
    pub(crate) fn adopt(&mut self, faults: &[FieldFault], variable: impl Fn(&str) -> &'static str) {
        for fault in faults {
            self.refuse(variable(&fault.field), &fault.message);
        }
    }

    /// Ends the reading: what was worth a word, and what is in force.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every fault.
    pub(crate) fn finish(self) -> Result<(Vec<String>, Vec<InForce>)> {
        if !self.faults.is_empty() {
            let hint = "`sightline config --help` says where settings come from, \
                        docs/configuration.md what there is";
            return Err(Error::validation(self.faults).with_hint(hint));
        }
        let rows = TABLE.iter().map(|key| {
            let (value, origin) = match self.in_force(key) {
                Some((given, origin)) => (shown(key, &given), origin),
                None => (None, Origin::Default),
            };
            InForce { key, value, origin }
        });
        let rows = rows.collect();
        Ok((self.raw.warnings, rows))
    }

    /// Settings that nothing has read.
    #[cfg(test)]
    pub(crate) fn unread(&self) -> Vec<&'static str> {
        let unread = TABLE.iter().filter(|k| !self.read.contains(k.variable));
        unread.map(|k| k.variable).collect()
    }

    fn key(&mut self, variable: &'static str) -> &'static Key {
        self.read.insert(variable);
        key(variable)
    }

    fn in_force(&self, key: &Key) -> Option<(Given, Origin)> {
        let default = || {
            let text = fallback_text(key, self.environment)?;
            Some((Given::One(text.to_owned()), Origin::Default))
        };
        self.raw.get(key).cloned().or_else(default)
    }

    fn expected(&mut self, key: &Key, given: &Given, origin: &Origin) {
        let field = key.variable.to_owned();
        let message = format!("{}: expected {}", told(key, given, origin), key.expects);
        self.faults.push(FieldFault { field, message });
    }
}

/// A setting that is in force.
#[derive(Debug)]
pub(crate) struct InForce {
    /// Which.
    pub(crate) key: &'static Key,
    /// Its value as text; nothing where it has none.
    pub(crate) value: Option<String>,
    /// Where that came from.
    pub(crate) origin: Origin,
}

fn key(variable: &str) -> &'static Key {
    by_variable(variable).expect("only settings of the table are read")
}

fn fallback_text(key: &Key, environment: Environment) -> Option<&'static str> {
    match (key.fallback, environment) {
        (Fallback::Value(text), _)
        | (Fallback::ByEnvironment { development: text, .. }, Environment::Development)
        | (Fallback::ByEnvironment { production: text, .. }, _) => Some(text),
        (Fallback::Unset(_) | Fallback::Secret(_), _) => None,
    }
}

/// A value of a type that is known by its words in `serde`.
struct Word<T>(T);

impl<T: DeserializeOwned> FromStr for Word<T> {
    type Err = serde::de::value::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        T::deserialize(text.into_deserializer()).map(Self)
    }
}

/// A value as it may be shown.
fn shown(key: &Key, given: &Given) -> Option<String> {
    if key.is_secret() {
        return Some("set".to_owned());
    }
    let text = match given {
        Given::One(text) => text.clone(),
        Given::Many(items) => items.join(","),
    };
    Some(without_password(&text))
}

/// A faulty value as an error tells it.
fn told(key: &Key, given: &Given, origin: &Origin) -> String {
    match shown(key, given) {
        Some(text) if !key.is_secret() => format!("{text:?} (from {origin})"),
        _ => format!("the value (from {origin})"),
    }
}

/// A list of URLs without what stands before the host in them: passwords and tokens.
fn without_password(text: &str) -> String {
    let hide = |part: &str| {
        let (scheme, rest) = part.split_once("://")?;
        let (_, host) = rest.rsplit_once('@')?;
        Some(format!("{scheme}://***@{host}"))
    };
    let parts: Vec<String> =
        text.split(',').map(|p| hide(p).unwrap_or_else(|| p.to_owned())).collect();
    parts.join(",")
}
