//! How the brightness of a picture relates to the model's: one line for the whole picture.
//!
//! A camera with automatic exposure darkens the whole picture when something bright comes in, and
//! everything in it would turn into foreground or shadow. What such a change does to luma is close
//! to a line, a gain and an offset: the middle of the tone curve. It is found by least squares
//! over the cells that agree with the most frequent ratio of seen to expected luma, so that it
//! holds as long as the background is the largest group of cells that agree. A change of light
//! that is not one line for the whole picture is for the caller to notice.

use std::ops::RangeInclusive;

/// Luma of a usable cell, levels above black: neither drowned in noise nor clipped.
const USABLE: RangeInclusive<f32> = 12.0..=205.0;

/// Bins per unit in the histogram of ratios, and the largest ratio in it.
const BINS_PER_UNIT: f32 = 48.0;
const LARGEST_RATIO: f32 = 4.0;

/// How far a cell may be off to agree, as a share of what is expected: one step of the fit each.
const TOLERANCES: [f32; 3] = [0.15, 0.08, 0.05];

/// And in levels, on top of it.
const TOLERANCE: f32 = 3.0;

/// Pull of the offset towards 0, as a share of the evidence: a scene of one brightness says
/// nothing of an offset.
const OFFSET_PRIOR: f64 = 0.002;

/// Gains and offsets beyond these mean that picture and model have too little in common.
const GAINS: RangeInclusive<f32> = 0.3..=3.3;
const OFFSETS: RangeInclusive<f32> = -64.0..=64.0;

/// From the luma of a picture to that of the model: `model = offset + gain * picture`. Chroma, as
/// distance from grey, is multiplied by the gain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Exposure {
    pub(super) gain: f32,
    /// Levels.
    pub(super) offset: f32,
}

impl Exposure {
    /// Picture and model are equally bright.
    pub(super) const SAME: Self = Self { gain: 1.0, offset: 0.0 };

    /// Finds the line from pairs of expected (model) and seen (picture) luma; `None` where fewer
    /// than half of the usable pairs agree on one.
    pub(super) fn estimate(pairs: &[(f32, f32)]) -> Option<Self> {
        let usable: Vec<(f32, f32)> = pairs
            .iter()
            .copied()
            .filter(|(e, s)| USABLE.contains(e) && USABLE.contains(s))
            .collect();
        let mut line = Self { gain: most_frequent_ratio(&usable), offset: 0.0 };
        let mut agree = 0;
        for tolerance in TOLERANCES {
            (line, agree) = line.refine(&usable, tolerance)?;
        }
        let plausible = GAINS.contains(&line.gain) && OFFSETS.contains(&line.offset);
        (plausible && 2 * agree >= usable.len()).then_some(line)
    }

    /// Luma of the picture as the model would have it.
    #[inline]
    pub(super) fn luma(self, seen: f32) -> f32 {
        self.offset + self.gain * seen
    }

    /// Fits a line to the pairs that agree with this one, and counts them.
    fn refine(self, pairs: &[(f32, f32)], tolerance: f32) -> Option<(Self, usize)> {
        let (mut n, mut s, mut e, mut ss, mut se) = (0.0_f64, 0.0, 0.0, 0.0, 0.0);
        for &(expected, seen) in pairs {
            if (self.luma(seen) - expected).abs() <= TOLERANCE + tolerance * expected {
                let (expected, seen) = (f64::from(expected), f64::from(seen));
                n += 1.0;
                s += seen;
                e += expected;
                ss += seen * seen;
                se += seen * expected;
            }
        }
        let weight = n * (1.0 + OFFSET_PRIOR);
        let determinant = ss * weight - s * s;
        let gain = ((se * weight - s * e) / determinant) as f32;
        let offset = ((ss * e - s * se) / determinant) as f32;
        (gain.is_finite() && offset.is_finite()).then_some((Self { gain, offset }, n as usize))
    }
}

/// The mode of expected over seen.
fn most_frequent_ratio(pairs: &[(f32, f32)]) -> f32 {
    let mut histogram = [0_u32; (LARGEST_RATIO * BINS_PER_UNIT) as usize + 3];
    for (expected, seen) in pairs {
        let bin = (seen / expected * BINS_PER_UNIT) as usize + 1;
        if let Some(count) = histogram.get_mut(bin) {
            *count += 1;
        }
    }
    let (mut peak, mut most) = (0, 0);
    for (bin, window) in histogram.windows(3).enumerate() {
        let sum = window.iter().sum();
        if sum > most {
            (peak, most) = (bin, sum);
        }
    }
    BINS_PER_UNIT / (peak as f32 + 0.5)
}
