//! The buildings around the square: the house with the door, the side street, the far end.

use super::painter::{Painter, TO_CAMERA, level, upright};
use crate::simulate::light::Rgb;
use crate::simulate::noise;
use crate::simulate::space::{UP, Vec3};

/// Distance of the house front from the camera, in metres.
pub(in crate::simulate) const FRONT_Z: f32 = 17.0;
/// Middle of the door on the house front.
pub(in crate::simulate) const DOOR_X: f32 = -3.0;
/// Half the width of the door opening.
const DOOR_HALF: f32 = 1.0;
const DOOR_HEIGHT: f32 = 2.55;
/// Where the house ends and the side street begins.
const CORNER_X: f32 = 5.4;
/// The other side of the street.
const OPPOSITE_X: f32 = 9.6;
const FAR_Z: f32 = 46.0;
/// Far enough to be out of any picture.
const WIDE: f32 = 60.0;
const TALL: f32 = 20.0;

const TO_LEFT: Vec3 = Vec3::new(-1.0, 0.0, 0.0);

/// The sky.
pub(super) fn sky(p: &mut Painter<'_>) {
    let bright = p.light.on(UP, 1.0);
    let sky = |r: f32, g: f32, b: f32| Rgb::new(r, g, b).lit(bright) * 0.75;
    let all = upright([-WIDE * 4.0, -20.0, WIDE * 4.0, 80.0], 90.0);
    p.glow(
        &all,
        [Vec3::new(0.0, 20.0, 90.0), Vec3::new(0.0, 2.0, 90.0)],
        [sky(0.55, 0.72, 1.0), sky(0.95, 1.0, 1.08)],
    );
}

/// The end of the street, pale with distance, and the house across it.
pub(super) fn background(p: &mut Painter<'_>, seed: u32) {
    for i in 0..6 {
        let x = 8.0 + 6.0 * i as f32;
        let height = 7.5 + 3.5 * noise::lattice(i, 1, seed);
        let wall = Rgb::hex(0xb9b2a8).lerp(Rgb::hex(0xa9b0b8), noise::lattice(i, 2, seed));
        p.panel([x, 0.0, x + 6.1, height], FAR_Z, wall);
        for floor in 0..3 {
            for w in 0..3 {
                let (left, low) = (x + 0.9 + 1.8 * w as f32, 1.2 + 2.8 * floor as f32);
                p.panel([left, low, left + 0.9, low + 1.5], FAR_Z, Rgb::hex(0x7c858f));
            }
        }
    }
    opposite_house(p, seed);
}

/// The hall behind the door, which the house front leaves open.
pub(super) fn inside(p: &mut Painter<'_>) {
    // Dark, with a little light on the floor.
    let hall = upright([DOOR_X - 3.5, 0.0, DOOR_X + 3.5, 3.2], FRONT_Z + 3.5);
    p.glow(&hall, [hall[3], hall[0]], [Rgb::new(0.012, 0.012, 0.014), Rgb::new(0.05, 0.045, 0.04)]);
    let floor = level([DOOR_X - 3.5, FRONT_Z, DOOR_X + 3.5, FRONT_Z + 3.5], 0.0);
    p.glow(
        &floor,
        [floor[0], floor[3]],
        [Rgb::new(0.16, 0.15, 0.135), Rgb::new(0.04, 0.037, 0.033)],
    );
}

/// The house on the right of the side street: its long wall runs away from the camera.
fn opposite_house(p: &mut Painter<'_>, seed: u32) {
    let wall = [(FRONT_Z, 0.0), (FAR_Z, 0.0), (FAR_Z, 11.0), (FRONT_Z, 11.0)]
        .map(|(z, y)| Vec3::new(OPPOSITE_X, y, z));
    let brick = Rgb::hex(0x8a5a48);
    p.face(&wall, brick * 1.1, TO_LEFT);
    for i in 0..9 {
        let z = FRONT_Z + 1.6 + 3.0 * i as f32;
        for floor in 0..3 {
            let low = 1.0 + 2.9 * floor as f32;
            let pane = [(z, low), (z + 1.2, low), (z + 1.2, low + 1.7), (z, low + 1.7)]
                .map(|(z, y)| Vec3::new(OPPOSITE_X - 0.01, y, z));
            let glass = 0.3 + 0.5 * noise::lattice(i, floor, seed ^ 31);
            p.face(&pane, Rgb::hex(0x4d5a66) * glass, TO_LEFT);
        }
    }
    p.panel([OPPOSITE_X, 0.0, WIDE, TALL], FRONT_Z, brick);
    p.panel([OPPOSITE_X, 0.0, WIDE, 0.7], FRONT_Z, Rgb::hex(0x6d6862));
}

