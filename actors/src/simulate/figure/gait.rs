//! How a person walks: the joint angles of the sagittal plane over one stride.
//!
//! The curves are those of normal gait at a free pace as clinical textbooks give them (Perry,
//! *Gait Analysis*; Winter, *Biomechanics and Motor Control of Human Movement*), read off at each
//! tenth of the stride and joined by a periodic spline.

/// Length of a stride (two steps) at a free pace, of the body height.
pub(in crate::simulate) const STRIDE: f32 = 0.80;

/// Angles of one leg in radians; all zero is standing upright.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Leg {
    /// Thigh forward of the vertical.
    pub(super) hip: f32,
    /// Shin bent back from the thigh.
    pub(super) knee: f32,
    /// Toes raised from the right angle to the shin.
    pub(super) ankle: f32,
}

/// Degrees at each tenth of the stride, which begins when the heel strikes the ground.
const HIP: [f32; 10] = [29.0, 25.0, 17.0, 7.0, -3.0, -11.0, -7.0, 11.0, 25.0, 31.0];
const KNEE: [f32; 10] = [4.0, 15.0, 16.0, 9.0, 5.0, 9.0, 34.0, 59.0, 50.0, 19.0];
const ANKLE: [f32; 10] = [0.0, -4.0, 4.0, 8.0, 10.0, 6.0, -16.0, -11.0, -2.0, 1.0];

/// Periodic Catmull-Rom spline through ten samples at `phase` (any number; its fraction counts).
fn curve(samples: &[f32; 10], phase: f32) -> f32 {
    let at = phase.rem_euclid(1.0) * 10.0;
    let i = at as usize;
    let t = at - i as f32;
    let [a, b, c, d] = [9, 0, 1, 2].map(|step| samples[(i + step) % 10]);
    let degrees =
        b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)));
    degrees.to_radians()
}

/// The leg at `phase` of its stride; `swing` 0 is standing, 1 a full stride.
pub(super) fn leg(phase: f32, swing: f32) -> Leg {
    Leg {
        hip: swing * curve(&HIP, phase),
        knee: swing * curve(&KNEE, phase) + (1.0 - swing) * 0.03,
        ankle: swing * curve(&ANKLE, phase) + (1.0 - swing) * 0.03,
    }
}

/// Shoulder and elbow in radians, forward, of the arm on the other side than the leg at `phase`.
pub(super) fn arm(phase: f32, swing: f32) -> (f32, f32) {
    let wave = (phase * std::f32::consts::TAU).cos();
    let shoulder = 0.02 + swing * (0.02 + 0.36 * wave);
    let elbow = 0.18 + swing * (0.22 + 0.18 * wave);
    (shoulder, elbow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_meets_its_samples_and_closes() {
        for (i, degrees) in KNEE.iter().enumerate() {
            assert!((curve(&KNEE, i as f32 / 10.0).to_degrees() - degrees).abs() < 0.01);
        }
        assert!((curve(&HIP, 0.9999) - curve(&HIP, 0.0)).abs() < 0.01);
    }

    #[test]
    fn the_knee_never_bends_forward() {
        for i in 0..200 {
            assert!(leg(i as f32 / 200.0, 1.0).knee > 0.0, "at {i}");
        }
    }
}
