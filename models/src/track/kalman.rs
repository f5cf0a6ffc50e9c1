//! The Kalman filter of DeepSORT (Wojke et al. 2017) over one box: constant velocity, in pixels
//! and frames.
//!
//! The state is the box's centre, aspect ratio and height `(x, y, a, h)` and their velocities per
//! frame; noise is in proportion to the height. As published, every noise matrix is diagonal and
//! motion couples a number only with its own velocity, so the 8x8 covariance never has an entry
//! outside four 2x2 blocks; x, y and h have the same noise, so their three blocks are one. Keeping
//! two blocks is therefore exact, and some fifty times cheaper than the dense form (which the
//! tests compare with). In `f64`, so that a filter may run for ever.

use schema::geometry::BBox;

/// Standard deviation of a position, as a part of the height.
const POSITION_WEIGHT: f64 = 1.0 / 20.0;
/// Standard deviation of a velocity, as a part of the height.
const VELOCITY_WEIGHT: f64 = 1.0 / 160.0;
/// Standard deviations of the aspect ratio: process, velocity, measurement.
const ASPECT_STD: f64 = 1e-2;
const ASPECT_VELOCITY_STD: f64 = 1e-5;
const ASPECT_MEASURED_STD: f64 = 1e-1;

/// Which of the four numbers is the aspect ratio, and which the height.
const ASPECT: usize = 2;
const HEIGHT: usize = 3;

/// The estimate of one box and of how it moves.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KalmanBox {
    /// `x, y, a, h`: centre and height in pixels, aspect ratio as width / height.
    mean: [f64; 4],
    /// The same per frame.
    velocity: [f64; 4],
    /// Covariance of x, of y and of h, each with its velocity.
    length: Covariance,
    /// Covariance of the aspect ratio with its velocity.
    aspect: Covariance,
}

impl KalmanBox {
    /// A filter that has seen one box; it must be valid.
    pub(super) fn new(bbox: &BBox) -> Self {
        let mean = to_xyah(bbox);
        let height = mean[HEIGHT];
        Self {
            mean,
            velocity: [0.0; 4],
            length: Covariance::diagonal(
                2.0 * POSITION_WEIGHT * height,
                10.0 * VELOCITY_WEIGHT * height,
            ),
            aspect: Covariance::diagonal(ASPECT_STD, ASPECT_VELOCITY_STD),
        }
    }

    /// Moves the estimate on by one frame.
    pub(super) fn predict(&mut self) {
        let height = self.mean[HEIGHT];
        self.length.predict(POSITION_WEIGHT * height, VELOCITY_WEIGHT * height);
        self.aspect.predict(ASPECT_STD, ASPECT_VELOCITY_STD);
        for (value, velocity) in self.mean.iter_mut().zip(self.velocity) {
            *value += velocity;
        }
    }

    /// Corrects the estimate by what was measured in this frame; the box must be valid.
    pub(super) fn update(&mut self, measured: &BBox) {
        let length = self.length.update(POSITION_WEIGHT * self.mean[HEIGHT]);
        let aspect = self.aspect.update(ASPECT_MEASURED_STD);
        for (i, measured) in to_xyah(measured).into_iter().enumerate() {
            let gain = if i == ASPECT { aspect } else { length };
            let innovation = measured - self.mean[i];
            self.mean[i] += gain.position * innovation;
            self.velocity[i] += gain.velocity * innovation;
        }
    }

    /// Lets the height stand still: a lost object would else shrink or grow without bounds.
    pub(super) const fn hold_height(&mut self) {
        self.velocity[HEIGHT] = 0.0;
    }

    /// The estimate as a box; turned inside out, thus never overlapping, where it went wrong.
    pub(super) const fn bbox(&self) -> BBox {
        let [x, y, a, h] = self.mean;
        let (half_width, half_height) = (a * h / 2.0, h / 2.0);
        BBox {
            x1: (x - half_width) as f32,
            y1: (y - half_height) as f32,
            x2: (x + half_width) as f32,
            y2: (y + half_height) as f32,
        }
    }
}

fn to_xyah(b: &BBox) -> [f64; 4] {
    let [x1, y1, x2, y2] = [b.x1, b.y1, b.x2, b.y2].map(f64::from);
    let (width, height) = (x2 - x1, y2 - y1);
    [(x1 + x2) / 2.0, (y1 + y2) / 2.0, width / height, height]
}

