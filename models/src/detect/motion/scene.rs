//! Everything that is remembered of one source at one frame size, and what happens to a frame:
//! it is aligned with the model, compared and learnt, cleaned, and cut into blobs.

use super::align::Aligned;
use super::components::Components;
use super::config::MotionConfig;
use super::merge::merge;
use super::mixture::{self, Mixture, Rates, Seen, label};
use super::morphology::Mask;
use super::objects::Blob;
use super::shadow;
use super::shrink::{Grid, Offset};
use super::texture::Edge;
use crate::picture::Frame;
use schema::time::MediaTime;

/// The background is learnt from at least so many frames.
const MIN_WARMUP_FRAMES: u32 = 8;

/// The longest time between two frames that is believed, seconds.
const MAX_SECONDS: f32 = 1.0;

/// How often the model's brightness follows the picture's, seconds.
const RECENTRE_EVERY: f32 = 1.0;

/// What has looked the same for so long can be a ghost, seconds.
const GHOST_SECONDS: f32 = 0.4;

/// A flood that lasts so long is a change of the whole picture, seconds.
const FLOOD_SECONDS: f32 = 0.15;

/// Half the side of the square that noise cannot fill, cells.
const OPENING: usize = 1;

/// Half the width of a gap that is closed, as a share of the longer side of the picture.
const CLOSING: f32 = 1.0 / 160.0;

