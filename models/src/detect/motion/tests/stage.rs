//! A small scene drawn by rules, for tests: ground with texture, rectangles, light, noise.

use crate::picture::{Chroma, Frame, Matrix, Plane, Range};
use bytes::Bytes;
use schema::frame::FrameMeta;
use schema::geometry::BBox;
use schema::time::MediaTime;

/// A rectangle of one colour (Y, U, V as coded).
#[derive(Clone, Copy)]
pub(in super::super) struct Thing {
    pub(in super::super) bbox: BBox,
    pub(in super::super) colour: [f32; 3],
}

impl Thing {
    pub(in super::super) fn new(x: f32, y: f32, w: f32, h: f32, colour: [f32; 3]) -> Self {
        Self { bbox: BBox::from_xywh(x, y, w, h), colour }
    }
}

/// What does not move, and how it is filmed.
#[derive(Clone)]
pub(in super::super) struct Stage {
    pub(in super::super) width: u32,
    pub(in super::super) height: u32,
    pub(in super::super) chroma: Chroma,
    pub(in super::super) range: Range,
    pub(in super::super) frame_rate: f64,
    /// Noise of each sample, levels, uniform to both sides.
    pub(in super::super) noise: f32,
    /// Contrast of the ground, levels.
    pub(in super::super) texture: f32,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            width: 320,
            height: 180,
            chroma: Chroma::Yuv420,
            range: Range::Limited,
            frame_rate: 25.0,
            noise: 2.0,
            texture: 24.0,
        }
    }
}

/// How one frame is filmed.
#[derive(Clone, Copy)]
pub(in super::super) struct Shot {
    /// Luma above black and chroma are multiplied by this.
    pub(in super::super) gain: f32,
    /// The camera is moved by so many pixels.
    pub(in super::super) shift: (i32, i32),
    /// Black and white are exchanged.
    pub(in super::super) negative: bool,
}

impl Default for Shot {
    fn default() -> Self {
        Self { gain: 1.0, shift: (0, 0), negative: false }
    }
}

impl Stage {
    /// Luma of the ground, coded: patches of 8 pixels with soft borders, the same anywhere.
    fn ground(&self, x: i32, y: i32) -> f32 {
        let corner = |cx: i32, cy: i32| (hash(cx as u64, cy as u64, 7) & 0xff) as f32 / 255.0 - 0.5;
        let (cx, cy) = (x.div_euclid(8), y.div_euclid(8));
        let (fx, fy) = (x.rem_euclid(8) as f32 / 8.0, y.rem_euclid(8) as f32 / 8.0);
        let upper = corner(cx, cy) * (1.0 - fx) + corner(cx + 1, cy) * fx;
        let lower = corner(cx, cy + 1) * (1.0 - fx) + corner(cx + 1, cy + 1) * fx;
        110.0 + self.texture * 2.0 * (upper * (1.0 - fy) + lower * fy)
    }

    /// Frame `index`, with `things` on the ground, the last on top.
    pub(in super::super) fn film(&self, index: u64, things: &[Thing], shot: Shot) -> Frame {
        let black = if self.range == Range::Limited { 16.0 } else { 0.0 };
        let planes = [0, 1, 2].map(|plane| {
            let (shift_x, shift_y) = if plane == 0 { (0, 0) } else { self.chroma.shift() };
            let (w, h) = match plane {
                0 => (self.width, self.height),
                _ => self.chroma.plane_size(self.width, self.height),
            };
            let zero = if plane == 0 { black } else { 128.0 };
            let mut bytes = Vec::with_capacity((w * h) as usize);
            for y in 0..h {
                for x in 0..w {
                    let wx = ((x << shift_x) as i32) + shot.shift.0;
                    let wy = ((y << shift_y) as i32) + shot.shift.1;
                    let inside = |t: &&Thing| {
                        let (px, py) = (wx as f32 + 0.5, wy as f32 + 0.5);
                        (t.bbox.x1..t.bbox.x2).contains(&px) && (t.bbox.y1..t.bbox.y2).contains(&py)
                    };
                    let ground = if plane == 0 { self.ground(wx, wy) } else { 128.0 };
                    let seen = things.iter().rev().find(inside).map_or(ground, |t| t.colour[plane]);
                    let lit = zero + (seen - zero) * shot.gain;
                    let lit = if shot.negative { 255.0 - lit } else { lit };
                    bytes.push((lit + self.grain(index, plane, x, y)).round() as u8);
                }
            }
            Plane { bytes: Bytes::from(bytes), stride: w as usize }
        });
        let meta = FrameMeta {
            frame_index: index,
            media_time_us: MediaTime::from_seconds(index as f64 / self.frame_rate),
            wall_time_us: None,
            width: self.width,
            height: self.height,
        };
        Frame::new(meta, planes, self.chroma, self.range, Matrix::Bt601).expect("a whole frame")
    }

    /// Noise of one sample.
    fn grain(&self, index: u64, plane: usize, x: u32, y: u32) -> f32 {
        let h = hash(index * 3 + plane as u64, u64::from(x) << 32 | u64::from(y), 11);
        self.noise * ((h & 0xffff) as f32 / 32767.5 - 1.0)
    }
}

/// Mixes two numbers (splitmix64).
fn hash(a: u64, b: u64, salt: u64) -> u64 {
    let mut z = a
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(b.wrapping_mul(0xbf58_476d_1ce4_e5b9))
        .wrapping_add(salt);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
