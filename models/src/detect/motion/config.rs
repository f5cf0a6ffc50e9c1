//! The parameters of motion detection: units, ranges, defaults and why.

use schema::error::FieldFault;
use schema::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Parameters of [`MotionDetector`](super::MotionDetector). Times are in seconds of the video,
/// whatever its frame rate; levels are of 8-bit luma.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MotionConfig {
    /// Longest side of the working picture in cells, 32 to 4096. The frame is reduced by the
    /// smallest whole factor that keeps to it. Default 480: 720p becomes 427 x 240.
    pub working_side: u32,
    /// How long the background is learnt before anything is told, and again after the whole
    /// picture has changed; at least 8 frames. 0 to 60. Default 1.
    pub warmup_seconds: f32,
    /// A new thing that stands still for so long becomes background; 1 to 86400. Default 60:
    /// people wait, cars are parked for longer.
    pub absorb_seconds: f32,
    /// Time constant with which the background's colours and their spread are followed; 0.1 to
    /// 3600. Default 3: as fast as a cloud darkens the ground, slower than anything that walks by.
    pub adapt_seconds: f32,
    /// The heaviest components that make up this share of a cell's past are its background; 0.5
    /// to 0.99. Default 0.7: what is there for more than 30 % of the time belongs to the scene.
    pub background_share: f32,
    /// A cell is background within this many standard deviations; 1 to 20. Default 4, as in
    /// the papers.
    pub threshold_sigmas: f32,
    /// A shadow takes away light down to this share, above 0 to 1; 1 turns shadows off.
    /// Default 0.5.
    pub shadow_darkest: f32,
    /// How far the chroma of a shadow may be from that of the darkened background, levels; 0 to
    /// 64. Default 6.
    pub shadow_chroma: f32,
    /// Objects below this share of the picture are not told; 0 to 0.5. Default 0.0004: 19 x 19
    /// pixels in 720p.
    pub min_area: f32,
    /// A still object of this share of the picture is still told with a high score, a smaller one
    /// with a low one; above 0 to 1. Default 0.01.
    pub large_area: f32,
    /// What has not changed for so long is still; 0.1 to 10. Default 0.5.
    pub still_seconds: f32,
    /// If more than this share of the picture is foreground, the light or the camera has changed:
    /// nothing is told and the background is learnt anew; 0.1 to 1. Default 0.6.
    pub flood_share: f32,
}

impl Default for MotionConfig {
    fn default() -> Self {
        Self {
            working_side: 480,
            warmup_seconds: 1.0,
            absorb_seconds: 60.0,
            adapt_seconds: 3.0,
            background_share: 0.7,
            threshold_sigmas: 4.0,
            shadow_darkest: 0.5,
            shadow_chroma: 6.0,
            min_area: 0.0004,
            large_area: 0.01,
            still_seconds: 0.5,
            flood_share: 0.6,
        }
    }
}

impl MotionConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every field out of its range.
    pub fn validate(&self) -> Result<()> {
        let mut faults = Vec::new();
        let mut check = |field: &str, value: f32, allowed: RangeInclusive<f32>| {
            if !allowed.contains(&value) {
                let (low, high) = allowed.into_inner();
                let message = format!("{value} is not between {low} and {high}");
                faults.push(FieldFault { field: field.into(), message });
            }
        };
        check("working_side", self.working_side as f32, 32.0..=4096.0);
        check("warmup_seconds", self.warmup_seconds, 0.0..=60.0);
        check("absorb_seconds", self.absorb_seconds, 1.0..=86_400.0);
        check("adapt_seconds", self.adapt_seconds, 0.1..=3600.0);
        check("background_share", self.background_share, 0.5..=0.99);
        check("threshold_sigmas", self.threshold_sigmas, 1.0..=20.0);
        check("shadow_darkest", self.shadow_darkest, 0.01..=1.0);
        check("shadow_chroma", self.shadow_chroma, 0.0..=64.0);
        check("min_area", self.min_area, 0.0..=0.5);
        check("large_area", self.large_area, 0.0001..=1.0);
        check("still_seconds", self.still_seconds, 0.1..=10.0);
        check("flood_share", self.flood_share, 0.1..=1.0);
        if faults.is_empty() { Ok(()) } else { Err(Error::validation(faults)) }
    }
}
