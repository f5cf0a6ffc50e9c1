//! The components of [`LANES`] neighbouring cells: which one a sample belongs to, whether that is
//! the background, and what is learnt from it.

use super::component::{Component, Drift, Sample};
use super::lanes::{Flags, LANES, Lanes, NONE, any, flag, lanes, select};
use super::{MAX_COMPONENTS, Params};

/// Instead of the number of a component: there is none.
const NOTHING: u32 = u32::MAX;

/// How a block's samples relate to its components.
pub(super) struct View {
    /// For each component, the lanes whose sample belongs to it: at most one owner per lane.
    owned: [Flags; MAX_COMPONENTS],
    /// Squared distance to the mean of the owner.
    distance: Lanes,
    /// Squared distance to the nearest background component, in its variances.
    pub(super) novelty: Lanes,
}

/// [`LANES`] neighbouring cells.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Components in use in any lane: those from here on have no weight.
    used: usize,
    /// The heaviest of each lane comes first, the others in no order.
    components: [Component; MAX_COMPONENTS],
    /// Which component each lane showed in the picture before, if it was not background.
    shown: [u32; LANES],
    /// For how long it has been that one, seconds.
    still: Lanes,
}

impl Block {
    pub(super) const EMPTY: Self = Self {
        used: 0,
        components: [Component::EMPTY; MAX_COMPONENTS],
        shown: [NOTHING; LANES],
        still: [0.0; LANES],
    };

    /// Follows a change of the whole model.
    pub(super) fn drift(&mut self, drift: Drift) {
        self.components[..self.used].iter_mut().for_each(|c| c.drift(drift));
    }

    /// Mean of the heaviest component of each lane.
    #[inline(always)]
    pub(super) const fn expected(&self) -> &Sample {
        &self.components[0].mean
    }

    /// Learns `sample` if every lane shows its heaviest component and that alone is the
    /// background, which is so in most of most pictures: the same as [`Block::look`] and
    /// [`Block::learn`], at a fraction of the cost. Tells whether it was so; if not, nothing has
    /// changed.
    #[inline(always)]
    pub(super) fn learn_ordinary(
        &mut self,
        sample: &Sample,
        rate: f32,
        adapt: f32,
        params: &Params,
    ) -> bool {
        let [first, others @ ..] = &mut self.components;
        let distance = first.distance(sample);
        let fits = first.fits(&distance);
        let alone = lanes(|l| flag(first.weight[l] >= params.background_share));
        if self.used == 0 || any(&lanes(|l| !(fits[l] & alone[l]))) {
            return false;
        }
        self.shown = [NOTHING; LANES];
        if self.used == 1 {
            first.learn(sample, &distance, &[rate.max(adapt); LANES], params.variances());
            return true;
        }
        let rates = [rate; LANES];
        let step = first.weigh(&fits, &rates, adapt, params.prior);
        first.learn(sample, &distance, &step, params.variances());
        for other in &mut others[..self.used - 1] {
            other.weigh(&NONE, &rates, adapt, params.prior);
        }
        self.normalise();
        true
    }

    /// Relates `sample` to every component. Of those that it fits, the heaviest owns it.
    pub(super) fn look(&self, sample: &Sample, params: &Params) -> View {
        let mut view = View {
            owned: [NONE; MAX_COMPONENTS],
            distance: [0.0; LANES],
            novelty: [f32::INFINITY; LANES],
        };
        let mut heaviest = [0.0; LANES];
        for (m, component) in self.components[..self.used].iter().enumerate() {
            let (weight, variance) = (&component.weight, &component.variance);
            let distance = component.distance(sample);
            let fits = component.fits(&distance);
            let owned: Flags = lanes(|l| fits[l] & flag(weight[l] > heaviest[l]));
            for earlier in &mut view.owned[..m] {
                *earlier = lanes(|l| earlier[l] & !owned[l]);
            }
            view.owned[m] = owned;
            view.distance = lanes(|l| select(owned[l], distance[l], view.distance[l]));
            heaviest = lanes(|l| select(owned[l], weight[l], heaviest[l]));
            let background = self.background(m, params.background_share);
            view.novelty = lanes(|l| {
                let novelty = select(background[l], distance[l] / variance[l], f32::INFINITY);
                view.novelty[l].min(novelty)
            });
        }
        view
    }

    /// Where component `m` is one of the heaviest that make up `share` of the weight.
    #[inline(always)]
    fn background(&self, m: usize, share: f32) -> Flags {
        let weight = &self.components[m].weight;
        let mut heavier = [0.0; LANES];
        for (j, other) in self.components[..self.used].iter().enumerate() {
            // Of equals the earlier one is ahead.
            let tie = flag(j < m);
            let other = &other.weight;
            heavier = lanes(|l| {
                let ahead = flag(other[l] > weight[l]) | (tie & flag(other[l] == weight[l]));
                heavier[l] + select(ahead, other[l], 0.0)
            });
        }
        lanes(|l| flag(weight[l] > 0.0) & flag(heavier[l] < share))
    }

