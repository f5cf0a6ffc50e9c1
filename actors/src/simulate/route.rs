//! How a figure gets along its way: from points and waits to a stance per frame.

use super::figure::{Person, STRIDE, Stance};
use super::space::Spot;

/// A way over the ground: walked legs with waits between them.
#[derive(Debug, Clone)]
pub(super) struct Route {
    /// Each leg leads through its points; the next begins where it ends.
    pub(super) legs: Vec<Vec<Spot>>,
    /// Seconds of standing after each leg but the last.
    pub(super) waits: Vec<f32>,
    /// Pace in metres per second.
    pub(super) speed: f32,
}

/// How a walk begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// Frame of the first stance.
    pub(super) frame: usize,
    /// Phase of the first stride, 0 to 1.
    pub(super) strides: f32,
    /// How much the gaze wanders: 0 not at all, 1 much.
    pub(super) restless: f32,
}

/// A route in time.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    /// Frame of the first stance.
    pub(super) first: usize,
    /// One stance per frame, from entering to leaving.
    pub(super) stances: Vec<Stance>,
}

/// Metres per second per second, when setting out and when stopping.
const ACCELERATION: f32 = 1.3;
/// Radians per second.
const TURN_RATE: f32 = 2.6;
/// Seconds before setting out again in which one turns to the new way.
const TURN_TIME: f32 = 1.2;

impl Route {
    /// A way without a stop.
    pub(super) fn through(points: &[Spot], speed: f32) -> Self {
        Self { legs: vec![points.to_vec()], waits: Vec::new(), speed }
    }

    /// The same way, `dx` metres to the right and `dz` farther away.
    pub(super) fn shifted(&self, dx: f32, dz: f32) -> Self {
        let shift = |p: &Spot| Spot::new(p.x + dx, p.z + dz);
        let legs = self.legs.iter().map(|leg| leg.iter().map(shift).collect()).collect();
        Self { legs, ..self.clone() }
    }

    /// How much of it, in metres, lies within `reach` of the line between two spots.
    pub(super) fn metres_near(&self, a: Spot, b: Spot, reach: f32) -> f32 {
        const STEP: f32 = 0.05;
        let near = |spot: Spot| {
            let (dx, dz) = (b.x - a.x, b.z - a.z);
            let along = ((spot.x - a.x) * dx + (spot.z - a.z) * dz) / (dx * dx + dz * dz);
            spot.distance(a.lerp(b, along.clamp(0.0, 1.0))) < reach
        };
        let paths = self.legs.iter().map(|leg| Path::new(leg));
        let steps = paths.flat_map(|path| {
            (0..(path.length / STEP) as usize).map(move |i| path.spot(i as f32 * STEP))
        });
        steps.filter(|&spot| near(spot)).count() as f32 * STEP
    }

    /// Walks it at `frame_rate`, with the strides of `person`.
    pub(super) fn walk(&self, person: &Person, start: Start, frame_rate: f32) -> Walk {
        let legs: Vec<Path> = self.legs.iter().map(|leg| Path::new(leg)).collect();
        let dt = 1.0 / frame_rate;
        let mut walker = Walker::new(self.speed, legs[0].heading(0.0), start.strides);
        let mut stances = Vec::new();
        for (i, leg) in legs.iter().enumerate() {
            let wait = self.waits.get(i).copied();
            walker.along = 0.0;
            while leg.length - walker.along > 0.02 {
                walker.step(leg, wait.is_some(), person.height(), dt);
                stances.push(walker.stance(leg, start.restless, stances.len() as f32 * dt));
            }
            for tick in 0..(wait.unwrap_or(0.0) * frame_rate) as usize {
                let left = wait.unwrap_or(0.0) - tick as f32 * dt;
                let next = legs.get(i + 1).filter(|_| left < TURN_TIME);
                walker.stand(next.map(|l| l.heading(0.0)), dt);
                stances.push(walker.stance(leg, start.restless * 2.2, stances.len() as f32 * dt));
            }
        }
        Walk { first: start.frame, stances }
    }
}

