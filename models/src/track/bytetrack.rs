//! ByteTrack: multi-object tracking by associating every detection box (Zhang et al. 2022).
//!
//! Sure detections are paired with the tracks first; the tracks that are left are then looked for
//! among the unsure ones, which begin no tracks of their own. Follows the published algorithm with
//! its published parameters and nothing beside it; where the paper and its authors' program differ
//! (the program does not predict tracks that were seen only once), the paper. Classes are not
//! compared: an object whose class the detector is not sure of stays one track. What a pair costs,
//! how pairs are chosen and how a track lives is in the sibling files.
//!
//! The order of the detections does not matter: they are put in order from left to right, so ids
//! do not depend on it either.

use super::Tracker;
use super::assignment::{Assignment, Edges};
use super::cost::{Sweep, fill_edges};
use super::lifecycle::{Ids, State, Track};
use schema::detection::Detection;
use schema::error::FieldFault;
use schema::geometry::BBox;
use schema::track::TrackedObject;
use schema::{Error, Result};
use std::cmp::Ordering;

/// Boxes that reach farther than this many pixels from the origin are no boxes of a picture.
const MAX_COORDINATE: f32 = 1e6;

/// The parameters of [`ByteTrack`]; the defaults are the published ones.
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
    fn buffer_at(&self, frame_rate: f64) -> u64 {
        (f64::from(self.buffer_frames) * frame_rate / 30.0) as u64
    }
}

/// The ByteTrack tracker.
#[derive(Debug)]
pub struct ByteTrack {
    config: ByteTrackConfig,
    /// A track that was not seen for more than this many frames is gone.
    buffer: u64,
    /// The present frame, from 1.
    frame: u64,
    ids: Ids,
    /// In order of their beginning.
    tracks: Vec<Track>,
    sweep: Sweep,
    edges: Edges,
    scores: Vec<f32>,
    assignment: Assignment,
}

impl ByteTrack {
    /// A tracker for a video of `frame_rate` frames per second.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every faulty field of `config`, or the frame rate where it
    /// is not a number above 0.
    pub fn new(config: ByteTrackConfig, frame_rate: f64) -> Result<Self> {
        config.validate()?;
        if !(frame_rate.is_finite() && frame_rate > 0.0) {
            let message = format!("{frame_rate} is not a number above 0");
            return Err(Error::validation(vec![FieldFault {
                field: "frame_rate".into(),
                message,
            }]));
        }
        Ok(Self {
            buffer: config.buffer_at(frame_rate),
            config,
            frame: 0,
            ids: Ids::default(),
            tracks: Vec::new(),
            sweep: Sweep::default(),
            edges: Edges::default(),
            scores: Vec::new(),
            assignment: Assignment::default(),
        })
    }

    /// The places of the tracks that `is_wanted`.
    fn places(&self, is_wanted: impl Fn(&Track) -> bool) -> Vec<usize> {
        let tracks = self.tracks.iter().enumerate();
        tracks.filter(|(_, track)| is_wanted(track)).map(|(place, _)| place).collect()
    }

    /// Pairs the tracks at `places` with `detections` and lets them see what they got. Leaves the
    /// places and the detections that stayed single.
    fn associate(
        &mut self,
        places: &mut Vec<usize>,
        detections: &mut Vec<&Detection>,
        limit: f32,
        fuse_score: bool,
    ) {
        if places.is_empty() || detections.is_empty() {
            return;
        }
        self.sweep.fill(detections.iter().map(|d| d.bbox));
        self.scores.clear();
        self.scores.extend(detections.iter().map(|d| d.score.min(1.0)));
        let boxes = places.iter().map(|&place| self.tracks[place].bbox());
        let scores = fuse_score.then_some(self.scores.as_slice());
        fill_edges(&mut self.edges, boxes, &self.sweep, scores);
        let column_of = self.assignment.solve(&self.edges, f64::from(limit));

        let mut is_single = vec![true; detections.len()];
        let mut rows = column_of.iter();
        places.retain(|&place| {
            let Some(column) = rows.next().copied().flatten() else { return true };
            let column = column as usize;
            is_single[column] = false;
            self.tracks[place].see(detections[column], self.frame, &mut self.ids);
            false
        });
        let mut columns = is_single.into_iter();
        detections.retain(|_| columns.next().unwrap_or(true));
    }

