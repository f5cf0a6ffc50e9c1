//! Dresses people: picks a body, clothes and things to carry, and builds their parts.

use super::loft::{Knot, Shape};
use super::person::{Part, Person};
use super::pose::{Bone, Carriage, Frame};
use super::surface::{Cloth, Face, Front, Pattern, Surface};
use crate::simulate::light::Rgb;
use rand::{Rng, RngExt};

/// What the script asks of a person's looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulate) enum Build {
    /// Anybody grown up.
    Adult,
    /// Tall and in a long coat: hides who walks behind.
    Broad,
    /// Small and slim: disappears behind others.
    Small,
}

const SKINS: [u32; 7] = [0xe3b796, 0xd9a684, 0xc98e68, 0xa9714b, 0x8a5837, 0x6b4329, 0xecc4a8];
const HAIRS: [u32; 8] =
    [0x1c1714, 0x2b201a, 0x3d2a1e, 0x57392a, 0x8a6238, 0x6d6a68, 0x120f0e, 0x9d9690];
const TOPS: [u32; 18] = [
    0x23283a, 0x1b1c20, 0x4a4e57, 0x6d2129, 0x2f4a3a, 0x8d8f94, 0xc9c3b8, 0x39557d, 0x9a7b4f,
    0x7c2f3f, 0x55603e, 0xe4e2dc, 0x2a5d6e, 0xa8482f, 0x5d4a6b, 0xb59a3d, 0x33373d, 0x86a0b5,
];
const LEGS: [u32; 9] =
    [0x20242f, 0x2d3a55, 0x17181b, 0x3d4148, 0x5b5348, 0x8a7b62, 0x394b6b, 0x2b2622, 0x6a6f77];
const SHOES: [u32; 6] = [0x17161a, 0x33261d, 0xd8d6d2, 0x5a4331, 0x2d3038, 0x9b9ea4];
const BAGS: [u32; 6] = [0x1e1f24, 0x4b3524, 0x6c2b2a, 0x2b3f52, 0x7a6a50, 0x394038];

/// Measures and colours that several parts share.
struct Outfit {
    h: f32,
    /// Girth: 1 is average.
    girth: f32,
    hips: f32,
    skin: Rgb,
    top: Cloth,
    below: Cloth,
    front: Front,
    hem: f32,
    neckline: f32,
    /// Where sleeves end: 0 at the shoulder, 1 at the elbow, 2 at the wrist.
    sleeves: f32,
    /// How thick the clothes are, of the height.
    loose: f32,
    skirt: Option<(Cloth, f32)>,
    bare_legs: bool,
    shoes: (Rgb, Rgb),
    hair: Hair,
    face: Face,
}

/// How hair is worn, or what is worn over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hair {
    Short,
    Long,
    Bun,
    Tail,
    Cap(u32),
    Beanie(u32),
}

/// What is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Luggage {
    None,
    Backpack,
    ShoulderBag,
    /// In the right hand.
    Bag,
}

impl Luggage {
    fn random<R: Rng>(rng: &mut R, build: Build) -> Self {
        match rng.random_range(0..10) {
            _ if build == Build::Small => Self::None,
            0 | 1 => Self::Backpack,
            2 | 3 => Self::ShoulderBag,
            4 => Self::Bag,
            _ => Self::None,
        }
    }
}

