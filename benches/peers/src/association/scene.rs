//! Generated scenes, and what a detector would say of them. The same numbers always give the same
//! scene; knows nothing of trackers.

use std::io::{self, Write};

/// Size of the picture of a crowd in pixels; 500 figures cover about a third of it.
const WIDTH: f32 = 3840.0;
const HEIGHT: f32 = 2160.0;

/// What every tracker gets, in the form in which a decoder of detections has it.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Left, top, width, height in pixels.
    pub xywh: [f32; 4],
    /// 0.1 to 1.
    pub score: f32,
}

/// How hard it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The scene of similari's own benchmark: boxes a thousand pixels apart that tremble a little
    /// and are always seen.
    Apart,
    /// Figures that walk through one another, are missed, and are taken for sure or not.
    Crowd,
}

/// A sequence of detections.
#[derive(Debug)]
pub struct Scene {
    /// What kind of scene it is.
    pub kind: Kind,
    /// How many objects there are in it.
    pub objects: usize,
    /// The detections of each frame.
    pub frames: Vec<Vec<Row>>,
}

fn apart(mut random: Random, objects: usize, frames: usize) -> Vec<Vec<Row>> {
    let mut boxes: Vec<[f32; 4]> =
        (0..objects).map(|i| [1000.0 * i as f32, 1000.0 * i as f32, 50.0, 50.0]).collect();
    let mut frame = || {
        let mut row = |xywh: &mut [f32; 4]| {
            for (value, drift) in xywh.iter_mut().zip([1.0, 1.0, 0.001, 0.001]) {
                *value += random.between(-drift, drift);
            }
            Row { xywh: *xywh, score: 1.0 }
        };
        boxes.iter_mut().map(&mut row).collect()
    };
    (0..frames).map(|_| frame()).collect()
}

/// Of 20 times that a figure is there, it is missed once, and twice the detector is unsure; one
/// detection in 50 is of nothing.
fn crowd(mut random: Random, objects: usize, frames: usize) -> Vec<Vec<Row>> {
    let mut figures: Vec<Figure> = (0..objects).map(|_| random.figure()).collect();
    let mut frame = || {
        let mut rows: Vec<Row> = figures.iter().filter_map(|f| random.seen(f)).collect();
        for _ in 0..objects {
            if random.below(0.02) {
                let (nothing, score) = (random.figure(), random.between(0.1, 0.5));
                rows.push(random.row(&nothing, score));
            }
        }
        figures.iter_mut().for_each(Figure::walk);
        // Detectors give the surest first.
        rows.sort_by(|a, b| b.score.total_cmp(&a.score));
        rows
    };
    (0..frames).map(|_| frame()).collect()
}

struct Figure {
    x: f32,
    y: f32,
    height: f32,
    velocity: [f32; 2],
}

impl Scene {
    /// Makes up `frames` frames with `objects` objects.
    pub fn generate(kind: Kind, objects: usize, frames: usize) -> Self {
        let random = Random(objects as u64);
        let frames = match kind {
            Kind::Apart => apart(random, objects, frames),
            Kind::Crowd => crowd(random, objects, frames),
        };
        Self { kind, objects, frames }
    }

    /// Name of the scene, also of its file.
    pub fn name(&self) -> String {
        format!("{}-{}", format!("{:?}", self.kind).to_lowercase(), self.objects)
    }

    /// Writes the scene as a MOTChallenge `det.txt`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for (frame, rows) in self.frames.iter().enumerate() {
            for Row { xywh: [x, y, w, h], score } in rows {
                writeln!(out, "{},-1,{x},{y},{w},{h},{score}", frame + 1)?;
            }
        }
        Ok(())
    }
}

impl Figure {
    fn walk(&mut self) {
        let [dx, dy] = &mut self.velocity;
        self.x += *dx;
        self.y += *dy;
        if !(0.0..WIDTH).contains(&self.x) {
            *dx = -*dx;
        }
        if !(0.0..HEIGHT).contains(&self.y) {
            *dy = -*dy;
        }
    }
}

/// SplitMix64 (Steele et al. 2014).
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / 16_777_216.0
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    fn below(&mut self, part: f32) -> bool {
        self.unit() < part
    }

    fn figure(&mut self) -> Figure {
        let height = self.between(60.0, 200.0);
        Figure {
            x: self.between(0.0, WIDTH),
            y: self.between(0.0, HEIGHT),
            height,
            velocity: [self.between(-0.02, 0.02) * height, self.between(-0.008, 0.008) * height],
        }
    }

    fn seen(&mut self, figure: &Figure) -> Option<Row> {
        if self.below(0.05) {
            return None;
        }
        let score =
            if self.below(0.1) { self.between(0.15, 0.58) } else { self.between(0.72, 0.98) };
        Some(self.row(figure, score))
    }

    fn row(&mut self, figure: &Figure, score: f32) -> Row {
        let mut jitter = || self.between(-0.02, 0.02) * figure.height;
        let (width, height) = (0.4 * figure.height + jitter(), figure.height + jitter());
        let (x, y) = (figure.x + jitter() - width / 2.0, figure.y + jitter() - height / 2.0);
        Row { xywh: [x, y, width, height], score }
    }
}
