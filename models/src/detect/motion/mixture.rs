//! The background model: one adaptive mixture of Gaussians per cell.
//!
//! Z. Zivkovic, "Improved adaptive Gaussian mixture model for background subtraction", ICPR 2004,
//! and Z. Zivkovic, F. van der Heijden, "Efficient adaptive density estimation per image pixel for
//! the task of background subtraction", Pattern Recognition Letters 27, 2006: recursive update
//! with a prior that removes components without support, so that their number adapts.
//!
//! What differs from the papers: weights learn at one rate where the background is seen and at
//! another where something else is, and means and variances have a lowest rate of their own (see
//! [`Rates`]). Cells are kept in blocks of [`LANES`], structure of arrays within a block, so that
//! the compiler turns every loop over lanes into vector code; a block costs as much as the cell in
//! it with the most components. Morphology and objects are none of this module's business.

mod block;
mod component;
mod lanes;
#[cfg(test)]
mod tests;

pub(super) use component::{Drift, distance};
pub(super) use lanes::LANES;

use super::exposure::Exposure;
use super::shadow;
use super::shrink::Picture;
use block::{Block, View};
use component::Sample;
use lanes::{Flags, NONE, any, flag, lanes, select};

/// At most this many Gaussians per cell.
const MAX_COMPONENTS: usize = 4;

/// What a cell shows, as it stands in [`Seen::labels`].
pub(super) mod label {
    /// The background.
    pub(in super::super) const BACKGROUND: u8 = 0;
    /// The background with less light on it.
    pub(in super::super) const SHADOW: u8 = 1;
    /// Something else.
    pub(in super::super) const FOREGROUND: u8 = 2;
}

/// What stays the same over the life of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Params {
    /// The heaviest components that make up this share of the weight are the background.
    pub(super) background_share: f32,
    /// A sample within this many standard deviations of a background component is background.
    pub(super) threshold_sigmas: f32,
    /// Standard deviation that a new component starts with, levels.
    pub(super) initial_sigma: f32,
    /// Lowest and highest standard deviation of a component, levels.
    pub(super) sigma_range: (f32, f32),
    /// A component needs at least this share of the samples to stay alive: c_T of the papers.
    pub(super) prior: f32,
    /// What counts as a shadow.
    pub(super) shadow: shadow::Params,
}

impl Params {
    const fn variances(&self) -> (f32, f32) {
        let (low, high) = self.sigma_range;
        (low * low, high * high)
    }
}

/// How fast the next picture is learnt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rates {
    /// Rate of the weights, 0 to 1, where a background component is seen.
    pub(super) background: f32,
    /// The same where something else is seen: how fast that is absorbed.
    pub(super) foreground: f32,
    /// Lowest rate of means and variances, 0 to 1; they follow the weight as in the papers where
    /// that is faster.
    pub(super) adapt: f32,
    /// Time since the picture before, seconds.
    pub(super) seconds: f32,
}

/// What the model says of each cell of one picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// One of [`label`] for each cell.
    pub(super) labels: Vec<u8>,
    /// How far beyond the threshold foreground is: 0 at the threshold, 255 infinitely far;
    /// 0 where the label is not foreground.
    pub(super) contrast: Vec<u8>,
    /// For how long shadow or foreground has looked the same, in units of 1 /
    /// [`Seen::PER_SECOND`] s up to 255; 0 where the label is background.
    pub(super) still: Vec<u8>,
    /// Luma and chroma of the heaviest component, after learning.
    pub(super) expected: [Vec<f32>; 3],
}

impl Seen {
    /// Units of [`Seen::still`] in a second.
    pub(super) const PER_SECOND: f32 = 20.0;

    /// Background everywhere, for `padded_len` cells.
    pub(super) fn new(padded_len: usize) -> Self {
        let zeros = vec![0; padded_len];
        Self {
            labels: zeros.clone(),
            contrast: zeros.clone(),
            still: zeros,
            expected: [(); 3].map(|()| vec![0.0; padded_len]),
        }
    }
}

/// A mixture for every cell of a picture.
#[derive(Debug)]
pub(super) struct Mixture {
    params: Params,
    blocks: Vec<Block>,
}

