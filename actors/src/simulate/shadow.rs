//! Shadows of figures on the ground: cast by the sun, softer with height, and where feet touch.

use super::backdrop::{Backdrop, FRONT_Z};
use super::canvas::Canvas;
use super::light::{Light, TO_SUN};
use super::space::{Camera, Spot, Vec3};

/// What stands between the sun and the ground: a rod with two ends and their radii in metres.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caster {
    pub(super) ends: [Vec3; 2],
    pub(super) radii: [f32; 2],
}

/// How much of the light the encoded picture loses in full shadow: the sun's share of it.
const CAST: f32 = 0.42;
/// The same right under a foot.
const CONTACT: f32 = 0.45;
/// Penumbra in metres per metre of height.
const PENUMBRA: f32 = 0.07;

/// How much darker each pixel becomes, 0 to 255.
#[derive(Debug)]
pub(super) struct ShadowMap<'a> {
    camera: &'a Camera,
    width: usize,
    height: usize,
    dark: Vec<u8>,
    /// First row that belongs to the ground of the square.
    ground: usize,
}

/// A tapered rod on the ground in stretched pixels: y is scaled so that circles on the ground are
/// circles.
struct Rod {
    ends: [(f32, f32); 2],
    radii: [f32; 2],
    /// Half the width of the soft edge at either end.
    soft: [f32; 2],
    stretch: f32,
}

impl<'a> ShadowMap<'a> {
    pub(super) fn new(camera: &'a Camera, width: usize, height: usize) -> Self {
        let front = camera.project(Vec3::new(0.0, 0.0, FRONT_Z)).y.ceil();
        let ground = (front.max(0.0) as usize).min(height);
        Self { camera, width, height, dark: vec![0; width * height], ground }
    }

    /// Adds the shadow of one figure that stands at `spot` on two `soles`.
    pub(super) fn add(
        &mut self,
        casters: &[Caster],
        soles: [Vec3; 2],
        spot: Spot,
        light: &Light,
        backdrop: &Backdrop,
    ) {
        for caster in casters {
            let rod = self.cast(caster);
            self.draw(&rod, CAST * light.shadows, spot.z, backdrop);
        }
        for sole in soles {
            let lifted = (1.0 - sole.y.max(0.0) / 0.12).max(0.0);
            let rod = self.rod([sole, sole], [0.10, 0.10], [0.09, 0.09]);
            self.draw(&rod, CONTACT * lifted, spot.z, backdrop);
        }
    }

    /// Darkens the picture by all shadows.
    pub(super) fn apply(&self, canvas: &mut Canvas) {
        canvas.darken(self.ground, |at| self.dark[at]);
    }

    /// The rod that a caster throws on the ground.
    fn cast(&self, caster: &Caster) -> Rod {
        let ground = caster.ends.map(|p| {
            let far = p.y.max(0.0) / TO_SUN.y;
            Vec3::new(p.x - TO_SUN.x * far, 0.0, p.z - TO_SUN.z * far)
        });
        let soft = caster.ends.map(|p| 0.012 + PENUMBRA * p.y.max(0.0));
        self.rod(ground, caster.radii, soft)
    }

    fn rod(&self, ends: [Vec3; 2], radii: [f32; 2], soft: [f32; 2]) -> Rod {
        let stretch = ends[0].z / Camera::HEIGHT;
        let px = ends.map(|e| self.camera.project(Vec3::new(e.x, 0.0, e.z)));
        Rod {
            ends: px.map(|p| (p.x, p.y * stretch)),
            radii: [radii[0] * px[0].px_per_m, radii[1] * px[1].px_per_m],
            soft: [soft[0] * px[0].px_per_m, soft[1] * px[1].px_per_m],
            stretch,
        }
    }

    fn draw(&mut self, rod: &Rod, strength: f32, z: f32, backdrop: &Backdrop) {
        let Some(bounds) = self.clip(rod) else { return };
        let hidden = backdrop.may_hide(bounds, z);
        let [x1, y1, x2, y2] = bounds.map(|v| v as usize);
        for y in y1..y2 {
            for x in x1..x2 {
                let mut dark = strength * rod.cover(x as f32 + 0.5, (y as f32 + 0.5) * rod.stretch);
                if dark <= 0.0 {
                    continue;
                }
                if hidden {
                    dark *= backdrop.visible(x, y, z);
                }
                let here = &mut self.dark[y * self.width + x];
                *here = (*here).max((dark * 255.0) as u8);
            }
        }
    }

    /// Pixel bounds of a rod within the ground, if there are any.
    fn clip(&self, rod: &Rod) -> Option<[i32; 4]> {
        let reach = [0, 1].map(|i| rod.radii[i] + rod.soft[i]);
        let low = |v: [f32; 2]| (v[0] - reach[0]).min(v[1] - reach[1]);
        let high = |v: [f32; 2]| (v[0] + reach[0]).max(v[1] + reach[1]);
        let (xs, ys) = (rod.ends.map(|e| e.0), rod.ends.map(|e| e.1));
        let x1 = low(xs).floor().max(0.0);
        let y1 = (low(ys) / rod.stretch).floor().max(self.ground as f32);
        let x2 = high(xs).ceil().min(self.width as f32);
        let y2 = (high(ys) / rod.stretch).ceil().min(self.height as f32);
        (x1 < x2 && y1 < y2).then_some([x1 as i32, y1 as i32, x2 as i32, y2 as i32])
    }
}

impl Rod {
    /// 1 well inside, 0 outside.
    fn cover(&self, x: f32, y: f32) -> f32 {
        let [a, b] = self.ends;
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = dx * dx + dy * dy;
        let t = if length > 0.0 {
            (((x - a.0) * dx + (y - a.1) * dy) / length).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let off = (x - a.0 - t * dx).hypot(y - a.1 - t * dy);
        let mix = |v: [f32; 2]| v[0] + (v[1] - v[0]) * t;
        let (radius, soft) = (mix(self.radii), mix(self.soft).max(0.5));
        let t = ((radius + soft - off) / (2.0 * soft)).clamp(0.0, 1.0);
        // Where the penumbra is wider than the rod, its middle is no full shadow either.
        t * t * (3.0 - 2.0 * t) * (radius / soft).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_throws_its_shadow_away_from_the_sun() {
        let (width, height) = (480, 270);
        let camera = Camera::new(480, 270);
        let backdrop = Backdrop::new(&camera, 480, 270, 1);
        let foot = Vec3::new(0.0, 0.0, 9.0);
        let post = Caster { ends: [Vec3::new(0.0, 1.7, 9.0), foot], radii: [0.12, 0.12] };
        let spot = Spot::new(0.0, 9.0);
        let dark_at = |x: f32, z: f32, cloud: f32| {
            let mut map = ShadowMap::new(&camera, width, height);
            map.add(&[post], [foot, foot], spot, &Light::under(cloud), &backdrop);
            let p = camera.project(Vec3::new(x, 0.0, z));
            map.dark[p.y as usize * width + p.x as usize]
        };
        // The sun is on the left and behind the camera.
        let (x, z) = (-TO_SUN.x / TO_SUN.y, 9.0 - TO_SUN.z / TO_SUN.y);
        assert!(dark_at(x, z, 0.0) > 50);
        assert!(dark_at(x, z, 1.0) < dark_at(x, z, 0.0) / 2, "hardly any under the cloud");
        assert_eq!((dark_at(-x, z, 0.0), dark_at(x, 9.0 - 0.6, 0.0)), (0, 0));
        assert!(dark_at(0.0, 9.0, 1.0) > 50, "where it touches the ground");
    }
}
