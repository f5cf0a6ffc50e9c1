//! The mixture, cell by cell.

use super::component::Component;
use super::lanes::Lanes;
use super::*;
use crate::detect::motion::shrink::Grid;
use proptest::prelude::*;

const PARAMS: Params = Params {
    background_share: 0.7,
    threshold_sigmas: 4.0,
    initial_sigma: 4.0,
    sigma_range: (2.0, 9.0),
    prior: 0.05,
    shadow: shadow::Params { darkest: 0.5, chroma_tolerance: 6.0 },
};

/// One row of [`LANES`] cells that are learnt at a constant rate.
struct Row {
    mixture: Mixture,
    picture: Picture,
    seen: Seen,
    random: u64,
}

impl Row {
    fn new() -> Self {
        let picture = Picture::new(Grid { factor: 1, width: LANES, height: 1 });
        Self { mixture: Mixture::new(LANES, PARAMS), picture, seen: Seen::new(LANES), random: 1 }
    }

    /// Shows every cell a colour with this much noise (standard deviation of each plane).
    fn show(&mut self, colour: [f32; 3], sigma: f32, rate: f32) {
        for (plane, colour) in self.picture.planes.iter_mut().zip(colour) {
            for cell in plane {
                // Twelve uniform numbers are normal enough.
                let mut sum = -6.0;
                for _ in 0..12 {
                    self.random = self.random.wrapping_mul(6364136223846793005).wrapping_add(1);
                    sum += (self.random >> 40) as f32 / (1 << 24) as f32;
                }
                *cell = colour + sigma * sum;
            }
        }
        let rates = Rates { background: rate, foreground: rate, adapt: rate, seconds: 0.1 };
        self.mixture.update(&self.picture, Exposure::SAME, &rates, &mut self.seen);
    }

    /// Mean number of components of a cell.
    fn components(&self) -> f32 {
        (0..LANES).map(|l| self.mixture.blocks[0].count(l)).sum::<usize>() as f32 / LANES as f32
    }

    /// Share of the cells with this label.
    fn share(&self, label: u8) -> f32 {
        self.seen.labels.iter().filter(|&&l| l == label).count() as f32 / LANES as f32
    }
}

#[test]
fn one_mode_is_learnt_with_its_mean_and_spread() {
    let mut row = Row::new();
    for _ in 0..2000 {
        row.show([100.0, 5.0, -20.0], 2.5, 0.01);
    }
    assert_eq!(row.components(), 1.0);
    let component = row.mixture.blocks[0].heaviest();
    // The spread is that of the distance: luma once, chroma twice, weighted by 2.
    let expected = 2.5_f32.powi(2) * (1.0 + 2.0 * 2.0);
    for l in 0..LANES {
        let mean = component.mean.map(|plane| plane[l]);
        for (mean, truth) in mean.into_iter().zip([100.0, 5.0, -20.0]) {
            assert!((mean - truth).abs() < 1.0, "mean {mean}, truth {truth}");
        }
        let ratio = component.variance[l] / expected;
        assert!((0.5..2.0).contains(&ratio), "variance {} of {expected}", component.variance[l]);
    }
    assert_eq!(row.share(label::BACKGROUND), 1.0);
}

#[test]
fn the_number_of_components_follows_the_number_of_modes() {
    let mut row = Row::new();
    let modes = [[60.0, 0.0, 0.0], [120.0, 0.0, 0.0], [180.0, 30.0, 0.0]];
    for count in [1, 3, 2, 1] {
        for frame in 0..1500 {
            row.show(modes[frame % count], 1.0, 0.01);
        }
        assert_eq!(row.components(), count as f32, "{count} modes");
        assert_eq!(row.share(label::BACKGROUND), 1.0, "all {count} modes are background");
    }
}

#[test]
fn a_thing_is_foreground_until_its_weight_is_that_of_background() {
    let mut row = Row::new();
    for _ in 0..300 {
        row.show([100.0, 0.0, 0.0], 1.0, 0.01);
    }
    let mut frames = 0;
    loop {
        row.show([150.0, 0.0, 0.0], 1.0, 0.01);
        if row.share(label::FOREGROUND) < 0.5 {
            break;
        }
        frames += 1;
        assert!(frames < 200, "never absorbed");
    }
    // 1 - exp(-0.01 n) = 0.3, a little later for the prior.
    assert!((34..45).contains(&frames), "{frames} frames");
    row.show([100.0, 0.0, 0.0], 1.0, 0.01);
    assert_eq!(row.share(label::BACKGROUND), 1.0, "the old background is known still");
}

#[test]
fn less_light_is_shadow_and_another_colour_is_not() {
    let ground = [120.0, 8.0, -12.0];
    for (colour, expected) in [
        ([120.0, 8.0, -12.0], label::BACKGROUND),
        ([84.0, 5.6, -8.4], label::SHADOW),
        ([66.0, 4.4, -6.6], label::SHADOW),
        ([50.0, 3.0, -5.0], label::FOREGROUND),
        ([84.0, 20.0, -8.0], label::FOREGROUND),
        ([160.0, 10.0, -16.0], label::FOREGROUND),
    ] {
        let mut row = Row::new();
        for _ in 0..100 {
            row.show(ground, 1.0, 0.02);
        }
        row.show(colour, 0.0, 0.02);
        assert_eq!(row.share(expected), 1.0, "{colour:?}");
        let is_foreground = expected == label::FOREGROUND;
        assert_eq!(row.seen.contrast.iter().all(|&c| c > 0), is_foreground, "{colour:?}");
    }
}

