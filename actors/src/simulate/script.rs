//! Who walks where, and when: the events that every scene has, and passers-by.
//!
//! The events are fixed in kind: full occlusions, a stop, a group, one who crosses a line twice,
//! one who walks along it, one who never crosses. Chance varies people, times and paces. Times
//! are those of a scene of 40 s and are stretched to its length.

use super::backdrop::{DOOR_X, OBSTACLES};
use super::config::SceneConfig;
use super::figure::{Build, Person};
use super::route::{Route, Walk};
use super::space::{Camera, Spot};
use super::truth::SceneLine;
use rand::RngExt;
use rand_pcg::Pcg32;

/// A person with its walk.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) person: Person,
    pub(super) walk: Walk,
}

/// The two lines of every scene, as points on the ground: the first one is drawn from left to
/// right in the picture, the second one upwards.
const LINES: [(&str, &str, Spot, Spot); 2] = [
    ("square", "Across the square", Spot::new(-4.6, 9.6), Spot::new(0.2, 9.6)),
    ("passage", "Passage to the street", Spot::new(1.5, 6.75), Spot::new(3.2, 13.6)),
];

/// The lines in pixels, rounded to whole ones.
pub(super) fn lines(camera: &Camera) -> Vec<SceneLine> {
    let pixel = |spot: Spot| {
        let p = camera.project(spot.above(0.0));
        schema::geometry::ImagePoint { x: p.x.round(), y: p.y.round() }
    };
    let line = |&(id, name, p1, p2): &(&str, &str, Spot, Spot)| SceneLine {
        id: id.to_owned(),
        name: name.to_owned(),
        line: schema::geometry::Line { p1: pixel(p1), p2: pixel(p2) },
    };
    LINES.iter().map(line).collect()
}

/// Everybody in the scene.
pub(super) fn cast(config: &SceneConfig, camera: &Camera, rng: &mut Pcg32) -> Vec<Actor> {
    let mut stage = Stage { config, camera, rng, actors: Vec::new() };
    stage.occlusions();
    stage.stop();
    stage.group();
    stage.crossers();
    while stage.actors.len() < config.figures {
        stage.passer_by();
    }
    stage.actors
}

/// How near people come to one another, in metres.
const CLEARANCE: f32 = 0.55;
/// Tries to find a time and pace at which nobody is run into.
const TRIES: usize = 40;

struct Stage<'a> {
    config: &'a SceneConfig,
    camera: &'a Camera,
    rng: &'a mut Pcg32,
    actors: Vec<Actor>,
}

