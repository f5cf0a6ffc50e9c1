//! A frame as the model can compare it: reduced, at the model's exposure, in the model's place.

use super::exposure::{Exposure, Pair};
use super::mixture::{self, Drift};
use super::shrink::{Grid, Offset, Picture};
use super::surface::Surfaces;
use super::sway;
use crate::picture::Frame;

/// Every so many cells one is compared to find the exposure: a number that divides few widths.
const EXPOSURE_STEP: usize = 13;

/// The picture is moved if it is off by this many pixels: more than half of one, so that it does
/// not go back and forth. It is tried again so often in one frame.
const SWAY_PIXELS: f32 = 0.7;
const SWAY_STEPS: usize = 3;

/// A displacement by more than this part of the picture is another view.
const SWAY_LIMIT: usize = 8;

/// Time constant with which the model's own brightness follows the picture's, seconds.
const RECENTRE_SECONDS: f32 = 30.0;

/// The latest frame, and how it relates to the model.
#[derive(Debug)]
pub(super) struct Aligned {
    /// At its own exposure.
    pub(super) picture: Picture,
    /// From the picture's brightness to the model's.
    pub(super) exposure: Exposure,
    /// Where the picture begins in the frame.
    pub(super) offset: Offset,
    /// Luma at the model's exposure.
    luma: Vec<f32>,
    lumas: Vec<(f32, f32)>,
    pairs: Vec<Pair>,
}

impl Aligned {
    /// Nothing yet.
    pub(super) fn new(grid: Grid) -> Self {
        Self {
            picture: Picture::new(grid),
            exposure: Exposure::SAME,
            offset: Offset::default(),
            luma: vec![0.0; grid.padded_len()],
            lumas: Vec::new(),
            pairs: Vec::new(),
        }
    }

    /// Takes a frame as it is: there is nothing to compare it with.
    pub(super) fn take(&mut self, frame: &Frame) {
        (self.exposure, self.offset) = (Exposure::SAME, Offset::default());
        self.fill_luma(frame);
        self.picture.fill_chroma(frame, self.offset);
    }

    /// Takes a frame of which the model expects these planes. Tells whether it is the same view;
    /// if not, the frame cannot be compared.
    pub(super) fn align(&mut self, frame: &Frame, expected: &[Vec<f32>; 3]) -> bool {
        self.picture.fill_luma(frame, self.offset);
        self.find_exposure(&expected[0]);
        self.find_place(frame, &expected[0]);
        self.picture.fill_chroma(frame, self.offset);
        self.find_tint(expected);
        let Grid { factor, width, height } = self.picture.grid;
        let is_near =
            |offset: isize, cells: usize| offset.unsigned_abs() * SWAY_LIMIT <= factor * cells;
        is_near(self.offset.x, width) && is_near(self.offset.y, height)
    }

    /// Finds gain and offset; where there are none to be found, those before stay.
    fn find_exposure(&mut self, expected: &[f32]) {
        let seen = self.picture.planes[0].iter().copied();
        self.lumas.clear();
        self.lumas.extend(expected.iter().copied().zip(seen).step_by(EXPOSURE_STEP));
        if let Some(exposure) = Exposure::estimate(&self.lumas) {
            self.exposure = Exposure { tint: self.exposure.tint, ..exposure };
        }
        self.expose();
    }

    /// Finds the offset, and fills luma accordingly.
    fn find_place(&mut self, frame: &Frame, expected: &[f32]) {
        let factor = self.picture.grid.factor as f32;
        for _ in 0..SWAY_STEPS {
            let Some(step) = sway::estimate(self.surfaces(expected), SWAY_PIXELS / factor) else {
                return;
            };
            self.offset.x += (step.x * factor).round() as isize;
            self.offset.y += (step.y * factor).round() as isize;
            self.fill_luma(frame);
        }
    }

    /// Finds the tint.
    fn find_tint(&mut self, expected: &[Vec<f32>; 3]) {
        let at = |planes: &[Vec<f32>; 3], cell: usize| planes.each_ref().map(|plane| plane[cell]);
        let cells = (0..self.picture.grid.len()).step_by(EXPOSURE_STEP);
        self.pairs.clear();
        self.pairs.extend(cells.map(|cell| Pair {
            expected: at(expected, cell),
            seen: at(&self.picture.planes, cell),
        }));
        self.exposure = self.exposure.with_tint(&self.pairs);
    }

    /// What is seen beside what is expected.
    pub(super) fn surfaces<'a>(&'a self, expected: &'a [f32]) -> Surfaces<'a> {
        Surfaces { grid: self.picture.grid, seen: &self.luma, expected }
    }

    /// The colour of a cell at the model's exposure.
    pub(super) fn colour(&self, cell: usize) -> [f32; 3] {
        self.exposure.colour(self.picture.planes.each_ref().map(|plane| plane[cell]))
    }

    /// How far the colour of a cell is from what is expected, levels.
    pub(super) fn difference(&self, cell: usize, expected: &[Vec<f32>; 3]) -> f32 {
        let [y, u, v] = self.colour(cell);
        let [ey, eu, ev] = expected.each_ref().map(|plane| plane[cell]);
        mixture::distance([y - ey, u - eu, v - ev]).sqrt()
    }

    /// The change by which the model's colours should follow the picture's after this time, so
    /// that an exposure that stays becomes the model's own; it is taken as done.
    pub(super) fn recentre(&mut self, seconds: f32) -> Drift {
        let share = (seconds / RECENTRE_SECONDS).min(1.0);
        let Exposure { gain, offset, tint } = self.exposure;
        let scale = 1.0 + share * (1.0 / gain - 1.0);
        let shift = -share * offset / gain;
        self.exposure = Exposure {
            gain: scale * gain,
            offset: scale * offset + shift,
            tint: tint.map(|tint| tint * (1.0 - share / (gain * scale))),
        };
        self.expose();
        Drift { scale, shift, tint: tint.map(|tint| -share * tint / gain) }
    }

    /// The columns and rows of cells whose middle lies in the frame.
    pub(super) fn inside(&self, frame: &Frame) -> (Vec<bool>, Vec<bool>) {
        let Grid { factor, width, height } = self.picture.grid;
        let is_inside = |cell: usize, offset: isize, size: u32| {
            let middle = (cell * factor + factor / 2) as isize + offset;
            (0..size as isize).contains(&middle)
        };
        let columns = (0..width).map(|x| is_inside(x, self.offset.x, frame.width()));
        let rows = (0..height).map(|y| is_inside(y, self.offset.y, frame.height()));
        (columns.collect(), rows.collect())
    }

    fn fill_luma(&mut self, frame: &Frame) {
        self.picture.fill_luma(frame, self.offset);
        self.expose();
    }

    fn expose(&mut self) {
        for (exposed, &luma) in self.luma.iter_mut().zip(&self.picture.planes[0]) {
            *exposed = self.exposure.luma(luma);
        }
    }
}