#[test]
fn contrast_tells_how_far_beyond_the_threshold() {
    // The least spread is 2 levels, the threshold 4 of them.
    for (step, expected) in [(7.0, 0.0), (9.0, 0.2), (16.0, 0.75), (80.0, 0.99)] {
        let mut row = Row::new();
        for _ in 0..200 {
            row.show([100.0, 0.0, 0.0], 0.0, 0.02);
        }
        row.show([100.0 + step, 0.0, 0.0], 0.0, 0.02);
        let contrast = f32::from(row.seen.contrast[0]) / 255.0;
        assert!((contrast - expected).abs() < 0.02, "step {step}: {contrast}");
    }
}

#[test]
fn time_without_change_is_counted_and_a_change_ends_it() {
    let mut row = Row::new();
    for _ in 0..50 {
        row.show([100.0, 0.0, 0.0], 1.0, 0.02);
    }
    for _ in 0..11 {
        row.show([150.0, 0.0, 0.0], 0.5, 0.0001);
    }
    // The first of eleven frames founds the component, the second shows it for the first time.
    let units = (9.0 * 0.1 * Seen::PER_SECOND) as u8;
    assert!(row.seen.still.iter().all(|s| s.abs_diff(units) <= 1), "{:?}", row.seen.still);
    row.show([190.0, 0.0, 0.0], 0.5, 0.0001);
    assert!(row.seen.still.iter().all(|&s| s == 0));
    row.show([100.0, 0.0, 0.0], 0.5, 0.0001);
    assert!(row.seen.still.iter().all(|&s| s == 0));
}

#[test]
fn what_is_absorbed_is_background_beside_the_old_one() {
    let mut row = Row::new();
    for _ in 0..50 {
        row.show([100.0, 0.0, 0.0], 0.5, 0.02);
    }
    row.show([150.0, 0.0, 0.0], 0.5, 0.0001);
    assert_eq!(row.share(label::FOREGROUND), 1.0);
    (0..LANES / 2).for_each(|cell| row.mixture.absorb(cell, [150.0, 0.0, 0.0]));
    row.show([150.0, 0.0, 0.0], 0.5, 0.0001);
    assert!(row.seen.labels[..LANES / 2].iter().all(|&l| l == label::BACKGROUND));
    assert!(row.seen.labels[LANES / 2..].iter().all(|&l| l == label::FOREGROUND));
    row.show([100.0, 0.0, 0.0], 0.5, 0.0001);
    assert_eq!(row.share(label::BACKGROUND), 1.0);
}

#[test]
fn a_model_that_drifts_with_the_picture_sees_no_change() {
    let mut row = Row::new();
    for _ in 0..50 {
        row.show([100.0, 10.0, -10.0], 0.5, 0.02);
    }
    let drift = Drift { scale: 0.5, shift: 20.0, tint: [0.1, 0.0] };
    row.mixture.drift(drift, &mut row.seen);
    assert!((row.seen.expected[0][3] - 70.0).abs() < 1.0);
    row.show([70.0, 15.0, -5.0], 0.5, 0.02);
    assert_eq!(row.share(label::BACKGROUND), 1.0);
}

/// A block whose lanes have seen some of three colours.
fn block(history: &[(usize, f32)]) -> Block {
    let mut block = Block::EMPTY;
    for &(mode, noise) in history {
        let sample: Sample = [
            lanes(|l| [60.0, 90.0, 150.0][mode] + noise * (l % 5) as f32),
            [0.0; LANES],
            lanes(|l| noise * (l % 3) as f32),
        ];
        let view = block.look(&sample, &PARAMS);
        block.learn(&sample, &view, &[0.05; LANES], 0.01, &PARAMS);
    }
    block
}

fn close(a: &Lanes, b: &Lanes) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-3 * (1.0 + b.abs()))
}

proptest! {
    #[test]
    fn weights_add_up_and_the_heaviest_comes_first(
        history in prop::collection::vec((0_usize..3, -2_f32..2.0), 1..60),
    ) {
        let block = block(&history);
        for l in 0..LANES {
            let weights = block.weights(l);
            prop_assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-4, "{:?}", weights);
            prop_assert!(weights.iter().all(|&w| (0.0..=weights[0]).contains(&w)), "{:?}", weights);
        }
    }

    #[test]
    fn the_short_way_learns_what_the_long_way_learns(
        history in prop::collection::vec((0_usize..2, -2_f32..2.0), 1..60),
        luma in 50_f32..100.0,
    ) {
        let mut short = block(&history);
        let mut long = short.clone();
        let sample = [[luma; LANES], [0.0; LANES], [0.0; LANES]];
        if short.learn_ordinary(&sample, 0.02, 0.03, &PARAMS) {
            let view = long.look(&sample, &PARAMS);
            prop_assert!(view.novelty.iter().all(|&n| n < 16.0), "background in both");
            long.learn(&sample, &view, &[0.02; LANES], 0.03, &PARAMS);
            let (a, b): (&Component, &Component) = (short.heaviest(), long.heaviest());
            prop_assert!(close(&a.weight, &b.weight));
            prop_assert!(close(&a.variance, &b.variance));
            prop_assert!(a.mean.iter().zip(&b.mean).all(|(a, b)| close(a, b)));
        }
    }
}
