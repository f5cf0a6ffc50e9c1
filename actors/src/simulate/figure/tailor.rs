//! Builds the parts of a person: body, clothes, hair, luggage.
//!
//! Measures are parts of the body height, on the head parts of the head's length; they follow
//! the proportions of a figure of seven and a half heads.

use super::loft::{Knot, Shape};
use super::person::Part;
use super::pose::{Bone, Carriage, Frame};
use super::surface::{Cloth, Pattern, Surface};
use super::wardrobe::{Hair, Luggage, Outfit};
use crate::simulate::light::Rgb;

/// All parts of a person.
pub(super) fn parts(outfit: &Outfit, frame: &Frame) -> Vec<Part> {
    let mut cut = Cut { unit: frame.height, girth: outfit.girth, parts: Vec::with_capacity(32) };
    trunk(&mut cut, outfit, frame);
    for side in 0..2 {
        arm(&mut cut, outfit, side);
        leg(&mut cut, outfit, side);
    }
    skirt(&mut cut, outfit);
    cut.girth = 1.0;
    luggage(&mut cut, outfit);
    phone(&mut cut, frame);
    cut.unit = frame.height * frame.head;
    head(&mut cut, outfit);
    hair(&mut cut, outfit);
    cut.parts
}

/// Takes measures and makes parts of them.
struct Cut {
    /// Metres of one measure.
    unit: f32,
    /// By how much what is cut is wider than its measures.
    girth: f32,
    parts: Vec<Part>,
}

impl Cut {
    /// A part along its whole bone; `extra` is the thickness of what is worn over it.
    fn limb(&mut self, bone: Bone, knots: &[Knot], caps: [f32; 2], extra: f32, surface: Surface) {
        let fit = |v: f32| (v * self.girth + extra) * self.unit;
        let knots = knots.iter().map(|k| [k[0], fit(k[1]), fit(k[2])]).collect();
        let shape = Shape { knots, caps: caps.map(|c| c * self.unit) };
        self.parts.push(Part { bone, from: [0.0; 3], to: [0.0, 0.0, 1.0], shape, surface });
    }

    /// Moves the ends of the part that was made last: `[across, ahead, t]` on its bone.
    fn between(&mut self, from: [f32; 3], to: [f32; 3]) {
        let place = |p: [f32; 3]| [p[0] * self.unit, p[1] * self.unit, p[2]];
        if let Some(part) = self.parts.last_mut() {
            (part.from, part.to) = (place(from), place(to));
        }
    }
}

fn trunk(cut: &mut Cut, outfit: &Outfit, frame: &Frame) {
    let below = outfit.skirt.map(|(cloth, _)| cloth).or(outfit.trousers).unwrap_or(outfit.top);
    let surface = Surface::Trunk {
        top: outfit.top,
        front: outfit.front,
        hem: outfit.hem,
        below,
        skin: outfit.skin,
        neckline: outfit.neckline,
    };
    let (wide, hip) = (frame.shoulders / 0.104, outfit.hips);
    let knots = [
        [0.0, 0.040, 0.040],
        [0.035, 0.058 * wide, 0.046],
        [0.075, 0.085 * wide, 0.053],
        [0.12, 0.101 * wide, 0.060],
        [0.20, 0.106 * wide, 0.067],
        [0.34, 0.098 * wide, 0.071],
        [0.56, 0.084, 0.064],
        [0.72, 0.090 * hip, 0.069],
        [0.86, 0.097 * hip, 0.073],
        [1.0, 0.086 * hip, 0.062],
    ];
    cut.limb(Bone::Trunk, &knots, [0.004, 0.03], outfit.loose, surface);
    let neck = [[0.0, 0.031, 0.034], [1.0, 0.037, 0.036]];
    cut.limb(Bone::Neck, &neck, [0.0, 0.01], 0.0, Surface::Skin(outfit.skin * 0.92));
    if outfit.neckline == 0.0 {
        let collar = [[0.0, 0.040, 0.043], [1.0, 0.052, 0.050]];
        cut.limb(Bone::Neck, &collar, [0.0, 0.01], 0.0, Surface::Cloth(outfit.top));
        cut.between([0.0, -0.004, 0.45], [0.0, -0.006, 1.0]);
    }
}