impl Walk {
    /// The stance in a frame, where the figure is on its way then.
    pub(super) fn at(&self, frame: usize) -> Option<&Stance> {
        self.stances.get(frame.checked_sub(self.first)?)
    }

    /// After how many frames it comes past `ratio`, the x over z of a column of the picture; 0
    /// where it never does.
    pub(super) fn reaches(&self, ratio: f32) -> usize {
        let is_past = |i: usize| self.stances[i].spot.x / self.stances[i].spot.z > ratio;
        (1..self.stances.len()).find(|&i| is_past(i) != is_past(i - 1)).unwrap_or(0)
    }

    /// The smallest distance between two walks in metres; infinite where they never meet in time.
    pub(super) fn clearance(&self, other: &Self) -> f32 {
        let from = self.first.max(other.first);
        let to = (self.first + self.stances.len()).min(other.first + other.stances.len());
        (from..to)
            .filter_map(|f| Some(self.at(f)?.spot.distance(other.at(f)?.spot)))
            .fold(f32::INFINITY, f32::min)
    }
}

/// A rounded way with its length.
struct Path {
    points: Vec<Spot>,
    /// Distance from the start at each point.
    marks: Vec<f32>,
    length: f32,
}

impl Path {
    /// Corners are rounded by cutting them three times (Chaikin 1974); the ends stay.
    fn new(points: &[Spot]) -> Self {
        let mut points = points.to_vec();
        for _ in 0..3 {
            let mut cut = vec![points[0]];
            for pair in points.windows(2) {
                cut.extend([pair[0].lerp(pair[1], 0.25), pair[0].lerp(pair[1], 0.75)]);
            }
            cut.extend(points.last());
            points = cut;
        }
        let mut marks = vec![0.0];
        for pair in points.windows(2) {
            marks.push(marks[marks.len() - 1] + pair[0].distance(pair[1]));
        }
        let length = marks[marks.len() - 1];
        Self { points, marks, length }
    }

    fn spot(&self, along: f32) -> Spot {
        let i = self.marks.partition_point(|&m| m <= along).clamp(1, self.marks.len() - 1);
        let (from, to) = (self.marks[i - 1], self.marks[i]);
        let t = if to > from { ((along - from) / (to - from)).clamp(0.0, 1.0) } else { 1.0 };
        self.points[i - 1].lerp(self.points[i], t)
    }

    /// Where one looks who walks here: a little ahead.
    fn heading(&self, along: f32) -> f32 {
        let from = along.min(self.length - 0.3).max(0.0);
        let (a, b) = (self.spot(from), self.spot(from + 0.3));
        (b.x - a.x).atan2(b.z - a.z)
    }
}

/// The state of somebody on the way.
struct Walker {
    pace: f32,
    speed: f32,
    along: f32,
    heading: f32,
    strides: f32,
    swing: f32,
}

impl Walker {
    const fn new(pace: f32, heading: f32, strides: f32) -> Self {
        Self { pace, speed: pace, along: 0.0, heading, strides, swing: 1.0 }
    }

    fn step(&mut self, path: &Path, stops: bool, height: f32, dt: f32) {
        let left = path.length - self.along;
        let brake = if stops { (2.0 * ACCELERATION * left).sqrt() } else { f32::MAX };
        self.speed = (self.speed + ACCELERATION * dt).min(self.pace).min(brake).max(0.08);
        let moved = (self.speed * dt).min(left);
        self.along += moved;
        // Slower walking takes shorter and slower strides.
        self.swing = (self.speed / 1.35).powf(0.6).min(1.12);
        self.strides += moved / (STRIDE * height * self.swing);
        self.turn(path.heading(self.along), dt);
    }

    fn stand(&mut self, towards: Option<f32>, dt: f32) {
        self.speed = 0.0;
        self.swing = (self.swing - 2.5 * dt).max(0.0);
        if let Some(heading) = towards {
            self.turn(heading, dt);
        }
    }

