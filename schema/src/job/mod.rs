//! Jobs: their kinds, what all parameters and results share, and how parameters are checked.
//!
//! One file per kind holds its parameters and its results. Results are deterministic: they hold
//! no ids, no URLs and no clock, so the same input gives the same bytes.

pub mod emergency_count;
pub mod line;
pub mod parameters;
pub mod people_count;
pub mod result;

use crate::error::{Error, ErrorKind, FieldFault};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The kinds of job that are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// How many people (or other objects) there were, and their tracks.
    PeopleCount,
    /// Who crossed which line, in which direction.
    EmergencyCount,
}

impl JobKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::PeopleCount, Self::EmergencyCount];

    /// The wire name, with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeopleCount => "people-count",
            Self::EmergencyCount => "emergency-count",
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for JobKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|k| k.name() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|k| k.name()).collect();
            Error::validation(vec![FieldFault {
                field: "job_type".to_owned(),
                message: format!("{text:?} is not one of {}", known.join(", ")),
            }])
        })
    }
}

/// The results of a job of any kind: exactly what `results.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum JobResults {
    /// Of `people-count`.
    PeopleCount(people_count::Results),
    /// Of `emergency-count`.
    EmergencyCount(emergency_count::Results),
}

impl JobResults {
    /// How the results came about.
    #[must_use]
    pub const fn provenance(&self) -> &result::Provenance {
        match self {
            Self::PeopleCount(r) => &r.provenance,
            Self::EmergencyCount(r) => &r.provenance,
        }
    }

    /// The bytes of `results.json`: the same results give the same bytes.
    ///
    /// # Errors
    /// `SERVER_ERROR` where a number cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let failed = |e| Error::new(ErrorKind::ServerError, format!("results as json: {e}"));
        let mut bytes = serde_json::to_vec_pretty(self).map_err(failed)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Something a user should know about a result that stands nevertheless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Warning {
    /// Stable, in capitals: `TRUNCATED`, `MOVING_OBJECTS_COUNTED`.
    pub code: String,
    /// One sentence in lower case.
    pub message: String,
}

impl Warning {
    /// A warning with `code` that says `message`.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_wire_form() {
        for kind in JobKind::ALL {
            assert_eq!(serde_json::to_value(kind).expect("serialises"), kind.name());
            assert_eq!(kind.name().parse::<JobKind>().expect("its own name"), *kind);
        }
        let error = "count-sheep".parse::<JobKind>().expect_err("no such kind");
        assert!(error.message().contains("people-count, emergency-count"), "{error}");
    }
}
