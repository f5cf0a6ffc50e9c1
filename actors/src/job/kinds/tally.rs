//! What both counting kinds do: unique tracks, rows per frame.

use super::Scene;
use models::count::{UniqueConfig, UniqueCounter};
use schema::frame::FrameMeta;
use schema::job::result::{Crossing, FrameRow, ObjectRow, TrackRow, rounded};
use schema::track::TrackedObject;

/// Counts tracks and makes rows.
#[derive(Debug)]
pub(super) struct Tally {
    unique: UniqueCounter,
    in_sight: usize,
}

impl Tally {
    pub(super) fn new(scene: &Scene) -> Self {
        let Scene { min_seconds, frame_rate, .. } = *scene;
        Self { unique: UniqueCounter::new(UniqueConfig { min_seconds, frame_rate }), in_sight: 0 }
    }

    /// Takes the next frame and makes its row. Who crosses a line counts, however brief the track.
    pub(super) fn observe(
        &mut self,
        meta: &FrameMeta,
        objects: &[TrackedObject],
        crossings: Vec<Crossing>,
    ) -> FrameRow {
        self.unique.observe(meta, objects);
        self.count(&crossings);
        self.in_sight = objects.len();
        let row = |o: &TrackedObject| ObjectRow {
            track_id: o.track_id,
            class: o.class.label.clone(),
            bbox: rounded(o.bbox),
            score: ten_thousandths(o.score),
        };
        FrameRow {
            frame: meta.frame_index,
            seconds: meta.media_time_us.seconds(),
            count: objects.len(),
            objects: objects.iter().map(row).collect(),
            crossings,
        }
    }

    /// Counts the tracks of `crossings`, however brief they are.
    pub(super) fn count(&mut self, crossings: &[Crossing]) {
        for crossing in crossings {
            self.unique.count(crossing.track_id);
        }
    }

    /// Objects in the latest frame.
    pub(super) const fn in_sight(&self) -> usize {
        self.in_sight
    }

    /// Tracks that count so far.
    pub(super) const fn counted(&self) -> u64 {
        self.unique.counted() as u64
    }

    /// Tracks that were too brief to count.
    pub(super) fn brief(&self) -> u64 {
        self.unique.total() as u64 - self.counted()
    }

    /// The most in one frame.
    pub(super) const fn peak(&self) -> u64 {
        self.unique.peak() as u64
    }

    /// Mean per frame, to 0.001.
    pub(super) fn mean(&self) -> f64 {
        (self.unique.mean() * 1000.0).round() / 1000.0
    }

    /// One row per counted track, by ascending id.
    pub(super) fn rows(&self) -> Vec<TrackRow> {
        self.unique
            .tracks()
            .map(|(track_id, t)| TrackRow {
                track_id,
                class: t.class().label.to_string(),
                confidence: ten_thousandths(t.confidence()),
                first_frame: t.first_frame,
                last_frame: t.last_frame,
                first_seconds: t.first_time.seconds(),
                last_seconds: t.last_time.seconds(),
                bbox_first: rounded(t.bbox_first),
                bbox_last: rounded(t.bbox_last),
            })
            .collect()
    }
}

/// A score to 0.0001.
fn ten_thousandths(score: f32) -> f32 {
    (f64::from(score) * 1e4).round() as f32 / 1e4
}
