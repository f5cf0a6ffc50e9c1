//! One row per track: where and when it was first and last seen, as what, how surely.

use super::sight::{SightTime, is_reached};
use schema::detection::Class;
use schema::frame::FrameMeta;
use schema::geometry::BBox;
use schema::id::TrackId;
use schema::time::MediaTime;
use schema::track::TrackedObject;
use std::collections::BTreeMap;

/// The life of one track so far.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackSummary {
    /// Frames in which it was seen.
    pub frames: u64,
    /// For how long it was seen, in seconds of media time; gaps do not count.
    pub seconds: f64,
    /// Frame in which it was first seen, 0-based.
    pub first_frame: u64,
    /// Frame in which it was last seen.
    pub last_frame: u64,
    /// Media time of the first frame.
    pub first_time: MediaTime,
    /// Media time of the last frame.
    pub last_time: MediaTime,
    /// Where it was first seen.
    pub bbox_first: BBox,
    /// Where it was last seen.
    pub bbox_last: BBox,
    score_sum: f64,
    votes: Vec<(Class, f64)>,
    counted: bool,
}

impl TrackSummary {
    fn new(meta: &FrameMeta, object: &TrackedObject) -> Self {
        Self {
            frames: 0,
            seconds: 0.0,
            first_frame: meta.frame_index,
            last_frame: meta.frame_index,
            first_time: meta.media_time_us,
            last_time: meta.media_time_us,
            bbox_first: object.bbox,
            bbox_last: object.bbox,
            score_sum: 0.0,
            votes: Vec::with_capacity(1),
            counted: false,
        }
    }

    fn observe(&mut self, meta: &FrameMeta, object: &TrackedObject) {
        self.frames += 1;
        self.last_frame = meta.frame_index;
        self.last_time = meta.media_time_us;
        self.bbox_last = object.bbox;
        self.score_sum += f64::from(object.score);
        match self.votes.iter_mut().find(|(class, _)| *class == object.class) {
            Some((_, votes)) => *votes += f64::from(object.score),
            None => self.votes.push((object.class.clone(), f64::from(object.score))),
        }
    }

    /// The class with the most score over the track's life; the earlier one of two equals.
    ///
    /// # Panics
    /// Never: a summary is made with its first observation.
    #[must_use]
    pub fn class(&self) -> &Class {
        let mut best = self.votes.first().expect("a summary begins with an observation");
        for vote in &self.votes[1..] {
            if vote.1 > best.1 {
                best = vote;
            }
        }
        &best.0
    }

    /// Mean score of the detections that were matched, 0 to 1.
    #[must_use]
    pub fn confidence(&self) -> f32 {
        (self.score_sum / self.frames as f64) as f32
    }
}

/// When a track counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UniqueConfig {
    /// Once it was seen for so long, in seconds; 0 at once.
    pub min_seconds: f64,
    /// Mean frames per second of the source, above 0.
    pub frame_rate: f64,
}

/// Counts distinct tracks: those that lasted, and those that were asked for by
/// [`UniqueCounter::count`].
#[derive(Debug)]
pub struct UniqueCounter {
    min_seconds: f64,
    time: SightTime,
    latest_frame: Option<u64>,
    tracks: BTreeMap<TrackId, TrackSummary>,
    counted: usize,
    frames: u64,
    observations: u64,
    peak: usize,
}

impl UniqueCounter {
    /// Begins to count.
    #[must_use]
    pub fn new(config: UniqueConfig) -> Self {
        Self {
            min_seconds: config.min_seconds,
            time: SightTime::new(config.frame_rate),
            latest_frame: None,
            tracks: BTreeMap::new(),
            counted: 0,
            frames: 0,
            observations: 0,
            peak: 0,
        }
    }

    /// Takes what is seen in the next frame.
    pub fn observe(&mut self, meta: &FrameMeta, objects: &[TrackedObject]) {
        self.frames += 1;
        self.observations += objects.len() as u64;
        self.peak = self.peak.max(objects.len());
        self.time.advance(meta.media_time_us);
        let before = self.latest_frame.replace(meta.frame_index);
        for object in objects {
            let track = self
                .tracks
                .entry(object.track_id)
                .or_insert_with(|| TrackSummary::new(meta, object));
            let goes_on = before == Some(track.last_frame);
            track.seconds += self.time.adds(goes_on);
            track.observe(meta, object);
            if is_reached(track.seconds, self.min_seconds) {
                self.counted += usize::from(!track.counted);
                track.counted = true;
            }
        }
    }

    /// Counts `track`, however brief it is; one that was never seen stays uncounted.
    pub fn count(&mut self, track: TrackId) {
        if let Some(track) = self.tracks.get_mut(&track) {
            self.counted += usize::from(!track.counted);
            track.counted = true;
        }
    }

