//! Draws flat things of the world into a picture: projected, lit, with soft edges.
//!
//! Knows the camera and the light, not what the things are.

use crate::simulate::light::{Light, Rgb};
use crate::simulate::space::{Camera, Vec3};
use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Paint, Path, PathBuilder, Pixmap, Point,
    RadialGradient, Shader, SpreadMode, Stroke, Transform,
};

/// The normal of a wall that faces the camera.
pub(super) const TO_CAMERA: Vec3 = Vec3::new(0.0, 0.0, -1.0);

/// A layer of the backdrop in the making.
pub(super) struct Painter<'a> {
    pub(super) camera: &'a Camera,
    pub(super) light: Light,
    pub(super) pixmap: Pixmap,
}

/// A linear colour as the rasteriser takes it.
fn color(rgb: Rgb, alpha: f32) -> Color {
    let [r, g, b] = rgb.encoded().map(|v| v.round() as u8);
    let mut color = Color::from_rgba8(r, g, b, 255);
    color.set_alpha(alpha);
    color
}

impl<'a> Painter<'a> {
    pub(super) fn new(camera: &'a Camera, light: Light, pixmap: Pixmap) -> Self {
        Self { camera, light, pixmap }
    }

    /// The closed outline of world points.
    fn outline(&self, points: &[Vec3]) -> Option<Path> {
        let mut path = PathBuilder::new();
        for (i, &point) in points.iter().enumerate() {
            let p = self.camera.project(point);
            if i == 0 { path.move_to(p.x, p.y) } else { path.line_to(p.x, p.y) }
        }
        path.close();
        path.finish()
    }

    fn fill(&mut self, path: Option<&Path>, shader: Shader<'_>) {
        if let Some(path) = path {
            let paint = Paint { shader, anti_alias: true, ..Paint::default() };
            self.pixmap.fill_path(path, &paint, FillRule::EvenOdd, Transform::identity(), None);
        }
    }

    /// A polygon of one reflectance with a unit `normal`.
    pub(super) fn face(&mut self, points: &[Vec3], albedo: Rgb, normal: Vec3) {
        let lit = albedo.lit(self.light.on(normal, 1.0));
        let path = self.outline(points);
        self.fill(path.as_ref(), Shader::SolidColor(color(lit, 1.0)));
    }

    /// A polygon with a hole.
    pub(super) fn face_with_hole(
        &mut self,
        points: &[Vec3],
        hole: &[Vec3],
        albedo: Rgb,
        normal: Vec3,
    ) {
        let lit = albedo.lit(self.light.on(normal, 1.0));
        let mut path = PathBuilder::new();
        for ring in [points, hole] {
            if let Some(outline) = self.outline(ring) {
                path.push_path(&outline);
            }
        }
        let path = path.finish();
        self.fill(path.as_ref(), Shader::SolidColor(color(lit, 1.0)));
    }

    /// A polygon whose light goes from one colour to the other between two world points; the
    /// colours are what is seen, not reflectances.
    pub(super) fn glow(&mut self, points: &[Vec3], ends: [Vec3; 2], colors: [Rgb; 2]) {
        let [a, b] = ends.map(|e| self.camera.project(e)).map(|p| Point::from_xy(p.x, p.y));
        let stops = vec![
            GradientStop::new(0.0, color(colors[0], 1.0)),
            GradientStop::new(1.0, color(colors[1], 1.0)),
        ];
        let shader = LinearGradient::new(a, b, stops, SpreadMode::Pad, Transform::identity());
        let path = self.outline(points);
        if let Some(shader) = shader {
            self.fill(path.as_ref(), shader);
        }
    }

    /// An upright rectangle parallel to the picture, `[left, bottom, right, top]` at distance `z`.
    pub(super) fn panel(&mut self, [x1, y1, x2, y2]: [f32; 4], z: f32, albedo: Rgb) {
        self.face(&upright([x1, y1, x2, y2], z), albedo, TO_CAMERA);
    }

    /// A line of `width` metres.
    pub(super) fn bar(&mut self, from: Vec3, to: Vec3, width: f32, albedo: Rgb) {
        let lit = albedo.lit(self.light.on(TO_CAMERA, 1.0));
        let (a, b) = (self.camera.project(from), self.camera.project(to));
        let mut path = PathBuilder::new();
        path.move_to(a.x, a.y);
        path.line_to(b.x, b.y);
        if let Some(path) = path.finish() {
            let paint = Paint {
                shader: Shader::SolidColor(color(lit, 1.0)),
                anti_alias: true,
                ..Paint::default()
            };
            let stroke = Stroke { width: (width * a.px_per_m).max(0.4), ..Stroke::default() };
            self.pixmap.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
        }
    }