/// The house front with the opening of the door: everything here hides who is behind it.
pub(super) fn front(p: &mut Painter<'_>, seed: u32) {
    let z = FRONT_Z;
    let hole = upright([DOOR_X - DOOR_HALF, -0.02, DOOR_X + DOOR_HALF, DOOR_HEIGHT], z);
    let plaster = Rgb::hex(0xcfc2a8);
    p.face_with_hole(&upright([-WIDE, 0.0, CORNER_X, TALL], z), &hole, plaster, TO_CAMERA);
    stonework(p, seed);
    // Shop windows with what little is seen inside and the sky in the glass.
    for (i, left) in [-9.4, -0.9, 2.0].into_iter().enumerate() {
        shop_window(p, left, if i == 0 { 3.9 } else { 2.5 }, seed + i as u32);
    }
    for i in 0..26 {
        window(p, CORNER_X - 1.9 - 2.35 * i as f32, 4.35, seed + 90 + i);
    }
    // Door frame, canopy with its shadow, lamp.
    let frame = Rgb::hex(0x4b4338);
    for side in [-1.0, 1.0] {
        let x = DOOR_X + side * (DOOR_HALF + 0.06);
        p.panel([x - 0.07, 0.0, x + 0.07, DOOR_HEIGHT + 0.1], z, frame);
    }
    p.panel(
        [DOOR_X - DOOR_HALF - 0.13, DOOR_HEIGHT, DOOR_X + DOOR_HALF + 0.13, DOOR_HEIGHT + 0.14],
        z,
        frame,
    );
    let shadow = upright([DOOR_X - 1.5, DOOR_HEIGHT + 0.05, DOOR_X + 2.0, DOOR_HEIGHT + 0.42], z);
    p.face(&shadow, plaster * (1.0 - 0.45 * p.light.shadows), TO_CAMERA);
    let (low, high) = (DOOR_HEIGHT + 0.25, DOOR_HEIGHT + 0.62);
    let cloth = [(z - 0.9, low), (z, high)]
        .map(|(z, y)| [Vec3::new(DOOR_X - 1.6, y, z), Vec3::new(DOOR_X + 1.6, y, z)]);
    p.face(
        &[cloth[0][0], cloth[0][1], cloth[1][1], cloth[1][0]],
        Rgb::hex(0x24503f),
        Vec3::new(0.0, 0.75, -0.66),
    );
    p.panel([DOOR_X - 1.6, low - 0.16, DOOR_X + 1.6, low], z - 0.9, Rgb::hex(0x1f4638));
}

/// Plinth, courses, string course, stains.
fn stonework(p: &mut Painter<'_>, seed: u32) {
    let z = FRONT_Z;
    let stone = Rgb::hex(0x9a9284);
    let door = [DOOR_X - DOOR_HALF - 0.13, DOOR_X + DOOR_HALF + 0.13];
    for [from, to] in [[-WIDE, door[0]], [door[1], CORNER_X]] {
        p.panel([from, 0.0, to, 0.62], z, stone);
        p.panel([from, 0.60, to, 0.66], z, stone * 1.25);
        p.panel([from, 0.0, to, 0.05], z, stone * 0.45);
    }
    for course in 0..7 {
        let y = 0.95 + 0.42 * course as f32;
        for [from, to] in [[-WIDE, door[0]], [door[1], CORNER_X]] {
            p.bar(Vec3::new(from, y, z), Vec3::new(to, y, z), 0.018, Rgb::hex(0xb0a48c));
        }
    }
    p.panel([-WIDE, 3.42, CORNER_X, 3.70], z, Rgb::hex(0xd9d0bd));
    p.panel([-WIDE, 3.36, CORNER_X, 3.43], z, Rgb::hex(0x8f8571));
    // Drainpipe at the corner and rows of darker plaster below the sills.
    p.column(Vec3::new(CORNER_X - 0.3, 0.0, z - 0.05), 0.06, TALL, Rgb::hex(0x6f7a72));
    for i in 0..40 {
        let x = -30.0 + 36.0 * noise::lattice(i, 7, seed);
        let y = 0.7 + 2.6 * noise::lattice(i, 8, seed);
        let (w, h) =
            (0.2 + 0.5 * noise::lattice(i, 9, seed), 0.3 + 0.6 * noise::lattice(i, 10, seed));
        p.stain(Vec3::new(x, y, z), (w, h * 4.0), Rgb::hex(0x6f6453), 0.12);
    }
}

