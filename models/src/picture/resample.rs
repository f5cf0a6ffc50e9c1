//! Bilinear resampling of 8-bit planes in fixed point, a row at a time.
//!
//! Two taps per axis, no antialiasing, pixel centres at half-integers, edges repeated: what
//! `cv2.resize` with `INTER_LINEAR` does and what the models were trained with. Vertical first:
//! blending two whole rows is one pass over contiguous bytes, and what is left for the horizontal
//! step is two reads per output sample. Everything here is integer arithmetic, so results do not
//! depend on the instruction set.

/// One in the weights of the vertical step: 8-bit samples times this fit 16 bits.
const VERTICAL_ONE: u16 = 256;
/// One in the weights of the horizontal step: blended samples times this fit 31 bits.
const HORIZONTAL_ONE: i32 = 4096;
/// What one grey level is after both steps.
pub(super) const LEVEL: f32 = (VERTICAL_ONE as i32 * HORIZONTAL_ONE) as f32;

/// Where one output sample reads from: sample `first` and the one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tap {
    first: u32,
    /// Share of the second sample in units of the axis's one.
    weight: i32,
}

/// The taps of one axis, for `count` output samples.
fn taps(source: usize, step: f64, count: usize, one: i32) -> Vec<Tap> {
    let last = source - 1;
    let tap = |i: usize| {
        let centre = ((i as f64 + 0.5) * step - 0.5).clamp(0.0, last as f64);
        let first = centre as usize;
        let weight = ((centre - first as f64) * f64::from(one)).round() as i32;
        Tap { first: first as u32, weight }
    };
    (0..count).map(tap).collect()
}

/// The horizontal axis of a plane: gathers output samples from a blended row.
#[derive(Debug)]
pub(super) struct Columns(Vec<Tap>);

impl Columns {
    /// `count` samples from a row of `source` samples, `step` source samples apart.
    pub(super) fn new(source: usize, step: f64, count: usize) -> Self {
        Self(taps(source, step, count, HORIZONTAL_ONE))
    }

    /// Fills `out` from `row`, which [`Rows::blend`] made: one sample longer than the plane.
    pub(super) fn gather(&self, row: &[u16], out: &mut [i32]) {
        for (out, tap) in out.iter_mut().zip(&self.0) {
            let first = tap.first as usize;
            let pair = &row[first..first + 2];
            let (a, b) = (i32::from(pair[0]), i32::from(pair[1]));
            *out = a * HORIZONTAL_ONE + (b - a) * tap.weight;
        }
    }
}

/// The vertical axis of a plane: which two rows make an output row.
#[derive(Debug)]
pub(super) struct Rows {
    taps: Vec<Tap>,
    last: usize,
}

impl Rows {
    /// `count` rows from a plane of `source` rows, `step` source rows apart.
    pub(super) fn new(source: usize, step: f64, count: usize) -> Self {
        Self { taps: taps(source, step, count, i32::from(VERTICAL_ONE)), last: source - 1 }
    }

    /// Blends the two source rows of output row `y` into `out`. `out` is one sample longer than the
    /// plane; that one is read with weight 0 only and left as it is.
    pub(super) fn blend<'a>(&self, y: usize, row: impl Fn(usize) -> &'a [u8], out: &mut [u16]) {
        let tap = self.taps[y];
        let first = tap.first as usize;
        let (above, below) = (row(first), row((first + 1).min(self.last)));
        let weight = tap.weight as u16;
        for ((out, &a), &b) in out.iter_mut().zip(above).zip(below) {
            *out = u16::from(a) * (VERTICAL_ONE - weight) + u16::from(b) * weight;
        }
    }
}