    /// Where `sample` looks like a shadow on a background component; `black` is the luma without
    /// light.
    pub(super) fn shadowed(&self, sample: &Sample, black: f32, params: &Params) -> Flags {
        let mut shadowed = NONE;
        for (m, component) in self.components[..self.used].iter().enumerate() {
            let background = self.background(m, params.background_share);
            let [y, u, v] = &component.mean;
            shadowed = lanes(|l| {
                let seen = [sample[0][l], sample[1][l], sample[2][l]];
                let shadow = params.shadow.covers([y[l], u[l], v[l]], seen, black);
                shadowed[l] | (background[l] & flag(shadow))
            });
        }
        shadowed
    }

    /// For how long the lanes in `new` have shown the same, seconds.
    pub(super) fn time(&mut self, view: &View, new: &Flags, seconds: f32) -> &Lanes {
        let mut owner = [NOTHING; LANES];
        for (m, owned) in view.owned[..self.used].iter().enumerate() {
            owner = lanes(|l| (owner[l] & !owned[l]) | (m as u32 & owned[l]));
        }
        let (shown, still) = (self.shown, self.still);
        self.still = lanes(|l| {
            let same = new[l] & flag(owner[l] == shown[l]) & flag(owner[l] != NOTHING);
            select(same, still[l] + seconds, 0.0)
        });
        self.shown = lanes(|l| owner[l] | !new[l]);
        &self.still
    }

    /// Updates weights, means and variances, each lane at its rate; components without support
    /// die, samples that belong to none found one.
    pub(super) fn learn(
        &mut self,
        sample: &Sample,
        view: &View,
        rate: &Lanes,
        adapt: f32,
        params: &Params,
    ) {
        let mut orphans = [u32::MAX; LANES];
        for (component, owned) in self.components[..self.used].iter_mut().zip(&view.owned) {
            let step = component.weigh(owned, rate, adapt, params.prior);
            component.learn(sample, &view.distance, &step, params.variances());
            orphans = lanes(|l| orphans[l] & !owned[l]);
        }
        for l in (0..LANES).filter(|&l| orphans[l] != 0) {
            let slot = self.lightest(l);
            let variance = params.initial_sigma * params.initial_sigma;
            self.components[slot].found(l, sample, rate[l], variance);
            self.used = self.used.max(slot + 1);
        }
        self.normalise();
    }

    /// The component of lane `l` that is missed least.
    fn lightest(&self, l: usize) -> usize {
        let weight = |m: usize| self.components[m].weight[l];
        (1..MAX_COMPONENTS).fold(0, |least, m| if weight(m) < weight(least) { m } else { least })
    }

    /// Makes the weights of each lane add up to 1, puts the heaviest first and lets go of
    /// components that no lane has.
    fn normalise(&mut self) {
        let mut sum = [0.0; LANES];
        for component in &self.components[..self.used] {
            sum = lanes(|l| sum[l] + component.weight[l]);
        }
        let scale: Lanes = lanes(|l| 1.0 / sum[l]);
        for component in &mut self.components[..self.used] {
            component.weight = lanes(|l| component.weight[l] * scale[l]);
        }
        let [first, others @ ..] = &mut self.components;
        for other in &mut others[..self.used - 1] {
            let heavier = lanes(|l| flag(other.weight[l] > first.weight[l]));
            if any(&heavier) {
                (0..LANES).filter(|&l| heavier[l] != 0).for_each(|l| first.swap(other, l));
            }
        }
        while self.used > 1 && self.components[self.used - 1].weight == [0.0; LANES] {
            self.used -= 1;
        }
    }

    /// Gives the component nearest to `colour` in lane `l` at least half of the weight.
    pub(super) fn absorb(&mut self, l: usize, colour: [f32; 3]) {
        let sample = colour.map(|c| [c; LANES]);
        let ratio = |c: &Component| c.distance(&sample)[l] / c.variance[l];
        let nearest = self.components[..self.used]
            .iter_mut()
            .filter(|c| c.weight[l] > 0.0)
            .min_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        if let Some(component) = nearest {
            let others = 1.0 - component.weight[l];
            component.weight[l] = component.weight[l].max(others);
            self.normalise();
        }
    }
}

#[cfg(test)]
impl Block {
    pub(super) const fn heaviest(&self) -> &Component {
        &self.components[0]
    }

    pub(super) fn weights(&self, l: usize) -> [f32; MAX_COMPONENTS] {
        self.components.each_ref().map(|component| component.weight[l])
    }

    pub(super) fn count(&self, l: usize) -> usize {
        self.weights(l).iter().filter(|&&weight| weight > 0.0).count()
    }
}