/// A shop window with frame, a dark inside, shelves, and the sky in its upper part.
fn shop_window(p: &mut Painter<'_>, left: f32, width: f32, seed: u32) {
    let z = FRONT_Z;
    let (right, low, high) = (left + width, 0.75, 2.75);
    p.panel([left - 0.1, low - 0.1, right + 0.1, high + 0.42], z, Rgb::hex(0x2f3336));
    p.panel(
        [left - 0.1, high + 0.06, right + 0.1, high + 0.40],
        z,
        [Rgb::hex(0x6c2f2b), Rgb::hex(0x2f4b66), Rgb::hex(0x6f6431)][seed as usize % 3],
    );
    let pane = upright([left, low, right, high], z);
    let light = p.light.on(UP, 1.0);
    p.glow(
        &pane,
        [pane[3], pane[0]],
        [Rgb::new(0.20, 0.24, 0.29).lit(light), Rgb::new(0.035, 0.035, 0.037).lit(light)],
    );
    for i in 0..7 {
        let x = left + width * (0.06 + 0.125 * i as f32);
        let height = 0.15 + 0.3 * noise::lattice(i, 3, seed);
        let goods =
            Rgb::new(0.14, 0.11, 0.09).lerp(Rgb::new(0.07, 0.10, 0.13), noise::lattice(i, 4, seed));
        p.panel([x, low, x + 0.2, low + height], z, goods);
    }
    let slope = 0.35 * width;
    let gleam = [
        (left + 0.15 * width, high),
        (left + 0.32 * width, high),
        (left + 0.32 * width - slope, low),
        (left + 0.15 * width - slope, low),
    ]
    .map(|(x, y)| Vec3::new(x.clamp(left, right), y, z));
    p.glow(
        &gleam,
        [gleam[0], gleam[3]],
        [Rgb::new(0.30, 0.34, 0.38).lit(light), Rgb::new(0.05, 0.05, 0.052).lit(light)],
    );
    for i in 1..3 {
        let x = left + width * i as f32 / 3.0;
        p.bar(Vec3::new(x, low, z), Vec3::new(x, high, z), 0.05, Rgb::hex(0x2f3336));
    }
}

/// A window of the upper floor with frame, sill, cross bars and curtains.
fn window(p: &mut Painter<'_>, left: f32, low: f32, seed: u32) {
    let z = FRONT_Z;
    let (right, high) = (left + 1.15, low + 1.75);
    p.panel([left - 0.14, low - 0.12, right + 0.14, high + 0.16], z, Rgb::hex(0xe0d8c8));
    let pane = upright([left, low, right, high], z);
    let light = p.light.on(UP, 1.0);
    let glass = 0.10 + 0.16 * noise::lattice(1, 2, seed);
    p.glow(
        &pane,
        [pane[3], pane[0]],
        [Rgb::new(0.9, 1.0, 1.1).lit(light) * glass, Rgb::new(0.05, 0.055, 0.06).lit(light)],
    );
    if noise::lattice(3, 3, seed) > 0.5 {
        p.panel([left, low, left + 0.28, high], z, Rgb::hex(0x98938a));
    }
    p.bar(
        Vec3::new(left + 0.575, low, z),
        Vec3::new(left + 0.575, high, z),
        0.06,
        Rgb::hex(0xd8d2c6),
    );
    p.bar(Vec3::new(left, low + 1.2, z), Vec3::new(right, low + 1.2, z), 0.05, Rgb::hex(0xd8d2c6));
    p.panel([left - 0.2, low - 0.2, right + 0.2, low - 0.1], z, Rgb::hex(0xb5ac9a));
}
