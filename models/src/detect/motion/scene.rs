//! Everything that is remembered of one source at one frame size, and what happens to a frame:
//! reduce, align in brightness and place, compare and learn, clean up, find blobs.

use super::components::Components;
use super::config::MotionConfig;
use super::exposure::Exposure;
use super::mixture::{self, Drift, Mixture, Rates, Seen, label};
use super::morphology::Mask;
use super::objects::Blob;
use super::shadow;
use super::shrink::{Grid, Offset, Picture};
use super::surface::Surfaces;
use super::sway;
use crate::picture::Frame;
use schema::time::MediaTime;

/// The background is learnt from at least so many frames.
const MIN_WARMUP_FRAMES: u32 = 8;

/// Every so many cells one is compared to find the exposure: a number that divides few widths.
const EXPOSURE_STEP: usize = 13;

/// Time constant with which the model's own brightness follows the picture's, and how often,
/// seconds.
const RECENTRE_SECONDS: f32 = 30.0;
const RECENTRE_EVERY: f32 = 1.0;

/// The picture is moved if it is off by this many pixels: more than half of one, so that it does
/// not go back and forth. It is tried again so often in one frame.
const SWAY_PIXELS: f32 = 0.7;
const SWAY_STEPS: usize = 3;

/// A displacement by more than this part of the picture is another view.
const SWAY_LIMIT: usize = 8;

/// What has looked the same for so long can be a ghost, seconds.
const GHOST_SECONDS: f32 = 0.4;

/// A flood that lasts so long is a change of the whole picture, seconds.
const FLOOD_SECONDS: f32 = 0.15;

/// Half the side of the square that noise cannot fill, cells.
const OPENING: usize = 1;

/// Half the width of a gap that is closed, as a share of the longer side of the picture.
const CLOSING: f32 = 1.0 / 128.0;

/// The longest time between two frames that is believed, seconds.
const MAX_SECONDS: f32 = 1.0;

/// The state of one source.
#[derive(Debug)]
pub(super) struct Scene {
    config: MotionConfig,
    picture: Picture,
    /// Luma of the picture at the model's exposure.
    luma: Vec<f32>,
    mixture: Mixture,
    seen: Seen,
    exposure: Exposure,
    offset: Offset,
    /// Frames since the background began to be learnt, and how long that is ago.
    frames: u32,
    age: f32,
    /// For how long the picture has been flooded with foreground.
    flooded: f32,
    since_recentred: f32,
    last: Option<MediaTime>,
    mask: Mask,
    support: Mask,
    components: Components,
    supports: Components,
    pairs: Vec<(f32, f32)>,
}

impl Scene {
    /// A scene of which nothing is known, for frames of this size in pixels.
    pub(super) fn new(width: u32, height: u32, config: &MotionConfig) -> Self {
        let grid = Grid::fit(width, height, config.working_side);
        let params = mixture::Params {
            background_share: config.background_share,
            threshold_sigmas: config.threshold_sigmas,
            initial_sigma: 4.0,
            sigma_range: (2.0, 9.0),
            prior: 0.05,
            shadow: shadow::Params {
                darkest: config.shadow_darkest,
                chroma_tolerance: config.shadow_chroma,
            },
        };
        Self {
            config: config.clone(),
            picture: Picture::new(grid),
            luma: vec![0.0; grid.padded_len()],
            mixture: Mixture::new(grid.padded_len(), params),
            seen: Seen::new(grid.padded_len()),
            exposure: Exposure::SAME,
            offset: Offset::default(),
            frames: 0,
            age: 0.0,
            flooded: 0.0,
            since_recentred: 0.0,
            last: None,
            mask: Mask::new(grid.width, grid.height),
            support: Mask::new(grid.width, grid.height),
            components: Components::default(),
            supports: Components::default(),
            pairs: Vec::new(),
        }
    }

    /// The reduction of the frames.
    pub(super) const fn grid(&self) -> Grid {
        self.picture.grid
    }

    /// Where the cells lie in the frame.
    pub(super) const fn offset(&self) -> Offset {
        self.offset
    }

    /// Takes the next frame and tells the blobs in it; none while the background is learnt.
    /// `frame_seconds` is the time between frames where their own times do not advance.
    pub(super) fn observe(&mut self, frame: &Frame, frame_seconds: f32) -> Vec<Blob> {
        let seconds = self.elapse(frame.meta().media_time_us, frame_seconds);
        self.align(frame);
        let rates = self.rates(seconds);
        let is_learning = self.is_learning();
        self.mixture.update(&self.picture, self.exposure, &rates, &mut self.seen);
        self.frames = self.frames.saturating_add(1);
        self.recentre(seconds);
        self.blank_border(frame);
        if is_learning || self.is_flooded(seconds) {
            return Vec::new();
        }
        self.mark(label::FOREGROUND);
        self.drop_ghosts();
        self.blobs()
    }

