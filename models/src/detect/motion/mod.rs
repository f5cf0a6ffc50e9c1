//! Motion: finds what differs from the background of a fixed camera, without weights.
//!
//! Each frame is reduced (`shrink`), brought to the model's brightness (`exposure`) and place
//! (`sway`), compared with a mixture of Gaussians per cell (`mixture`, with `shadow`) and
//! learnt. What is neither background nor shadow is cleaned (`morphology`), freed of ghosts and
//! light (`texture`), joined (`components`, `merge`) and scored (`objects`). It cannot tell
//! what moves, loses what has the colour of its background, and does not follow a camera that
//! turns. Deterministic; time is the media time of the frames.
//!
//! Memory is bounded by the working size: about 130 bytes a cell, 17 MB for 480 x 270 cells.

mod align;
mod components;
mod config;
mod exposure;
mod merge;
mod mixture;
mod morphology;
mod objects;
mod scene;
mod shadow;
mod shrink;
mod surface;
mod sway;
#[cfg(test)]
mod tests;
mod texture;

pub use config::MotionConfig;

use super::{Detections, DetectorInfo, SourceDetector};
use crate::picture::Frame;
use objects::Blob;
use scene::Scene;
use schema::detection::{Category, Class, Detection};
use schema::error::FieldFault;
use schema::geometry::BBox;
use schema::{Error, Result};

/// Detects moving objects of one source; see the [module](self).
///
/// Boxes have one class, `moving`. Scores lie between 0 and 1 and are meant for the thresholds of
/// ByteTrack: what moves is mostly above 0.7, small things that have come to a stand, traces and
/// noise lie between 0.1 and 0.5. Nothing is told of the first second.
///
/// A frame of another size than the one before begins a new scene, as if the source had just been
/// opened.
#[derive(Debug)]
pub struct MotionDetector {
    info: DetectorInfo,
    config: MotionConfig,
    frame_seconds: f32,
    scene: Option<((u32, u32), Scene)>,
}

impl MotionDetector {
    /// A detector that has seen nothing. Time is taken from the frames; where their times do not
    /// advance, `frame_rate` (frames per second) stands in.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every faulty field of `config`, or the frame rate where it
    /// is not a number above 0.
    pub fn new(config: MotionConfig, frame_rate: f64) -> Result<Self> {
        config.validate()?;
        if !(frame_rate.is_finite() && frame_rate > 0.0) {
            let message = format!("{frame_rate} is not a number above 0");
            let field = "frame_rate".into();
            return Err(Error::validation(vec![FieldFault { field, message }]));
        }
        let frame_seconds = (1.0 / frame_rate) as f32;
        Ok(Self { info: Self::info_of(), config, frame_seconds, scene: None })
    }

    /// What every such detector is.
    #[must_use]
    pub fn info_of() -> DetectorInfo {
        DetectorInfo {
            model: "motion".into(),
            backend: "cpu".into(),
            precision: "f32".into(),
            classes: vec![Class::new("moving", Category::Moving)],
        }
    }
}

impl SourceDetector for MotionDetector {
    fn info(&self) -> &DetectorInfo {
        &self.info
    }

    fn detect(&mut self, frame: &Frame) -> Result<Detections> {
        let size = (frame.width(), frame.height());
        let scene = match &mut self.scene {
            Some((of, scene)) if *of == size => scene,
            stale => {
                let scene = Scene::new(size.0, size.1, &self.config);
                &mut stale.insert((size, scene)).1
            }
        };
        let (blobs, cut) = scene.observe(frame, self.frame_seconds);
        let cells = scene.grid().len() as f32;
        let (min_area, large_area) = (self.config.min_area * cells, self.config.large_area * cells);
        let mut objects: Vec<Detection> = blobs
            .iter()
            .filter(|blob| blob.area as f32 >= min_area)
            .map(|blob| Detection {
                bbox: bounds(blob, scene).clipped(size.0 as f32, size.1 as f32),
                score: blob.score(min_area, large_area),
                class: self.info.classes[0].clone(),
            })
            .filter(|detection| detection.bbox.is_valid())
            .collect();
        objects.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(Detections { objects, cut: cut as u64, rejected: 0 })
    }
}

/// The box of a blob in pixels of the frame.
fn bounds(blob: &Blob, scene: &Scene) -> BBox {
    let (factor, offset) = (scene.grid().factor as isize, scene.offset());
    let x = |cell: usize| (cell as isize * factor + offset.x) as f32;
    let y = |cell: usize| (cell as isize * factor + offset.y) as f32;
    BBox { x1: x(blob.x1), y1: y(blob.y1), x2: x(blob.x2), y2: y(blob.y2) }
}
