//! Jobs: their kinds, what all parameters and results share, and how parameters are checked.
//!
//! One file per kind holds its parameters and its results. Results are deterministic: they hold
//! no ids, no URLs and no clock, so the same input gives the same bytes.

pub mod emergency_count;
pub mod line;
pub mod parameters;
pub mod people_count;
pub mod record;
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
    use super::result::{
        Crossing, CrossingDirection, DirectionCounts, LineCount, Provenance, TrackRow,
    };
    use super::*;
    use crate::geometry::BBox;
    use crate::id::TrackId;
    use std::collections::BTreeMap;

    fn provenance() -> Provenance {
        Provenance {
            model: "rf-detr-nano".to_owned(),
            backend: "onnx".to_owned(),
            precision: "f32".to_owned(),
            counted_classes: vec!["person".to_owned()],
            score_threshold: 0.4,
            track_buffer: 30,
            min_seconds: 0.5,
            width: 640,
            height: 360,
            frame_rate: 25.0,
            frame_count: 50,
            duration_seconds: 1.96,
            corrupt_packets: 1,
            warnings: vec![Warning::new("TRUNCATED", "the data is cut off after frame 50")],
            complete: false,
            stopped_at_frame: Some(50),
        }
    }

    fn track_row() -> TrackRow {
        TrackRow {
            track_id: TrackId(1),
            class: "person".to_owned(),
            confidence: 0.875,
            first_frame: 0,
            last_frame: 49,
            first_seconds: 0.0,
            last_seconds: 1.96,
            bbox_first: BBox { x1: 1.5, y1: 2.0, x2: 3.0, y2: 4.0 },
            bbox_last: BBox { x1: 5.0, y1: 6.0, x2: 7.25, y2: 8.0 },
        }
    }

    /// What both kinds end with.
    const TAIL: &str = r#"  "model": "rf-detr-nano",
  "backend": "onnx",
  "precision": "f32",
  "counted_classes": [
    "person"
  ],
  "score_threshold": 0.4,
  "track_buffer": 30,
  "min_seconds": 0.5,
  "width": 640,
  "height": 360,
  "frame_rate": 25.0,
  "frame_count": 50,
  "duration_seconds": 1.96,
  "corrupt_packets": 1,
  "warnings": [
    {
      "code": "TRUNCATED",
      "message": "the data is cut off after frame 50"
    }
  ],
  "complete": false,
  "stopped_at_frame": 50,
  "tracking_data": [
    {
      "track_id": 1,
      "class": "person",
      "confidence": 0.875,
      "first_frame": 0,
      "last_frame": 49,
      "first_seconds": 0.0,
      "last_seconds": 1.96,
      "bbox_first": [
        1.5,
        2.0,
        3.0,
        4.0
      ],
      "bbox_last": [
        5.0,
        6.0,
        7.25,
        8.0
      ]
    }
  ]
}
"#;

    fn text(results: &JobResults) -> String {
        String::from_utf8(results.to_bytes().expect("finite numbers")).expect("JSON is UTF-8")
    }

    #[test]
    fn people_count_has_golden_results() {
        let results = people_count::Results {
            total_people: 1,
            peak_people: 2,
            mean_people: 1.04,
            brief_tracks: 3,
            provenance: provenance(),
            tracking_data: vec![track_row()],
        };
        let head = r#"{
  "total_people": 1,
  "peak_people": 2,
  "mean_people": 1.04,
  "brief_tracks": 3,
"#;
        let golden = format!("{head}{TAIL}");
        assert_eq!(text(&JobResults::PeopleCount(results.clone())), golden);
        let read: people_count::Results = serde_json::from_str(&golden).expect("its own form");
        assert_eq!(read, results);
    }

    #[test]
    fn emergency_count_has_golden_results() {
        let person = DirectionCounts { forward: 1, backward: 0 };
        let gate = LineCount {
            name: "Gate".to_owned(),
            forward: 1,
            backward: 0,
            by_class: BTreeMap::from([("person".to_owned(), person)]),
        };
        let crossing = Crossing {
            line: "gate".to_owned(),
            track_id: TrackId(1),
            direction: CrossingDirection::Forward,
        };
        let results = emergency_count::Results {
            unique_people: 1,
            total_crossings: 1,
            final_counts: BTreeMap::from([("gate".to_owned(), gate)]),
            total_objects: 1,
            crossings_at_end: vec![crossing],
            line_hysteresis: 0.05,
            settle_seconds: 0.2,
            provenance: provenance(),
            tracking_data: vec![track_row()],
        };
        let head = r#"{
  "unique_people": 1,
  "total_crossings": 1,
  "final_counts": {
    "gate": {
      "name": "Gate",
      "forward": 1,
      "backward": 0,
      "by_class": {
        "person": {
          "forward": 1,
          "backward": 0
        }
      }
    }
  },
  "total_objects": 1,
  "crossings_at_end": [
    {
      "line": "gate",
      "track_id": 1,
      "direction": "forward"
    }
  ],
  "line_hysteresis": 0.05,
  "settle_seconds": 0.2,
"#;
        let golden = format!("{head}{TAIL}");
        assert_eq!(text(&JobResults::EmergencyCount(results.clone())), golden);
        let read: emergency_count::Results = serde_json::from_str(&golden).expect("its own form");
        assert_eq!(read, results);
    }

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
