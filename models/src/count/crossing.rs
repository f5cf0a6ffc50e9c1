//! Directed line crossings at the foot point, with hysteresis.
//!
//! A crossing is pending from the frame in which the way of the foot point meets the segment, and
//! counts once the foot point stays clear of the line on the other side for a moment, or once its
//! track ends on the other side after a step over the line, that is: when the foot point was last
//! seen close to the line on that side. Whoever stands on a line and sways does not count again and
//! again; whoever steps back before being clear does not count at all, nor does a box that jumps
//! far beyond for a frame or two where people hide one another, even if its track ends there.

use super::sight::{SightTime, is_reached};
use schema::frame::FrameMeta;
use schema::geometry::{ImagePoint, Side};
use schema::id::TrackId;
use schema::job::line::{CountingLine, LineDirection};
use schema::job::result::{Crossing, CrossingDirection, LineCount};
use schema::track::TrackedObject;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How far beyond a line counts as clear of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossingConfig {
    /// Fraction of the height of the object's box, so that near and far objects are treated alike.
    pub hysteresis: f32,
    /// For how many seconds of the frames in which its track is seen, without another in between, a
    /// foot point has to be clear of a line; 0 for one frame.
    pub settle_seconds: f64,
    /// Mean frames per second of the source, above 0.
    pub frame_rate: f64,
    /// Frames after which a track that is not seen has ended; at least the tracker's own buffer.
    pub lost_after: u64,
}

impl Default for CrossingConfig {
    fn default() -> Self {
        Self { hysteresis: 0.05, settle_seconds: 0.0, frame_rate: 25.0, lost_after: 300 }
    }
}

/// What is remembered of one track at one line.
#[derive(Debug, Clone, Copy)]
struct Passage {
    /// The side on which it last was clear of the line, or first seen.
    home: Side,
    /// Whether its way met the segment, an odd number of times, since then.
    met: bool,
    /// Whether it was on the other side when it last was close to the line, that is: not clear.
    stepped: bool,
    /// For how many seconds it was clear of the line on the other side.
    beyond: f64,
}

impl Passage {
    const fn at(home: Side) -> Self {
        Self { home, met: false, stepped: false, beyond: 0.0 }
    }
}

#[derive(Debug, Clone)]
struct Walker {
    foot: ImagePoint,
    label: Arc<str>,
    last_seen: u64,
    passages: Vec<Passage>,
}

/// What one frame tells of a walker.
#[derive(Debug, Clone, Copy)]
struct Step {
    foot: ImagePoint,
    /// How far from a line is clear of it, in pixels.
    clear: f32,
    /// Whether the walker was seen in the frame before.
    goes_on: bool,
}

/// Counts crossings of a set of lines.
#[derive(Debug)]
pub struct LineCounter {
    config: CrossingConfig,
    lines: Vec<CountingLine>,
    counts: Vec<LineCount>,
    walkers: BTreeMap<TrackId, Walker>,
    crossed: BTreeSet<TrackId>,
    time: SightTime,
    frame: u64,
}

impl LineCounter {
    /// Begins to count at `lines`.
    #[must_use]
    pub fn new(lines: Vec<CountingLine>, config: CrossingConfig) -> Self {
        let counts =
            lines.iter().map(|l| LineCount { name: l.name.clone(), ..LineCount::default() });
        Self {
            config,
            counts: counts.collect(),
            lines,
            walkers: BTreeMap::new(),
            crossed: BTreeSet::new(),
            time: SightTime::new(config.frame_rate),
            frame: 0,
        }
    }

    /// Takes what is seen in the next frame and tells the crossings that are established by it:
    /// of the tracks in sight, then of those that have ended.
    pub fn observe(&mut self, meta: &FrameMeta, objects: &[TrackedObject]) -> Vec<Crossing> {
        self.frame += 1;
        self.time.advance(meta.media_time_us);
        let mut found = Vec::new();
        for object in objects {
            let walker = self.walkers.entry(object.track_id).or_insert_with(|| Walker {
                foot: object.bbox.foot(),
                label: Arc::clone(&object.class.label),
                last_seen: self.frame,
                passages: first_sight(&self.lines, object.bbox.foot()),
            });
            let step = Step {
                foot: object.bbox.foot(),
                clear: self.config.hysteresis * object.bbox.height(),
                goes_on: walker.last_seen + 1 == self.frame,
            };
            walker.label = Arc::clone(&object.class.label);
            walker.last_seen = self.frame;
            let settle = self.config.settle_seconds;
            let sides = walker.step(&self.lines, step, &self.time, settle);
            found.extend(sides.map(|(line, to)| Found::new(line, object.track_id, to, walker)));
        }
        found.extend(self.forget());
        self.record(found)
    }

