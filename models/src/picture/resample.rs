//! Bilinear resampling of 8-bit planes in fixed point, a row at a time.
//!
//! Two taps per axis, no antialiasing, pixel centres at half-integers, edges repeated: what
//! `cv2.resize` with `INTER_LINEAR` does and what the models were trained with. Vertical first:
//! blending two whole rows is one pass over contiguous bytes, and what is left for the horizontal
//! step is two reads per output sample. Everything here is integer arithmetic, so results do not
//! depend on the instruction set; loops and number formats are such that a compiler turns all but
//! the reads into vector instructions of the oldest x86-64.

/// One in the weights of the vertical step: 8-bit samples times this fit 16 bits.
const VERTICAL_ONE: u16 = 256;
/// One in the weights of the horizontal step: blended samples times this fit 32 bits.
const HORIZONTAL_ONE: i32 = 4096;
/// What one grey level is after both steps.
pub(super) const LEVEL: f32 = (VERTICAL_ONE as i32 * HORIZONTAL_ONE) as f32;
/// The grey level that is 0 after both steps: blended rows are signed.
pub(super) const ZERO: f32 = 128.0;

/// For each of `count` output samples the source sample before it, and the share of the one after
/// that in units of `one`. The last source sample is only ever the one before, with no share left.
fn taps(source: usize, step: f64, count: usize, one: f64) -> impl Iterator<Item = (usize, u16)> {
    let last = (source - 1) as f64;
    (0..count).map(move |i| {
        let centre = ((i as f64 + 0.5) * step - 0.5).clamp(0.0, last);
        let first = centre.floor();
        (first as usize, ((centre - first) * one).round() as u16)
    })
}

/// The vertical axis of a plane: which two rows make an output row.
#[derive(Debug)]
pub(super) struct Rows {
    taps: Vec<(usize, u16)>,
    last: usize,
}

impl Rows {
    /// `count` rows from a plane of `source` rows, `step` source rows apart.
    pub(super) fn new(source: usize, step: f64, count: usize) -> Self {
        let taps = taps(source, step, count, f64::from(VERTICAL_ONE)).collect();
        Self { taps, last: source - 1 }
    }

    /// Blends the two source rows of output row `y` into `out`, [`ZERO`] at 0. `out` is one sample
    /// longer than the plane; that one is read with weight 0 only and left as it is.
    pub(super) fn blend<'a>(&self, y: usize, row: impl Fn(usize) -> &'a [u8], out: &mut [i16]) {
        let (first, weight) = self.taps[y];
        let (above, below) = (row(first), row((first + 1).min(self.last)));
        for ((out, &a), &b) in out.iter_mut().zip(above).zip(below) {
            let blended = u16::from(a) * (VERTICAL_ONE - weight) + u16::from(b) * weight;
            *out = (blended ^ 0x8000).cast_signed();
        }
    }
}

/// The horizontal axis of a plane: which two samples of a blended row make an output sample.
#[derive(Debug)]
pub(super) struct Columns {
    first: Vec<u32>,
    weights: Vec<[i16; 2]>,
    /// The two samples of each output sample, beside one another.
    pairs: Vec<[i16; 2]>,
}

impl Columns {
    /// `count` samples from a row of `source` samples, `step` source samples apart.
    pub(super) fn new(source: usize, step: f64, count: usize) -> Self {
        let (first, weights) = taps(source, step, count, f64::from(HORIZONTAL_ONE))
            .map(|(first, w)| (first as u32, [HORIZONTAL_ONE as i16 - w as i16, w as i16]))
            .unzip();
        Self { first, weights, pairs: vec![[0; 2]; count] }
    }

    /// Resamples `row`, which [`Rows::blend`] made, into `out`.
    pub(super) fn resample(&mut self, row: &[i16], out: &mut [i32]) {
        // Reads and sums apart: the sums then become one multiply-add of pairs.
        for (pair, &first) in self.pairs.iter_mut().zip(&self.first) {
            let first = first as usize;
            *pair = [row[first], row[first + 1]];
        }
        for ((out, [a, b]), [wa, wb]) in out.iter_mut().zip(&self.pairs).zip(&self.weights) {
            *out = i32::from(*a) * i32::from(*wa) + i32::from(*b) * i32::from(*wb);
        }
    }
}
