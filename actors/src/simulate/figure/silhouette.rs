//! A figure on the pixel grid: which part is seen where, and from that its colours.
//!
//! Two steps, because truth needs only the first: [`Silhouette::new`] finds coverage and depth,
//! [`Silhouette::shade`] paints what is seen.

use super::loft::{Hit, Projection};
use crate::simulate::light::{Light, TO_SUN};
use schema::geometry::BBox;

/// A pixel of a silhouette.
#[derive(Debug, Clone, Copy)]
struct Cell {
    /// Index of the part plus 1; 0 where nothing is.
    part: u16,
    hit: Hit,
    cover: f32,
}

const EMPTY: Cell =
    Cell { part: 0, hit: Hit { station: 0, side: 0, cover: 0.0, z: f32::MAX }, cover: 0.0 };

/// The pixels of one figure. Its corner and size are even, so that chroma samples do not straddle
/// its edge; it is not clipped to the picture.
#[derive(Debug)]
pub(in crate::simulate) struct Silhouette<'a> {
    parts: Vec<Projection<'a>>,
    pub(in crate::simulate) x: i32,
    pub(in crate::simulate) y: i32,
    pub(in crate::simulate) width: usize,
    pub(in crate::simulate) height: usize,
    cells: Vec<Cell>,
    px_per_m: f32,
}

/// Colours of a figure: encoded RGB multiplied by coverage (0 to 255), and coverage (0 to 1).
#[derive(Debug)]
pub(in crate::simulate) struct Sprite {
    pub(in crate::simulate) pixels: Vec<[f32; 4]>,
}

impl<'a> Silhouette<'a> {
    /// Projects nothing itself: takes projected parts and finds what is in front. `px_per_m` is
    /// the scale at the figure's place.
    pub(super) fn new(parts: Vec<Projection<'a>>, px_per_m: f32) -> Self {
        let mut b = [i32::MAX, i32::MAX, i32::MIN, i32::MIN];
        for part in &parts {
            let p = part.bounds();
            b = [b[0].min(p[0]), b[1].min(p[1]), b[2].max(p[2]), b[3].max(p[3])];
        }
        let (x, y) = ((b[0] - 2) & !1, (b[1] - 2) & !1);
        let (width, height) = (((b[2] + 3 - x) & !1) as usize, ((b[3] + 3 - y) & !1) as usize);
        let mut this =
            Self { parts, x, y, width, height, cells: vec![EMPTY; width * height], px_per_m };
        for index in 0..this.parts.len() {
            this.cover(index);
        }
        this
    }

    /// Puts one part into the cells.
    fn cover(&mut self, index: usize) {
        let part = &self.parts[index];
        let [x1, y1, x2, y2] = part.bounds();
        for y in y1..y2 {
            let row = (y - self.y) as usize * self.width;
            for x in x1..x2 {
                let Some(hit) = part.hit(x as f32 + 0.5, y as f32 + 0.5) else { continue };
                let cell = &mut self.cells[row + (x - self.x) as usize];
                cell.cover = cell.cover.max(hit.cover);
                // A soft edge gives its colour only to pixels that nothing else fills.
                let (inside, taken) = (hit.cover >= 0.5, cell.part != 0 && cell.hit.cover >= 0.5);
                let wins = if inside == taken { hit.z < cell.hit.z } else { inside };
                if cell.part == 0 || wins {
                    (cell.part, cell.hit) = (index as u16 + 1, hit);
                }
            }
        }
    }

    /// Whether the figure owns more than half of the pixel at `index` of its rows.
    pub(in crate::simulate) fn owns(&self, index: usize) -> bool {
        self.cells[index].cover >= 0.5
    }

    /// The share of its pixels that `nearer` leaves to be seen, 0 to 1.
    pub(in crate::simulate) fn seen_past(&self, nearer: &Self) -> f32 {
        let (mut all, mut seen) = (0u32, 0u32);
        for at in (0..self.cells.len()).filter(|&at| self.owns(at)) {
            let x = self.x + (at % self.width) as i32 - nearer.x;
            let y = self.y + (at / self.width) as i32 - nearer.y;
            let within =
                (0..nearer.width as i32).contains(&x) && (0..nearer.height as i32).contains(&y);
            all += 1;
            seen += u32::from(!within || !nearer.owns(y as usize * nearer.width + x as usize));
        }
        seen as f32 / all.max(1) as f32
    }

