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

mod config;
#[cfg(test)]
mod tests;

pub use config::ByteTrackConfig;

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

    /// Of a lost track and another that lie upon one another, the one of the longer life stays; of
    /// equals the lost one, as in the authors' program.
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
