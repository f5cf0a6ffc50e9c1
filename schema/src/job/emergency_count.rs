//! `emergency-count`: who crossed which line, and in which direction.

use super::line::{self, CoordinateSpace, CountingLine, LineInput};
use super::parameters::{Counting, check_also};
use super::result::{Crossing, LineCount, Provenance, TrackRow};
use crate::error::{Error, FieldFault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an `emergency-count` can be asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct Parameters {
    /// Detection and tracking.
    #[serde(flatten)]
    pub counting: Counting,
    /// Lines to count at; none: one across the frame at half height.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub emergency_lines: Vec<LineInput>,
    /// Width of the picture in which the lines were drawn; goes with `video_height`. It does not
    /// matter to lines in fractions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1.0, max = 100_000.0))]
    pub video_width: Option<f32>,
    /// Height of that picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1.0, max = 100_000.0))]
    pub video_height: Option<f32>,
}

impl Parameters {
    /// Takes the raw object of a client, with lines in any of the accepted forms.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every fault.
    pub fn parse(mut raw: Value) -> Result<Self, Error> {
        let mut faults = Vec::new();
        if let Some(lines) = raw.get_mut("emergency_lines") {
            line::normalise(lines);
            faults.extend(line::faults(lines));
        }
        let is_given = |name: &str| raw.get(name).is_some_and(|v| !v.is_null());
        for (one, other) in [("video_width", "video_height"), ("video_height", "video_width")] {
            if is_given(one) && !is_given(other) {
                let message = format!("is required, as {one} is given");
                faults.push(FieldFault { field: other.to_owned(), message });
            }
        }
        check_also(raw, faults)
    }

    /// The lines in pixels of a `width` x `height` frame; the default line where none was given.
    #[must_use]
    pub fn lines(&self, width: u32, height: u32) -> Vec<CountingLine> {
        if self.emergency_lines.is_empty() {
            return vec![line::default_line(width, height)];
        }
        let space = match (self.video_width, self.video_height) {
            (Some(w), Some(h)) => CoordinateSpace::Of(w, h),
            _ => CoordinateSpace::Unsaid,
        };
        line::place(&self.emergency_lines, space, width, height)
    }
}

/// What an `emergency-count` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// Distinct tracks that crossed at least one line.
    pub unique_people: u64,
    /// All crossings of all lines.
    pub total_crossings: u64,
    /// By line id.
    pub final_counts: BTreeMap<String, LineCount>,
    /// Tracks of counted classes that were seen for at least `min_seconds` or crossed a line.
    pub total_objects: u64,
    /// Crossings that were established only by the end of the input: who had stepped over a line
    /// and was still close beyond it. With those in the rows of `tracks.jsonl` they are all of
    /// `total_crossings`.
    pub crossings_at_end: Vec<Crossing>,
    /// A foot point is clear of a line from this distance on, as a fraction of the height of the
    /// object's box.
    pub line_hysteresis: f32,
    /// A crossing counts once the foot point was clear of the line for this many seconds on the
    /// other side, or once its track ends there after a step over the line (not a jump across).
    pub settle_seconds: f64,
    /// How it came about.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// One row per track that counts in any figure (seen for at least `min_seconds`, or crossed a
    /// line), by ascending id.
    pub tracking_data: Vec<TrackRow>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(raw: Value) -> Vec<String> {
        let error = Parameters::parse(raw).expect_err("faults");
        error.fields().iter().map(|f| f.field.clone()).collect()
    }

    #[test]
    fn lines_in_pairs_and_fractions() {
        let p = Parameters::parse(json!({"emergency_lines": [[[0, 0.8], [1, 0.8]]]})).expect("ok");
        let lines = p.lines(1280, 720);
        assert_eq!((lines[0].id.as_str(), lines[0].line.p1.y), ("line-1", 576.0));
    }

    #[test]
    fn every_fault_of_every_line_is_named() {
        let found = fields(json!({
            "emergency_lines": [{"x1": "a", "y1": 0, "x2": 1, "y2": 1}, {"x1": 0, "y1": 0, "x2": 1}],
            "direction": "up", "video_width": -3
        }));
        assert_eq!(
            found,
            [
                "direction",
                "emergency_lines[0].x1",
                "emergency_lines[1].y2",
                "video_height",
                "video_width"
            ]
        );
    }

    #[test]
    fn faults_of_form_and_of_meaning_are_named_together() {
        let found = fields(json!({
            "emergency_lines": [
                {"id": "gate", "x1": "a", "y1": 0, "x2": 1, "y2": 1},
                {"id": "gate", "x1": 5, "y1": 5, "x2": 5, "y2": 5.0},
                "gate"
            ],
            "score_threshold": 7, "video_height": 360
        }));
        assert_eq!(
            found,
            [
                "emergency_lines[0].x1",
                "emergency_lines[1]",
                "emergency_lines[1].id",
                "emergency_lines[2]",
                "score_threshold",
                "video_width"
            ]
        );
    }

    #[test]
    fn one_side_of_the_picture_is_not_enough() {
        assert_eq!(fields(json!({"video_width": 640})), ["video_height"]);
    }

    #[test]
    fn without_lines_there_is_one_at_half_height() {
        let line = &Parameters::default().lines(100, 50)[0];
        assert_eq!((line.id.as_str(), line.line.p1.y, line.line.p2.x), ("default", 25.0, 100.0));
    }
}
