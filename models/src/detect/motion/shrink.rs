//! The working picture: a frame made smaller by averaging whole blocks of pixels.
//!
//! Averaging lowers noise by the factor of the reduction and bounds the cost of everything that
//! follows, whatever the camera delivers. The reduction is a whole number and the window may be
//! displaced by whole pixels, so no weights are needed and boxes go back exactly. Beyond its
//! border a frame is taken to go on as it is there. Nothing here knows of the background model.

use super::mixture::LANES;
use crate::picture::{Frame, Range};

/// Largest reduction: sums of so many rows of 8 bits fit in 16 bits.
const MAX_FACTOR: u32 = 256;

/// How a frame is reduced: `factor` x `factor` pixels become one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    /// Pixels along the side of a cell, at least 1.
    pub(super) factor: usize,
    /// Cells in a row.
    pub(super) width: usize,
    /// Rows of cells.
    pub(super) height: usize,
}

impl Grid {
    /// The smallest whole reduction after which no side has more than `side` cells.
    pub(super) fn fit(width: u32, height: u32, side: u32) -> Self {
        let factor = width.max(height).div_ceil(side).clamp(1, MAX_FACTOR);
        Self {
            factor: factor as usize,
            width: width.div_ceil(factor) as usize,
            height: height.div_ceil(factor) as usize,
        }
    }

    /// Number of cells.
    pub(super) const fn len(self) -> usize {
        self.width * self.height
    }

    /// Number of cells, rounded up to whole blocks of the mixture.
    pub(super) const fn padded_len(self) -> usize {
        self.len().next_multiple_of(LANES)
    }
}

/// Where the window on a frame begins, in pixels to the right of and below its corner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Offset {
    pub(super) x: isize,
    pub(super) y: isize,
}

/// Reduced planes Y, U, V: black is 0 in luma, grey is 0 in chroma; row after row without gaps,
/// padded at the end to whole blocks of the mixture.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) grid: Grid,
    pub(super) planes: [Vec<f32>; 3],
    sums: Vec<u16>,
}

impl Picture {
    /// A black picture.
    pub(super) fn new(grid: Grid) -> Self {
        let planes = [(); 3].map(|()| vec![0.0; grid.padded_len()]);
        Self { grid, planes, sums: Vec::new() }
    }

    /// Takes luma from `frame`, which has the size that the grid was made for.
    pub(super) fn fill_luma(&mut self, frame: &Frame, offset: Offset) {
        let black = match frame.range() {
            Range::Limited => 16.0,
            Range::Full => 0.0,
        };
        self.fill(frame, 0, offset, black);
    }

    /// Takes both chroma planes from `frame`.
    pub(super) fn fill_chroma(&mut self, frame: &Frame, offset: Offset) {
        self.fill(frame, 1, offset, 128.0);
        self.fill(frame, 2, offset, 128.0);
    }

    /// Averages plane `index` and subtracts `zero`.
    fn fill(&mut self, frame: &Frame, index: usize, offset: Offset, zero: f32) {
        let Self { grid, planes, sums } = self;
        let (_, height) = frame.plane_size(index);
        let (shift_x, shift_y) = if index == 0 { (0, 0) } else { frame.chroma().shift() };
        let across = Axis::new(grid.factor, offset.x, shift_x);
        let down = Axis::new(grid.factor, offset.y, shift_y);
        let start = across.start(0);
        sums.resize((across.start(grid.width - 1) - start) as usize + across.count, 0);
        let scale = 1.0 / (across.count * down.count) as f32;
        for (y, cells) in planes[index][..grid.len()].chunks_exact_mut(grid.width).enumerate() {
            sums.fill(0);
            let first = down.start(y);
            for row in first..first + down.count as isize {
                let row = row.clamp(0, height as isize - 1) as usize;
                add_row(sums, frame.row(index, row), start);
            }
            let mean = |sum: u32| sum as f32 * scale - zero;
            match across.count {
                1 => across.average::<1>(sums, cells, mean),
                2 => across.average::<2>(sums, cells, mean),
                3 => across.average::<3>(sums, cells, mean),
                4 => across.average::<4>(sums, cells, mean),
                _ => across.average_any(sums, cells, mean),
            }
        }
    }
}

/// Adds the samples of `row` from `start` on, which may lie outside it.
fn add_row(sums: &mut [u16], row: &[u8], start: isize) {
    let before = (-start).clamp(0, sums.len() as isize) as usize;
    let first = start.clamp(0, row.len() as isize) as usize;
    let inside = (row.len() - first).min(sums.len() - before);
    let (left, rest) = sums.split_at_mut(before);
    let (middle, right) = rest.split_at_mut(inside);
    left.iter_mut().for_each(|sum| *sum += u16::from(row[0]));
    for (sum, &sample) in middle.iter_mut().zip(&row[first..]) {
        *sum += u16::from(sample);
    }
    right.iter_mut().for_each(|sum| *sum += u16::from(row[row.len() - 1]));
}

/// Which samples of a plane the cells touch along one axis: as many for every cell.
#[derive(Debug, Clone, Copy)]
struct Axis {
    factor: isize,
    offset: isize,
    /// How often the plane is halved against luma.
    shift: u32,
    /// Samples per cell.
    count: usize,
}