fn arm(cut: &mut Cut, outfit: &Outfit, side: usize) {
    let sleeve = |hem: f32| Surface::Limb { cloth: outfit.top, hem, skin: outfit.skin };
    let loose = if outfit.sleeves > 1.5 { outfit.loose * 0.7 } else { 0.0 };
    let upper = [[0.0, 0.027, 0.034], [0.25, 0.029, 0.033], [1.0, 0.024, 0.026]];
    let upper_hem = if outfit.sleeves < 1.0 { outfit.sleeves } else { 2.0 };
    cut.limb(Bone::UpperArm(side), &upper, [0.026, 0.024], loose, sleeve(upper_hem));
    let fore = [[0.0, 0.024, 0.026], [0.3, 0.025, 0.026], [1.0, 0.016, 0.018]];
    cut.limb(Bone::Forearm(side), &fore, [0.024, 0.006], loose, sleeve(outfit.sleeves - 1.0));
    let hand = [[0.0, 0.014, 0.013], [0.45, 0.022, 0.014], [0.85, 0.018, 0.011]];
    cut.limb(Bone::Hand(side), &hand, [0.006, 0.010], 0.0, Surface::Skin(outfit.skin));
}

fn leg(cut: &mut Cut, outfit: &Outfit, side: usize) {
    let hip = outfit.hips;
    let thigh = [[0.0, 0.052 * hip, 0.056 * hip], [0.4, 0.049, 0.053], [1.0, 0.035, 0.037]];
    let (surface, ease, ankle) = match outfit.trousers {
        Some(cloth) => (Surface::Cloth(cloth), 0.004, [1.0, 0.029, 0.033]),
        None => (Surface::Skin(outfit.skin), 0.0, [1.0, 0.018, 0.021]),
    };
    let shin = [[0.0, 0.034, 0.036], [0.28, 0.033, 0.037], ankle];
    cut.limb(Bone::Thigh(side), &thigh, [0.045, 0.034], ease, surface);
    cut.limb(Bone::Shin(side), &shin, [0.034, 0.012], ease, surface);
    let foot =
        [[0.0, 0.019, 0.025], [0.3, 0.023, 0.027], [0.62, 0.026, 0.019], [1.0, 0.022, 0.012]];
    let shoe = Surface::Shoe { upper: outfit.shoes.0, sole: outfit.shoes.1 };
    cut.limb(Bone::Foot(side), &foot, [0.018, 0.020], 0.0, shoe);
}

fn skirt(cut: &mut Cut, outfit: &Outfit) {
    let Some((cloth, length)) = outfit.skirt else { return };
    let wide = if cloth.seed & 1 == 0 { 0.118 } else { 0.132 };
    let knots = [[0.0, 0.087, 0.070], [0.35, 0.102 * outfit.hips, 0.084], [1.0, wide, 0.088]];
    cut.limb(Bone::Skirt, &knots, [0.004, 0.006], outfit.loose, Surface::Cloth(cloth));
    cut.between([0.0; 3], [0.0, 0.0, length]);
}

/// Skull and face, nose, ears.
fn head(cut: &mut Cut, outfit: &Outfit) {
    let volume = if matches!(outfit.hair, Hair::Short | Hair::Long) { 1.03 } else { 0.99 };
    let skull = |i: u8| {
        let t = f32::from(i) / 10.0;
        let (up, down) = ((0.45 - t) / 0.45, (t - 0.45) / 0.55);
        let girth = if t < 0.45 {
            volume * (1.0 - up * up).max(0.0).sqrt()
        } else {
            1.0 - 0.55 * down.powi(2) - 0.12 * down.powi(6)
        };
        [t, 0.335 * girth, 0.425 * girth.powf(0.8)]
    };
    let knots: Vec<Knot> = (0..=10).map(skull).collect();
    cut.limb(Bone::Head, &knots, [0.0, 0.05], 0.0, Surface::Head(outfit.face));
    let skin = Surface::Skin(outfit.skin * 0.95);
    cut.limb(Bone::Head, &[[0.0, 0.03, 0.03], [1.0, 0.06, 0.05]], [0.03, 0.04], 0.0, skin);
    cut.between([0.0, 0.40, 0.50], [0.0, 0.455, 0.66]);
    for side in [-1.0, 1.0] {
        let ear = [[0.0, 0.035, 0.07], [1.0, 0.03, 0.04]];
        cut.limb(Bone::Head, &ear, [0.05, 0.05], 0.0, skin);
        cut.between([side * 0.335, -0.02, 0.48], [side * 0.33, 0.0, 0.64]);
    }
}

