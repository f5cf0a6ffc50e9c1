//! The stage: brings people on it at times and paces at which nobody runs into anybody and every
//! crossing of a line is clear.

use super::backdrop::OBSTACLES;
use super::config::SceneConfig;
use super::figure::{Build, Person};
use super::route::{Route, Start, Walk};
use super::space::{Camera, Spot};
use rand::RngExt;
use rand_pcg::Pcg32;
use schema::geometry::ImagePoint;
use schema::job::line::CountingLine;

/// A person with its walk.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) person: Person,
    pub(super) walk: Walk,
}

/// Seconds in which nobody is there yet.
pub(super) const EMPTY: f32 = 1.5;
/// How near people come to one another, in metres.
const CLEARANCE: f32 = 0.55;
/// Attempts to find a good time and pace; the best one is taken after that.
const TRIES: usize = 40;
/// Somebody of whom less is seen counts as hidden.
const HIDDEN: f32 = 0.02;
/// Seconds between two crossings of a line by the same figure, at least.
const BETWEEN_CROSSINGS: f32 = 1.5;

pub(super) struct Stage<'a> {
    pub(super) config: &'a SceneConfig,
    pub(super) camera: &'a Camera,
    pub(super) lines: &'a [CountingLine],
    pub(super) rng: &'a mut Pcg32,
    pub(super) actors: Vec<Actor>,
}

impl Stage<'_> {
    /// A spot just outside of the picture's left (-1) or right (1) edge.
    pub(super) fn edge(&self, side: f32, z: f32) -> Spot {
        Spot::new(side * (self.camera.half_width(z) + 0.75), z)
    }

    /// Adds people who keep together, starting near `start`, in seconds of a scene of 40 s.
    pub(super) fn enter(&mut self, members: &[(Build, Route)], start: f32) {
        let stretch = self.config.duration as f32 / 40.0;
        let start = EMPTY + (start - EMPTY) * stretch;
        let people: Vec<Person> =
            members.iter().map(|(build, _)| Person::random(self.rng, *build)).collect();
        let mut best: Option<(f32, Vec<Walk>)> = None;
        for _ in 0..TRIES {
            let seconds = (start + self.rng.random_range(-0.6..0.6)).max(EMPTY);
            let pace = self.rng.random_range(0.95..1.06);
            let mut walks = Vec::with_capacity(people.len());
            for (person, (_, route)) in people.iter().zip(members) {
                let route = Route { speed: route.speed * pace, ..route.clone() };
                walks.push(self.walk(person, &route, self.frame_at(seconds)));
            }
            let room = walks.iter().map(|w| self.room(w)).fold(f32::INFINITY, f32::min);
            let good =
                room > CLEARANCE && people.iter().zip(&walks).all(|(p, w)| self.is_clear(p, w));
            if good || best.as_ref().is_none_or(|(most, _)| room > *most) {
                best = Some((room, walks));
            }
            if good {
                break;
            }
        }
        let walks = best.map(|(_, walks)| walks).unwrap_or_default();
        let actors = people.into_iter().zip(walks);
        self.actors.extend(actors.map(|(person, walk)| Actor { person, walk }));
    }

    /// Adds somebody small who is hidden by `other` for a moment when both are about `ratio`
    /// (x over z) from the middle of the picture.
    pub(super) fn enter_behind(&mut self, other: usize, route: &Route, ratio: f32) {
        let person = Person::random(self.rng, Build::Small);
        let mut best: Option<((bool, f32), Walk)> = None;
        for _ in 0..TRIES {
            let ratio = ratio + self.rng.random_range(-0.02..0.02);
            let meets = self.actors[other].walk.first + self.actors[other].walk.reaches(ratio);
            let mut walk = self.walk(&person, route, 0);
            walk.first = meets.saturating_sub(walk.reaches(ratio));
            let clear = self.is_clear(&person, &walk);
            let seen = self.least_seen(&person, &walk, &self.actors[other], meets);
            // A clear one before any that is not, then the one that is hidden best.
            let rank = (!clear, seen);
            if best.as_ref().is_none_or(|(least, _)| rank < *least) {
                best = Some((rank, walk));
            }
            if clear && seen < HIDDEN {
                break;
            }
        }
        self.actors.extend(best.map(|(_, walk)| Actor { person, walk }));
    }

    /// The smallest share of somebody that is seen past somebody nearer, around a frame.
    fn least_seen(&self, person: &Person, walk: &Walk, nearer: &Actor, frame: usize) -> f32 {
        let around = self.frame_at(0.3);
        (frame.saturating_sub(around)..=frame + around)
            .filter_map(|frame| {
                let behind = person.at(walk.at(frame)?, self.camera);
                let before = nearer.person.at(nearer.walk.at(frame)?, self.camera);
                Some(behind.seen_past(&before))
            })
            .fold(1.0, f32::min)
    }

    fn frame_at(&self, seconds: f32) -> usize {
        (f64::from(seconds) * self.config.frame_rate) as usize
    }

    fn walk(&mut self, person: &Person, route: &Route, frame: usize) -> Walk {
        let start = Start {
            frame,
            strides: self.rng.random_range(0.0..1.0),
            restless: self.rng.random_range(0.2..1.0),
        };
        route.walk(person, start, self.config.frame_rate as f32)
    }

    /// Room around a walk in metres, between people and things.
    fn room(&self, walk: &Walk) -> f32 {
        let people =
            self.actors.iter().map(|a| a.walk.clearance(walk)).fold(f32::INFINITY, f32::min);
        let things = OBSTACLES.iter().flat_map(|&(at, radius)| {
            walk.stances.iter().map(move |s| s.spot.distance(at) - radius)
        });
        people.min(things.fold(f32::INFINITY, f32::min))
    }

    /// Whether every crossing is one: the foot point moves to and fro with every step, and must
    /// not do so on a line.
    fn is_clear(&self, person: &Person, walk: &Walk) -> bool {
        let apart = (BETWEEN_CROSSINGS * self.config.frame_rate as f32) as usize;
        self.lines.iter().all(|line| {
            let near = |spot: Spot| {
                let p = self.camera.project(spot.above(0.0));
                let middle = ImagePoint { x: p.x, y: p.y };
                line.line.signed_distance(middle).abs() < 0.4 * p.px_per_m
            };
            let (mut before, mut last): (Option<ImagePoint>, Option<usize>) = (None, None);
            for (i, stance) in walk.stances.iter().enumerate() {
                let foot =
                    near(stance.spot).then(|| person.at(stance, self.camera).extent().0.foot());
                if let (Some(a), Some(b)) = (before, foot)
                    && line.line.is_crossed_by(a, b)
                    && last.replace(i).is_some_and(|last| i - last < apart)
                {
                    return false;
                }
                before = foot;
            }
            true
        })
    }
}