    fn turn(&mut self, towards: f32, dt: f32) {
        let way = towards - self.heading;
        let way = way.sin().atan2(way.cos());
        self.heading += way.clamp(-TURN_RATE * dt, TURN_RATE * dt);
    }

    fn stance(&self, path: &Path, restless: f32, time: f32) -> Stance {
        let gaze = restless * 0.25 * ((0.9 * time + 7.0 * restless).sin() + (0.37 * time).sin());
        Stance {
            spot: path.spot(self.along),
            heading: self.heading,
            strides: self.strides,
            swing: self.swing,
            gaze,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::figure::Build;
    use rand::SeedableRng;
    use rand_pcg::Pcg32;

    const RATE: f32 = 25.0;

    fn walk(route: &Route) -> Walk {
        let person = Person::random(&mut Pcg32::seed_from_u64(1), Build::Adult);
        route.walk(&person, Start { frame: 100, strides: 0.3, restless: 0.5 }, RATE)
    }

    #[test]
    fn a_walk_takes_its_time_and_ends_where_it_should() {
        let route = Route::through(&[Spot::new(-6.0, 8.0), Spot::new(6.0, 8.0)], 1.2);
        let walk = walk(&route);
        let seconds = walk.stances.len() as f32 / RATE;
        assert!((seconds - 10.0).abs() < 0.2, "{seconds}");
        assert!(walk.at(99).is_none() && walk.at(100 + walk.stances.len()).is_none());
        let last = walk.at(99 + walk.stances.len()).expect("the last frame").spot;
        assert!(last.distance(Spot::new(6.0, 8.0)) < 0.05);
        let half = walk.reaches(0.0) as f32 / walk.stances.len() as f32;
        assert!((half - 0.5).abs() < 0.01, "{half}");
    }

    #[test]
    fn who_waits_stands_still_and_sets_out_the_other_way() {
        let (from, there) = (Spot::new(-3.0, 9.0), Spot::new(2.0, 9.0));
        let legs = vec![vec![from, there], vec![there, from]];
        let walk = walk(&Route { legs, waits: vec![6.0], speed: 1.3 });
        let still = walk.stances.windows(2).filter(|w| w[0].spot == w[1].spot).count();
        assert!((148..=152).contains(&still), "{still} frames");
        let standing = walk.stances.iter().filter(|s| s.swing == 0.0).count();
        assert!(standing > 125, "legs are together for {standing} frames");
        let headings = (walk.stances[20].heading, walk.stances[walk.stances.len() - 1].heading);
        assert!((headings.0 - headings.1).abs() > 3.0, "{headings:?}");
        let fastest = walk.stances.windows(2).map(|w| w[0].spot.distance(w[1].spot) * RATE);
        assert!(fastest.fold(0.0, f32::max) < 1.4);
    }

    #[test]
    fn corners_are_rounded_and_lines_are_kept_off() {
        let (a, b, c) = (Spot::new(0.0, 8.0), Spot::new(4.0, 8.0), Spot::new(4.0, 12.0));
        let route = Route::through(&[a, b, c], 1.2);
        let nearest = walk(&route).stances.iter().map(|s| s.spot.distance(b)).fold(9.0, f32::min);
        assert!(nearest > 0.3, "the corner is cut by {nearest} m");
        assert!(route.metres_near(a, b, 0.3) > 2.0);
        assert!(route.metres_near(Spot::new(1.0, 7.0), Spot::new(1.0, 9.0), 0.3) < 0.7);
    }

    #[test]
    fn clearance_is_taken_at_the_same_time_only() {
        let right = walk(&Route::through(&[Spot::new(-4.0, 8.0), Spot::new(4.0, 8.0)], 1.2));
        let left = walk(&Route::through(&[Spot::new(4.0, 9.0), Spot::new(-4.0, 9.0)], 1.2));
        assert!((right.clearance(&left) - 1.0).abs() < 0.01);
        let later = Walk { first: 5000, stances: left.stances };
        assert_eq!(right.clearance(&later), f32::INFINITY);
    }
}