    /// How many tracks count so far; kept up as they come, so that asking is free.
    #[must_use]
    pub const fn counted(&self) -> usize {
        self.counted
    }

    /// The tracks that count, by ascending id.
    pub fn tracks(&self) -> impl Iterator<Item = (TrackId, &TrackSummary)> {
        self.tracks.iter().filter(|(_, t)| t.counted).map(|(id, t)| (*id, t))
    }

    /// All tracks so far, however brief.
    #[must_use]
    pub fn total(&self) -> usize {
        self.tracks.len()
    }

    /// The most objects that were seen in one frame.
    #[must_use]
    pub const fn peak(&self) -> usize {
        self.peak
    }

    /// Mean number of objects per frame; 0 without frames.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.frames == 0 { 0.0 } else { self.observations as f64 / self.frames as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::detection::Category;

    fn meta(index: u64) -> FrameMeta {
        meta_at(index, index as i64 * 40_000)
    }

    fn meta_at(index: u64, us: i64) -> FrameMeta {
        FrameMeta {
            frame_index: index,
            media_time_us: MediaTime(us),
            wall_time_us: None,
            width: 100,
            height: 100,
        }
    }

    /// A counter for 25 frames/s.
    fn counter(min_seconds: f64) -> UniqueCounter {
        UniqueCounter::new(UniqueConfig { min_seconds, frame_rate: 25.0 })
    }

    fn seen(id: u32, label: &str, score: f32) -> TrackedObject {
        TrackedObject {
            track_id: TrackId(id),
            bbox: BBox::from_xywh(1.0, 2.0, 3.0, 4.0),
            estimate: BBox::from_xywh(1.0, 2.0, 3.0, 4.0),
            score,
            class: Class::new(label, Category::Vehicle),
        }
    }

    #[test]
    fn brief_tracks_are_told_apart() {
        let mut counter = counter(0.2);
        for i in 0..10 {
            let mut objects = vec![seen(1, "car", 0.5)];
            if i == 4 {
                objects.push(seen(2, "car", 0.5));
            }
            counter.observe(&meta(i), &objects);
            assert_eq!(counter.counted(), usize::from(i >= 4), "after frame {i}");
        }
        assert_eq!((ids(&counter), counter.total(), counter.peak()), (vec![1], 2, 2));
        assert!((counter.mean() - 1.1).abs() < 1e-9);
    }

    #[test]
    fn brief_is_a_matter_of_time_and_not_of_frames() {
        let mut counter = counter(0.5);
        let (car, van) = (seen(1, "car", 0.5), seen(2, "car", 0.5));
        // Twenty frames within a tenth of a second, as a burst of a variable rate has them.
        for i in 0..20 {
            counter.observe(&meta_at(i, i as i64 * 5_000), std::slice::from_ref(&car));
        }
        assert_eq!(ids(&counter), [0; 0]);
        // Two frames more than a second apart; the van is there in both, the car in none.
        for i in 20..22 {
            counter.observe(&meta_at(i, (i as i64 - 19) * 1_500_000), std::slice::from_ref(&van));
        }
        assert_eq!(ids(&counter), [2]);
        let seconds: Vec<f64> = counter.tracks.values().map(|t| t.seconds).collect();
        assert!((seconds[0] - 0.135).abs() < 1e-9 && (seconds[1] - 1.54).abs() < 1e-9);
    }

    #[test]
    fn a_brief_track_can_be_counted_once() {
        let mut counter = counter(0.12);
        counter.observe(&meta(0), &[seen(1, "car", 0.5), seen(2, "car", 0.5)]);
        for id in [2, 2, 9] {
            counter.count(TrackId(id));
        }
        assert_eq!((ids(&counter), counter.counted()), (vec![2], 1));
        for i in 1..5 {
            counter.observe(&meta(i), &[seen(2, "car", 0.5)]);
        }
        assert_eq!((ids(&counter), counter.counted()), (vec![2], 1));
    }

    fn ids(counter: &UniqueCounter) -> Vec<u32> {
        counter.tracks().map(|(id, _)| id.0).collect()
    }

    #[test]
    fn the_class_is_voted_by_score() {
        let mut counter = counter(0.0);
        for (i, (label, score)) in
            [("truck", 0.3), ("car", 0.8), ("truck", 0.4)].into_iter().enumerate()
        {
            counter.observe(&meta(i as u64), &[seen(1, label, score)]);
        }
        let (_, track) = counter.tracks().next().expect("one track");
        assert_eq!(&*track.class().label, "car");
        assert!((track.confidence() - 0.5).abs() < 1e-6);
        assert_eq!((track.first_frame, track.last_frame), (0, 2));
    }
}