fn pick<T: Copy, R: Rng>(rng: &mut R, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

impl Person {
    /// Somebody of the build that is asked for.
    pub(in crate::simulate) fn random<R: Rng>(rng: &mut R, build: Build) -> Self {
        let height = match build {
            Build::Adult => rng.random_range(1.60..1.88),
            Build::Broad => rng.random_range(1.86..1.94),
            Build::Small => rng.random_range(1.36..1.46),
        };
        let outfit = Outfit::random(rng, build, height);
        let carries = Luggage::random(rng, build);
        let arms = carriage(rng, build, carries);
        let frame = Frame {
            height,
            head: if build == Build::Small { 1.0 / 6.8 } else { 1.0 / 7.4 },
            shoulders: 0.104 * (0.6 + 0.4 * outfit.girth),
            arms,
            lean: rng.random_range(0.01..0.06),
        };
        let mut parts = outfit.body(&frame);
        outfit.head(&frame, &mut parts);
        luggage(rng, &frame, carries, &mut parts);
        Self { frame, parts }
    }
}

/// What the arms do; someone small keeps them close.
fn carriage<R: Rng>(rng: &mut R, build: Build, carries: Luggage) -> [Carriage; 2] {
    if build == Build::Small {
        return [Carriage::Pocket; 2];
    }
    let one = |rng: &mut R| match rng.random_range(0..10) {
        0..6 => Carriage::Swing,
        6..8 => Carriage::Pocket,
        _ => Carriage::Hold,
    };
    let left = one(rng);
    let right = match carries {
        Luggage::Bag => Carriage::Hang,
        _ if left == Carriage::Hold => Carriage::Swing,
        _ => one(rng),
    };
    [left, right]
}

impl Outfit {
    fn random<R: Rng>(rng: &mut R, build: Build, h: f32) -> Self {
        let cloth = |rng: &mut R, colors: &[u32], pattern| {
            let folds = rng.random_range(0.6..1.1);
            let shade = rng.random_range(0.85..1.2);
            let second = pick(rng, &TOPS);
            Cloth {
                color: Rgb::hex(pick(rng, colors)) * shade,
                second: Rgb::hex(second),
                pattern,
                folds,
                seed: rng.random(),
            }
        };
        let coat = build == Build::Broad;
        let style = if coat { 4 } else { rng.random_range(0..9) };
        let pattern = match (style, rng.random_range(0..10)) {
            (0..3, 0..2) => Pattern::Stripes,
            (0..3, 2..4) => Pattern::Print,
            (1, 4..8) => Pattern::Checks,
            (3, 0..3) => Pattern::Block,
            _ => Pattern::Plain,
        };
        let top = cloth(rng, &TOPS, pattern);
        let jeans = if rng.random_bool(0.4) { Pattern::Faded } else { Pattern::Plain };
        let mut below = cloth(rng, &LEGS, jeans);
        below.second = below.color * 1.7;
        let under = cloth(rng, &[0xe8e6e1, 0xb9bcc4, 0x31343c, 0x7d8da3], Pattern::Plain);
        let front = match style {
            3 => Front::Zip,
            4 | 5 => Front::Open(under),
            _ => Front::Closed,
        };
        // Styles: 0 T-shirt, 1 shirt, 2 jumper, 3 jacket, 4 coat, 5 open jacket, 6 dress, 7 skirt, 8 hoodie.
        let skirt = match style {
            4 => Some((top, 1.0)),
            6 => Some((top, rng.random_range(0.72..0.95))),
            7 => Some((below, rng.random_range(0.7..1.0))),
            _ => None,
        };
        let skin = Rgb::hex(pick(rng, &SKINS));
        let hair = hair(rng, build);
        let face = face(rng, skin, hair);
        let shoe = Rgb::hex(pick(rng, &SHOES));
        let sole = if rng.random_bool(0.4) { Rgb::hex(0xd9d7d0) } else { shoe * 0.6 };
        Self {
            h,
            girth: if build == Build::Small {
                0.86
            } else if coat {
                1.12
            } else {
                rng.random_range(0.92..1.14)
            },
            hips: rng.random_range(0.94..1.08),
            skin,
            top,
            below,
            front,
            hem: if style == 1 || style == 7 { 0.72 } else { rng.random_range(0.78..0.92) },
            neckline: if matches!(style, 0 | 6) { 0.10 } else { 0.05 },
            sleeves: match style {
                0 | 6 => rng.random_range(0.6..0.85),
                1 => pick(rng, &[1.0, 1.95, 1.95]),
                _ => 2.0,
            },
            loose: match style {
                0 | 6 => 0.001,
                1 | 7 => 0.003,
                _ => 0.008,
            },
            skirt,
            bare_legs: matches!(style, 6 | 7) && rng.random_bool(0.6),
            shoes: (shoe, sole),
            hair,
            face,
        }
    }

    fn shape(&self, knots: &[Knot], caps: [f32; 2], extra: f32) -> Shape {
        let fit = |v: f32| (v * self.girth + extra) * self.h;
        let knots = knots.iter().map(|k| [k[0], fit(k[1]), fit(k[2])]).collect();
        Shape { knots, caps: caps.map(|c| c * self.h) }
    }

    /// Trunk, arms, legs, feet.
    fn body(&self, frame: &Frame) -> Vec<Part> {
        let mut parts = Vec::with_capacity(28);
        let trunk = Surface::Trunk {
            top: self.top,
            front: self.front,
            hem: if self.skirt.is_some() && !matches!(self.front, Front::Open(_)) {
                0.6
            } else {
                self.hem
            },
            below: self.skirt.map_or(self.below, |(cloth, _)| cloth),
            skin: self.skin,
            neckline: self.neckline,
        };
        let w = frame.shoulders / 0.104;
        let hip = self.hips;
        let knots = [
            [0.0, 0.040, 0.040],
            [0.035, 0.058 * w, 0.046],
            [0.075, 0.085 * w, 0.053],
            [0.12, 0.101 * w, 0.060],
            [0.20, 0.106 * w, 0.067],
            [0.34, 0.098 * w, 0.071],
            [0.56, 0.084, 0.064],
            [0.72, 0.090 * hip, 0.069],
            [0.86, 0.097 * hip, 0.073],
            [1.0, 0.086 * hip, 0.062],
        ];
        parts.push(Part::whole(Bone::Trunk, self.shape(&knots, [0.004, 0.03], self.loose), trunk));
        let neck = self.shape(&[[0.0, 0.031, 0.034], [1.0, 0.037, 0.036]], [0.0, 0.01], 0.0);
        parts.push(Part::whole(Bone::Neck, neck, Surface::Skin(self.skin * 0.92)));
        if self.sleeves > 1.5 {
            let collar = [[0.0, 0.040, 0.043], [1.0, 0.052, 0.050]];
            let shape = self.shape(&collar, [0.0, 0.01], 0.0);
            parts.push(Part {
                bone: Bone::Neck,
                from: [0.0, -0.004 * self.h, 0.45],
                to: [0.0, -0.006 * self.h, 1.0],
                shape,
                surface: Surface::Cloth(self.top),
            });
        }
        for side in 0..2 {
            self.limbs(side, &mut parts);
        }
        if let Some((cloth, length)) = self.skirt {
            let wide = if cloth.seed & 1 == 0 { 0.118 } else { 0.132 };
            let knots = [[0.0, 0.086, 0.066], [0.35, 0.101 * hip, 0.076], [1.0, wide, 0.085]];
            let shape = self.shape(&knots, [0.004, 0.006], self.loose);
            parts.push(Part {
                bone: Bone::Skirt,
                from: [0.0; 3],
                to: [0.0, 0.0, length],
                shape,
                surface: Surface::Cloth(cloth),
            });
        }
        parts
    }

    /// One arm and one leg.
    fn limbs(&self, side: usize, parts: &mut Vec<Part>) {
        let mut add = |bone, shape, surface| parts.push(Part::whole(bone, shape, surface));
        let sleeve = |hem: f32| Surface::Limb { cloth: self.top, hem, skin: self.skin };
        let loose = if self.sleeves > 1.5 { self.loose * 0.7 } else { 0.0 };
        let upper = [[0.0, 0.027, 0.034], [0.25, 0.029, 0.033], [1.0, 0.024, 0.026]];
        add(
            Bone::UpperArm(side),
            self.shape(&upper, [0.026, 0.024], loose),
            sleeve(self.sleeves.min(1.2)),
        );
        let fore = [[0.0, 0.024, 0.026], [0.3, 0.025, 0.026], [1.0, 0.016, 0.018]];
        add(
            Bone::Forearm(side),
            self.shape(&fore, [0.024, 0.006], loose),
            sleeve(self.sleeves - 1.0),
        );
        let hand = [[0.0, 0.014, 0.013], [0.45, 0.022, 0.014], [0.85, 0.018, 0.011]];
        add(Bone::Hand(side), self.shape(&hand, [0.006, 0.010], 0.0), Surface::Skin(self.skin));
        let (leg, ease) = if self.bare_legs {
            (Surface::Skin(self.skin), 0.0)
        } else {
            (Surface::Cloth(self.below), 0.004)
        };
        let hip = self.hips;
        let thigh = [[0.0, 0.052 * hip, 0.060 * hip], [0.4, 0.049, 0.053], [1.0, 0.035, 0.037]];
        add(Bone::Thigh(side), self.shape(&thigh, [0.045, 0.034], ease), leg);
        let shin = if self.bare_legs {
            [[0.0, 0.033, 0.035], [0.28, 0.032, 0.036], [1.0, 0.018, 0.021]]
        } else {
            [[0.0, 0.034, 0.036], [0.28, 0.033, 0.037], [1.0, 0.029, 0.033]]
        };
        add(Bone::Shin(side), self.shape(&shin, [0.034, 0.012], ease), leg);
        let foot =
            [[0.0, 0.019, 0.025], [0.3, 0.023, 0.027], [0.62, 0.026, 0.019], [1.0, 0.022, 0.012]];
        add(
            Bone::Foot(side),
            self.shape(&foot, [0.018, 0.020], 0.0),
            Surface::Shoe { upper: self.shoes.0, sole: self.shoes.1 },
        );
    }

    /// Head, ears, nose, hair.
    fn head(&self, frame: &Frame, parts: &mut Vec<Part>) {
        let size = frame.head * self.h;
        let mut add = |from: [f32; 3], to: [f32; 3], knots: &[Knot], caps: [f32; 2], surface| {
            let part = |p: [f32; 3]| [p[0] * size, p[1] * size, p[2]];
            let knots = knots.iter().map(|k| [k[0], k[1] * size, k[2] * size]).collect();
            let shape = Shape { knots, caps: caps.map(|c| c * size) };
            parts.push(Part { bone: Bone::Head, from: part(from), to: part(to), shape, surface });
        };
        let volume = if matches!(self.hair, Hair::Short | Hair::Long) { 1.03 } else { 0.99 };
        let skull: Vec<Knot> = (0..=10)
            .map(|i| {
                let t = i as f32 / 10.0;
                let upper = (1.0 - ((0.45 - t) / 0.45).powi(2)).max(0.0).sqrt() * volume;
                let lower =
                    1.0 - 0.55 * ((t - 0.45) / 0.55).powi(2) - 0.12 * ((t - 0.45) / 0.55).powi(6);
                let girth = if t < 0.45 { upper } else { lower };
                [t, 0.335 * girth, 0.425 * girth.powf(0.8)]
            })
            .collect();
        add([0.0; 3], [0.0, 0.0, 1.0], &skull, [0.0, 0.05], Surface::Head(self.face));
        let skin = Surface::Skin(self.skin * 0.95);
        add(
            [0.0, 0.40, 0.50],
            [0.0, 0.455, 0.66],
            &[[0.0, 0.03, 0.03], [1.0, 0.06, 0.05]],
            [0.03, 0.04],
            skin,
        );
        if self.hair != Hair::Long {
            for side in [-1.0, 1.0] {
                add(
                    [side * 0.335, -0.02, 0.48],
                    [side * 0.33, 0.0, 0.64],
                    &[[0.0, 0.035, 0.07], [1.0, 0.03, 0.04]],
                    [0.05, 0.05],
                    skin,
                );
            }
        }
        let strands = Surface::Hair(self.face.hair, self.face.seed);
        match self.hair {
            Hair::Short => {}
            Hair::Long => add(
                [0.0, -0.10, 0.10],
                [0.0, -0.17, 1.40],
                &[[0.0, 0.24, 0.25], [0.3, 0.385, 0.33], [0.8, 0.40, 0.27], [1.0, 0.33, 0.2]],
                [0.08, 0.06],
                strands,
            ),
            Hair::Bun => add(
                [0.0, -0.36, 0.10],
                [0.0, -0.46, 0.30],
                &[[0.0, 0.16, 0.16], [1.0, 0.16, 0.16]],
                [0.12, 0.12],
                strands,
            ),
            Hair::Tail => add(
                [0.0, -0.40, 0.22],
                [0.0, -0.52, 1.15],
                &[[0.0, 0.10, 0.1], [0.4, 0.13, 0.12], [1.0, 0.06, 0.05]],
                [0.06, 0.05],
                strands,
            ),
            Hair::Cap(color) | Hair::Beanie(color) => {
                let cloth = Cloth {
                    color: Rgb::hex(color),
                    second: Rgb::hex(color),
                    pattern: Pattern::Plain,
                    folds: 0.4,
                    seed: self.face.seed,
                };
                let crown = [[0.0, 0.16, 0.2], [0.3, 0.30, 0.37], [1.0, 0.365, 0.455]];
                add(
                    [0.0, 0.0, -0.02],
                    [0.0, 0.0, 0.30],
                    &crown,
                    [0.03, 0.015],
                    Surface::Cloth(cloth),
                );
                if matches!(self.hair, Hair::Cap(_)) {
                    add(
                        [0.0, 0.36, 0.29],
                        [0.0, 0.66, 0.33],
                        &[[0.0, 0.27, 0.03], [1.0, 0.2, 0.02]],
                        [0.02, 0.06],
                        Surface::Cloth(cloth),
                    );
                }
            }
        }
    }
}

fn hair<R: Rng>(rng: &mut R, build: Build) -> Hair {
    match rng.random_range(0..12) {
        _ if build == Build::Small => Hair::Short,
        0..5 => Hair::Short,
        5..7 => Hair::Long,
        7 => Hair::Bun,
        8 => Hair::Tail,
        9 | 10 => Hair::Cap(pick(rng, &BAGS)),
        _ => Hair::Beanie(pick(rng, &TOPS)),
    }
}

fn face<R: Rng>(rng: &mut R, skin: Rgb, hair: Hair) -> Face {
    let hair_line = if hair == Hair::Short { rng.random_range(0.15..0.75) } else { 0.8 };
    Face {
        skin,
        hair: Rgb::hex(pick(rng, &HAIRS)),
        hair_line,
        beard: hair == Hair::Short && rng.random_bool(0.35),
        glasses: rng.random_bool(0.25),
        seed: rng.random(),
    }
}

/// Bags of some.
fn luggage<R: Rng>(rng: &mut R, frame: &Frame, carries: Luggage, parts: &mut Vec<Part>) {
    let h = frame.height;
    let color = Rgb::hex(pick(rng, &BAGS));
    let leather = Surface::Leather(color, rng.random());
    let strap = Surface::Leather(color * 0.8, 3);
    let mut add = |bone, from: [f32; 3], to: [f32; 3], knots: &[Knot], cap: f32, surface| {
        let part = |p: [f32; 3]| [p[0] * h, p[1] * h, p[2]];
        let knots = knots.iter().map(|k| [k[0], k[1] * h, k[2] * h]).collect();
        let shape = Shape { knots, caps: [cap * h; 2] };
        parts.push(Part { bone, from: part(from), to: part(to), shape, surface });
    };
    match carries {
        Luggage::Backpack => {
            let pack = [
                [0.0, 0.066, 0.040],
                [0.3, 0.080, 0.052],
                [0.9, 0.086, 0.060],
                [1.0, 0.082, 0.055],
            ];
            add(Bone::Trunk, [0.0, -0.105, 0.09], [0.0, -0.115, 0.62], &pack, 0.02, leather);
            for side in [-1.0, 1.0] {
                add(
                    Bone::Trunk,
                    [side * 0.062, 0.045, 0.05],
                    [side * 0.068, 0.074, 0.42],
                    &[[0.0, 0.012, 0.010], [1.0, 0.011, 0.008]],
                    0.004,
                    strap,
                );
            }
        }
        Luggage::ShoulderBag => {
            add(
                Bone::Trunk,
                [0.128, 0.0, 0.78],
                [0.135, 0.0, 1.06],
                &[[0.0, 0.022, 0.070], [1.0, 0.030, 0.078]],
                0.008,
                leather,
            );
            add(
                Bone::Trunk,
                [-0.05, 0.055, 0.05],
                [0.112, 0.058, 0.80],
                &[[0.0, 0.010, 0.008], [1.0, 0.010, 0.008]],
                0.0,
                strap,
            );
        }
        Luggage::Bag => add(
            Bone::Hand(1),
            [0.0, 0.0, 0.9],
            [0.0, 0.0, 3.3],
            &[[0.0, 0.060, 0.022], [0.15, 0.085, 0.034], [1.0, 0.088, 0.040]],
            0.006,
            leather,
        ),
        Luggage::None => {}
    }
    for side in (0..2).filter(|&s| frame.arms[s] == Carriage::Hold) {
        let phone = Surface::Shoe { upper: Rgb::hex(0x101114), sole: Rgb::hex(0x101114) };
        add(
            Bone::Hand(side),
            [0.0, 0.012, 0.55],
            [0.0, 0.02, 1.25],
            &[[0.0, 0.020, 0.006], [1.0, 0.020, 0.006]],
            0.002,
            phone,
        );
    }
}
