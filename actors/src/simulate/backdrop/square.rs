//! The ground of the square: paving, drain, dirt.

use super::painter::{Painter, level};
use super::street::FRONT_Z;
use crate::simulate::light::Rgb;
use crate::simulate::noise;
use crate::simulate::space::{UP, Vec3};

/// Side of a paving slab in metres.
const SLAB: f32 = 0.75;
/// Nearest ground that a picture shows.
const NEAR_Z: f32 = 4.0;

/// Asphalt of the side street, then the slabs with their joints, each with a tone of its own.
pub(super) fn ground(p: &mut Painter<'_>, width_m: f32, seed: u32) {
    p.face(&level([-200.0, NEAR_Z, 200.0, 90.0], 0.0), Rgb::hex(0x83817d), UP);
    p.face(&level([-200.0, NEAR_Z - 1.0, 200.0, FRONT_Z + 0.4], 0.0), Rgb::hex(0x7d776c), UP);
    let rows = ((FRONT_Z - NEAR_Z) / SLAB).ceil() as i32;
    let half = (width_m / SLAB).ceil() as i32 + 1;
    let joint = 0.014;
    for row in 0..rows {
        let z = FRONT_Z - SLAB * (row + 1) as f32;
        if z < NEAR_Z - SLAB {
            break;
        }
        let shift = if row % 2 == 0 { 0.0 } else { 0.5 * SLAB };
        for column in -half..half {
            let x = column as f32 * SLAB + shift;
            let tone = noise::lattice(column, row, seed);
            let band = row % 8 == 5 || (column + row / 16) % 9 == 4;
            let base = if band { Rgb::hex(0x8d857a) } else { Rgb::hex(0xb3aa9b) };
            let warm = base.lerp(Rgb::hex(0xa89c8c), noise::lattice(row, column, seed ^ 5));
            let slab = level([x + joint, z + joint, x + SLAB - joint, z + SLAB - joint], 0.0);
            p.face(&slab, warm * (0.88 + 0.22 * tone), UP);
        }
    }
    details(p, seed);
}

/// A drain channel, manhole covers, old stains, leaves.
fn details(p: &mut Painter<'_>, seed: u32) {
    p.face(&level([-200.0, 14.62, 200.0, 14.80], 0.0), Rgb::hex(0x57534d), UP);
    for i in -60..60 {
        let x = 0.4 * i as f32;
        p.face(&level([x, 14.66, x + 0.33, 14.76], 0.0), Rgb::hex(0x3a3733), UP);
    }
    for (x, z) in [(-1.9, 11.9), (3.6, 8.6)] {
        p.stain(Vec3::new(x, 0.0, z), (0.5, 0.5), Rgb::hex(0x2c2a28), 0.25);
        let ring: Vec<Vec3> = (0..20)
            .map(|i| (i as f32 * 0.314).sin_cos())
            .map(|(sin, cos)| Vec3::new(x + 0.34 * cos, 0.0, z + 0.34 * sin))
            .collect();
        p.face(&ring, Rgb::hex(0x6a655e), UP);
    }
    for i in 0..46 {
        let at = |n: i32| noise::lattice(i, n, seed ^ 77);
        let place = Vec3::new(-11.0 + 22.0 * at(0), 0.0, 5.5 + 11.0 * at(1));
        let dark = at(4) > 0.3;
        let tint = if dark { Rgb::hex(0x3b362f) } else { Rgb::hex(0xe0d8c8) };
        p.stain(
            place,
            (0.15 + 1.1 * at(2), 0.15 + 0.9 * at(3)),
            tint,
            if dark { 0.20 } else { 0.12 },
        );
    }
    for i in 0..150 {
        let at = |n: i32| noise::lattice(i, n, seed ^ 1234);
        let place = Vec3::new(-10.0 + 20.0 * at(0), 0.004, 6.0 + 10.9 * at(1).powf(0.6));
        let leaf = Rgb::hex(0x8a6a2f).lerp(Rgb::hex(0x5c6a2e), at(2));
        p.blob(place, (0.03 + 0.02 * at(3), 0.010), leaf, UP);
    }
}