/// The covariance of a number and its velocity.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Covariance {
    position: f64,
    both: f64,
    velocity: f64,
}

/// How far a measured difference moves the number and its velocity.
#[derive(Clone, Copy)]
struct Gain {
    position: f64,
    velocity: f64,
}

impl Covariance {
    fn diagonal(position_std: f64, velocity_std: f64) -> Self {
        Self { position: position_std.powi(2), both: 0.0, velocity: velocity_std.powi(2) }
    }

    /// `F P Fᵀ + Q` with `F = [1 1; 0 1]`.
    fn predict(&mut self, position_std: f64, velocity_std: f64) {
        self.position += 2.0 * self.both + self.velocity + position_std.powi(2);
        self.both += self.velocity;
        self.velocity += velocity_std.powi(2);
    }

    /// `P - K H P` with `H = [1 0]`, written so that the variance of the number stays positive.
    fn update(&mut self, measured_std: f64) -> Gain {
        let noise = measured_std.powi(2);
        let total = self.position + noise;
        let gain = Gain { position: self.position / total, velocity: self.both / total };
        self.velocity -= gain.velocity * self.both;
        self.both *= noise / total;
        self.position *= noise / total;
        gain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Matrix = [[f64; 8]; 8];

    /// The published filter, written down with its dense 8x8 matrices.
    struct Dense {
        mean: [f64; 8],
        covariance: Matrix,
    }

    fn diagonal(std: [f64; 8]) -> Matrix {
        std::array::from_fn(|i| std::array::from_fn(|j| if i == j { std[i] * std[i] } else { 0.0 }))
    }

    fn product(a: &Matrix, b: &Matrix) -> Matrix {
        std::array::from_fn(|i| std::array::from_fn(|j| (0..8).map(|k| a[i][k] * b[k][j]).sum()))
    }

    fn transposed(a: &Matrix) -> Matrix {
        std::array::from_fn(|i| std::array::from_fn(|j| a[j][i]))
    }

    /// Inverse by Gauss-Jordan elimination with pivoting.
    fn inverse(mut a: [[f64; 4]; 4]) -> [[f64; 4]; 4] {
        let mut inv = [[0.0; 4]; 4];
        (0..4).for_each(|i| inv[i][i] = 1.0);
        for i in 0..4 {
            let pivot =
                (i..4).max_by(|&p, &q| a[p][i].abs().total_cmp(&a[q][i].abs())).expect("not empty");
            a.swap(i, pivot);
            inv.swap(i, pivot);
            let scale = a[i][i];
            (0..4).for_each(|k| (a[i][k], inv[i][k]) = (a[i][k] / scale, inv[i][k] / scale));
            for row in (0..4).filter(|&row| row != i) {
                let factor = a[row][i];
                for k in 0..4 {
                    a[row][k] -= factor * a[i][k];
                    inv[row][k] -= factor * inv[i][k];
                }
            }
        }
        inv
    }

    impl Dense {
        fn new(z: [f64; 4]) -> Self {
            let [x, y, a, h] = z;
            let (p, v) = (2.0 / 20.0 * h, 10.0 / 160.0 * h);
            Self {
                mean: [x, y, a, h, 0.0, 0.0, 0.0, 0.0],
                covariance: diagonal([p, p, 1e-2, p, v, v, 1e-5, v]),
            }
        }

        fn predict(&mut self) {
            let (p, v) = (self.mean[3] / 20.0, self.mean[3] / 160.0);
            let noise = diagonal([p, p, 1e-2, p, v, v, 1e-5, v]);
            let motion: Matrix = std::array::from_fn(|i| {
                std::array::from_fn(|j| f64::from(u8::from(i == j || i + 4 == j)))
            });
            self.mean = std::array::from_fn(|i| (0..8).map(|k| motion[i][k] * self.mean[k]).sum());
            let moved = product(&product(&motion, &self.covariance), &transposed(&motion));
            self.covariance =
                std::array::from_fn(|i| std::array::from_fn(|j| moved[i][j] + noise[i][j]));
        }

        fn update(&mut self, z: [f64; 4]) {
            let p = self.mean[3] / 20.0;
            let noise = [p, p, 1e-1, p];
            let innovation: [f64; 4] = std::array::from_fn(|i| z[i] - self.mean[i]);
            let projected = std::array::from_fn(|i| {
                std::array::from_fn(|j| {
                    self.covariance[i][j] + if i == j { noise[i] * noise[i] } else { 0.0 }
                })
            });
            let inverse = inverse(projected);
            let gain: [[f64; 4]; 8] = std::array::from_fn(|i| {
                std::array::from_fn(|j| (0..4).map(|k| self.covariance[i][k] * inverse[k][j]).sum())
            });
            for (mean, gain) in self.mean.iter_mut().zip(&gain) {
                *mean += (0..4).map(|k| gain[k] * innovation[k]).sum::<f64>();
            }
            let before = self.covariance;
            for (i, row) in self.covariance.iter_mut().enumerate() {
                for (j, value) in row.iter_mut().enumerate() {
                    *value -= (0..4).map(|k| gain[i][k] * before[k][j]).sum::<f64>();
                }
            }
        }
    }

    fn assert_same(ours: &KalmanBox, dense: &Dense) {
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()));
        for i in 0..4 {
            assert!(close(ours.mean[i], dense.mean[i]), "{ours:?}, {:?}", dense.mean);
            assert!(close(ours.velocity[i], dense.mean[i + 4]), "{ours:?}, {:?}", dense.mean);
            let block = if i == ASPECT { ours.aspect } else { ours.length };
            assert!(close(block.position, dense.covariance[i][i]), "{block:?}");
            assert!(close(block.both, dense.covariance[i][i + 4]), "{block:?}");
            assert!(close(block.velocity, dense.covariance[i + 4][i + 4]), "{block:?}");
        }
    }

    prop_compose! {
        fn any_box()(x in -100f32..2000.0, y in -100f32..1100.0, w in 1f32..600.0, h in 1f32..600.0)
            -> BBox { BBox::from_xywh(x, y, w, h) }
    }

    proptest! {
        #[test]
        fn it_is_the_dense_filter(
            first in any_box(),
            steps in proptest::collection::vec(proptest::option::weighted(0.8, any_box()), 1..60),
        ) {
            let (mut ours, mut dense) = (KalmanBox::new(&first), Dense::new(to_xyah(&first)));
            assert_same(&ours, &dense);
            for step in steps {
                ours.predict();
                dense.predict();
                assert_same(&ours, &dense);
                if let Some(measured) = step {
                    ours.update(&measured);
                    dense.update(to_xyah(&measured));
                    assert_same(&ours, &dense);
                }
            }
        }
    }

    #[test]
    fn it_learns_a_constant_velocity() {
        let at = |frame: f32| BBox::from_xywh(100.0 + 3.0 * frame, 50.0 - frame, 40.0, 100.0);
        let mut filter = KalmanBox::new(&at(0.0));
        for frame in 1..120_u8 {
            filter.predict();
            filter.update(&at(frame.into()));
        }
        assert!((filter.velocity[0] - 3.0).abs() < 1e-3, "{filter:?}");
        assert!((filter.velocity[1] + 1.0).abs() < 1e-3, "{filter:?}");
        filter.predict();
        assert!(filter.bbox().iou(&at(120.0)) > 0.999, "{filter:?}");
    }

    #[test]
    fn it_is_stable_over_a_hundred_thousand_frames() {
        let at = |frame: u32| {
            let t = f64::from(frame) / 40.0;
            let (x, y) = (900.0 + 600.0 * t.sin(), 500.0 + 300.0 * (1.3 * t).cos());
            BBox::from_xywh(x as f32, y as f32, 0.5, 2.0 + 1.5 * t.cos() as f32)
        };
        let mut filter = KalmanBox::new(&at(0));
        for frame in 1..=100_000 {
            filter.predict();
            // Gaps of up to 29 frames, as a lost track has them.
            if frame % 200 < 171 {
                filter.update(&at(frame));
            }
            for block in [filter.length, filter.aspect] {
                let determinant = block.position * block.velocity - block.both * block.both;
                assert!(determinant > 0.0 && block.position < 1e4, "frame {frame}: {block:?}");
            }
        }
        let (estimate, truth) = (filter.bbox().center(), at(100_000).center());
        assert!((estimate.x - truth.x).hypot(estimate.y - truth.y) < 300.0, "{estimate:?}");
    }
}
