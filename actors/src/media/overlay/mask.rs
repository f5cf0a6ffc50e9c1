//! Coverage: how much of each pixel a shape takes, 0 to 255, drawn anti-aliased.
//!
//! A shape is drawn into the mask and then painted onto the canvas as a whole, so that parts of
//! it that lie on each other do not show. Only the touched part of each row is looked at.

use schema::{Error, ErrorKind, Result};
use std::ops::Range;

/// Scratch memory for one shape at a time, as large as the picture.
pub(super) struct Mask {
    width: i32,
    height: i32,
    /// Rounded up to even, as chroma takes pixels by two.
    stride: usize,
    coverage: Vec<u8>,
    /// Of each row, what was touched; empty where nothing was.
    touched: Vec<Range<i32>>,
    /// Of the rows.
    rows: Range<i32>,
}

/// A point in pixels, from the upper left corner of the upper left pixel.
pub(super) type Point = (f32, f32);

/// A rectangle of whole pixels; right and lower edge lie outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x1: i32,
    pub(super) y1: i32,
    pub(super) x2: i32,
    pub(super) y2: i32,
}

impl Rect {
    pub(super) const fn new(x: i32, y: i32, width: i32, height: i32) -> Self {
        Self { x1: x, y1: y, x2: x + width, y2: y + height }
    }

    pub(super) const fn width(self) -> i32 {
        self.x2 - self.x1
    }

    pub(super) const fn height(self) -> i32 {
        self.y2 - self.y1
    }

    /// Larger by `by` on every side.
    pub(super) const fn grown(self, by: i32) -> Self {
        Self { x1: self.x1 - by, y1: self.y1 - by, x2: self.x2 + by, y2: self.y2 + by }
    }

    pub(super) const fn overlaps(self, other: Self) -> bool {
        self.x1 < other.x2 && other.x1 < self.x2 && self.y1 < other.y2 && other.y1 < self.y2
    }
}

/// A stroke with round ends that may change width and strength on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    pub(super) from: Point,
    pub(super) to: Point,
    /// Half the width at both ends.
    pub(super) radius: (f32, f32),
    /// Coverage at both ends, 0 to 1.
    pub(super) strength: (f32, f32),
}

/// Smaller than any range, so that widening it gives the other one.
const NOTHING: Range<i32> = Range { start: i32::MAX, end: i32::MIN };

impl Mask {
    pub(super) fn new(width: u32, height: u32) -> Self {
        let even = |size: u32| (size as usize).next_multiple_of(2);
        Self {
            width: width as i32,
            height: height as i32,
            stride: even(width),
            coverage: vec![0; even(width) * even(height)],
            touched: vec![NOTHING; even(height)],
            rows: NOTHING,
        }
    }

    pub(super) fn expect_size(&self, width: u32, height: u32) -> Result<()> {
        if (self.width, self.height) == (width as i32, height as i32) {
            return Ok(());
        }
        let (w, h) = (self.width, self.height);
        let message = format!("a frame of {width}x{height} for an overlay of {w}x{h}");
        Err(Error::new(ErrorKind::ServerError, message))
    }

    /// Pairs of rows that were touched, as chroma rows.
    pub(super) const fn touched_pairs(&self) -> Range<usize> {
        if self.rows.start > self.rows.end {
            return 0..0;
        }
        (self.rows.start / 2) as usize..(self.rows.end as usize).div_ceil(2)
    }

    /// What was touched of row `y`, and its whole coverage.
    pub(super) fn row(&self, y: usize) -> (Range<usize>, &[u8]) {
        let touched = &self.touched[y];
        let range =
            if touched.is_empty() { 0..0 } else { touched.start as usize..touched.end as usize };
        (range, &self.coverage[y * self.stride..][..self.stride])
    }

    /// Empties it for the next shape.
    pub(super) fn clear(&mut self) {
        for y in self.rows.start.max(0)..self.rows.end {
            let touched = std::mem::replace(&mut self.touched[y as usize], NOTHING);
            if !touched.is_empty() {
                let start = y as usize * self.stride;
                self.coverage[start + touched.start as usize..start + touched.end as usize].fill(0);
            }
        }
        self.rows = NOTHING;
    }

    /// The part of row `y` from `x1` to `x2` that lies in the picture, marked as touched.
    fn span(&mut self, y: i32, x1: i32, x2: i32) -> Option<(i32, &mut [u8])> {
        let (x1, x2) = (x1.max(0), x2.min(self.width));
        if x1 >= x2 || !(0..self.height).contains(&y) {
            return None;
        }
        let widen = |range: &mut Range<i32>, start: i32, end: i32| {
            *range = range.start.min(start)..range.end.max(end);
        };
        widen(&mut self.touched[y as usize], x1, x2);
        widen(&mut self.rows, y, y + 1);
        let start = y as usize * self.stride;
        Some((x1, &mut self.coverage[start + x1 as usize..start + x2 as usize]))
    }

    /// Adds a shape within `bounds`: `coverage` of the pixel with this middle, 0 to 1.
    pub(super) fn shape(&mut self, bounds: Rect, coverage: impl Fn(f32, f32) -> f32) {
        for y in bounds.y1.max(0)..bounds.y2.min(self.height) {
            self.shape_row(y, (bounds.x1, bounds.x2), &coverage);
        }
    }

    fn shape_row(&mut self, y: i32, (x1, x2): (i32, i32), coverage: impl Fn(f32, f32) -> f32) {
        let Some((x1, row)) = self.span(y, x1, x2) else { return };
        for (x, value) in (x1..).zip(row) {
            let share = coverage(x as f32 + 0.5, y as f32 + 0.5);
            *value = (*value).max((share * 255.0 + 0.5) as u8);
        }
    }

