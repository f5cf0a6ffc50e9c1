//! The one solid that figures are made of: a loft, an elliptical section swept along an axis.
//!
//! A loft is projected once into tables, along the axis (a station per pixel) and around it (a
//! side per step across), so that a pixel costs two look-ups.

use super::surface::Surface;
use crate::simulate::space::{Camera, Vec3};

/// A section of a loft: place along the axis (0 top, 1 bottom), half width, half depth in metres.
pub(super) type Knot = [f32; 3];

/// The shape of a loft, in its own measure.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Sections from top to bottom, at least one.
    pub(super) knots: Vec<Knot>,
    /// Length of the rounding beyond either end, in metres.
    pub(super) caps: [f32; 2],
}

impl Shape {
    /// Half width and half depth at `t`, with smooth joints between the knots.
    pub(super) fn section(&self, t: f32) -> (f32, f32) {
        let after = self.knots.iter().position(|k| k[0] >= t).unwrap_or(self.knots.len() - 1);
        let (a, b) = (self.knots[after.saturating_sub(1)], self.knots[after]);
        let part = if b[0] > a[0] { ((t - a[0]) / (b[0] - a[0])).clamp(0.0, 1.0) } else { 0.0 };
        (a[1] + (b[1] - a[1]) * part, a[2] + (b[2] - a[2]) * part)
    }
}

/// A loft in the world: a shape between two points, with its orientation and surface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loft<'a> {
    pub(super) top: Vec3,
    pub(super) bottom: Vec3,
    pub(super) right: Vec3,
    pub(super) front: Vec3,
    /// By how much the section grows in depth towards the bottom: 0 not at all.
    pub(super) flare: f32,
    pub(super) shape: &'a Shape,
    pub(super) surface: &'a Surface,
}

/// A place along the axis of a projected loft.
#[derive(Debug, Clone, Copy)]
pub(super) struct Station {
    /// Half the extent across the axis, in pixels.
    pub(super) radius: f32,
    /// 0 top, 1 bottom; beyond that in the caps.
    pub(super) t: f32,
    /// Distance of the axis from the camera plane, in metres.
    z: f32,
    /// Half the extent across in metres.
    half: f32,
    /// Share of the normal that points across the axis, and along it to the bottom.
    across: f32,
    along: f32,
}

/// A place around the axis, as it is seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    /// Unit normal of the section.
    normal: Vec3,
    /// How much nearer than the axis, in half extents.
    nearer: f32,
    /// Angle around the axis in radians: 0 the front, positive to the figure's right.
    pub(super) angle: f32,
}

/// Steps across a loft, from its left edge to its right edge as seen.
const SIDES: usize = 48;

/// A loft as the camera sees it.
#[derive(Debug, Clone)]
pub(super) struct Projection<'a> {
    pub(super) surface: &'a Surface,
    /// Metres from top to bottom, for textures that must not stretch.
    pub(super) length_m: f32,
    stations: Vec<Station>,
    sides: Vec<Side>,
    axis_3d: Vec3,
    origin: (f32, f32),
    axis: (f32, f32),
    /// Distance of the first station from the origin, in pixels; not above 0.
    first: f32,
}

/// Where a pixel lies on a loft.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) station: u16,
    pub(super) side: u8,
    /// How much of the pixel is covered, 0 to 1.
    pub(super) cover: f32,
    /// Metres from the camera plane.
    pub(super) z: f32,
}

impl<'a> Projection<'a> {
    pub(super) fn new(loft: &Loft<'a>, camera: &Camera) -> Self {
        let (top, bottom) = (camera.project(loft.top), camera.project(loft.bottom));
        let (dx, dy) = (bottom.x - top.x, bottom.y - top.y);
        let length_px = dx.hypot(dy);
        let axis = if length_px > 0.01 { (dx / length_px, dy / length_px) } else { (0.0, 1.0) };
        let way = loft.bottom - loft.top;
        let length_m = way.length();
        let axis_3d = way.unit_or(Vec3::new(0.0, -1.0, 0.0));
        let sight = Vec3::new(loft.top.x, 0.0, loft.top.z).unit_or(Vec3::new(0.0, 0.0, 1.0));
        // What lies to the right of the axis on the screen, in the world.
        let right = Vec3::new(sight.z, 0.0, -sight.x);
        let across = right * axis.1 + Vec3::new(0.0, axis.0, 0.0);
        let span = (loft.right.dot(across), loft.front.dot(across));
        let stations = stations(loft, span, length_px, (top.px_per_m, bottom.px_per_m));
        let (half_width, half_depth) = loft.shape.section(0.5);
        let sides = sides(loft, span, (half_width, half_depth), sight);
        let first = -(loft.shape.caps[0] * top.px_per_m).ceil();
        Self {
            surface: loft.surface,
            length_m,
            stations,
            sides,
            axis_3d,
            origin: (top.x, top.y),
            axis,
            first,
        }
    }

