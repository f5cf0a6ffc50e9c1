//! How the colours of a picture relate to the model's: one rule for the whole picture.
//!
//! A camera with automatic exposure darkens the whole picture when something bright comes in, and
//! with automatic white balance shifts its colours; everything would turn into foreground or
//! shadow. What exposure does to luma is close to a line, a gain and an offset: the middle of the
//! tone curve. White balance scales red and blue, which adds to chroma in proportion to luma. Both
//! are found by least squares over the cells that agree with the most frequent ratio of seen to
//! expected luma, so that they hold as long as the background is the largest group of cells that
//! agree. A change of light that is not one for the whole picture is for the caller to notice.

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

/// Largest tint: a fifth more or less blue or red.
const TINTS: RangeInclusive<f32> = -0.1..=0.1;

/// Chroma may be off by so many levels to agree, in one step of the fit each.
const CHROMA_TOLERANCES: [f32; 2] = [16.0, 5.0];

/// From the colours of a picture to those of the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Exposure {
    /// Factor of luma above black and of chroma around grey.
    pub(super) gain: f32,
    /// What is added to luma, levels.
    pub(super) offset: f32,
    /// What is added to both chroma planes, as a share of the model's luma.
    pub(super) tint: [f32; 2],
}

/// A cell as the model expects it and as the picture shows it: luma above black and chroma.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    pub(super) expected: [f32; 3],
    pub(super) seen: [f32; 3],
}

impl Exposure {
    /// Picture and model are equal.
    pub(super) const SAME: Self = Self { gain: 1.0, offset: 0.0, tint: [0.0; 2] };

    /// Finds gain and offset, leaving the tint at 0, from pairs of luma (expected, seen); `None`
    /// where fewer than half of the usable pairs agree.
    pub(super) fn estimate(pairs: &[(f32, f32)]) -> Option<Self> {
        let usable: Vec<(f32, f32)> = pairs
            .iter()
            .copied()
            .filter(|(e, s)| USABLE.contains(e) && USABLE.contains(s))
            .collect();
        let mut line = Self { gain: most_frequent_ratio(&usable), ..Self::SAME };
        let mut agree = 0;
        for tolerance in TOLERANCES {
            (line, agree) = line.refine(&usable, tolerance)?;
        }
        let plausible = GAINS.contains(&line.gain) && OFFSETS.contains(&line.offset);
        (plausible && 2 * agree >= usable.len()).then_some(line)
    }

    /// Finds the tint that goes with this gain and offset.
    pub(super) fn with_tint(self, pairs: &[Pair]) -> Self {
        let mut tinted = Self { tint: [0.0; 2], ..self };
        for tolerance in CHROMA_TOLERANCES {
            let (mut squares, mut products) = (0.0_f64, [0.0_f64; 2]);
            for Pair { expected, seen } in pairs {
                let [luma, u, v] = tinted.colour(*seen);
                let rest = [expected[1] - u, expected[2] - v];
                let is_off = |rest: f32| rest.abs() > tolerance;
                if !USABLE.contains(&seen[0])
                    || (luma - expected[0]).abs() > TOLERANCE + TOLERANCES[2] * expected[0]
                    || rest.into_iter().any(is_off)
                {
                    continue;
                }
                squares += f64::from(luma * luma);
                products[0] += f64::from(luma * rest[0]);
                products[1] += f64::from(luma * rest[1]);
            }
            if squares == 0.0 {
                return self;
            }
            for (tint, product) in tinted.tint.iter_mut().zip(products) {
                *tint = (*tint + (product / squares) as f32).clamp(*TINTS.start(), *TINTS.end());
            }
        }
        tinted
    }

    /// A colour of the picture as the model would have it.
    #[inline(always)]
    pub(super) fn colour(self, [y, u, v]: [f32; 3]) -> [f32; 3] {
        let y = self.luma(y);
        [y, self.gain * u + self.tint[0] * y, self.gain * v + self.tint[1] * y]
    }

    /// Luma of the picture as the model would have it.
    #[inline(always)]
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
        (gain.is_finite() && offset.is_finite())
            .then_some((Self { gain, offset, ..self }, n as usize))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the model expects, of many colours, and how a camera with this exposure shows it.
    fn film(gain: f32, offset: f32, tint: [f32; 2]) -> Vec<Pair> {
        (0..2000)
            .map(|i| {
                let y = 40.0 + (i * 37 % 120) as f32;
                let expected = [y, (i % 21) as f32 - 10.0, (i % 13) as f32 - 6.0];
                let noise = (i * 31 % 7) as f32 * 0.3 - 0.9;
                let chroma = |c: f32, tint: f32| (c - tint * y) / gain;
                let seen = [
                    (y - offset) / gain + noise,
                    chroma(expected[1], tint[0]) + noise,
                    chroma(expected[2], tint[1]) - noise,
                ];
                Pair { expected, seen }
            })
            .collect()
    }

    fn lumas(pairs: &[Pair]) -> Vec<(f32, f32)> {
        pairs.iter().map(|pair| (pair.expected[0], pair.seen[0])).collect()
    }

    #[test]
    fn gain_offset_and_tint_are_found_behind_a_crowd() {
        for (gain, offset, tint) in [
            (1.0, 0.0, [0.0, 0.0]),
            (0.7, 0.0, [0.05, -0.04]),
            (1.8, 10.0, [-0.03, 0.0]),
            (1.1, 20.0, [0.02, 0.02]),
        ] {
            let mut pairs = film(gain, offset, tint);
            // Four cells in ten show something else.
            for (i, pair) in pairs.iter_mut().enumerate().filter(|(i, _)| i % 10 < 4) {
                pair.seen = [(i * 53 % 190) as f32 + 10.0, 30.0, (i % 80) as f32 - 40.0];
            }
            let found = Exposure::estimate(&lumas(&pairs)).expect("six in ten agree");
            let found = found.with_tint(&pairs);
            for y in [50.0, 100.0, 150.0] {
                let error = found.luma((y - offset) / gain) - y;
                assert!(error.abs() < 3.0, "{found:?} at {y}: {error}");
            }
            for (found, truth) in found.tint.into_iter().zip(tint) {
                assert!((found - truth).abs() < 0.01, "{found} where {truth} is true");
            }
        }
    }

    #[test]
    fn a_scene_of_one_brightness_says_nothing_of_an_offset() {
        let pairs: Vec<(f32, f32)> = (0..500).map(|i| (100.0, 80.0 + (i % 3) as f32)).collect();
        let found = Exposure::estimate(&pairs).expect("all agree");
        assert!(found.offset.abs() < 8.0, "{found:?}");
        assert!((found.luma(81.0) - 100.0).abs() < 1.5, "{found:?}");
    }

    #[test]
    fn without_agreement_there_is_no_exposure() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            20.0 + (state >> 33) as f32 / (1_u64 << 31) as f32 * 180.0
        };
        let pairs: Vec<_> = (0..2000).map(|_| (random(), random())).collect();
        assert_eq!(Exposure::estimate(&pairs), None);
        assert_eq!(Exposure::estimate(&[]), None);
        assert_eq!(Exposure::estimate(&[(0.0, 0.0); 100]), None);
    }
}
