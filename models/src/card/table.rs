//! Reads a TOML table key by key and remembers everything that is wrong with it.
//!
//! `serde` alone stops at the first fault; whoever writes a card wants to see them all at once.

use schema::error::FieldFault;
use serde::de::DeserializeOwned;

/// A table of which every key is taken once; what is left over at the end is unknown.
pub(super) struct Table {
    table: toml::Table,
    prefix: String,
    faults: Vec<FieldFault>,
}

impl Table {
    /// The root of a document; its fields are named without a prefix.
    pub(super) fn new(table: toml::Table) -> Self {
        Self { table, prefix: String::new(), faults: Vec::new() }
    }

    /// Takes `key`; where it is missing or not `expected`, that is remembered and `None` returned.
    pub(super) fn take<T: DeserializeOwned>(&mut self, key: &str, expected: &str) -> Option<T> {
        self.check(key, expected, |_: &T| true)
    }

    /// As [`Table::take`], for a key that may be missing.
    pub(super) fn optional<T: DeserializeOwned>(&mut self, key: &str, expected: &str) -> Option<T> {
        if self.table.contains_key(key) { self.take(key, expected) } else { None }
    }

    /// As [`Table::take`], for values that `accept` approves.
    pub(super) fn check<T: DeserializeOwned>(
        &mut self,
        key: &str,
        expected: &str,
        accept: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let Some(value) = self.table.remove(key) else {
            self.fault(key, format!("missing, expected {expected}"));
            return None;
        };
        let shown = value.to_string();
        let read = value.try_into().ok().filter(accept);
        if read.is_none() {
            self.fault(key, format!("{shown} where {expected} is expected"));
        }
        read
    }

    /// Reads the table `key` by `read`; a missing one counts as empty, so its keys are named.
    pub(super) fn section<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let table = match self.table.remove(key) {
            Some(toml::Value::Table(table)) => table,
            Some(other) => {
                self.fault(key, format!("{other} where a table is expected"));
                toml::Table::new()
            }
            None => toml::Table::new(),
        };
        let mut section =
            Self { table, prefix: format!("{}{key}.", self.prefix), faults: Vec::new() };
        let value = read(&mut section);
        self.faults.extend(section.finish());
        value
    }

    /// Remembers that something is wrong with `key`.
    pub(super) fn fault(&mut self, key: &str, message: impl Into<String>) {
        let field = format!("{}{key}", self.prefix);
        self.faults.push(FieldFault { field, message: message.into() });
    }

    /// Everything that was wrong, keys that nobody took included.
    pub(super) fn finish(mut self) -> Vec<FieldFault> {
        let left: Vec<String> = self.table.keys().cloned().collect();
        for key in left {
            self.fault(&key, "unknown key");
        }
        self.faults
    }
}