impl Mixture {
    /// A model without any component, for `padded_len` cells (a multiple of [`LANES`]).
    pub(super) fn new(padded_len: usize, params: Params) -> Self {
        Self { params, blocks: vec![Block::EMPTY; padded_len / LANES] }
    }

    /// Says what each cell of `picture` shows, and learns it.
    pub(super) fn update(
        &mut self,
        picture: &Picture,
        exposure: Exposure,
        rates: &Rates,
        seen: &mut Seen,
    ) {
        let [y, u, v] = picture.planes.each_ref().map(|p| p.as_chunks::<LANES>().0);
        let labels = seen.labels.as_chunks_mut::<LANES>().0.iter_mut();
        let contrast = seen.contrast.as_chunks_mut::<LANES>().0.iter_mut();
        let still = seen.still.as_chunks_mut::<LANES>().0.iter_mut();
        let [ey, eu, ev] =
            seen.expected.each_mut().map(|p| p.as_chunks_mut::<LANES>().0.iter_mut());
        let samples = y.iter().zip(u).zip(v).map(|((y, u), v)| exposure.sample(y, u, v));
        let cells = labels.zip(contrast).zip(still).zip(ey.zip(eu).zip(ev));
        for ((block, sample), (((labels, contrast), still), ((ey, eu), ev))) in
            self.blocks.iter_mut().zip(samples).zip(cells)
        {
            if block.learn_ordinary(&sample, rates.background, rates.adapt, &self.params) {
                (*labels, *contrast, *still) = ([0; LANES], [0; LANES], [0; LANES]);
            } else {
                let judgement = self.params.judge(block, &sample, exposure.offset, rates);
                (*labels, *contrast, *still) = judgement;
            }
            [*ey, *eu, *ev] = *block.expected();
        }
    }

    /// Makes what `cell` shows, of this colour, part of the background.
    pub(super) fn absorb(&mut self, cell: usize, colour: [f32; 3]) {
        self.blocks[cell / LANES].absorb(cell % LANES, colour);
    }

    /// Changes the colours of the whole model, and of what it expects.
    pub(super) fn drift(&mut self, drift: Drift, seen: &mut Seen) {
        self.blocks.iter_mut().for_each(|block| block.drift(drift));
        let [y, u, v] = &mut seen.expected;
        for ((y, u), v) in y.iter_mut().zip(u).zip(v) {
            [*y, *u, *v] = drift.apply([*y, *u, *v]);
        }
    }
}

impl Exposure {
    /// A sample of the picture as the model would have it.
    #[inline(always)]
    fn sample(self, y: &[f32; LANES], u: &[f32; LANES], v: &[f32; LANES]) -> Sample {
        let y = lanes(|l| self.luma(y[l]));
        let u = lanes(|l| self.gain * u[l] + self.tint[0] * y[l]);
        let v = lanes(|l| self.gain * v[l] + self.tint[1] * y[l]);
        [y, u, v]
    }
}

impl Params {
    /// Labels the lanes of a block, with contrast and stillness, and learns them.
    fn judge(
        &self,
        block: &mut Block,
        sample: &Sample,
        black: f32,
        rates: &Rates,
    ) -> ([u8; LANES], [u8; LANES], [u8; LANES]) {
        let view = block.look(sample, self);
        let threshold = self.threshold_sigmas * self.threshold_sigmas;
        let new: Flags = lanes(|l| flag(view.novelty[l] >= threshold));
        let shadow = if any(&new) { block.shadowed(sample, black, self) } else { NONE };
        let foreground: Flags = lanes(|l| new[l] & !shadow[l]);
        let time = block.time(&view, &new, rates.seconds);
        let still = lanes(|l| (time[l] * Seen::PER_SECOND) as u8);
        let labels = lanes(|l| {
            let label = if shadow[l] == 0 { label::FOREGROUND } else { label::SHADOW };
            label & new[l] as u8
        });
        let rate = lanes(|l| select(new[l], rates.foreground, rates.background));
        block.learn(sample, &view, &rate, rates.adapt, self);
        (labels, contrast(&view, &foreground, threshold), still)
    }
}

/// How far beyond the threshold the lanes in `foreground` are.
fn contrast(view: &View, foreground: &Flags, threshold: f32) -> [u8; LANES] {
    lanes(|l| select(foreground[l], (1.0 - threshold / view.novelty[l]) * 255.0, 0.0) as u8)
}
