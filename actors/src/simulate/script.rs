//! Who walks where, and when: the events that every scene has, and passers-by.
//!
//! The events are fixed in kind: full occlusions, a stop, a group, one who crosses a line twice,
//! one who walks along it, one who never crosses. Chance varies people, times and paces. Times
//! are those of a scene of 40 s and are stretched to its length, the empty start excepted.

use super::backdrop::DOOR_X;
use super::config::SceneConfig;
use super::figure::Build;
use super::route::Route;
use super::space::{Camera, Spot};
use super::stage::{Actor, Stage};
use rand::RngExt;
use rand_pcg::Pcg32;
use schema::geometry::{ImagePoint, Line};
use schema::job::line::{CountingLine, LineDirection};

/// The two lines of every scene, as points on the ground: the first one is drawn from left to
/// right in the picture, the second one upwards.
const LINES: [(&str, &str, Spot, Spot); 2] = [
    ("square", "Across the square", Spot::new(-4.6, 9.6), Spot::new(0.2, 9.6)),
    ("passage", "Passage to the street", Spot::new(1.5, 6.75), Spot::new(3.2, 13.6)),
];

/// The lines in pixels, rounded to whole ones.
pub(super) fn lines(camera: &Camera) -> Vec<CountingLine> {
    let pixel = |spot: Spot| {
        let p = camera.project(spot.above(0.0));
        ImagePoint { x: p.x.round(), y: p.y.round() }
    };
    let line = |&(id, name, p1, p2): &(&str, &str, Spot, Spot)| CountingLine {
        id: id.to_owned(),
        name: name.to_owned(),
        line: Line { p1: pixel(p1), p2: pixel(p2) },
        direction: LineDirection::Both,
    };
    LINES.iter().map(line).collect()
}

/// Everybody in the scene.
pub(super) fn cast(
    config: &SceneConfig,
    camera: &Camera,
    lines: &[CountingLine],
    rng: &mut Pcg32,
) -> Vec<Actor> {
    let mut stage = Stage { config, camera, lines, rng, actors: Vec::new() };
    stage.occlusions();
    stage.stop();
    stage.group();
    stage.crossers();
    while stage.actors.len() < config.figures {
        stage.passer_by();
    }
    stage.actors
}

/// Behind the house front, where nobody is seen any more.
const IN_THE_HALL: Spot = Spot::new(DOOR_X - 1.8, 18.6);

impl Stage<'_> {
    /// Two pairs in which the nearer one hides the other: met head-on, and overtaken slowly.
    fn occlusions(&mut self) {
        let (left, right) = (self.edge(-1.0, 7.6), self.edge(1.0, 7.6));
        self.enter(&[(Build::Broad, Route::through(&[left, right], 1.15))], 4.8);
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
                    Spot::new(-1.0, 8.7),
                    Spot::new(-1.6, 11.0),
                    Spot::new(-2.8, 14.4),
                    Spot::new(DOOR_X, 17.6),
                    IN_THE_HALL,
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
                    IN_THE_HALL,
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
                    IN_THE_HALL,
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
            IN_THE_HALL,
        ];
        self.enter(&[(Build::Adult, Route::through(&along_the_front, 1.3))], 3.0);
        let diagonal = [
            self.edge(1.0, 8.0),
            Spot::new(2.2, 8.2),
            Spot::new(-0.8, 8.3),
            Spot::new(-1.9, 10.9),
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
        let build = if self.rng.random_bool(0.12) { Build::Small } else { Build::Adult };
        let mut route = self.passage();
        // Who walks on a line crosses it with every step: no count of that means anything.
        while LINES.iter().any(|&(.., a, b)| route.metres_near(a, b, 0.3) > 1.0) {
            route = self.passage();
        }
        self.enter(&[(build, route)], start);
    }

    /// Some way through the scene.
    fn passage(&mut self) -> Route {
        let side = if self.rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let (near, far) = (self.rng.random_range(6.9..15.0), self.rng.random_range(6.9..15.0));
        let mut way = vec![self.edge(side, near)];
        if self.rng.random_bool(0.45) {
            way.push(Spot::new(0.5 * (DOOR_X + way[0].x), 0.5 * (15.0 + near)));
            way.extend([Spot::new(DOOR_X, 15.7), Spot::new(DOOR_X, 17.7), IN_THE_HALL]);
            if self.rng.random_bool(0.5) {
                way.reverse();
            }
        } else {
            let far = near + (far - near).clamp(-3.5, 3.5);
            way.extend([Spot::new(0.0, 0.5 * (near + far)), self.edge(-side, far)]);
        }
        Route::through(&way, self.rng.random_range(1.05..1.5))
    }
}
