//! The life of one track: tentative, tracked, lost, and back. Which detection belongs to which
//! track is decided elsewhere.
//!
//! ```text
//!            seen again              missed
//! tentative ------------> tracked ----------> lost --(for too long)--> gone
//!     |                      ^                  |
//!     | missed               +------------------+
//!     v                           seen again
//!   gone
//! ```

use super::kalman::KalmanBox;
use schema::detection::{Class, Detection};
use schema::geometry::BBox;
use schema::id::TrackId;
use schema::track::TrackedObject;

/// Where a track stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Seen once; not yet told to anybody.
    Tentative,
    /// Confirmed, and seen in the last frame it was looked for.
    Tracked,
    /// Confirmed, but not seen since; may return.
    Lost,
}

/// One object that is followed.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) state: State,
    /// Given at confirmation.
    id: Option<TrackId>,
    filter: KalmanBox,
    /// Of the detection that was matched last, as `score` and `class`.
    observed: BBox,
    score: f32,
    class: Class,
    first_frame: u64,
    last_frame: u64,
}

impl Track {
    /// A tentative track that begins with `detection`, whose box must be valid.
    pub(super) fn begin(detection: &Detection, frame: u64) -> Self {
        Self {
            state: State::Tentative,
            id: None,
            filter: KalmanBox::new(&detection.bbox),
            observed: detection.bbox,
            score: detection.score,
            class: detection.class.clone(),
            first_frame: frame,
            last_frame: frame,
        }
    }

    /// Moves the estimate on to the next frame.
    pub(super) fn predict(&mut self) {
        if self.state == State::Lost {
            self.filter.hold_height();
        }
        self.filter.predict();
    }

    /// Takes the detection that shows it in `frame`; `ids` is asked if this confirms the track.
    pub(super) fn see(&mut self, detection: &Detection, frame: u64, ids: &mut Ids) {
        self.filter.update(&detection.bbox);
        self.observed = detection.bbox;
        self.score = detection.score;
        if self.class != detection.class {
            self.class = detection.class.clone();
        }
        self.last_frame = frame;
        self.confirm(ids);
    }

    /// Makes it a track that is told about, with an id if it has none yet.
    pub(super) fn confirm(&mut self, ids: &mut Ids) {
        self.state = State::Tracked;
        self.id.get_or_insert_with(|| ids.issue());
    }

    /// It was looked for and not found.
    pub(super) const fn lose(&mut self) {
        self.state = State::Lost;
    }

    /// Where it is believed to be.
    pub(super) const fn bbox(&self) -> BBox {
        self.filter.bbox()
    }

    /// Frames from the first to the last in which it was seen.
    pub(super) const fn age(&self) -> u64 {
        self.last_frame - self.first_frame
    }

    /// Frames since it was seen.
    pub(super) const fn unseen_for(&self, frame: u64) -> u64 {
        frame - self.last_frame
    }

    /// What is told of it, if it is confirmed and seen.
    pub(super) fn object(&self) -> Option<TrackedObject> {
        let track_id = self.id.filter(|_| self.state == State::Tracked)?;
        Some(TrackedObject {
            track_id,
            bbox: self.observed,
            estimate: self.bbox(),
            score: self.score,
            class: self.class.clone(),
        })
    }
}

/// Track ids, from 1 in order of confirmation.
#[derive(Debug, Default)]
pub(super) struct Ids {
    given: u32,
}

impl Ids {
    fn issue(&mut self) -> TrackId {
        self.given += 1;
        TrackId(self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::detection::Category;

    /// A track that was seen in 30 frames, coming nearer.
    fn approaching() -> Track {
        let at = |frame: u64| Detection {
            bbox: BBox::from_xywh(100.0, 100.0, 40.0, 100.0 + 2.0 * frame as f32),
            score: 0.9,
            class: Class::new("person", Category::Person),
        };
        let mut ids = Ids::default();
        let mut track = Track::begin(&at(0), 0);
        for frame in 1..30 {
            track.predict();
            track.see(&at(frame), frame, &mut ids);
        }
        track
    }

    #[test]
    fn a_lost_track_moves_on_but_does_not_grow() {
        let height_after_a_second = |mut track: Track| {
            let before = track.bbox();
            (0..30).for_each(|_| track.predict());
            assert!(track.bbox().center().y > before.center().y + 20.0, "{track:?}");
            track.bbox().height() - before.height()
        };
        assert!(height_after_a_second(approaching()) > 40.0);
        let mut lost = approaching();
        lost.lose();
        assert!(height_after_a_second(lost).abs() < 1e-3);
    }

    #[test]
    fn it_is_told_while_it_is_confirmed_and_seen() {
        let mut track = approaching();
        assert_eq!(track.object().map(|o| o.track_id), Some(TrackId(1)));
        assert_eq!((track.age(), track.unseen_for(33)), (29, 4));
        track.lose();
        assert_eq!(track.object(), None);
        track.confirm(&mut Ids::default());
        assert_eq!(track.object().map(|o| o.track_id), Some(TrackId(1)));
    }
}
