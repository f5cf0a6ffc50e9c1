//! Where things are: points in metres, and the camera that turns them into pixels.
//!
//! The world has x to the right, y up from the ground and z away from the camera, which stands at
//! x = z = 0 and looks along z. Nothing is drawn here.

use std::ops::{Add, Mul, Sub};

/// A point or direction in the world, in metres.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Vec3 {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) z: f32,
}

/// Straight up.
pub(super) const UP: Vec3 = Vec3::new(0.0, 1.0, 0.0);

impl Vec3 {
    pub(super) const fn new(x: f32, y: f32, z: f32) -> Self {
        Self { x, y, z }
    }

    pub(super) fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    pub(super) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// The same direction with length 1; `otherwise` where there is none.
    pub(super) fn unit_or(self, otherwise: Self) -> Self {
        let length = self.length();
        if length > 1e-6 { self * (1.0 / length) } else { otherwise }
    }

    pub(super) fn lerp(self, other: Self, t: f32) -> Self {
        self + (other - self) * t
    }
}

impl Add for Vec3 {
    type Output = Self;

    fn add(self, o: Self) -> Self {
        Self::new(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}

impl Sub for Vec3 {
    type Output = Self;

    fn sub(self, o: Self) -> Self {
        Self::new(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}

impl Mul<f32> for Vec3 {
    type Output = Self;

    fn mul(self, k: f32) -> Self {
        Self::new(self.x * k, self.y * k, self.z * k)
    }
}

/// A point on the ground, in metres.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Spot {
    /// To the right of the camera.
    pub(super) x: f32,
    /// Away from the camera.
    pub(super) z: f32,
}

impl Spot {
    pub(super) const fn new(x: f32, z: f32) -> Self {
        Self { x, z }
    }

    pub(super) fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.z - other.z)
    }

    pub(super) fn lerp(self, other: Self, t: f32) -> Self {
        Self::new(self.x + (other.x - self.x) * t, self.z + (other.z - self.z) * t)
    }

    /// The point `height` metres above it.
    pub(super) const fn above(self, height: f32) -> Vec3 {
        Vec3::new(self.x, height, self.z)
    }
}

/// A projected point: pixels, and how many of them a metre takes there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Projected {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) px_per_m: f32,
}

/// A pinhole camera with a level optical axis and a shifted picture, as architectural
/// photographs are taken: verticals stay vertical, the horizon lies in the upper part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Camera {
    center_x: f32,
    horizon_y: f32,
    focal_px: f32,
}

impl Camera {
    /// Metres above the ground.
    pub(super) const HEIGHT: f32 = 3.2;
    /// Of the picture's height.
    const HORIZON: f32 = 0.275;
    /// Of the picture's height.
    const FOCAL: f32 = 1.42;

    /// The camera for a picture of `width` x `height` pixels.
    pub(super) fn new(width: u32, height: u32) -> Self {
        Self {
            center_x: width as f32 / 2.0,
            horizon_y: height as f32 * Self::HORIZON,
            focal_px: height as f32 * Self::FOCAL,
        }
    }

    /// Pixels of `p`, which lies in front of the camera (z above 0).
    pub(super) fn project(&self, p: Vec3) -> Projected {
        let px_per_m = self.px_per_m(p.z);
        Projected {
            x: self.center_x + p.x * px_per_m,
            y: self.horizon_y + (Self::HEIGHT - p.y) * px_per_m,
            px_per_m,
        }
    }

    /// Pixels that a metre takes at distance `z`.
    pub(super) fn px_per_m(&self, z: f32) -> f32 {
        self.focal_px / z
    }

    /// The x in metres of column `x` at distance `z`.
    pub(super) fn x_at(&self, x: f32, z: f32) -> f32 {
        (x - self.center_x) * z / self.focal_px
    }

    /// The distance at which the ground is seen in row `y`, which is below the horizon.
    pub(super) fn z_of_row(&self, y: f32) -> f32 {
        self.focal_px * Self::HEIGHT / (y - self.horizon_y)
    }

    /// Half the width of what is seen at distance `z`, in metres.
    pub(super) fn half_width(&self, z: f32) -> f32 {
        self.center_x * z / self.focal_px
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_lead_back_to_the_ground() {
        let camera = Camera::new(1280, 720);
        let p = camera.project(Vec3::new(1.5, 0.0, 9.0));
        assert!((camera.z_of_row(p.y) - 9.0).abs() < 1e-3);
        assert!((camera.x_at(p.x, 9.0) - 1.5).abs() < 1e-3);
        assert!(
            (camera.project(Vec3::new(camera.half_width(9.0), 0.0, 9.0)).x - 1280.0).abs() < 0.01
        );
    }

    #[test]
    fn a_person_ten_metres_away_is_a_quarter_of_the_picture() {
        let camera = Camera::new(1280, 720);
        let head = camera.project(Vec3::new(0.0, 1.75, 10.0));
        let foot = camera.project(Vec3::new(0.0, 0.0, 10.0));
        assert!((170.0..190.0).contains(&(foot.y - head.y)), "{}", foot.y - head.y);
    }
}
