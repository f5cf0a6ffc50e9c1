//! One Gaussian in every lane of a block, and the arithmetic on it: distance, steps, drift.

use super::lanes::{Flags, LANES, Lanes, flag, lanes, select};

/// A colour for each lane: luma above black, chroma around 0.
pub(super) type Sample = [Lanes; 3];

/// Weight of the chroma differences against luma in the distance between two colours. One would
/// be the distance in RGB (BT.601), up to a constant; chroma is less noisy and tells more.
const CHROMA_WEIGHT: f32 = 2.0;

/// Squared distance of two colours, given their difference.
#[inline(always)]
pub(in super::super) const fn distance([y, u, v]: [f32; 3]) -> f32 {
    y * y + CHROMA_WEIGHT * (u * u + v * v)
}

/// A sample within this many standard deviations belongs to a component (3 in the papers).
const FIT_SIGMAS: f32 = 3.0;

/// A change of the whole model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Drift {
    /// What luma and chroma are multiplied by.
    pub(in super::super) scale: f32,
    /// What is added to luma then, levels.
    pub(in super::super) shift: f32,
    /// What is added to both chroma planes, as a share of luma before the change.
    pub(in super::super) tint: [f32; 2],
}

impl Drift {
    /// The changed colour.
    #[inline(always)]
    pub(in super::super) fn apply(self, [y, u, v]: [f32; 3]) -> [f32; 3] {
        [
            y * self.scale + self.shift,
            u * self.scale + self.tint[0] * y,
            v * self.scale + self.tint[1] * y,
        ]
    }
}

/// A component; a weight of 0 means that the lane does not have it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    pub(super) weight: Lanes,
    pub(super) mean: Sample,
    pub(super) variance: Lanes,
}

impl Component {
    pub(super) const EMPTY: Self =
        Self { weight: [0.0; LANES], mean: [[0.0; LANES]; 3], variance: [1.0; LANES] };

    /// Squared distance between `sample` and the means.
    #[inline(always)]
    pub(super) fn distance(&self, sample: &Sample) -> Lanes {
        lanes(|l| {
            let y = sample[0][l] - self.mean[0][l];
            let u = sample[1][l] - self.mean[1][l];
            let v = sample[2][l] - self.mean[2][l];
            distance([y, u, v])
        })
    }

    /// Where a sample at `distance` belongs to the component.
    #[inline(always)]
    pub(super) fn fits(&self, distance: &Lanes) -> Flags {
        lanes(|l| flag(distance[l] < FIT_SIGMAS * FIT_SIGMAS * self.variance[l]))
    }

    /// Moves the weights towards 1 in the lanes that are `owned` and towards 0 in the others, and
    /// takes away what lacks support. Gives the step by which owned means and variances are to
    /// move: the share of the sample in the component's weight, but at least `adapt`.
    #[inline(always)]
    pub(super) fn weigh(&mut self, owned: &Flags, rate: &Lanes, adapt: f32, prior: f32) -> Lanes {
        let before = self.weight;
        let moved: Lanes =
            lanes(|l| before[l] + rate[l] * (select(owned[l], 1.0, 0.0) - before[l] - prior));
        let alive: Flags = lanes(|l| flag(before[l] > 0.0) & flag(moved[l] > rate[l] * prior));
        self.weight = lanes(|l| select(alive[l], moved[l], 0.0));
        lanes(|l| select(alive[l] & owned[l], (rate[l] / moved[l]).max(adapt).min(1.0), 0.0))
    }

    /// Moves means and variances towards `sample` by the share `step`, 0 for lanes left alone.
    #[inline(always)]
    pub(super) fn learn(
        &mut self,
        sample: &Sample,
        distance: &Lanes,
        step: &Lanes,
        variances: (f32, f32),
    ) {
        for (mean, sample) in self.mean.iter_mut().zip(sample) {
            *mean = lanes(|l| mean[l] + step[l] * (sample[l] - mean[l]));
        }
        let before = self.variance;
        self.variance = lanes(|l| {
            let moved = before[l] + step[l] * (distance[l] - before[l]);
            moved.max(variances.0).min(variances.1)
        });
    }

    /// Follows a change of the whole model.
    pub(super) fn drift(&mut self, drift: Drift) {
        let [y, u, v] = &mut self.mean;
        for ((y, u), v) in y.iter_mut().zip(u).zip(v) {
            [*y, *u, *v] = drift.apply([*y, *u, *v]);
        }
    }

    /// Exchanges lane `l` with that of `other`.
    pub(super) fn swap(&mut self, other: &mut Self, l: usize) {
        std::mem::swap(&mut self.weight[l], &mut other.weight[l]);
        std::mem::swap(&mut self.variance[l], &mut other.variance[l]);
        for (a, b) in self.mean.iter_mut().zip(&mut other.mean) {
            std::mem::swap(&mut a[l], &mut b[l]);
        }
    }

    /// Starts anew in lane `l`.
    pub(super) fn found(&mut self, l: usize, sample: &Sample, weight: f32, variance: f32) {
        self.weight[l] = weight;
        self.variance[l] = variance;
        for (mean, sample) in self.mean.iter_mut().zip(sample) {
            mean[l] = sample[l];
        }
    }
}