    /// An upright cylinder as wide as `radius` tells, rounded by its shading.
    pub(super) fn column(&mut self, foot: Vec3, radius: f32, height: f32, albedo: Rgb) {
        let z = foot.z;
        let [left, right] = [foot.x - radius, foot.x + radius];
        let points = upright([left, foot.y, right, foot.y + height], z);
        let shade = |x: f32| {
            let normal = Vec3::new(x, 0.0, -(1.0 - x * x).max(0.0).sqrt());
            albedo.lit(self.light.on(normal, 1.0))
        };
        let stops = [-1.0, -0.7, -0.2, 0.3, 0.8, 1.0]
            .map(|x| GradientStop::new(0.5 + 0.5 * x, color(shade(x), 1.0)));
        let ends = [left, right].map(|x| self.camera.project(Vec3::new(x, foot.y, z)));
        let [a, b] = ends.map(|p| Point::from_xy(p.x, p.y));
        let shader =
            LinearGradient::new(a, b, stops.to_vec(), SpreadMode::Pad, Transform::identity());
        let path = self.outline(&points);
        if let Some(shader) = shader {
            self.fill(path.as_ref(), shader);
        }
    }

    /// An ellipse in the picture around a world point, `half` in metres across and up.
    pub(super) fn blob(&mut self, center: Vec3, half: (f32, f32), albedo: Rgb, normal: Vec3) {
        let lit = albedo.lit(self.light.on(normal, 1.0));
        let p = self.camera.project(center);
        let (rx, ry) = (half.0 * p.px_per_m, half.1 * p.px_per_m);
        let oval = tiny_skia::Rect::from_ltrb(p.x - rx, p.y - ry, p.x + rx, p.y + ry);
        let path = oval.and_then(PathBuilder::from_oval);
        self.fill(path.as_ref(), Shader::SolidColor(color(lit, 1.0)));
    }

    /// A soft spot on the ground that darkens (black) or brightens it: full in the middle, nothing
    /// at the rim. `half` in metres to the right and away.
    pub(super) fn stain(&mut self, at: Vec3, half: (f32, f32), tint: Rgb, alpha: f32) {
        let p = self.camera.project(at);
        let depth = Camera::HEIGHT / at.z;
        let (rx, ry) = (half.0 * p.px_per_m, (half.1 * p.px_per_m * depth).max(0.5));
        let stops = vec![
            GradientStop::new(0.0, color(tint, alpha)),
            GradientStop::new(0.55, color(tint, alpha * 0.75)),
            GradientStop::new(1.0, color(tint, 0.0)),
        ];
        let middle = Point::from_xy(0.0, 0.0);
        let place = Transform::from_row(rx, 0.0, 0.0, ry, p.x, p.y);
        let shader = RadialGradient::new(middle, 0.0, middle, 1.0, stops, SpreadMode::Pad, place);
        let oval = tiny_skia::Rect::from_ltrb(p.x - rx, p.y - ry, p.x + rx, p.y + ry);
        let path = oval.and_then(PathBuilder::from_oval);
        if let Some(shader) = shader {
            self.fill(path.as_ref(), shader);
        }
    }

    /// Shadow on the ground, as strong as the sun is.
    pub(super) fn shade(&mut self, at: Vec3, half: (f32, f32), strength: f32) {
        self.stain(at, half, Rgb::default(), strength * self.light.shadows);
    }
}

/// The corners of an upright rectangle `[left, bottom, right, top]` at distance `z`.
pub(super) fn upright([x1, y1, x2, y2]: [f32; 4], z: f32) -> [Vec3; 4] {
    [(x1, y1), (x2, y1), (x2, y2), (x1, y2)].map(|(x, y)| Vec3::new(x, y, z))
}

/// The corners of a level rectangle `[left, near, right, far]` at a height.
pub(super) fn level([x1, z1, x2, z2]: [f32; 4], height: f32) -> [Vec3; 4] {
    [(x1, z1), (x2, z1), (x2, z2), (x1, z2)].map(|(x, z)| Vec3::new(x, height, z))
}