    /// Ends all tracks: who stepped over a line and is still beyond it is counted. Returns those
    /// crossings, by ascending track id.
    pub fn finish(&mut self) -> Vec<Crossing> {
        let walkers = std::mem::take(&mut self.walkers);
        let found = walkers.iter().flat_map(|(id, w)| w.pending(&self.lines, *id)).collect();
        self.record(found)
    }

    /// Counts by line id.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, LineCount> {
        self.lines.iter().map(|l| l.id.clone()).zip(self.counts.iter().cloned()).collect()
    }

    /// Lines with their counts, in the order in which they were given.
    pub fn lines(&self) -> impl Iterator<Item = (&CountingLine, &LineCount)> {
        self.lines.iter().zip(&self.counts)
    }

    /// Distinct tracks that crossed at least one line.
    #[must_use]
    pub fn crossed(&self) -> usize {
        self.crossed.len()
    }

    /// Whether this track crossed any line so far.
    #[must_use]
    pub fn has_crossed(&self, track: TrackId) -> bool {
        self.crossed.contains(&track)
    }

    /// Lets go of tracks that have ended, so that memory holds only those in sight.
    fn forget(&mut self) -> Vec<Found> {
        let (lines, frame, lost_after) = (&self.lines, self.frame, self.config.lost_after);
        let mut found = Vec::new();
        self.walkers.retain(|id, walker| {
            let alive = frame - walker.last_seen <= lost_after;
            if !alive {
                found.extend(walker.pending(lines, *id));
            }
            alive
        });
        found
    }

    /// Adds what was found to the counts, where its line counts that direction.
    fn record(&mut self, found: Vec<Found>) -> Vec<Crossing> {
        let mut counted = Vec::with_capacity(found.len());
        for Found { line, track_id, direction, label } in found {
            let wanted = match self.lines[line].direction {
                LineDirection::Both => true,
                LineDirection::Forward => direction == CrossingDirection::Forward,
                LineDirection::Backward => direction == CrossingDirection::Backward,
            };
            if !wanted {
                continue;
            }
            let count = &mut self.counts[line];
            let by_class = count.by_class.entry(label.to_string()).or_default();
            let (total, of_class) = match direction {
                CrossingDirection::Forward => (&mut count.forward, &mut by_class.forward),
                CrossingDirection::Backward => (&mut count.backward, &mut by_class.backward),
            };
            *total += 1;
            *of_class += 1;
            self.crossed.insert(track_id);
            counted.push(Crossing { line: self.lines[line].id.clone(), track_id, direction });
        }
        counted
    }
}

/// A crossing before it is known whether its line counts that direction.
struct Found {
    line: usize,
    track_id: TrackId,
    direction: CrossingDirection,
    label: Arc<str>,
}

impl Found {
    fn new(line: usize, track_id: TrackId, to: Side, walker: &Walker) -> Self {
        let direction = match to {
            Side::Right => CrossingDirection::Forward,
            Side::Left => CrossingDirection::Backward,
        };
        Self { line, track_id, direction, label: Arc::clone(&walker.label) }
    }
}

impl Walker {
    /// Moves the foot point and tells which lines were crossed thereby, and to which side.
    fn step(
        &mut self,
        lines: &[CountingLine],
        Step { foot, clear, goes_on }: Step,
        time: &SightTime,
        settle: f64,
    ) -> impl Iterator<Item = (usize, Side)> + use<> {
        let mut crossed = Vec::new();
        for (index, (line, passage)) in lines.iter().zip(&mut self.passages).enumerate() {
            if line.line.is_crossed_by(self.foot, foot) {
                passage.met = !passage.met;
            }
            let side = line.line.side(foot);
            if line.line.signed_distance(foot).abs() < clear {
                passage.beyond = 0.0;
                passage.stepped = side != passage.home;
            } else if side == passage.home {
                *passage = Passage::at(side);
            } else {
                passage.beyond += time.adds(goes_on && passage.beyond > 0.0);
                if is_reached(passage.beyond, settle) {
                    if passage.met {
                        crossed.push((index, side));
                    }
                    *passage = Passage::at(side);
                }
            }
        }
        self.foot = foot;
        crossed.into_iter()
    }

