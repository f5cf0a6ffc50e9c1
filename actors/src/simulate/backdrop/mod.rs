//! What never moves: a square before a house front, painted once in sun and once under a cloud.
//!
//! `painter` draws flat things, `square`, `street` and `props` say which; here they become the
//! two pictures between which the light of a frame lies, and the masks of what hides figures.

mod painter;
mod props;
mod square;
mod street;

use super::canvas::Canvas;
use super::light::Light;
use super::noise;
use super::space::{Camera, Spot};
use painter::Painter;
pub(super) use props::OBSTACLES;
use props::PROPS;
pub(super) use street::{DOOR_X, FRONT_Z};
use tiny_skia::{Pixmap, PixmapPaint, Transform};

/// The still part of the scene.
#[derive(Debug)]
pub(super) struct Backdrop {
    sunny: Canvas,
    cloudy: Canvas,
    /// What stands in the way, the farthest first.
    occluders: Vec<Occluder>,
}

/// Something that hides figures farther away than itself.
#[derive(Debug)]
struct Occluder {
    /// Distance from the camera in metres.
    z: f32,
    /// Left, upper, right and lower bound in pixels, the last ones excluded.
    bounds: [usize; 4],
    /// Cover 0 to 255 within the bounds, row by row.
    alpha: Vec<u8>,
}

impl Backdrop {
    /// Paints it for a picture of `width` x `height` pixels (not 0).
    pub(super) fn new(camera: &Camera, width: u32, height: u32, seed: u64) -> Self {
        let seed = (seed ^ (seed >> 32)) as u32;
        let gains = grain(camera, width, height, seed);
        let (sunny, occluders) = paint(camera, (width, height), seed, Light::under(0.0));
        let (cloudy, _) = paint(camera, (width, height), seed, Light::under(1.0));
        Self { sunny: expose(&sunny, &gains), cloudy: expose(&cloudy, &gains), occluders }
    }

    /// The empty scene when a cloud hides `cloud` of the sun.
    pub(super) fn under(&self, cloud: f32) -> Canvas {
        self.sunny.mixed(&self.cloudy, cloud)
    }

    /// How much of pixel (x, y) of something at distance `z` is seen past what stands before it.
    pub(super) fn visible(&self, x: usize, y: usize, z: f32) -> f32 {
        self.occluders.iter().filter(|o| o.z < z).map(|o| 1.0 - o.cover(x, y)).product()
    }

    /// Whether anything can hide something at distance `z` in the rectangle
    /// `[x1, y1, x2, y2]` of pixels.
    pub(super) fn may_hide(&self, [x1, y1, x2, y2]: [i32; 4], z: f32) -> bool {
        self.occluders.iter().filter(|o| o.z < z).any(|o| {
            let b = o.bounds.map(|v| v as i32);
            b[0] < x2 && x1 < b[2] && b[1] < y2 && y1 < b[3]
        })
    }
}

impl Occluder {
    /// From the opaque part of a layer; `None` where there is none.
    fn new(z: f32, layer: &Pixmap) -> Option<Self> {
        let width = layer.width() as usize;
        let alpha_at = |i: usize| layer.data()[4 * i + 3];
        let mut b = [usize::MAX, usize::MAX, 0, 0];
        for i in (0..width * layer.height() as usize).filter(|&i| alpha_at(i) > 0) {
            let (x, y) = (i % width, i / width);
            b = [b[0].min(x), b[1].min(y), b[2].max(x + 1), b[3].max(y + 1)];
        }
        if b[2] == 0 {
            return None;
        }
        let alpha =
            (b[1]..b[3]).flat_map(|y| (b[0]..b[2]).map(move |x| alpha_at(y * width + x))).collect();
        Some(Self { z, bounds: b, alpha })
    }

    fn cover(&self, x: usize, y: usize) -> f32 {
        let b = &self.bounds;
        if x < b[0] || y < b[1] || x >= b[2] || y >= b[3] {
            return 0.0;
        }
        f32::from(self.alpha[(y - b[1]) * (b[2] - b[0]) + x - b[0]]) / 255.0
    }
}

/// Paints the whole in one light.
fn paint(
    camera: &Camera,
    (width, height): (u32, u32),
    seed: u32,
    light: Light,
) -> (Pixmap, Vec<Occluder>) {
    let blank = || Pixmap::new(width, height).expect("a validated scene has pixels");
    let mut base = Painter::new(camera, light, blank());
    street::sky(&mut base);
    square::ground(&mut base, camera.half_width(FRONT_Z) + 2.0, seed);
    street::background(&mut base, seed);
    street::inside(&mut base);
    for (i, &(prop, at)) in PROPS.iter().enumerate() {
        prop.shade(&mut base, at, seed + i as u32);
    }
    let mut picture = base.pixmap;
    let mut occluders = Vec::new();
    let mut layer = |z: f32, draw: &dyn Fn(&mut Painter<'_>)| {
        let mut painter = Painter::new(camera, light, blank());
        draw(&mut painter);
        merge(&mut picture, &painter.pixmap);
        occluders.extend(Occluder::new(z, &painter.pixmap));
    };
    let (behind, before): (Vec<_>, Vec<_>) =
        PROPS.iter().enumerate().partition(|(_, (_, at))| at.z > FRONT_Z);
    for (i, (prop, at)) in behind {
        layer(at.z, &|p| prop.draw(p, *at, seed + i as u32));
    }
    layer(FRONT_Z, &|p| street::front(p, seed));
    for (i, (prop, at)) in before {
        layer(at.z, &|p| prop.draw(p, *at, seed + i as u32));
    }
    (picture, occluders)
}