/// The state of one source.
#[derive(Debug)]
pub(super) struct Scene {
    config: MotionConfig,
    aligned: Aligned,
    mixture: Mixture,
    seen: Seen,
    last: Option<MediaTime>,
    /// Frames since the background began to be learnt, and how long that is ago in seconds.
    frames: u32,
    age: f32,
    /// For how long the picture has been flooded with foreground, seconds.
    flooded: f32,
    since_recentred: f32,
    mask: Mask,
    scratch: Mask,
    components: Components,
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
            aligned: Aligned::new(grid),
            mixture: Mixture::new(grid.padded_len(), params),
            seen: Seen::new(grid.padded_len()),
            last: None,
            frames: 0,
            age: 0.0,
            flooded: 0.0,
            since_recentred: 0.0,
            mask: Mask::new(grid.width, grid.height),
            scratch: Mask::new(grid.width, grid.height),
            components: Components::default(),
        }
    }

    /// The reduction of the frames.
    pub(super) const fn grid(&self) -> Grid {
        self.aligned.picture.grid
    }

    /// Where the cells lie in the frame.
    pub(super) const fn offset(&self) -> Offset {
        self.aligned.offset
    }

    /// Takes the next frame and tells the blobs in it, and how many were left out; none while the
    /// background is learnt. `frame_seconds` is the time between frames where their own times do
    /// not advance.
    pub(super) fn observe(&mut self, frame: &Frame, frame_seconds: f32) -> (Vec<Blob>, usize) {
        let seconds = self.elapse(frame.meta().media_time_us, frame_seconds);
        self.align(frame);
        let is_learning = self.is_learning();
        let rates = self.rates(seconds);
        let Aligned { picture, exposure, .. } = &self.aligned;
        self.mixture.update(picture, *exposure, &rates, &mut self.seen);
        self.frames = self.frames.saturating_add(1);
        self.recentre(seconds);
        self.blank_border(frame);
        if is_learning || self.is_flooded(seconds) {
            return (Vec::new(), 0);
        }
        mark(&mut self.mask, &self.seen.labels, |seen| seen == label::FOREGROUND);
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

    /// Brings the frame to the model's brightness and place. Another view begins a new scene.
    fn align(&mut self, frame: &Frame) {
        if self.frames > 0 && !self.aligned.align(frame, &self.seen.expected) {
            let new = Self::new(frame.width(), frame.height(), &self.config);
            *self = Self { last: self.last, ..new };
        }
        if self.frames == 0 {
            self.aligned.take(frame);
        }
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

    /// Lets the model's brightness follow the picture's, now and then.
    fn recentre(&mut self, seconds: f32) {
        self.since_recentred += seconds;
        if self.since_recentred >= RECENTRE_EVERY {
            let drift = self.aligned.recentre(self.since_recentred);
            self.mixture.drift(drift, &mut self.seen);
            self.since_recentred = 0.0;
        }
    }

    /// Makes background of the cells that the frame does not show.
    fn blank_border(&mut self, frame: &Frame) {
        let Grid { width, height, .. } = self.grid();
        let (columns, rows) = self.aligned.inside(frame);
        let lost: Vec<usize> = (0..width).filter(|&x| !columns[x]).collect();
        let Seen { labels, contrast, still, .. } = &mut self.seen;
        for plane in [labels, contrast, still] {
            for (row, is_inside) in plane[..width * height].chunks_exact_mut(width).zip(&rows) {
                if *is_inside {
                    lost.iter().for_each(|&x| row[x] = 0);
                } else {
                    row.fill(0);
                }
            }
        }
    }

    /// Whether foreground covers so much that it cannot be things. If that stays, the background
    /// is learnt anew.
    fn is_flooded(&mut self, seconds: f32) -> bool {
        let labels = &self.seen.labels[..self.grid().len()];
        let foreground = labels.iter().filter(|&&seen| seen == label::FOREGROUND).count();
        if foreground as f32 <= self.config.flood_share * labels.len() as f32 {
            self.flooded = 0.0;
            return false;
        }
        self.flooded += seconds;
        if self.flooded >= FLOOD_SECONDS {
            (self.frames, self.age, self.flooded) = (1, 0.0, 0.0);
        }
        true
    }

    /// Clears the mask, and the model's memory, of regions where nothing stands: where something
    /// has gone that was taken for background, or only the light has changed.
    fn drop_ghosts(&mut self) {
        let grid = self.grid();
        let still = (GHOST_SECONDS * Seen::PER_SECOND) as u8;
        mark(&mut self.scratch, &self.seen.still, |seen| seen >= still);
        self.scratch.open(OPENING);
        self.components.find(&self.scratch);
        let surfaces = self.aligned.surfaces(&self.seen.expected[0]);
        let is_inside = |cell: usize| self.scratch.cells[cell] != 0;
        let is_background = |cell: usize| self.seen.labels[cell] == label::BACKGROUND;
        let min_area = self.config.min_area * grid.len() as f32;
        for runs in self.components.iter() {
            let area: usize = runs.iter().map(|run| run.columns.len()).sum();
            let cells = || runs.iter().flat_map(|run| run.cells(grid.width));
            let is_nothing = area as f32 >= min_area
                && (surfaces.is_ghost(cells(), is_inside, is_background)
                    || surfaces.is_same_surface(cells(), is_inside));
            for cell in cells().filter(|_| is_nothing) {
                self.mixture.absorb(cell, self.aligned.colour(cell));
                self.mask.cells[cell] = 0;
            }
        }
    }

    /// The blobs of the mask, less what is only another light; joined where they are fragments of
    /// one thing. Tells how many were left out.
    fn blobs(&mut self) -> (Vec<Blob>, usize) {
        let grid = self.grid();
        self.mask.open(OPENING);
        self.mask.close((CLOSING * grid.width.max(grid.height) as f32).round() as usize);
        self.components.find(&self.mask);
        let surfaces = self.aligned.surfaces(&self.seen.expected[0]);
        let is_inside = |cell: usize| self.mask.cells[cell] != 0;
        let is_background = |cell: usize| self.seen.labels[cell] == label::BACKGROUND;
        let difference = |cell: usize| self.aligned.difference(cell, &self.seen.expected);
        let still = (self.config.still_seconds * Seen::PER_SECOND) as u8;
        let blobs = self.components.iter().filter_map(|runs| {
            let cells = runs.iter().flat_map(|run| run.cells(grid.width));
            if surfaces.is_same_surface(cells.clone(), is_inside) {
                return None;
            }
            let edge = Edge::measure(grid, cells, is_inside, is_background, difference);
            Some(Blob { edge, ..Blob::measure(runs, grid.width, &self.seen, still) })
        });
        let blobs = blobs.collect();
        mark(&mut self.scratch, &self.seen.labels, |seen| seen != label::BACKGROUND);
        merge(blobs, &self.scratch)
    }
}

/// Sets the cells of `mask` for whose value `condition` holds.
fn mark(mask: &mut Mask, values: &[u8], condition: impl Fn(u8) -> bool) {
    for (cell, &value) in mask.cells.iter_mut().zip(values) {
        *cell = u8::from(condition(value));
    }
}
