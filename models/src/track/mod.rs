//! Tracking by detection: which detection of this frame is which object of the frames before.

use schema::detection::Detection;
use schema::track::TrackedObject;

/// A tracker of one source; deterministic.
pub trait Tracker: Send {
    /// Takes the detections of the next frame, in any order, and tells the confirmed tracks that
    /// are seen in it, by ascending id. Must be called for every frame, without detections too.
    fn update(&mut self, detections: &[Detection]) -> Vec<TrackedObject>;
}
