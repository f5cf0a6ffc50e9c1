//! The parameters of ByteTrack: ranges and published defaults.

use schema::error::FieldFault;
use schema::{Error, Result};

/// The parameters of [`ByteTrack`](super::ByteTrack); the defaults are the published ones.
#[derive(Debug, Clone, PartialEq)]
pub struct ByteTrackConfig {
    /// Detections of this score or more take part in the first association, 0 to 1. Default 0.6.
    pub high_score: f32,
    /// Detections below this score are dropped; the others below `high_score` take part in the
    /// second association. 0 to `high_score`. Default 0.1.
    pub low_score: f32,
    /// An unmatched detection of this score or more begins a track, `high_score` to 1.
    /// Default 0.7.
    pub new_score: f32,
    /// Highest cost, above 0 and up to 1, of a pair in the first association: sure detections
    /// with the tracks that are seen or lost. Cost is `1 - IoU`, with `fuse_score`
    /// `1 - IoU * score`. Default 0.9.
    pub first_limit: f32,
    /// The same in the second association: unsure detections with the tracks that are left and
    /// were seen in the frame before; scores are never fused here. Default 0.5.
    pub second_limit: f32,
    /// The same for sure detections that are left with the tracks that were seen only once.
    /// Default 0.7.
    pub tentative_limit: f32,
    /// Whether the score is fused into the cost. Default yes; published as no for MOT20 alone.
    pub fuse_score: bool,
    /// How long a lost track may return, in frames of a video of 30 frames per second; scaled to
    /// the real frame rate. Default 30.
    pub buffer_frames: u32,
    /// A seen and a lost track that overlap by more than this IoU count as one, and the one of the
    /// shorter life ends; 0 to 1, and 1 never. Default 0.85.
    pub duplicate_iou: f32,
}

impl Default for ByteTrackConfig {
    fn default() -> Self {
        Self {
            high_score: 0.6,
            low_score: 0.1,
            new_score: 0.7,
            first_limit: 0.9,
            second_limit: 0.5,
            tentative_limit: 0.7,
            fuse_score: true,
            buffer_frames: 30,
            duplicate_iou: 0.85,
        }
    }
}

impl ByteTrackConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every field out of its range.
    pub fn validate(&self) -> Result<()> {
        let mut faults = Vec::new();
        let mut check = |field: &str, value: f32, is_allowed: bool, expected: &str| {
            if !is_allowed {
                let message = format!("{value} is not {expected}");
                faults.push(FieldFault { field: field.into(), message });
            }
        };
        let Self { high_score: high, low_score: low, new_score: new, .. } = *self;
        check("high_score", high, (0.0..=1.0).contains(&high), "between 0 and 1");
        check("low_score", low, (0.0..=high).contains(&low), "between 0 and high_score");
        check("new_score", new, (high..=1.0).contains(&new), "between high_score and 1");
        for (field, limit) in [
            ("first_limit", self.first_limit),
            ("second_limit", self.second_limit),
            ("tentative_limit", self.tentative_limit),
        ] {
            check(field, limit, limit > 0.0 && limit <= 1.0, "above 0 and up to 1");
        }
        let duplicate = self.duplicate_iou;
        check("duplicate_iou", duplicate, (0.0..=1.0).contains(&duplicate), "between 0 and 1");
        if faults.is_empty() { Ok(()) } else { Err(Error::validation(faults)) }
    }

    /// The buffer in frames of a video of `frame_rate` frames per second.
    pub(super) fn buffer_at(&self, frame_rate: f64) -> u64 {
        (f64::from(self.buffer_frames) * frame_rate / 30.0) as u64
    }
}