    /// Crossings of a track that stepped over a line and was last seen beyond it, but not clear of
    /// it for long enough.
    fn pending(&self, lines: &[CountingLine], id: TrackId) -> Vec<Found> {
        let mut found = Vec::new();
        for (index, (line, passage)) in lines.iter().zip(&self.passages).enumerate() {
            let side = line.line.side(self.foot);
            if side != passage.home && passage.met && passage.stepped {
                found.push(Found::new(index, id, side, self));
            }
        }
        found
    }
}

fn first_sight(lines: &[CountingLine], foot: ImagePoint) -> Vec<Passage> {
    lines.iter().map(|l| Passage::at(l.line.side(foot))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::detection::{Category, Class};
    use schema::geometry::{BBox, Line};
    use schema::time::MediaTime;

    fn line(direction: LineDirection) -> CountingLine {
        let p = |x, y| ImagePoint { x, y };
        CountingLine {
            id: "gate".to_owned(),
            name: "Gate".to_owned(),
            line: Line { p1: p(0.0, 100.0), p2: p(200.0, 100.0) },
            direction,
        }
    }

    /// A 100 px tall person whose foot is at each of `ys` in turn, at x = 50: clear from 5 px on.
    fn walk(direction: LineDirection, ys: &[f32]) -> (u64, u64, Vec<usize>) {
        let mut counter = LineCounter::new(vec![line(direction)], CrossingConfig::default());
        let mut when = Vec::new();
        for (i, y) in ys.iter().enumerate() {
            when.extend(observe(&mut counter, &[at(1, 50.0, *y)]).iter().map(|_| i));
        }
        when.extend(counter.finish().iter().map(|_| ys.len()));
        let count = &counter.counts()["gate"];
        (count.forward, count.backward, when)
    }

    /// Takes the next frame at 25 frames/s.
    fn observe(counter: &mut LineCounter, objects: &[TrackedObject]) -> Vec<Crossing> {
        observe_at(counter, counter.frame as i64 * 40_000, objects)
    }

    fn observe_at(counter: &mut LineCounter, us: i64, objects: &[TrackedObject]) -> Vec<Crossing> {
        let meta = FrameMeta {
            frame_index: counter.frame,
            media_time_us: MediaTime(us),
            wall_time_us: None,
            width: 200,
            height: 200,
        };
        counter.observe(&meta, objects)
    }

    fn at(id: u32, x: f32, foot: f32) -> TrackedObject {
        TrackedObject {
            track_id: TrackId(id),
            bbox: BBox::from_xywh(x - 20.0, foot - 100.0, 40.0, 100.0),
            estimate: BBox::from_xywh(x - 20.0, foot - 100.0, 40.0, 100.0),
            score: 0.9,
            class: Class::new("person", Category::Person),
        }
    }

    #[test]
    fn counted_once_clear_of_the_line() {
        assert_eq!(walk(LineDirection::Both, &[80.0, 98.0, 102.0, 110.0, 130.0]), (1, 0, vec![3]));
        assert_eq!(walk(LineDirection::Both, &[120.0, 104.0, 90.0]), (0, 1, vec![2]));
    }

    #[test]
    fn swaying_on_the_line_is_one_crossing() {
        let sway = [80.0, 101.0, 98.0, 102.0, 97.0, 103.0, 99.0, 110.0, 120.0];
        assert_eq!(walk(LineDirection::Both, &sway), (1, 0, vec![7]));
        assert_eq!(walk(LineDirection::Both, &[80.0, 101.0, 98.0, 103.0, 90.0]), (0, 0, vec![]));
    }

    #[test]
    fn there_and_back_counts_both_ways() {
        assert_eq!(walk(LineDirection::Both, &[80.0, 120.0, 80.0, 120.0]), (2, 1, vec![1, 2, 3]));
    }

    #[test]
    fn a_track_that_ends_just_beyond_counts_at_its_end() {
        assert_eq!(walk(LineDirection::Both, &[80.0, 103.0]), (1, 0, vec![2]));
        let config = CrossingConfig { lost_after: 2, ..CrossingConfig::default() };
        let mut counter = LineCounter::new(vec![line(LineDirection::Both)], config);
        observe(&mut counter, &[at(1, 50.0, 80.0)]);
        observe(&mut counter, &[at(1, 50.0, 103.0)]);
        let later: Vec<usize> = (0..4).map(|_| observe(&mut counter, &[]).len()).collect();
        assert_eq!(later, [0, 0, 1, 0]);
        assert_eq!(counter.counts()["gate"].by_class["person"].forward, 1);
    }

    #[test]
    fn only_the_wanted_direction_counts() {
        let ways = [80.0, 120.0, 80.0];
        assert_eq!(walk(LineDirection::Forward, &ways), (1, 0, vec![1]));
        assert_eq!(walk(LineDirection::Backward, &ways), (0, 1, vec![2]));
    }

    #[test]
    fn who_begins_beyond_or_passes_the_end_has_not_crossed() {
        assert_eq!(walk(LineDirection::Both, &[101.0, 110.0, 150.0]), (0, 0, vec![]));
        let mut counter =
            LineCounter::new(vec![line(LineDirection::Both)], CrossingConfig::default());
        for (x, y) in [(190.0, 80.0), (230.0, 80.0), (230.0, 130.0), (150.0, 130.0)] {
            assert!(observe(&mut counter, &[at(1, x, y)]).is_empty());
        }
        assert_eq!(counter.crossed(), 0);
    }

    #[test]
    fn a_box_that_jumps_for_a_moment_does_not_cross() {
        let config = CrossingConfig { settle_seconds: 0.12, ..CrossingConfig::default() };
        let mut counter = LineCounter::new(vec![line(LineDirection::Both)], config);
        let jumps = [80.0, 140.0, 140.0, 80.0, 80.0, 140.0, 101.0, 140.0, 140.0, 140.0, 140.0];
        let found: Vec<usize> =
            jumps.iter().map(|y| observe(&mut counter, &[at(1, 50.0, *y)]).len()).collect();
        assert_eq!(found, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn a_moment_is_a_matter_of_time_and_not_of_frames() {
        let config = CrossingConfig { settle_seconds: 0.2, ..CrossingConfig::default() };
        let when = |times: &[i64]| {
            let mut counter = LineCounter::new(vec![line(LineDirection::Both)], config);
            let ys = [80.0].into_iter().chain(std::iter::repeat(140.0));
            let mut found = times
                .iter()
                .zip(ys)
                .map(|(ms, y)| observe_at(&mut counter, ms * 1000, &[at(1, 50.0, y)]).len());
            found.position(|n| n == 1)
        };
        assert_eq!(when(&[0, 10, 20, 30, 40, 50, 60, 70, 80]), None);
        assert_eq!(when(&[0, 40, 80, 120, 160, 200, 240]), Some(5));
        assert_eq!(when(&[0, 500, 1000]), Some(2));
    }

    #[test]
    fn a_track_that_ends_counts_by_a_step_and_not_by_a_jump() {
        let settle_seconds = |s| CrossingConfig { settle_seconds: s, ..CrossingConfig::default() };
        let at_end = |ys: &[f32]| {
            let mut counter =
                LineCounter::new(vec![line(LineDirection::Both)], settle_seconds(0.12));
            for y in ys {
                assert!(observe(&mut counter, &[at(1, 50.0, *y)]).is_empty(), "{ys:?}");
            }
            counter.finish().len()
        };
        // Over the line, and clear of it for less than the moment it takes.
        assert_eq!((at_end(&[80.0, 103.0]), at_end(&[80.0, 103.0, 108.0, 112.0])), (1, 1));
        // From before the line, or from the line's near edge, to far beyond.
        assert_eq!((at_end(&[80.0, 140.0]), at_end(&[97.0, 98.0, 140.0, 140.0])), (0, 0));
        // Over and back onto the line, then a jump.
        assert_eq!(at_end(&[80.0, 102.0, 98.0, 140.0]), 0);
        // A jump, then found just beyond.
        assert_eq!(at_end(&[80.0, 140.0, 103.0]), 1);
    }

    #[test]
    fn a_gap_in_sight_does_not_lose_the_crossing() {
        let mut counter =
            LineCounter::new(vec![line(LineDirection::Both)], CrossingConfig::default());
        observe(&mut counter, &[at(1, 50.0, 80.0)]);
        for _ in 0..20 {
            observe(&mut counter, &[]);
        }
        assert_eq!(observe(&mut counter, &[at(1, 60.0, 130.0)]).len(), 1);
        assert_eq!((counter.crossed(), counter.has_crossed(TrackId(1))), (1, true));
    }
}