    /// Pixel bounds `[x1, y1, x2, y2]`, the last ones excluded, with a margin for soft edges.
    pub(super) fn bounds(&self) -> [i32; 4] {
        let mut b = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for (i, s) in self.stations.iter().enumerate() {
            let d = self.first + i as f32;
            let (x, y) = (self.origin.0 + self.axis.0 * d, self.origin.1 + self.axis.1 * d);
            let (rx, ry) = (s.radius * self.axis.1.abs(), s.radius * self.axis.0.abs());
            b = [b[0].min(x - rx), b[1].min(y - ry), b[2].max(x + rx), b[3].max(y + ry)];
        }
        [
            b[0].floor() as i32 - 1,
            b[1].floor() as i32 - 1,
            b[2].ceil() as i32 + 1,
            b[3].ceil() as i32 + 1,
        ]
    }

    /// What the middle of a pixel meets, if anything.
    pub(super) fn hit(&self, x: f32, y: f32) -> Option<Hit> {
        let (dx, dy) = (x - self.origin.0, y - self.origin.1);
        let along = dx * self.axis.0 + dy * self.axis.1 - self.first;
        let index = (along + 0.5).floor();
        if index < 0.0 || index as usize >= self.stations.len() {
            return None;
        }
        let station = &self.stations[index as usize];
        let off = dx * self.axis.1 - dy * self.axis.0;
        let cover = (station.radius - off.abs() + 0.5).min(1.0);
        if cover <= 0.0 {
            return None;
        }
        let u = (off / station.radius.max(0.5)).clamp(-1.0, 1.0);
        let side = ((u + 1.0) * (0.5 * (SIDES - 1) as f32) + 0.5) as usize;
        let z = station.z - self.sides[side].nearer * station.half;
        Some(Hit { station: index as u16, side: side as u8, cover, z })
    }

    pub(super) fn station(&self, hit: &Hit) -> &Station {
        &self.stations[hit.station as usize]
    }

    pub(super) fn side(&self, hit: &Hit) -> &Side {
        &self.sides[hit.side as usize]
    }

    /// Unit normal of the surface at a hit.
    pub(super) fn normal(&self, hit: &Hit) -> Vec3 {
        let (station, side) = (self.station(hit), self.side(hit));
        side.normal * station.across + self.axis_3d * station.along
    }
}

/// The table along the axis: one station per pixel.
fn stations(
    loft: &Loft<'_>,
    span: (f32, f32),
    length_px: f32,
    px_per_m: (f32, f32),
) -> Vec<Station> {
    let caps = [loft.shape.caps[0] * px_per_m.0, loft.shape.caps[1] * px_per_m.1];
    let (first, last) = (-caps[0].ceil(), length_px + caps[1].ceil());
    let count = (last - first).ceil() as usize + 1;
    let half_at = |t: f32| {
        let (width, depth) = loft.shape.section(t.clamp(0.0, 1.0));
        let depth = depth * (1.0 + loft.flare * t.clamp(0.0, 1.0));
        ((width * span.0).powi(2) + (depth * span.1).powi(2)).sqrt()
    };
    let cap = |beyond: f32, length: f32| (1.0 - (beyond / length.max(0.5)).powi(2)).max(0.0).sqrt();
    let mut table: Vec<Station> = (0..count)
        .map(|i| {
            let d = first + i as f32;
            let t = d / length_px.max(0.5);
            let round = if d < 0.0 {
                cap(d, caps[0])
            } else if d > length_px {
                cap(d - length_px, caps[1])
            } else {
                1.0
            };
            let place = t.clamp(0.0, 1.0);
            let scale = px_per_m.0 + (px_per_m.1 - px_per_m.0) * place;
            let half = half_at(t) * round;
            let z = loft.top.z + (loft.bottom.z - loft.top.z) * place;
            Station { radius: half * scale, t, z, half, across: 1.0, along: 0.0 }
        })
        .collect();
    for i in 0..count {
        let (before, after) =
            (table[i.saturating_sub(1)].radius, table[(i + 1).min(count - 1)].radius);
        let slope = ((after - before) * 0.5).clamp(-3.0, 3.0);
        let norm = 1.0 / (1.0 + slope * slope).sqrt();
        (table[i].across, table[i].along) = (norm, -slope * norm);
    }
    table
}