    /// Begins a track with each of `detections` that is sure enough. In the very first frame there
    /// is nothing yet to be tentative against: all are confirmed at once.
    fn begin_tracks(&mut self, detections: &[&Detection]) {
        for detection in detections.iter().filter(|d| d.score >= self.config.new_score) {
            let mut track = Track::begin(detection, self.frame);
            if self.frame == 1 {
                track.confirm(&mut self.ids);
            }
            self.tracks.push(track);
        }
    }

    /// Of a lost track and another that lie upon one another, the one of the longer life stays.
    fn remove_duplicates(&mut self) {
        let mut lost = self.places(|track| track.state == State::Lost);
        if lost.is_empty() {
            return;
        }
        let box_of = |place: usize| self.tracks[place].bbox();
        lost.sort_by(|&a, &b| box_of(a).x1.total_cmp(&box_of(b).x1));
        self.sweep.fill(lost.iter().map(|&place| box_of(place)));
        let mut is_gone = vec![false; self.tracks.len()];
        for (place, track) in self.tracks.iter().enumerate() {
            if track.state == State::Lost {
                continue;
            }
            for (index, iou) in self.sweep.overlaps(track.bbox()) {
                if iou > self.config.duplicate_iou {
                    let is_older = track.age() > self.tracks[lost[index]].age();
                    is_gone[if is_older { lost[index] } else { place }] = true;
                }
            }
        }
        let mut is_gone = is_gone.into_iter();
        self.tracks.retain(|_| !is_gone.next().unwrap_or(false));
    }
}

impl Tracker for ByteTrack {
    fn update(&mut self, detections: &[Detection]) -> Vec<TrackedObject> {
        self.frame += 1;
        let (mut high, mut low) = split(detections, &self.config);
        for track in &mut self.tracks {
            track.predict();
        }
        let ByteTrackConfig { first_limit, second_limit, tentative_limit, fuse_score, .. } =
            self.config;

        let mut tentative = self.places(|track| track.state == State::Tentative);
        let mut confirmed = self.places(|track| track.state != State::Tentative);
        self.associate(&mut confirmed, &mut high, first_limit, fuse_score);
        confirmed.retain(|&place| self.tracks[place].state == State::Tracked);
        self.associate(&mut confirmed, &mut low, second_limit, false);
        for place in confirmed {
            self.tracks[place].lose();
        }
        self.associate(&mut tentative, &mut high, tentative_limit, fuse_score);

        let (frame, buffer) = (self.frame, self.buffer);
        self.tracks.retain(|track| match track.state {
            State::Tentative => false,
            State::Tracked => true,
            State::Lost => track.unseen_for(frame) <= buffer,
        });
        self.begin_tracks(&high);
        self.remove_duplicates();

        // Tracks are confirmed in the order in which they begin, so their ids ascend.
        self.tracks.iter().filter_map(Track::object).collect()
    }
}

/// The detections of the first and of the second association, each from left to right. What is
/// no box, or has no score, takes part in neither: one such number would stay in a filter for ever.
fn split<'a>(
    detections: &'a [Detection],
    config: &ByteTrackConfig,
) -> (Vec<&'a Detection>, Vec<&'a Detection>) {
    let is_usable = |d: &&Detection| {
        d.bbox.is_valid()
            && <[f32; 4]>::from(d.bbox).iter().all(|v| v.abs() <= MAX_COORDINATE)
            && d.score.is_finite()
            && d.score >= config.low_score
    };
    let mut usable: Vec<&Detection> = detections.iter().filter(is_usable).collect();
    usable.sort_by(|a, b| left_to_right(a, b));
    usable.into_iter().partition(|d| d.score >= config.high_score)
}