    /// Adds a stroke.
    pub(super) fn stroke(&mut self, stroke: &Stroke) {
        let Stroke { from, to, radius, strength } = *stroke;
        let reach = radius.0.max(radius.1) + 1.0;
        let bounds = bounds([from, to], reach);
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let squared = (dx * dx + dy * dy).max(1e-6);
        let coverage = |x: f32, y: f32| {
            let (px, py) = (x - from.0, y - from.1);
            let t = ((px * dx + py * dy) / squared).clamp(0.0, 1.0);
            let (ex, ey) = (px - t * dx, py - t * dy);
            let distance = (ex * ex + ey * ey).sqrt() - lerp(radius, t);
            (0.5 - distance).clamp(0.0, 1.0) * lerp(strength, t)
        };
        // Of each row, only what lies near the way from end to end.
        let (slope, half) = if dy.abs() > 1.0 {
            (dx / dy, reach * squared.sqrt() / dy.abs() + dx.abs() / dy.abs())
        } else {
            (0.0, f32::INFINITY)
        };
        for y in bounds.y1.max(0)..bounds.y2.min(self.height) {
            let middle = from.0 + (y as f32 + 0.5 - from.1) * slope;
            let x1 = ((middle - half).floor() as i32).max(bounds.x1);
            let x2 = ((middle + half).ceil() as i32).min(bounds.x2);
            self.shape_row(y, (x1, x2), coverage);
        }
    }

    /// Adds a filled circle.
    pub(super) fn disc(&mut self, centre: Point, radius: f32) {
        let both = (radius, radius);
        self.stroke(&Stroke { from: centre, to: centre, radius: both, strength: (1.0, 1.0) });
    }

    /// Adds a triangle, its corners given clockwise as seen on the screen.
    pub(super) fn triangle(&mut self, corners: [Point; 3]) {
        let bounds = bounds(corners, 1.0);
        let [a, b, c] = corners;
        let edges = [(a, b), (b, c), (c, a)].map(|((x1, y1), (x2, y2))| {
            let length = (x2 - x1).hypot(y2 - y1).max(1e-6);
            ((y2 - y1) / length, (x1 - x2) / length, x1, y1)
        });
        self.shape(bounds, |x, y| {
            let outside = edges
                .map(|(nx, ny, ex, ey)| (x - ex) * nx + (y - ey) * ny)
                .into_iter()
                .fold(f32::MIN, f32::max);
            (0.5 - outside).clamp(0.0, 1.0)
        });
    }

    /// Adds a filled rectangle with rounded corners.
    pub(super) fn rounded(&mut self, rect: Rect, radius: i32) {
        let radius = radius.min(rect.width() / 2).min(rect.height() / 2).max(0);
        for y in rect.y1..rect.y2 {
            let into = (y - rect.y1).min(rect.y2 - 1 - y);
            let inset = if into < radius { radius } else { 0 };
            if let Some((_, row)) = self.span(y, rect.x1 + inset, rect.x2 - inset) {
                row.fill(255);
            }
        }
        let r = radius as f32;
        for (cx, x) in [(rect.x1 + radius, rect.x1), (rect.x2 - radius, rect.x2 - radius)] {
            for (cy, y) in [(rect.y1 + radius, rect.y1), (rect.y2 - radius, rect.y2 - radius)] {
                self.shape(Rect::new(x, y, radius, radius), |px, py| {
                    let distance = (px - cx as f32).hypot(py - cy as f32);
                    (r - distance + 0.5).clamp(0.0, 1.0)
                });
            }
        }
    }

    /// Adds a quarter of a ring of width `width` around `centre`, outer radius `radius`, within
    /// `bounds`.
    pub(super) fn arc(&mut self, bounds: Rect, centre: Point, radius: f32, width: f32) {
        self.shape(bounds, |x, y| {
            let distance = (x - centre.0).hypot(y - centre.1);
            let outer = (radius - distance + 0.5).clamp(0.0, 1.0);
            outer * (distance - (radius - width) + 0.5).clamp(0.0, 1.0)
        });
    }

    /// Adds a picture of coverage, `width` pixels wide, with its upper left corner at `x`, `y`.
    pub(super) fn stamp(&mut self, x: i32, y: i32, width: usize, coverage: &[u8]) {
        if width == 0 {
            return;
        }
        for (row_y, source) in (y..).zip(coverage.chunks_exact(width)) {
            let Some((x1, row)) = self.span(row_y, x, x + width as i32) else { continue };
            let source = &source[(x1 - x) as usize..];
            for (value, own) in row.iter_mut().zip(source) {
                *value = (*value).max(*own);
            }
        }
    }
}

fn lerp((a, b): (f32, f32), t: f32) -> f32 {
    a + (b - a) * t
}

/// The pixels within `reach` of the points' common rectangle.
fn bounds<const N: usize>(points: [Point; N], reach: f32) -> Rect {
    let least = |of: fn(Point) -> f32| points.map(of).into_iter().fold(f32::MAX, f32::min);
    let most = |of: fn(Point) -> f32| points.map(of).into_iter().fold(f32::MIN, f32::max);
    // `as` saturates: points far outside stay outside.
    Rect {
        x1: (least(|p| p.0) - reach).floor() as i32,
        y1: (least(|p| p.1) - reach).floor() as i32,
        x2: (most(|p| p.0) + reach).ceil() as i32,
        y2: (most(|p| p.1) + reach).ceil() as i32,
    }
}