    /// The tight box around the pixels that it owns, in pixels of the picture, and their number.
    pub(in crate::simulate) fn extent(&self) -> (BBox, u32) {
        let (mut b, mut area) = ([usize::MAX, usize::MAX, 0, 0], 0);
        for y in 0..self.height {
            for x in 0..self.width {
                if self.owns(y * self.width + x) {
                    b = [b[0].min(x), b[1].min(y), b[2].max(x + 1), b[3].max(y + 1)];
                    area += 1;
                }
            }
        }
        if area == 0 {
            return (BBox::default(), 0);
        }
        let at = |v: usize, origin: i32| (v as i32 + origin) as f32;
        let bbox = BBox {
            x1: at(b[0], self.x),
            y1: at(b[1], self.y),
            x2: at(b[2], self.x),
            y2: at(b[3], self.y),
        };
        (bbox, area)
    }

    /// Paints it in `light`, a little out of focus as lenses are.
    pub(in crate::simulate) fn shade(&self, light: &Light) -> Sprite {
        let mut pixels = vec![[0.0; 4]; self.cells.len()];
        for (index, (cell, out)) in self.cells.iter().zip(&mut pixels).enumerate() {
            if cell.part != 0 {
                let [r, g, b] = self.color(index, cell, light);
                *out = [r * cell.cover, g * cell.cover, b * cell.cover, cell.cover];
            }
        }
        blur(&mut pixels, self.width, self.height);
        Sprite { pixels }
    }

    /// Encoded colour of a cell.
    fn color(&self, index: usize, cell: &Cell, light: &Light) -> [f32; 3] {
        let part = &self.parts[usize::from(cell.part) - 1];
        let (station, side) = (part.station(&cell.hit), part.side(&cell.hit));
        let paint = part.surface.paint(station.t, side.angle, part.length_m);
        let mut normal = part.normal(&cell.hit);
        normal.y += paint.bump;
        let normal = normal.unit_or(normal);
        let (sunlit, open) = self.openness(index, cell.hit.z);
        let lit = paint.albedo.lit(light.on(normal, sunlit)) * open;
        lit.encoded()
    }

    /// How much of the sun and of the sky a cell sees past the rest of the figure: steps towards
    /// the sun, each tested against the depth of what stands there.
    fn openness(&self, index: usize, z: f32) -> (f32, f32) {
        let (x, y) = ((index % self.width) as f32, (index / self.width) as f32);
        let (mut sunlit, mut open) = (1f32, 1f32);
        for step_m in [0.025, 0.06, 0.11, 0.18] {
            let (sx, sy) =
                (x + TO_SUN.x * step_m * self.px_per_m, y - TO_SUN.y * step_m * self.px_per_m);
            if sx < 0.0 || sy < 0.0 || sx >= self.width as f32 || sy >= self.height as f32 {
                break;
            }
            let there = &self.cells[sy as usize * self.width + sx as usize];
            let nearer = z + TO_SUN.z * step_m - there.hit.z;
            if there.part != 0 && there.cover >= 0.5 && nearer > 0.012 {
                sunlit -= 0.4;
                open -= 0.06;
            }
        }
        (sunlit.max(0.0), open)
    }
}

/// A binomial blur, 1-2-1 in both directions.
fn blur(pixels: &mut [[f32; 4]], width: usize, height: usize) {
    let mut across = pixels.to_vec();
    for (out, row) in across.chunks_exact_mut(width).zip(pixels.chunks_exact(width)) {
        for (out, three) in out[1..].iter_mut().zip(row.windows(3)) {
            *out = weighted(three[0], three[1], three[2]);
        }
    }
    for at in width..width * (height - 1) {
        pixels[at] = weighted(across[at - width], across[at], across[at + width]);
    }
}

fn weighted(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
    std::array::from_fn(|k| 0.25 * a[k] + 0.5 * b[k] + 0.25 * c[k])
}