    /// The time since the frame before; `frame_seconds` where the times do not say.
    fn elapse(&mut self, now: MediaTime, frame_seconds: f32) -> f32 {
        let seconds = match self.last {
            None => 0.0,
            Some(last) if now <= last => frame_seconds.min(MAX_SECONDS),
            Some(last) => now.since(last).as_secs_f32().min(MAX_SECONDS),
        };
        self.last = Some(now);
        self.age += seconds;
        seconds
    }

    const fn is_learning(&self) -> bool {
        self.frames < MIN_WARMUP_FRAMES || self.age < self.config.warmup_seconds
    }

    /// While the background is learnt, all is averaged; later what is foreground counts little.
    fn rates(&self, seconds: f32) -> Rates {
        // From a weight of 1 the background falls to its share in `absorb_seconds`.
        let absorb = -self.config.background_share.ln() / self.config.absorb_seconds;
        let slow = (seconds * absorb).min(1.0);
        let average = 1.0 / (self.frames as f32 + 1.0);
        let learning = if self.is_learning() { average } else { 0.0 };
        Rates {
            background: slow.max(average),
            foreground: slow.max(learning),
            adapt: (seconds / self.config.adapt_seconds).min(1.0).max(learning),
            seconds,
        }
    }

    /// Finds the exposure and the displacement of the frame, and fills the picture accordingly.
    fn align(&mut self, frame: &Frame) {
        let grid = self.grid();
        self.picture.fill_luma(frame, self.offset);
        let seen = self.picture.planes[0].iter().copied();
        self.pairs.clear();
        self.pairs.extend(self.seen.expected.iter().copied().zip(seen).step_by(EXPOSURE_STEP));
        if let Some(exposure) = Exposure::estimate(&self.pairs) {
            self.exposure = exposure;
        }
        self.fill_exposed();
        for _ in 0..SWAY_STEPS {
            if self.frames == 0 {
                break;
            }
            let surfaces = Surfaces { grid, seen: &self.luma, expected: &self.seen.expected };
            let step = sway::estimate(surfaces);
            let (x, y) = (step.x * grid.factor as f32, step.y * grid.factor as f32);
            if x.abs().max(y.abs()) < SWAY_PIXELS {
                break;
            }
            self.offset.x += x.round() as isize;
            self.offset.y += y.round() as isize;
            self.picture.fill_luma(frame, self.offset);
            self.fill_exposed();
        }
        if self.is_other_view() {
            *self =
                Self { last: self.last, ..Self::new(frame.width(), frame.height(), &self.config) };
            self.picture.fill_luma(frame, self.offset);
            self.fill_exposed();
        }
        self.picture.fill_chroma(frame, self.offset);
    }

    fn fill_exposed(&mut self) {
        for (exposed, luma) in self.luma.iter_mut().zip(&self.picture.planes[0]) {
            *exposed = self.exposure.luma(*luma);
        }
    }

    /// Whether the picture is displaced too far to be compared.
    const fn is_other_view(&self) -> bool {
        let Grid { factor, width, height } = self.grid();
        self.offset.x.unsigned_abs() * SWAY_LIMIT > factor * width
            || self.offset.y.unsigned_abs() * SWAY_LIMIT > factor * height
    }

    /// Lets the model's brightness follow the picture's, so that a new exposure that stays
    /// becomes the model's own.
    fn recentre(&mut self, seconds: f32) {
        self.since_recentred += seconds;
        if self.since_recentred < RECENTRE_EVERY {
            return;
        }
        let share = self.since_recentred / RECENTRE_SECONDS;
        self.since_recentred = 0.0;
        let Exposure { gain, offset } = self.exposure;
        let drift =
            Drift { scale: 1.0 + share * (1.0 / gain - 1.0), shift: -share * offset / gain };
        self.mixture.drift(drift, &mut self.seen);
        self.exposure =
            Exposure { gain: drift.scale * gain, offset: drift.scale * offset + drift.shift };
        self.fill_exposed();
    }

