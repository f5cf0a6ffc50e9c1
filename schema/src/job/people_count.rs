//! `people-count`: how many there were, and their tracks.

use super::parameters::{Counting, check};
use super::result::{Provenance, TrackRow};
use crate::error::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a `people-count` can be asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct Parameters {
    /// Detection and tracking.
    #[serde(flatten)]
    pub counting: Counting,
}

impl Parameters {
    /// Takes the raw object of a client.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every fault.
    pub fn parse(raw: Value) -> Result<Self, Error> {
        check(raw)
    }
}

/// What a `people-count` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// Tracks of counted classes that were confirmed and seen for at least `min_seconds`. Who
    /// leaves and returns counts again.
    pub total_people: u64,
    /// The most that were seen in one frame.
    pub peak_people: u64,
    /// Mean number per frame.
    pub mean_people: f64,
    /// Tracks that were seen too briefly to count.
    pub brief_tracks: u64,
    /// How it came about.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// One row per counted track, by ascending id.
    pub tracking_data: Vec<TrackRow>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_are_an_empty_object() {
        assert_eq!(Parameters::parse(json!({})).expect("right"), Parameters::default());
    }

    #[test]
    fn a_parameter_of_another_kind_is_unknown_here() {
        let error = Parameters::parse(json!({"emergency_lines": []})).expect_err("not ours");
        assert_eq!(error.fields()[0].field, "emergency_lines");
    }
}
