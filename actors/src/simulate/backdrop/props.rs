//! What stands on the square: trees, an advertising column, a lamp post, a bench, planters.

use super::painter::{Painter, TO_CAMERA, level, upright};
use crate::simulate::light::{Rgb, TO_SUN};
use crate::simulate::noise;
use crate::simulate::space::{Spot, UP, Vec3};

/// A thing on the square.
#[derive(Debug, Clone, Copy)]
pub(super) enum Prop {
    Tree,
    Column,
    Lamp,
    Bench,
    Planter,
    Bin,
}

/// Everything that stands on the square, the farthest first.
pub(super) const PROPS: [(Prop, Spot); 10] = [
    (Prop::Tree, Spot::new(8.3, 30.0)),
    (Prop::Tree, Spot::new(6.6, 24.0)),
    (Prop::Bench, Spot::new(3.4, 16.35)),
    (Prop::Planter, Spot::new(-4.75, 16.4)),
    (Prop::Planter, Spot::new(-1.35, 16.4)),
    (Prop::Bin, Spot::new(4.9, 16.3)),
    (Prop::Tree, Spot::new(-8.4, 15.9)),
    (Prop::Tree, Spot::new(7.6, 15.2)),
    (Prop::Lamp, Spot::new(0.75, 16.5)),
    (Prop::Column, Spot::new(5.3, 13.2)),
];

/// What walkers keep clear of: where it stands and its radius in metres.
pub(in crate::simulate) const OBSTACLES: [(Spot, f32); 7] = [
    (Spot::new(5.3, 13.2), 0.6),
    (Spot::new(-8.4, 15.9), 0.1),
    (Spot::new(7.6, 15.2), 0.0),
    (Spot::new(0.75, 16.5), 0.1),
    (Spot::new(3.4, 16.3), 0.5),
    (Spot::new(-4.75, 16.4), 0.0),
    (Spot::new(-1.35, 16.4), 0.0),
];

impl Prop {
    /// The thing itself.
    pub(super) fn draw(self, p: &mut Painter<'_>, at: Spot, seed: u32) {
        match self {
            Self::Tree => tree(p, at, seed),
            Self::Column => column(p, at),
            Self::Lamp => lamp(p, at),
            Self::Bench => bench(p, at),
            Self::Planter => planter(p, at, seed),
            Self::Bin => p.column(at.above(0.0), 0.22, 0.85, Rgb::hex(0x4a5250)),
        }
    }

    /// Its shadow on the ground.
    pub(super) fn shade(self, p: &mut Painter<'_>, at: Spot, seed: u32) {
        // Where the shadow of a point `height` above the thing's foot lies.
        let cast = |height: f32, dx: f32| {
            let far = height / TO_SUN.y;
            Vec3::new(at.x + dx - TO_SUN.x * far, 0.0, at.z - TO_SUN.z * far)
        };
        let mut trail = |radius: f32, height: f32, strength: f32| {
            let steps = (height / 0.12).ceil() as i32;
            for i in 0..steps {
                p.shade(cast(height * i as f32 / steps as f32, 0.0), (radius, radius), strength);
            }
        };
        match self {
            Self::Tree => {
                trail(0.2, 2.4, 0.22);
                for i in 0..60 {
                    let r = |n: i32| noise::lattice(i, n, seed ^ 9);
                    let spot = cast(2.8 + 1.8 * r(0), -1.5 + 3.0 * r(1));
                    p.shade(spot, (0.25 + 0.35 * r(2), 0.2 + 0.35 * r(3)), 0.16);
                }
            }
            Self::Column => trail(0.75, 2.7, 0.16),
            Self::Lamp => trail(0.12, 4.0, 0.2),
            Self::Bench => p.shade(cast(0.3, 0.0), (1.1, 0.35), 0.55),
            Self::Planter => p.shade(cast(0.4, 0.0), (0.65, 0.5), 0.5),
            Self::Bin => trail(0.28, 0.85, 0.25),
        }
        p.stain(at.above(0.0), (0.5, 0.35), Rgb::default(), 0.35);
    }
}

