//! What the results of all counting jobs share, and the rows beside them.

use super::Warning;
use crate::geometry::BBox;
use crate::id::TrackId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a result came about; flattened into the results of every counting job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// Model that detected.
    pub model: String,
    /// What computed it: `onnx`, `cpu`.
    pub backend: String,
    /// Number format: `f32`, `u8`.
    pub precision: String,
    /// Labels that were counted.
    pub counted_classes: Vec<String>,
    /// Score from which on detections begin tracks.
    pub score_threshold: f32,
    /// How long a track that is not seen is kept, in frames at 30 frames/s.
    pub track_buffer: u32,
    /// A track counts once it was seen for this many seconds; 0 for a single picture.
    pub min_seconds: f64,
    /// Displayed width in pixels.
    pub width: u32,
    /// Displayed height in pixels.
    pub height: u32,
    /// Frames per second of the source; for a single picture 25.
    pub frame_rate: f64,
    /// Frames that were analysed.
    pub frame_count: u64,
    /// Media time of the last analysed frame.
    pub duration_seconds: f64,
    /// Packets that did not decode.
    pub corrupt_packets: u64,
    /// What one should know of this result.
    pub warnings: Vec<Warning>,
    /// Whether the whole input was analysed.
    pub complete: bool,
    /// Frames before the stop, where it was not.
    pub stopped_at_frame: Option<u64>,
}

/// One counted track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrackRow {
    /// Which track.
    #[schemars(with = "u32")]
    pub track_id: TrackId,
    /// The label with the most score over the track's life.
    pub class: String,
    /// Mean score of its detections, 0 to 1.
    pub confidence: f32,
    /// Frame in which it was first seen, 0-based.
    pub first_frame: u64,
    /// Frame in which it was last seen.
    pub last_frame: u64,
    /// Media time of the first frame.
    pub first_seconds: f64,
    /// Media time of the last frame.
    pub last_seconds: f64,
    /// Where it was first seen: `[x1, y1, x2, y2]` pixels.
    #[schemars(with = "[f32; 4]")]
    pub bbox_first: BBox,
    /// Where it was last seen.
    #[schemars(with = "[f32; 4]")]
    pub bbox_last: BBox,
}

/// Which way a line was crossed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum CrossingDirection {
    /// From the left of the way p1 -> p2 to its right.
    Forward,
    /// From the right to the left.
    Backward,
}

/// One track crossing one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Crossing {
    /// Id of the line.
    pub line: String,
    /// Which track.
    #[schemars(with = "u32")]
    pub track_id: TrackId,
    /// Which way.
    pub direction: CrossingDirection,
}

/// Crossings of one class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DirectionCounts {
    /// Left to right.
    pub forward: u64,
    /// Right to left.
    pub backward: u64,
}

/// Crossings of one line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineCount {
    /// What people call the line.
    pub name: String,
    /// Left to right.
    pub forward: u64,
    /// Right to left.
    pub backward: u64,
    /// The same, by label.
    pub by_class: BTreeMap<String, DirectionCounts>,
}

/// One object in one frame, as it stands in `tracks.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectRow {
    /// Which track.
    pub track_id: TrackId,
    /// Label of the detection in this frame.
    pub class: Arc<str>,
    /// `[x1, y1, x2, y2]` pixels, to 0.01.
    pub bbox: BBox,
    /// Score of the detection, 0 to 1.
    pub score: f32,
}

/// One frame: a line of `tracks.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameRow {
    /// 0-based index.
    pub frame: u64,
    /// Media time.
    pub seconds: f64,
    /// Objects seen in this frame.
    pub count: usize,
    /// Where they are, by ascending track id.
    pub objects: Vec<ObjectRow>,
    /// Crossings that were established in this frame; those that only the end of the input
    /// established are in the results as `crossings_at_end`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crossings: Vec<Crossing>,
}

fn hundredths(value: f32) -> f32 {
    (f64::from(value) * 100.0).round() as f32 / 100.0
}

/// A box to hundredths of a pixel.
#[must_use]
pub fn rounded(b: BBox) -> BBox {
    <[f32; 4]>::from(b).map(hundredths).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_rows_have_a_golden_form() {
        let mut row = FrameRow {
            frame: 2,
            seconds: 0.08,
            count: 1,
            objects: vec![ObjectRow {
                track_id: TrackId(1),
                class: "car".into(),
                bbox: rounded(BBox { x1: 1.234_5, y1: 2.0, x2: 3.0, y2: 4.0 }),
                score: 0.5,
            }],
            crossings: Vec::new(),
        };
        let object = r#"{"track_id":1,"class":"car","bbox":[1.23,2.0,3.0,4.0],"score":0.5}"#;
        let text = format!(r#"{{"frame":2,"seconds":0.08,"count":1,"objects":[{object}]}}"#);
        assert_eq!(serde_json::to_string(&row).expect("serialises"), text);
        let crossing = Crossing {
            line: "gate".to_owned(),
            track_id: TrackId(1),
            direction: CrossingDirection::Forward,
        };
        row.crossings.push(crossing);
        let tail = r#""crossings":[{"line":"gate","track_id":1,"direction":"forward"}]}"#;
        assert!(serde_json::to_string(&row).expect("serialises").ends_with(tail));
    }
}