/// Hair beyond the skull, or a hat.
fn hair(cut: &mut Cut, outfit: &Outfit) {
    let strands = Surface::Hair(outfit.face.hair, outfit.face.seed);
    match outfit.hair {
        Hair::Short => {}
        Hair::Long => {
            let fall = [[0.0, 0.24, 0.25], [0.3, 0.385, 0.33], [0.8, 0.40, 0.27], [1.0, 0.33, 0.2]];
            cut.limb(Bone::Head, &fall, [0.08, 0.06], 0.0, strands);
            cut.between([0.0, -0.10, 0.10], [0.0, -0.17, 1.40]);
        }
        Hair::Bun => {
            cut.limb(Bone::Head, &[[0.0, 0.16, 0.16]], [0.12, 0.12], 0.0, strands);
            cut.between([0.0, -0.36, 0.10], [0.0, -0.46, 0.30]);
        }
        Hair::Tail => {
            let tail = [[0.0, 0.10, 0.10], [0.4, 0.13, 0.12], [1.0, 0.06, 0.05]];
            cut.limb(Bone::Head, &tail, [0.06, 0.05], 0.0, strands);
            cut.between([0.0, -0.40, 0.22], [0.0, -0.52, 1.15]);
        }
        Hair::Cap(color) => {
            hat(cut, outfit, color);
            let brim = [[0.0, 0.27, 0.03], [1.0, 0.20, 0.02]];
            cut.limb(Bone::Head, &brim, [0.02, 0.06], 0.0, Surface::Cloth(felt(outfit, color)));
            cut.between([0.0, 0.36, 0.29], [0.0, 0.66, 0.33]);
        }
        Hair::Beanie(color) => hat(cut, outfit, color),
    }
}

fn hat(cut: &mut Cut, outfit: &Outfit, color: u32) {
    let crown = [[0.0, 0.16, 0.20], [0.3, 0.30, 0.37], [1.0, 0.365, 0.455]];
    cut.limb(Bone::Head, &crown, [0.03, 0.015], 0.0, Surface::Cloth(felt(outfit, color)));
    cut.between([0.0, 0.0, -0.02], [0.0, 0.0, 0.30]);
}

fn felt(outfit: &Outfit, color: u32) -> Cloth {
    let color = Rgb::hex(color);
    Cloth { color, second: color, pattern: Pattern::Plain, folds: 0.4, seed: outfit.face.seed }
}

fn luggage(cut: &mut Cut, outfit: &Outfit) {
    let leather = Surface::Leather(outfit.leather, outfit.face.seed);
    let strap = Surface::Leather(outfit.leather * 0.8, outfit.face.seed);
    match outfit.luggage {
        Luggage::None => {}
        Luggage::Backpack => {
            let pack = [
                [0.0, 0.066, 0.040],
                [0.3, 0.080, 0.052],
                [0.9, 0.086, 0.060],
                [1.0, 0.082, 0.055],
            ];
            cut.limb(Bone::Trunk, &pack, [0.02, 0.02], 0.0, leather);
            cut.between([0.0, -0.105, 0.09], [0.0, -0.115, 0.62]);
            for side in [-1.0, 1.0] {
                let band = [[0.0, 0.012, 0.010], [1.0, 0.011, 0.008]];
                cut.limb(Bone::Trunk, &band, [0.004, 0.004], 0.0, strap);
                cut.between([side * 0.062, 0.045, 0.05], [side * 0.068, 0.074, 0.42]);
            }
        }
        Luggage::ShoulderBag => {
            cut.limb(
                Bone::Trunk,
                &[[0.0, 0.022, 0.070], [1.0, 0.030, 0.078]],
                [0.008; 2],
                0.0,
                leather,
            );
            cut.between([0.128, 0.0, 0.78], [0.135, 0.0, 1.06]);
            cut.limb(Bone::Trunk, &[[0.0, 0.010, 0.008]], [0.0; 2], 0.0, strap);
            cut.between([-0.05, 0.055, 0.05], [0.112, 0.058, 0.80]);
        }
        Luggage::Bag => {
            let bag = [[0.0, 0.060, 0.022], [0.15, 0.085, 0.034], [1.0, 0.088, 0.040]];
            cut.limb(Bone::Hand(1), &bag, [0.006; 2], 0.0, leather);
            cut.between([0.0, 0.0, 0.9], [0.0, 0.0, 3.3]);
        }
    }
}

/// What is held in a raised hand.
fn phone(cut: &mut Cut, frame: &Frame) {
    for side in (0..2).filter(|&side| frame.arms[side] == Carriage::Hold) {
        let black = Rgb::hex(0x10_11_14);
        let surface = Surface::Shoe { upper: black, sole: black };
        cut.limb(Bone::Hand(side), &[[0.0, 0.020, 0.006]], [0.002; 2], 0.0, surface);
        cut.between([0.0, 0.012, 0.55], [0.0, 0.02, 1.25]);
    }
}