/// Trunk, boughs, and leaves in clumps: dark ones first, lit ones on the side of the sun.
fn tree(p: &mut Painter<'_>, at: Spot, seed: u32) {
    let bark = Rgb::hex(0x574a3c);
    p.column(at.above(0.0), 0.14, 3.4, bark);
    for (x, y) in [(-0.9, 4.0), (0.8, 4.2), (0.1, 4.6)] {
        p.bar(at.above(2.3), Vec3::new(at.x + x, y, at.z), 0.09, bark);
    }
    let clumps = 900;
    for i in 0..clumps {
        let r = |n: i32| noise::lattice(i, n, seed);
        let turn = r(0) * std::f32::consts::TAU;
        let reach = r(1).sqrt();
        // Clumps gather around a few boughs.
        let bough = noise::value(turn * 1.3, reach * 3.0, seed ^ 3);
        let (x, y) = (1.75 * reach * turn.cos(), 1.55 * reach * turn.sin());
        if bough < 0.28 {
            continue;
        }
        let lit = 0.5
            + 0.35 * (-0.55 * x / 1.75 + 0.75 * y / 1.55)
            + 0.4 * (i as f32 / clumps as f32 - 0.5);
        let green =
            Rgb::hex(0x27361c).lerp(Rgb::hex(0x7d9347), (lit + 0.5 * (r(2) - 0.5)).clamp(0.0, 1.0));
        let place = Vec3::new(at.x + x, 4.15 + y, at.z - 0.4);
        p.blob(
            place,
            (0.06 + 0.10 * r(3), 0.05 + 0.07 * r(4)),
            green,
            Vec3::new(-0.3, 0.85, -0.43),
        );
    }
}

/// A round advertising column with posters.
fn column(p: &mut Painter<'_>, at: Spot) {
    let (radius, z) = (0.62, at.z);
    p.column(at.above(0.0), radius, 0.35, Rgb::hex(0x5d5850));
    p.column(at.above(0.35), radius - 0.03, 2.25, Rgb::hex(0xc4beb0));
    for (x1, y1, x2, y2, color) in [
        (-0.95, 0.5, -0.45, 1.5, 0x9c4a36),
        (-0.40, 0.45, 0.30, 1.45, 0x3f6a7c),
        (0.36, 0.6, 0.92, 1.6, 0xb39a3e),
        (-0.85, 1.6, -0.1, 2.45, 0x56704a),
        (0.0, 1.55, 0.65, 2.45, 0x8b8fa0),
    ] {
        // Across a cylinder equal angles shrink towards its sides.
        let across = |a: f32| at.x + (radius - 0.03) * (a * 1.25).sin();
        p.panel([across(x1), y1, across(x2), y2], z, Rgb::hex(color));
        p.panel(
            [across(x1 + 0.08), y2 - 0.35, across(x2 - 0.08), y2 - 0.12],
            z,
            Rgb::hex(0xd9d4c8),
        );
    }
    p.column(at.above(2.6), radius + 0.06, 0.16, Rgb::hex(0x4d5a50));
    p.column(at.above(2.76), radius * 0.7, 0.14, Rgb::hex(0x4d5a50));
}

/// A lamp post.
fn lamp(p: &mut Painter<'_>, at: Spot) {
    let iron = Rgb::hex(0x2f3532);
    p.column(at.above(0.0), 0.12, 0.5, iron);
    p.column(at.above(0.5), 0.055, 3.6, iron);
    p.column(at.above(4.1), 0.16, 0.45, Rgb::hex(0xb9b8ad));
    p.column(at.above(4.55), 0.20, 0.10, iron);
}

/// A bench of wooden slats on iron feet.
fn bench(p: &mut Painter<'_>, at: Spot) {
    let (wood, iron) = (Rgb::hex(0x8a6238), Rgb::hex(0x2c2e30));
    for x in [at.x - 0.75, at.x + 0.75] {
        p.panel([x - 0.04, 0.0, x + 0.04, 0.85], at.z, iron);
    }
    for i in 0..3 {
        let y = 0.52 + 0.13 * i as f32;
        p.panel([at.x - 0.9, y, at.x + 0.9, y + 0.09], at.z + 0.15, wood * 0.9);
    }
    p.face(&level([at.x - 0.9, at.z - 0.3, at.x + 0.9, at.z + 0.15], 0.45), wood * 1.1, UP);
    p.face(&upright([at.x - 0.9, 0.39, at.x + 0.9, 0.45], at.z - 0.3), wood, TO_CAMERA);
}

/// A box of stone with a shrub.
fn planter(p: &mut Painter<'_>, at: Spot, seed: u32) {
    p.panel([at.x - 0.42, 0.0, at.x + 0.42, 0.5], at.z, Rgb::hex(0x7c7468));
    p.panel([at.x - 0.45, 0.44, at.x + 0.45, 0.52], at.z, Rgb::hex(0x9a9284));
    for i in 0..260 {
        let r = |n: i32| noise::lattice(i, n, seed ^ 55);
        let (turn, reach) = (r(0) * std::f32::consts::TAU, r(1).sqrt());
        let place =
            Vec3::new(at.x + 0.44 * reach * turn.cos(), 0.82 + 0.36 * reach * turn.sin(), at.z);
        let lit = (0.45 + 0.4 * reach * turn.sin() + 0.4 * (r(2) - 0.5)).clamp(0.0, 1.0);
        p.blob(
            place,
            (0.035 + 0.04 * r(3), 0.03 + 0.03 * r(4)),
            Rgb::hex(0x22331c).lerp(Rgb::hex(0x6f8a45), lit),
            Vec3::new(-0.3, 0.85, -0.43),
        );
    }
}
