//! Tracking by detection: which detection of this frame is which object of the frames before.
//!
//! Behind the trait, one file per tracker, and one for each thing that trackers share: the filter
//! of a box, the cost of a pair, the assignment, the life of a track.

mod assignment;
mod bytetrack;
mod cost;
mod kalman;
mod lifecycle;

pub use bytetrack::{ByteTrack, ByteTrackConfig};

use schema::detection::Detection;
use schema::track::TrackedObject;

/// A tracker of one source; deterministic.
pub trait Tracker: Send {
    /// Takes the detections of the next frame, in any order, and tells the confirmed tracks that
    /// are seen in it, by ascending id. Must be called for every frame, without detections too.
    fn update(&mut self, detections: &[Detection]) -> Vec<TrackedObject>;
}
