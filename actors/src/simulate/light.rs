//! The light of the scene: one sun, the sky, and a cloud that passes.
//!
//! All light is linear; [`Rgb`] is encoded (the sRGB curve) only where a picture is made.

use super::space::Vec3;
use std::ops::{Add, Mul};

/// A colour or an amount of light, linear, 0 to about 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rgb {
    pub(super) r: f32,
    pub(super) g: f32,
    pub(super) b: f32,
}

impl Rgb {
    pub(super) const fn new(r: f32, g: f32, b: f32) -> Self {
        Self { r, g, b }
    }

    /// From an encoded colour, as `0xrrggbb`.
    pub(super) fn hex(code: u32) -> Self {
        let part = |shift: u32| decode((code >> shift & 0xff) as f32 / 255.0);
        Self::new(part(16), part(8), part(0))
    }

    pub(super) fn lerp(self, other: Self, t: f32) -> Self {
        self * (1.0 - t) + other * t
    }

    /// The colour multiplied by `light`, part by part.
    pub(super) const fn lit(self, light: Self) -> Self {
        Self::new(self.r * light.r, self.g * light.g, self.b * light.b)
    }

    /// Encoded with the sRGB curve, each part 0 to 255.
    pub(super) fn encoded(self) -> [f32; 3] {
        [self.r, self.g, self.b].map(|v| 255.0 * encode(v))
    }
}

impl Add for Rgb {
    type Output = Self;

    fn add(self, o: Self) -> Self {
        Self::new(self.r + o.r, self.g + o.g, self.b + o.b)
    }
}

impl Mul<f32> for Rgb {
    type Output = Self;

    fn mul(self, k: f32) -> Self {
        Self::new(self.r * k, self.g * k, self.b * k)
    }
}

/// sRGB (IEC 61966-2-1), code value 0 to 1 to linear light.
pub(super) fn decode(v: f32) -> f32 {
    if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
}

/// sRGB, linear light to a code value 0 to 1; clips.
pub(super) fn encode(v: f32) -> f32 {
    let v = v.clamp(0.0, 1.0);
    if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 }
}

/// Where the sun stands: to the left of the camera, behind it and high.
pub(super) const TO_SUN: Vec3 = Vec3::new(-0.555, 0.693, -0.460);

/// The light at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Light {
    sun: Rgb,
    sky: Rgb,
    bounce: Rgb,
    /// How strong cast shadows are: 1 in full sun, weak under the cloud.
    pub(super) shadows: f32,
}

impl Light {
    /// The light under a cloud that hides `cloud` of the sun, 0 to 1.
    pub(super) fn under(cloud: f32) -> Self {
        let open = 1.0 - 0.72 * cloud;
        Self {
            sun: Rgb::new(1.30, 1.21, 1.06) * open,
            sky: Rgb::new(0.42, 0.46, 0.52) * (1.0 - 0.08 * cloud),
            bounce: Rgb::new(0.22, 0.20, 0.175) * (0.45 + 0.55 * open),
            shadows: open,
        }
    }

    /// Light on a surface with unit `normal`, of which the sun reaches `sunlit`, 0 to 1.
    pub(super) fn on(&self, normal: Vec3, sunlit: f32) -> Rgb {
        let up = 0.5 + 0.5 * normal.y;
        self.sun * (normal.dot(TO_SUN).max(0.0) * sunlit) + self.bounce.lerp(self.sky, up)
    }
}

/// A cloud that passes once: the share of the sun it hides at `time` of `duration` seconds.
/// Comes within 4 s, stays, goes within 5 s.
pub(super) fn cloud_at(time: f64, duration: f64) -> f32 {
    let (from, to) = (0.5 * duration, 0.72 * duration);
    let rise = ((time - from) / 4.0).clamp(0.0, 1.0);
    let fall = 1.0 - ((time - to) / 5.0).clamp(0.0, 1.0);
    let t = rise.min(fall) as f32;
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::space::UP;

    #[test]
    fn the_curve_and_its_inverse_agree() {
        for code in 0..=255 {
            let v = code as f32 / 255.0;
            assert!((encode(decode(v)) - v).abs() < 1e-4, "{code}");
        }
    }

    #[test]
    fn a_cloud_takes_light_and_shadow() {
        let (sun, cloud) = (Light::under(0.0), Light::under(1.0));
        assert!(cloud.on(UP, 1.0).g < 0.6 * sun.on(UP, 1.0).g);
        assert!(cloud.shadows < 0.3);
        assert!((TO_SUN.length() - 1.0).abs() < 1e-2);
        assert_eq!(
            (cloud_at(0.0, 40.0), cloud_at(25.0, 40.0), cloud_at(39.0, 40.0)),
            (0.0, 1.0, 0.0)
        );
    }
}