fn merge(picture: &mut Pixmap, layer: &Pixmap) {
    picture.draw_pixmap(0, 0, layer.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
}

/// By how much each pixel is brighter than it was painted: grain of stone and plaster, and the
/// lens, which takes light from the corners.
fn grain(camera: &Camera, width: u32, height: u32, seed: u32) -> Vec<f32> {
    let front_row = camera.project(Spot::new(0.0, FRONT_Z).above(0.0)).y;
    let layer = |x: f32, y: f32, octaves, strength, seed| {
        strength * (noise::fractal(x, y, octaves, seed) - 0.5)
    };
    let mut gains = Vec::with_capacity((width * height) as usize);
    for row in 0..height {
        let y = row as f32 + 0.5;
        let dy = 2.0 * y / height as f32 - 1.0;
        for column in 0..width {
            let x = column as f32 + 0.5;
            let grain = if y > front_row {
                let z = camera.z_of_row(y);
                let across = camera.x_at(x, z);
                layer(across * 30.0, z * 30.0, 2, 0.16, seed)
                    + layer(across * 0.9, z * 0.9, 3, 0.22, seed ^ 2)
            } else {
                let across = camera.x_at(x, FRONT_Z);
                let up = (y - front_row) / camera.px_per_m(FRONT_Z);
                layer(across * 14.0, up * 14.0, 2, 0.07, seed)
                    + layer(across * 0.7, up * 1.1, 3, 0.12, seed ^ 4)
            };
            let dx = 2.0 * x / width as f32 - 1.0;
            gains.push((1.0 + grain) * (1.0 - 0.07 * (dx * dx + dy * dy)));
        }
    }
    gains
}

/// The painted picture with its grain, as soft as a lens makes it.
fn expose(picture: &Pixmap, gains: &[f32]) -> Canvas {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixels = picture.pixels().iter().zip(gains);
    let rgb: Vec<[f32; 3]> = pixels
        .map(|(p, gain)| [p.red(), p.green(), p.blue()].map(|v| (f32::from(v) * gain).min(255.0)))
        .collect();
    Canvas::from_rgb(width, height, &soften(&rgb, width))
}

/// A light binomial blur over 3 x 3 pixels.
fn soften(rgb: &[[f32; 3]], width: usize) -> Vec<[f32; 3]> {
    let height = rgb.len() / width;
    let at = |x: usize, y: usize| rgb[y.min(height - 1) * width + x.min(width - 1)];
    let mut out = Vec::with_capacity(rgb.len());
    for y in 0..height {
        for x in 0..width {
            let mut sum = [0f32; 3];
            for (dy, wy) in [(0, 1.0), (1, 2.0), (2, 1.0)] {
                for (dx, wx) in [(0, 1.0), (1, 2.0), (2, 1.0)] {
                    let p = at((x + dx).saturating_sub(1), (y + dy).saturating_sub(1));
                    for k in 0..3 {
                        sum[k] += wx * wy / 16.0 * p[k];
                    }
                }
            }
            out.push(sum);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walls_hide_what_is_behind_them_and_the_door_does_not() {
        let camera = Camera::new(480, 270);
        let backdrop = Backdrop::new(&camera, 480, 270, 1);
        let seen = |x: f32, height: f32, z: f32| {
            let p = camera.project(Spot::new(x, z).above(height));
            backdrop.visible(p.x as usize, p.y as usize, z)
        };
        let behind = FRONT_Z + 1.0;
        assert_eq!(seen(DOOR_X, 1.0, behind), 1.0);
        assert_eq!(seen(DOOR_X - 3.5, 1.0, behind), 0.0);
        assert_eq!(seen(DOOR_X - 3.5, 1.0, FRONT_Z - 0.2), 1.0);
        // The advertising column.
        assert_eq!(seen(5.7, 1.0, 14.2), 0.0);
        assert_eq!(seen(5.0, 1.0, 12.4), 1.0);
    }

    #[test]
    fn the_cloud_darkens_the_square() {
        let camera = Camera::new(160, 90);
        let backdrop = Backdrop::new(&camera, 160, 90, 1);
        let sum = |canvas: &Canvas| canvas.luma().iter().map(|&v| u32::from(v)).sum::<u32>();
        let (sun, half, cloud) = (backdrop.under(0.0), backdrop.under(0.5), backdrop.under(1.0));
        assert!(sum(&sun) > sum(&half) && sum(&half) > sum(&cloud));
    }
}