    /// Makes background of cells whose middle the frame does not show.
    fn blank_border(&mut self, frame: &Frame) {
        let Grid { factor, width, height } = self.grid();
        let middle = |cell: usize, offset: isize| (cell * factor + factor / 2) as isize + offset;
        let inside = |cell, offset, size: u32| (0..size as isize).contains(&middle(cell, offset));
        let Offset { x: right, y: down } = self.offset;
        let lost_columns: Vec<usize> =
            (0..width).filter(|&x| !inside(x, right, frame.width())).collect();
        for y in 0..height {
            let row = y * width..(y + 1) * width;
            let planes = [&mut self.seen.labels, &mut self.seen.contrast, &mut self.seen.still];
            for plane in planes.map(|p| &mut p[row.clone()]) {
                if inside(y, down, frame.height()) {
                    lost_columns.iter().for_each(|&x| plane[x] = 0);
                } else {
                    plane.fill(0);
                }
            }
        }
    }

    /// Whether foreground covers so much that it cannot be things. If that stays, the background
    /// is learnt anew.
    fn is_flooded(&mut self, seconds: f32) -> bool {
        let cells = self.grid().len();
        let is_foreground = |label: &&u8| **label == label::FOREGROUND;
        let foreground = self.seen.labels[..cells].iter().filter(is_foreground).count();
        if foreground as f32 <= self.config.flood_share * cells as f32 {
            self.flooded = 0.0;
            return false;
        }
        self.flooded += seconds;
        if self.flooded >= FLOOD_SECONDS {
            (self.frames, self.age, self.flooded) = (1, 0.0, 0.0);
            self.exposure = Exposure::SAME;
        }
        true
    }

    /// Fills the mask with the cells of a label.
    fn mark(&mut self, label: u8) {
        for (cell, &seen) in self.mask.cells.iter_mut().zip(&self.seen.labels) {
            *cell = u8::from(seen == label);
        }
    }

    /// Clears the mask, and the model's memory, of regions where nothing stands: where something
    /// has gone that was taken for background, or only the light has changed.
    fn drop_ghosts(&mut self) {
        let grid = self.grid();
        let still = (GHOST_SECONDS * Seen::PER_SECOND) as u8;
        for (cell, &seen) in self.support.cells.iter_mut().zip(&self.seen.still) {
            *cell = u8::from(seen >= still);
        }
        self.support.open(OPENING);
        self.supports.find(&self.support);
        let surfaces = Surfaces { grid, seen: &self.luma, expected: &self.seen.expected };
        let is_inside = |cell: usize| self.support.cells[cell] != 0;
        let is_ground = |cell: usize| self.seen.labels[cell] == label::BACKGROUND;
        let min_area = self.config.min_area * grid.len() as f32;
        let [_, u, v] = &self.picture.planes;
        for runs in self.supports.iter() {
            let area: usize = runs.iter().map(|run| run.columns.len()).sum();
            let cells = || runs.iter().flat_map(|run| run.cells(grid.width));
            if (area as f32) < min_area
                || !surfaces.is_ghost(cells(), is_inside, is_ground)
                    && !surfaces.is_same_surface(cells())
            {
                continue;
            }
            for cell in cells() {
                let gain = self.exposure.gain;
                self.mixture.absorb(cell, [self.luma[cell], gain * u[cell], gain * v[cell]]);
                self.mask.cells[cell] = 0;
            }
        }
    }

    /// The blobs of the mask, less what is only another light.
    fn blobs(&mut self) -> Vec<Blob> {
        let grid = self.grid();
        let closing = (CLOSING * grid.width.max(grid.height) as f32).round() as usize;
        self.mask.open(OPENING);
        self.mask.close(closing);
        self.components.find(&self.mask);
        for (cell, &seen) in self.support.cells.iter_mut().zip(&self.seen.labels) {
            *cell = u8::from(seen == label::SHADOW);
        }
        self.support.open(OPENING);
        for (cell, &mask) in self.support.cells.iter_mut().zip(&self.mask.cells) {
            *cell |= mask;
        }
        self.support.close(closing);
        self.supports.find(&self.support);
        let surfaces = Surfaces { grid, seen: &self.luma, expected: &self.seen.expected };
        let still = (self.config.still_seconds * Seen::PER_SECOND) as u8;
        let blobs = self.components.iter().filter_map(|runs| {
            let cells = runs.iter().flat_map(|run| run.cells(grid.width));
            if surfaces.is_same_surface(cells) {
                return None;
            }
            let support = self.supports.at(runs[0].columns.start, runs[0].y);
            Some(Blob { support, ..Blob::measure(runs, grid.width, &self.seen, still) })
        });
        blobs.collect()
    }
}