/// A total order, so that detections that differ in anything never change places.
fn left_to_right(a: &Detection, b: &Detection) -> Ordering {
    let key = |BBox { x1, y1, x2, y2 }: BBox, score: f32| [x1, y1, x2, y2, score];
    let pairs = key(a.bbox, a.score).into_iter().zip(key(b.bbox, b.score));
    pairs
        .map(|(a, b)| a.total_cmp(&b))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.class.cmp(&b.class))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use schema::detection::{Category, Class};
    use schema::id::TrackId;

    fn detection(bbox: BBox, score: f32) -> Detection {
        Detection { bbox, score, class: Class::new("person", Category::Person) }
    }

    /// A sure detection of a standing figure whose left edge is at `x`.
    fn figure(x: f32) -> Detection {
        detection(BBox::from_xywh(x, 100.0, 40.0, 120.0), 0.9)
    }

    fn tracker() -> ByteTrack {
        ByteTrack::new(ByteTrackConfig::default(), 30.0).expect("the defaults are valid")
    }

    fn ids(objects: &[TrackedObject]) -> Vec<u32> {
        objects.iter().map(|object| object.track_id.0).collect()
    }

    #[test]
    fn the_first_frame_is_believed_at_once_and_counted_from_left_to_right() {
        let mut tracker = tracker();
        let objects = tracker.update(&[figure(500.0), figure(100.0), figure(300.0)]);
        let seen: Vec<_> = objects.iter().map(|o| (o.track_id.0, o.bbox.x1)).collect();
        assert_eq!(seen, [(1, 100.0), (2, 300.0), (3, 500.0)]);
    }

    #[test]
    fn later_tracks_are_told_when_they_are_seen_again() {
        let mut tracker = tracker();
        assert_eq!(ids(&tracker.update(&[])), [0_u32; 0]);
        assert_eq!(ids(&tracker.update(&[figure(300.0)])), [0_u32; 0]);
        assert_eq!(ids(&tracker.update(&[figure(301.0), figure(100.0)])), [1]);
        // Ids follow confirmation: what stands further left came later.
        assert_eq!(ids(&tracker.update(&[figure(302.0), figure(101.0)])), [1, 2]);
    }

    #[test]
    fn what_is_seen_only_once_gets_no_id() {
        let mut tracker = tracker();
        tracker.update(&[]);
        tracker.update(&[figure(300.0)]);
        assert_eq!(ids(&tracker.update(&[])), [0_u32; 0]);
        // Gone at once: the place is not remembered, the next one is tentative again.
        assert_eq!(ids(&tracker.update(&[figure(300.0)])), [0_u32; 0]);
        assert_eq!(ids(&tracker.update(&[figure(300.0)])), [1]);
    }

    /// The id under which a walker returns who was not seen for `missed` frames.
    fn id_after_a_gap(missed: u16, frame_rate: f64) -> Vec<u32> {
        let mut tracker = ByteTrack::new(ByteTrackConfig::default(), frame_rate).expect("valid");
        let at = |frame: u16| figure(100.0 + 2.0 * f32::from(frame));
        for frame in 0..40 {
            assert_eq!(ids(&tracker.update(&[at(frame)])), [1]);
        }
        for _ in 0..missed {
            assert_eq!(ids(&tracker.update(&[])), [0_u32; 0]);
        }
        tracker.update(&[at(40 + missed)]);
        ids(&tracker.update(&[at(41 + missed)]))
    }

    #[test]
    fn an_object_may_return_until_the_buffer_ends() {
        assert_eq!(id_after_a_gap(1, 30.0), [1]);
        assert_eq!(id_after_a_gap(30, 30.0), [1]);
        assert_eq!(id_after_a_gap(31, 30.0), [2]);
        // The buffer is a time: half the frames at half the rate.
        assert_eq!(id_after_a_gap(15, 15.0), [1]);
        assert_eq!(id_after_a_gap(16, 15.0), [2]);
    }

    #[test]
    fn two_that_cross_keep_their_ids() {
        let mut tracker = tracker();
        let (right, left) = (|t: f32| 100.0 + 4.0 * t, |t: f32| 500.0 - 4.0 * t);
        // The one behind is smaller: wholly hidden, but not taken for a duplicate.
        let behind = |x: f32| detection(BBox::from_xywh(x, 100.0, 36.0, 100.0), 0.9);
        for frame in 0..100_u8 {
            let t = f32::from(frame);
            let mut detections = vec![behind(left(t)), figure(right(t))];
            if detections[0].bbox.iou(&detections[1].bbox) > 0.2 {
                detections.remove(0);
            }
            let objects = tracker.update(&detections);
            for object in &objects {
                let truth = if object.track_id == TrackId(1) { right(t) } else { left(t) };
                assert!((object.bbox.x1 - truth).abs() < 8.0, "frame {frame}: {object:?}");
            }
            assert_eq!(objects.len(), detections.len(), "frame {frame}");
            assert!(objects.iter().all(|o| o.track_id.0 <= 2), "frame {frame}: {objects:?}");
        }
    }

    #[test]
    fn unsure_detections_keep_tracks_but_begin_none() {
        let unsure = |x: f32, score: f32| Detection { score, ..figure(x) };
        let mut tracker = tracker();
        assert_eq!(ids(&tracker.update(&[figure(100.0), unsure(300.0, 0.69)])), [1]);
        let kept = tracker.update(&[unsure(101.0, 0.1), unsure(300.0, 0.69)]);
        assert_eq!((ids(&kept), kept[0].score), (vec![1], 0.1));
        // Below the lowest score it is as if it were not there, and a lost track wants a sure one.
        assert_eq!(ids(&tracker.update(&[unsure(102.0, 0.09)])), [0_u32; 0]);
        assert_eq!(ids(&tracker.update(&[unsure(103.0, 0.5)])), [0_u32; 0]);
        assert_eq!(ids(&tracker.update(&[unsure(104.0, 0.6)])), [1]);
    }

    #[test]
    fn of_two_tracks_upon_one_another_the_older_stays() {
        let mut tracker = tracker();
        // The older one stands still and is hidden from frame 40 on; the younger walks past it,
        // so steadily that its own track always fits it better.
        let mut told = Vec::new();
        for frame in 0..80_u8 {
            let mut detections = Vec::new();
            if frame < 40 {
                detections.push(figure(100.0));
            }
            if frame >= 30 {
                detections.push(figure(165.0 - f32::from(frame)));
            }
            told.push(ids(&tracker.update(&detections)));
        }
        assert_eq!((told[35].clone(), told[50].clone()), (vec![1, 2], vec![2]));
        assert_eq!(told[70], [1], "{told:?}");
    }

    /// Whether a track that was seen at 100 in `frames` frames goes on with a `score` at `x`.
    fn is_matched(config: ByteTrackConfig, frames: u8, x: f32, score: f32) -> bool {
        let mut tracker = ByteTrack::new(config, 30.0).expect("valid");
        tracker.update(&[]);
        for _ in 0..frames {
            tracker.update(&[figure(100.0)]);
        }
        ids(&tracker.update(&[Detection { score, ..figure(x) }])) == [1]
    }

    #[test]
    fn each_association_has_its_cost_and_its_limit() {
        let published = ByteTrackConfig::default;
        let at_iou = |iou: f32| 100.0 + 40.0 * (1.0 - iou) / (1.0 + iou);
        // First: the score is fused, 0.9 * 0.105 is below the 0.1 that the limit asks for.
        assert!(is_matched(published(), 9, at_iou(0.12), 0.9));
        assert!(!is_matched(published(), 9, at_iou(0.105), 0.9));
        let plain = ByteTrackConfig { fuse_score: false, ..published() };
        assert!(is_matched(plain.clone(), 9, at_iou(0.105), 0.9));
        assert!(!is_matched(plain, 9, at_iou(0.095), 0.9));
        // Second: the score is not fused.
        assert!(is_matched(published(), 9, at_iou(0.52), 0.3));
        assert!(!is_matched(published(), 9, at_iou(0.48), 0.3));
        // Tentative: fused.
        assert!(is_matched(published(), 1, at_iou(0.35), 0.9));
        assert!(!is_matched(published(), 1, at_iou(0.32), 0.9));
    }

    #[test]
    fn the_class_is_that_of_the_matched_detection() {
        let mut tracker = tracker();
        tracker.update(&[figure(100.0)]);
        let truck = Class::new("truck", Category::Vehicle);
        let objects = tracker.update(&[Detection { class: truck.clone(), ..figure(101.0) }]);
        assert_eq!((ids(&objects), &objects[0].class), (vec![1], &truck));
    }

    #[test]
    fn what_is_no_box_does_not_matter() {
        let faulty = [
            detection(BBox { x1: f32::NAN, y1: 0.0, x2: 9.0, y2: 9.0 }, 0.9),
            detection(BBox { x1: 0.0, y1: 0.0, x2: f32::INFINITY, y2: 9.0 }, 0.9),
            detection(BBox { x1: -3e38, y1: 0.0, x2: 3e38, y2: 9.0 }, 0.9),
            detection(BBox { x1: 9.0, y1: 9.0, x2: 9.0, y2: 20.0 }, 0.9),
            detection(BBox { x1: 20.0, y1: 9.0, x2: 10.0, y2: 20.0 }, 0.9),
            Detection { score: f32::NAN, ..figure(100.0) },
            Detection { score: f32::INFINITY, ..figure(100.0) },
        ];
        let (mut plain, mut disturbed) = (tracker(), tracker());
        for frame in 0..50_u8 {
            let sound = figure(100.0 + f32::from(frame));
            let mut all = faulty.to_vec();
            all.insert(usize::from(frame) % 8, sound.clone());
            assert_eq!(disturbed.update(&all), plain.update(&[sound]));
        }
    }

    #[test]
    fn a_hundred_thousand_frames_do_not_wear_it_out() {
        let mut tracker = tracker();
        let mut state = 1_u32;
        let mut random = move || {
            // Numerical Recipes' linear congruential generator: any noise will do.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0
        };
        for frame in 0..100_000_u32 {
            let t = frame as f32 / 50.0;
            let detections: Vec<_> = (0..4_u8)
                .map(|i| {
                    let (x, y) = ((t + f32::from(i)).sin() * 400.0, (0.7 * t).cos() * 200.0);
                    let noise = random() * 6.0;
                    let bbox = BBox::from_xywh(
                        x + noise,
                        y + random() * 6.0,
                        20.0 + noise,
                        0.1 + 80.0 * random(),
                    );
                    detection(bbox, random())
                })
                .collect();
            let objects = tracker.update(&detections);
            assert!(objects.iter().all(|o| o.bbox.is_valid()), "frame {frame}: {objects:?}");
            assert!(tracker.tracks.len() <= 4 * 32, "{} tracks", tracker.tracks.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_order_of_detections_does_not_matter(
            frames in proptest::collection::vec(
                proptest::collection::vec((0..200_u8, 0..100_u8, 10..60_u8, 0..=10_u8), 0..12), 1..30,
            ),
            turn in 0..12_usize,
        ) {
            let (mut one, mut other) = (tracker(), tracker());
            for frame in frames {
                let mut detections: Vec<_> = frame
                    .into_iter()
                    .map(|(x, y, size, score)| {
                        let bbox =
                            BBox::from_xywh(x.into(), y.into(), size.into(), 2.0 * f32::from(size));
                        detection(bbox, f32::from(score) / 10.0)
                    })
                    .collect();
                let objects = one.update(&detections);
                prop_assert!(objects.is_sorted_by(|a, b| a.track_id.0 < b.track_id.0));
                detections.reverse();
                let turn = turn % detections.len().max(1);
                detections.rotate_left(turn);
                prop_assert_eq!(objects, other.update(&detections));
            }
        }
    }

    #[test]
    fn every_faulty_parameter_is_named() {
        let config = ByteTrackConfig {
            high_score: f32::NAN,
            low_score: -0.1,
            new_score: 1.5,
            first_limit: 0.0,
            second_limit: 1.1,
            tentative_limit: f32::NAN,
            duplicate_iou: 2.0,
            ..ByteTrackConfig::default()
        };
        let error = config.validate().expect_err("faulty");
        let fields: Vec<_> = error.fields().iter().map(|f| f.field.as_str()).collect();
        let expected = "high_score low_score new_score first_limit second_limit tentative_limit \
                        duplicate_iou";
        assert_eq!(fields.join(" "), expected);
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = ByteTrack::new(ByteTrackConfig::default(), rate).expect_err("no rate");
            assert_eq!(error.fields()[0].field, "frame_rate");
        }
    }
}