impl Stage<'_> {
    /// A spot just outside of the picture's left (-1) or right (1) edge.
    fn edge(&self, side: f32, z: f32) -> Spot {
        Spot::new(side * (self.camera.half_width(z) + 0.75), z)
    }

    fn frame_at(&self, seconds: f32) -> usize {
        (f64::from(seconds.max(1.2)) * self.config.frame_rate) as usize
    }

    fn walk(&mut self, person: &Person, route: &Route, first: usize) -> Walk {
        let restless = self.rng.random_range(0.2..1.0);
        route.walk(person, first, self.config.frame_rate as f32, restless)
    }

    /// Room around a walk, between people and things.
    fn room(&self, walk: &Walk) -> f32 {
        let people =
            self.actors.iter().map(|a| a.walk.clearance(walk)).fold(f32::INFINITY, f32::min);
        let things = OBSTACLES.iter().flat_map(|&(at, radius)| {
            walk.stances.iter().map(move |s| s.spot.distance(at) - radius)
        });
        people.min(things.fold(f32::INFINITY, f32::min))
    }

    /// Adds people who keep together, starting near `start` (seconds of a scene of 40 s), at a
    /// time and pace at which they run into nobody.
    fn enter(&mut self, members: &[(Build, Route)], start: f32) {
        let stretch = self.config.duration as f32 / 40.0;
        let people: Vec<Person> =
            members.iter().map(|(build, _)| Person::random(self.rng, *build)).collect();
        let mut best: Option<(f32, Vec<Walk>)> = None;
        for _ in 0..TRIES {
            let seconds = start * stretch + self.rng.random_range(-0.6..0.6);
            let first = self.frame_at(seconds);
            let pace = self.rng.random_range(0.95..1.06);
            let walks: Vec<Walk> = people
                .iter()
                .zip(members)
                .map(|(person, (_, route))| {
                    let route = Route { speed: route.speed * pace, ..route.clone() };
                    self.walk(person, &route, first)
                })
                .collect();
            let room = walks.iter().map(|w| self.room(w)).fold(f32::INFINITY, f32::min);
            if best.as_ref().is_none_or(|(most, _)| room > *most) {
                best = Some((room, walks));
            }
            if room > CLEARANCE {
                break;
            }
        }
        let walks = best.map(|(_, walks)| walks).unwrap_or_default();
        self.actors
            .extend(people.into_iter().zip(walks).map(|(person, walk)| Actor { person, walk }));
    }

    /// Adds somebody small who is in line with `other` and the camera when both are `ratio`
    /// (x over z) from the middle of the picture.
    fn enter_behind(&mut self, other: usize, route: &Route, ratio: f32) {
        let person = Person::random(self.rng, Build::Small);
        let reach = |walk: &Walk| {
            let past = |i: usize| walk.stances[i].spot.x / walk.stances[i].spot.z > ratio;
            (1..walk.stances.len()).find(|&i| past(i) != past(i - 1)).unwrap_or(0)
        };
        let meets = self.actors[other].walk.first + reach(&self.actors[other].walk);
        let mut walk = self.walk(&person, route, 0);
        walk.first = meets.saturating_sub(reach(&walk));
        self.actors.push(Actor { person, walk });
    }

    /// Two pairs in which the nearer one hides the other: met head-on, and overtaken slowly.
    fn occlusions(&mut self) {
        let (left, right) = (self.edge(-1.0, 7.6), self.edge(1.0, 7.6));
        self.enter(&[(Build::Broad, Route::through(&[left, right], 1.2))], 2.0);
        let (from, to) = (self.edge(1.0, 8.15), self.edge(-1.0, 8.15));
        self.enter_behind(0, &Route::through(&[from, to], 1.15), -0.12);

        let (from, to) = (self.edge(1.0, 10.4), self.edge(-1.0, 10.4));
        self.enter(&[(Build::Broad, Route::through(&[from, to], 1.30))], 9.5);
        let (from, to) = (self.edge(1.0, 10.95), self.edge(-1.0, 10.95));
        self.enter_behind(2, &Route::through(&[from, to], 1.02), 0.05);
    }

    /// One who stops for six and a half seconds beside the passage, then goes to the door.
    fn stop(&mut self) {
        let there = Spot::new(1.45, 9.0);
        let route = Route {
            legs: vec![
                vec![self.edge(1.0, 12.2), Spot::new(4.4, 11.3), there],
                vec![
                    there,
                    Spot::new(-0.7, 9.2),
                    Spot::new(-1.4, 10.6),
                    Spot::new(-2.8, 14.4),
                    Spot::new(DOOR_X, 17.6),
                    Spot::new(DOOR_X - 1.8, 18.6),
                ],
            ],
            waits: vec![6.5],
            speed: 1.25,
        };
        self.enter(&[(Build::Adult, route)], 4.0);
    }

    /// Three who enter and stay together; they go across the square and out by the passage.
    fn group(&mut self) {
        let way = [
            self.edge(-1.0, 12.0),
            Spot::new(-4.4, 11.7),
            Spot::new(-2.3, 9.5),
            Spot::new(0.2, 7.7),
            self.edge(1.0, 7.5),
        ];
        let lead = Route::through(&way, 1.15);
        let members = [
            (Build::Adult, lead.shifted(-0.1, -0.45)),
            (Build::Adult, lead.shifted(-0.55, 0.1)),
            (Build::Small, lead.shifted(0.1, 0.55)),
        ];
        self.enter(&members, 7.0);
    }

    /// Those for whom the lines are: twice across each, once diagonally, and past the end.
    fn crossers(&mut self) {
        let wait = Spot::new(-2.4, 8.3);
        let twice = Route {
            legs: vec![
                vec![
                    Spot::new(DOOR_X - 1.8, 18.6),
                    Spot::new(DOOR_X, 17.7),
                    Spot::new(DOOR_X, 15.8),
                    Spot::new(-2.6, 12.0),
                    wait,
                ],
                vec![
                    wait,
                    Spot::new(-3.4, 11.5),
                    Spot::new(DOOR_X, 15.8),
                    Spot::new(DOOR_X, 17.7),
                    Spot::new(DOOR_X - 1.8, 18.6),
                ],
            ],
            waits: vec![2.2],
            speed: 1.3,
        };
        self.enter(&[(Build::Adult, twice)], 12.0);
        let along_the_front = [
            self.edge(1.0, 14.3),
            Spot::new(6.2, 14.7),
            Spot::new(3.0, 15.3),
            Spot::new(-2.0, 15.5),
            Spot::new(DOOR_X, 17.5),
            Spot::new(DOOR_X - 1.8, 18.6),
        ];
        self.enter(&[(Build::Adult, Route::through(&along_the_front, 1.3))], 3.0);
        let diagonal = [
            self.edge(1.0, 8.2),
            Spot::new(2.2, 8.5),
            Spot::new(-0.9, 9.6),
            Spot::new(-3.5, 11.6),
            self.edge(-1.0, 12.9),
        ];
        self.enter(&[(Build::Adult, Route::through(&diagonal, 1.35))], 20.0);
        let turn = Spot::new(0.9, 11.9);
        let back = Route {
            legs: vec![vec![self.edge(1.0, 11.7), turn], vec![turn, self.edge(1.0, 12.3)]],
            waits: vec![1.8],
            speed: 1.3,
        };
        self.enter(&[(Build::Adult, back)], 17.0);
    }

    /// Somebody who crosses the scene, from edge to edge or through the door.
    fn passer_by(&mut self) {
        let last = 40.0 - 7.0 * 40.0 / self.config.duration as f32;
        let start = self.rng.random_range(2.0..last);
        let side = if self.rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let (near, far) = (self.rng.random_range(6.9..15.0), self.rng.random_range(6.9..15.0));
        let speed = self.rng.random_range(1.05..1.5);
        let door =
            [Spot::new(DOOR_X, 15.7), Spot::new(DOOR_X, 17.7), Spot::new(DOOR_X - 1.8, 18.6)];
        let mut way = vec![self.edge(side, near)];
        if self.rng.random_bool(0.3) {
            way.push(Spot::new(0.5 * (DOOR_X + way[0].x), 0.5 * (15.0 + near)));
            way.extend(door);
            if self.rng.random_bool(0.5) {
                way.reverse();
            }
        } else {
            let far = near + (far - near).clamp(-3.5, 3.5);
            way.extend([Spot::new(0.0, 0.5 * (near + far)), self.edge(-side, far)]);
        }
        let build = if self.rng.random_bool(0.12) { Build::Small } else { Build::Adult };
        self.enter(&[(build, Route::through(&way, speed))], start);
    }
}
