//! A private 4:2:0 copy of a frame, and laying colour onto it.

use super::mask::{Mask, Rect};
use super::palette::{Colour, Ink};
use bytes::Bytes;
use models::picture::{Chroma, Frame, Matrix, Plane, Range};
use schema::Result;

/// Planes that may be drawn on. Rows are dense.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    range: Range,
    matrix: Matrix,
    luma: Vec<u8>,
    /// U and V.
    chroma: [Vec<u8>; 2],
}

impl Canvas {
    /// A copy of the frame's planes; chroma of 4:2:2 and 4:4:4 is averaged.
    pub(super) fn copy_of(frame: &Frame) -> Self {
        let (width, height) = frame.plane_size(0);
        let mut luma = Vec::with_capacity(width * height);
        for y in 0..height {
            luma.extend_from_slice(frame.row(0, y));
        }
        let chroma = [1, 2].map(|plane| subsampled(frame, plane));
        Self { width, height, range: frame.range(), matrix: frame.matrix(), luma, chroma }
    }

    /// The finished frame, with what is known of `original`.
    pub(super) fn into_frame(self, original: &Frame) -> Result<Frame> {
        let chroma_width = self.width.div_ceil(2);
        let plane = |bytes: Vec<u8>, stride| Plane { bytes: Bytes::from(bytes), stride };
        let [u, v] = self.chroma;
        let planes = [plane(self.luma, self.width), plane(u, chroma_width), plane(v, chroma_width)];
        Frame::new(*original.meta(), planes, Chroma::Yuv420, self.range, self.matrix)
    }

    pub(super) const fn width(&self) -> i32 {
        self.width as i32
    }

    pub(super) const fn height(&self) -> i32 {
        self.height as i32
    }

    /// Lays `colour` over what the mask covers, `opacity` 0 to 1 where it covers all; empties
    /// the mask.
    pub(super) fn paint(&mut self, mask: &mut Mask, colour: Colour, opacity: f32) {
        let ink = colour.ink(self.range, self.matrix);
        let opacity = opacity_256(opacity);
        let chroma_width = self.width.div_ceil(2);
        for pair in mask.touched_pairs() {
            let (upper, lower) = (mask.row(2 * pair), mask.row(2 * pair + 1));
            for (y, (touched, coverage)) in [(2 * pair, &upper), (2 * pair + 1, &lower)] {
                if y < self.height && !touched.is_empty() {
                    let row = &mut self.luma[y * self.width..][touched.clone()];
                    blend(row, &coverage[touched.clone()], ink.y, opacity);
                }
            }
            let columns = union(&upper.0, &lower.0);
            let columns = columns.start / 2..columns.end.div_ceil(2);
            for (plane, value) in self.chroma.iter_mut().zip([ink.u, ink.v]) {
                let row = &mut plane[pair * chroma_width..][columns.clone()];
                let pairs = upper.1.chunks_exact(2).zip(lower.1.chunks_exact(2));
                for (sample, (a, b)) in row.iter_mut().zip(pairs.skip(columns.start)) {
                    let sum = [a[0], a[1], b[0], b[1]].map(u32::from).iter().sum::<u32>();
                    *sample = mix(*sample, value, (sum + 2) / 4, opacity);
                }
            }
        }
        mask.clear();
    }

    /// Lays `colour` over whole pixels.
    pub(super) fn fill(&mut self, rect: Rect, colour: Colour, opacity: f32) {
        let columns = clip(rect.x1, rect.x2, self.width);
        let rows = clip(rect.y1, rect.y2, self.height);
        if columns.is_empty() || rows.is_empty() {
            return;
        }
        let Ink { y: luma, u, v } = colour.ink(self.range, self.matrix);
        let opacity = opacity_256(opacity);
        for y in rows.clone() {
            for sample in &mut self.luma[y * self.width..][columns.clone()] {
                *sample = mix(*sample, luma, 255, opacity);
            }
        }
        let chroma_width = self.width.div_ceil(2);
        for pair in rows.start / 2..rows.end.div_ceil(2) {
            let high = overlap(&rows, pair);
            for column in columns.start / 2..columns.end.div_ceil(2) {
                // Of four pixels, so many are covered.
                let share = (high * overlap(&columns, column) * 255 + 2) / 4;
                for (plane, value) in self.chroma.iter_mut().zip([u, v]) {
                    let sample = &mut plane[pair * chroma_width + column];
                    *sample = mix(*sample, value, share, opacity);
                }
            }
        }
    }
}

/// Opacity in 256ths, so that 1 leaves nothing of what was there.
fn opacity_256(opacity: f32) -> u32 {
    (opacity.clamp(0.0, 1.0) * 256.0).round() as u32
}

/// `to` over `from`, by coverage 0 to 255 and opacity 0 to 256.
const fn mix(from: u8, to: u8, coverage: u32, opacity: u32) -> u8 {
    // 255 * 256 * 257 fits 24 bits: full coverage is exactly 65535 / 65536 of a share, rounded.
    let share = (coverage * 257 * opacity) >> 8;
    let share = share + (share >> 15);
    ((from as u32 * (65_536 - share) + to as u32 * share + 32_768) >> 16) as u8
}

fn blend(row: &mut [u8], coverage: &[u8], value: u8, opacity: u32) {
    for (sample, coverage) in row.iter_mut().zip(coverage) {
        *sample = mix(*sample, value, u32::from(*coverage), opacity);
    }
}

const fn union(a: &std::ops::Range<usize>, b: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    if a.start >= a.end {
        return b.start..b.end;
    }
    if b.start >= b.end {
        return a.start..a.end;
    }
    let start = if a.start < b.start { a.start } else { b.start };
    let end = if a.end > b.end { a.end } else { b.end };
    start..end
}

/// How many of the two pixels of `pair` lie in `range`.
fn overlap(range: &std::ops::Range<usize>, pair: usize) -> u32 {
    let inside = |at: usize| u32::from(range.contains(&at));
    inside(2 * pair) + inside(2 * pair + 1)
}

fn clip(from: i32, to: i32, size: usize) -> std::ops::Range<usize> {
    let inside = |at: i32| (at.max(0) as usize).min(size);
    inside(from)..inside(to)
}

/// A chroma plane at half width and half height.
fn subsampled(frame: &Frame, plane: usize) -> Vec<u8> {
    let (width, height) = Chroma::Yuv420.plane_size(frame.width(), frame.height());
    let (width, height) = (width as usize, height as usize);
    let mut out = Vec::with_capacity(width * height);
    let (own_width, own_height) = frame.plane_size(plane);
    let (step_x, step_y) = match frame.chroma() {
        Chroma::Yuv420 => (1, 1),
        Chroma::Yuv422 => (1, 2),
        Chroma::Yuv444 => (2, 2),
    };
    for y in 0..height {
        let upper = frame.row(plane, y * step_y);
        if (step_x, step_y) == (1, 1) {
            out.extend_from_slice(upper);
            continue;
        }
        let lower = frame.row(plane, (y * step_y + 1).min(own_height - 1));
        out.extend((0..width).map(|x| {
            let (a, b) = (x * step_x, (x * step_x + step_x - 1).min(own_width - 1));
            let sum = [upper[a], upper[b], lower[a], lower[b]].map(u32::from).iter().sum::<u32>();
            ((sum + 2) / 4) as u8
        }));
    }
    out
}
