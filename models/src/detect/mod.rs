//! Detection: what is in a frame, and where.
//!
//! Two kinds of detector. A [`Detector`] is stateless: any worker may serve any frame. A
//! [`SourceDetector`] remembers its source (a background model) and needs that source's frames in
//! order, one after the other; it is moved to the worker with each frame and back again.

pub mod heads;
pub mod motion;
pub mod neural;
pub mod nms;

use crate::picture::Frame;
use schema::Result;
use schema::detection::{Class, Detection};
use std::sync::Arc;

/// What a detector is, for results and logs; deterministic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectorInfo {
    /// Name of the model, as on the command line: `yolox-nano`, `motion`.
    pub model: String,
    /// What computes it: `onnx`, `cpu`.
    pub backend: String,
    /// Number format of the computation: `f32`, `u8`.
    pub precision: String,
    /// Every class it can tell, in the order of the model's outputs.
    pub classes: Vec<Class>,
}

/// What is asked of a detector for one job.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectOptions {
    /// Labels that are wanted; `None` means all. Others are dropped before suppression.
    pub classes: Option<Vec<Arc<str>>>,
    /// Detections below this score are dropped, 0 to 1.
    pub min_score: f32,
    /// Of two boxes that overlap by more than this IoU the weaker one is dropped, 0 to 1.
    pub nms_iou: f32,
    /// Whether boxes of different classes suppress one another: one thing, one box.
    pub class_agnostic: bool,
    /// At most this many candidates, the best ones, go into suppression.
    pub top_k: usize,
}

/// The detections of one frame, and what was left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detections {
    /// Best first; boxes are clipped to the frame, finite and not empty.
    pub objects: Vec<Detection>,
    /// Candidates beyond `top_k`.
    pub cut: u64,
    /// Candidates with a number that is not finite or a box without area.
    pub rejected: u64,
}

/// A stateless, batched detector.
pub trait Detector: Send {
    /// What it is.
    fn info(&self) -> &DetectorInfo;

    /// Finds what is in each of `frames`; the answers stand in the same order.
    ///
    /// # Errors
    /// `MODEL_UNAVAILABLE` where the backend fails; `SERVER_ERROR` where its output does not have
    /// the shape that the card promises.
    fn detect(&mut self, frames: &[Arc<Frame>], options: &DetectOptions)
    -> Result<Vec<Detections>>;
}

/// A detector that belongs to one source and sees its frames in order.
pub trait SourceDetector: Send {
    /// What it is.
    fn info(&self) -> &DetectorInfo;

    /// Takes the next frame of its source.
    ///
    /// # Errors
    /// `SERVER_ERROR` where a frame cannot be used.
    fn detect(&mut self, frame: &Frame) -> Result<Detections>;
}