impl Axis {
    fn new(factor: usize, offset: isize, shift: u32) -> Self {
        let factor = factor as isize;
        // Of an odd number of luma samples every second cell touches half a chroma sample more.
        let slack = if factor & ((1 << shift) - 1) == 0 { offset } else { 0 };
        let first = slack >> shift;
        let end = (slack + factor + (1 << shift) - 1) >> shift;
        Self { factor, offset, shift, count: (end - first) as usize }
    }

    /// The first sample of a cell; may lie outside the plane.
    fn start(self, cell: usize) -> isize {
        (cell as isize * self.factor + self.offset) >> self.shift
    }

    /// Averages `N` = `count` sums for each cell.
    fn average<const N: usize>(self, sums: &[u16], cells: &mut [f32], mean: impl Fn(u32) -> f32) {
        let origin = self.start(0);
        if self.factor == N as isize && self.shift == 0 {
            for (cell, sums) in cells.iter_mut().zip(sums.as_chunks::<N>().0) {
                *cell = mean(sums.iter().map(|&sum| u32::from(sum)).sum());
            }
            return;
        }
        for (x, cell) in cells.iter_mut().enumerate() {
            let first = (self.start(x) - origin) as usize;
            let sums: &[u16] = &sums[first..first + N];
            *cell = mean(sums.iter().map(|&sum| u32::from(sum)).sum());
        }
    }

    /// The same for any `count`.
    fn average_any(self, sums: &[u16], cells: &mut [f32], mean: impl Fn(u32) -> f32) {
        let origin = self.start(0);
        for (x, cell) in cells.iter_mut().enumerate() {
            let first = (self.start(x) - origin) as usize;
            let sums = &sums[first..first + self.count];
            *cell = mean(sums.iter().map(|&sum| u32::from(sum)).sum());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Chroma, Matrix, Plane};
    use bytes::Bytes;
    use proptest::prelude::*;
    use schema::frame::FrameMeta;
    use schema::time::MediaTime;

    fn frame(width: u32, height: u32, chroma: Chroma, range: Range) -> Frame {
        let planes = [0_usize, 1, 2].map(|plane| {
            let (w, h) =
                if plane == 0 { (width, height) } else { chroma.plane_size(width, height) };
            let stride = w as usize + 3;
            let bytes: Vec<u8> = (0..stride * h as usize)
                .map(|i| (i * 97 + plane * 41 + i * i % 13) as u8)
                .collect();
            Plane { bytes: Bytes::from(bytes), stride }
        });
        let meta = FrameMeta {
            frame_index: 0,
            media_time_us: MediaTime(0),
            wall_time_us: None,
            width,
            height,
        };
        Frame::new(meta, planes, chroma, range, Matrix::Bt601).expect("a whole frame")
    }

    /// The mean of all samples that the cell touches, with coordinates kept inside the plane.
    fn average(frame: &Frame, plane: usize, grid: Grid, offset: Offset, x: usize, y: usize) -> f32 {
        let (w, h) = frame.plane_size(plane);
        let shift = if plane == 0 { (0, 0) } else { frame.chroma().shift() };
        let touched = |cell: usize, offset: isize, shift: u32| {
            let first = (cell * grid.factor) as isize + offset;
            (first >> shift)..=((first + grid.factor as isize - 1) >> shift)
        };
        let (mut sum, mut count) = (0.0, 0.0);
        for sy in touched(y, offset.y, shift.1) {
            let row = frame.row(plane, sy.clamp(0, h as isize - 1) as usize);
            for sx in touched(x, offset.x, shift.0) {
                sum += f32::from(row[sx.clamp(0, w as isize - 1) as usize]);
                count += 1.0;
            }
        }
        sum / count
    }

    #[test]
    fn the_longest_side_decides() {
        let fit = |w, h, side| {
            let grid = Grid::fit(w, h, side);
            (grid.factor, grid.width, grid.height)
        };
        assert_eq!(fit(1280, 720, 480), (3, 427, 240));
        assert_eq!(fit(720, 1280, 480), (3, 240, 427));
        assert_eq!(fit(480, 270, 480), (1, 480, 270));
        assert_eq!(fit(481, 270, 480), (2, 241, 135));
        assert_eq!(fit(1, 1, 480), (1, 1, 1));
    }

    proptest! {
        #[test]
        fn cells_are_means_of_what_they_touch(
            (width, height) in (1_u32..40, 1_u32..40),
            side in 3_u32..24,
            (x, y) in (-9_isize..9, -9_isize..9),
            chroma in prop::sample::select(vec![Chroma::Yuv420, Chroma::Yuv422, Chroma::Yuv444]),
            range in prop::sample::select(vec![Range::Limited, Range::Full]),
        ) {
            let frame = frame(width, height, chroma, range);
            let grid = Grid::fit(width, height, side);
            let offset = Offset { x, y };
            let mut picture = Picture::new(grid);
            picture.fill_luma(&frame, offset);
            picture.fill_chroma(&frame, offset);
            let black = if range == Range::Limited { 16.0 } else { 0.0 };
            for (plane, zero) in [black, 128.0, 128.0].into_iter().enumerate() {
                for (i, cell) in picture.planes[plane][..grid.len()].iter().enumerate() {
                    let (x, y) = (i % grid.width, i / grid.width);
                    let exact = average(&frame, plane, grid, offset, x, y) - zero;
                    prop_assert!((cell - exact).abs() < 1e-2, "plane {plane} at {x}, {y}: {cell} of {exact}");
                }
            }
        }
    }
}