/// The table around the axis: which angle of the section is seen at each step across.
fn sides(loft: &Loft<'_>, span: (f32, f32), half: (f32, f32), sight: Vec3) -> Vec<Side> {
    let (a, b) = half;
    let widest = (b * span.1).atan2(a * span.0);
    let extent = ((a * span.0).powi(2) + (b * span.1).powi(2)).sqrt().max(1e-4);
    let nearer = |angle: f32| {
        let (sin, cos) = angle.sin_cos();
        -(loft.right.dot(sight) * a * cos + loft.front.dot(sight) * b * sin) / extent
    };
    let quarter = std::f32::consts::FRAC_PI_2;
    let turn = if nearer(widest + quarter) >= nearer(widest - quarter) { 1.0 } else { -1.0 };
    (0..SIDES)
        .map(|i| {
            let u = 2.0 * i as f32 / (SIDES - 1) as f32 - 1.0;
            let angle = widest + turn * u.acos();
            let (sin, cos) = angle.sin_cos();
            let normal = (loft.right * (cos / a.max(1e-4)) + loft.front * (sin / b.max(1e-4)))
                .unit_or(loft.front);
            let from_front = std::f32::consts::FRAC_PI_2 - angle;
            let angle = from_front.sin().atan2(from_front.cos());
            Side { normal, nearer: nearer(widest + turn * u.acos()), angle }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::light::Rgb;

    const SKIN: Surface = Surface::Skin(Rgb::new(0.5, 0.4, 0.3));

    /// An upright loft 10 m away, a metre tall, facing the camera when `front` says so.
    fn upright<'a>(shape: &'a Shape, front: Vec3) -> Loft<'a> {
        let right = Vec3::new(front.z, 0.0, -front.x);
        let (top, bottom) = (Vec3::new(0.0, 2.0, 10.0), Vec3::new(0.0, 1.0, 10.0));
        Loft { top, bottom, right, front, flare: 0.0, shape, surface: &SKIN }
    }

    fn shape() -> Shape {
        Shape { knots: vec![[0.0, 0.2, 0.1], [1.0, 0.2, 0.1]], caps: [0.0, 0.0] }
    }

    #[test]
    fn it_is_as_wide_as_the_side_that_it_shows() {
        let camera = Camera::new(1280, 720);
        let px_per_m = camera.px_per_m(10.0);
        for (front, half) in [(Vec3::new(0.0, 0.0, -1.0), 0.2), (Vec3::new(1.0, 0.0, 0.0), 0.1)] {
            let shape = shape();
            let seen = Projection::new(&upright(&shape, front), &camera);
            let [x1, y1, x2, y2] = seen.bounds();
            let (width, height) = ((x2 - x1) as f32, (y2 - y1) as f32);
            assert!((width - 2.0 * half * px_per_m).abs() < 5.0, "{width}");
            assert!((height - px_per_m).abs() < 5.0, "{height}");
        }
    }

    #[test]
    fn angles_count_from_the_front_and_the_middle_is_nearest() {
        let camera = Camera::new(1280, 720);
        let (shape, row) = (shape(), camera.project(Vec3::new(0.0, 1.5, 10.0)).y);
        let angle_at = |front: Vec3, x: f32| {
            let seen = Projection::new(&upright(&shape, front), &camera);
            let hit = seen.hit(x, row).expect("it is there");
            (seen.side(&hit).angle, hit.z)
        };
        let (towards, away) = (Vec3::new(0.0, 0.0, -1.0), Vec3::new(0.0, 0.0, 1.0));
        assert!(angle_at(towards, 640.0).0.abs() < 0.1);
        assert!(angle_at(away, 640.0).0.abs() > 3.0);
        // Who comes towards the camera has the right side on the left of the picture.
        assert!(angle_at(towards, 625.0).0 > 0.5 && angle_at(away, 625.0).0 < -0.5);
        assert!(angle_at(towards, 640.0).1 < angle_at(towards, 625.0).1);
        let seen = Projection::new(&upright(&shape, towards), &camera);
        assert!(seen.hit(700.0, row).is_none() && seen.hit(640.0, row + 60.0).is_none());
        let hit = seen.hit(640.0, row).expect("it is there");
        assert!(seen.normal(&hit).z < -0.95);
    }
}
