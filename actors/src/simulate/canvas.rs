//! The picture while it is made: planar YUV 4:2:0, 8 bits, BT.709, limited range.
//!
//! Everything is composed in this form, so that no full-size conversion stands at the end.

use bytes::Bytes;
use models::picture::{Chroma, Frame, Matrix, Plane, Range};
use rand::{Rng, RngExt};
use schema::Result;
use schema::frame::FrameMeta;

/// Luma and the two chroma planes of a picture with even width and height.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
}

/// BT.709 luma and chroma, limited range, of encoded RGB 0 to 255 (all multiplied by `cover`,
/// 0 to 1: offsets are, too).
fn yuv([r, g, b]: [f32; 3], cover: f32) -> [f32; 3] {
    let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    [
        16.0 * cover + luma * (219.0 / 255.0),
        128.0 * cover + (b - luma) * (224.0 / 255.0 / 1.8556),
        128.0 * cover + (r - luma) * (224.0 / 255.0 / 1.5748),
    ]
}

fn byte(v: f32) -> u8 {
    (v + 0.5) as u8
}

impl Canvas {
    /// From encoded RGB, 0 to 255 each, row by row.
    pub(super) fn from_rgb(width: usize, height: usize, rgb: &[[f32; 3]]) -> Self {
        let samples: Vec<[f32; 3]> = rgb.iter().map(|&p| yuv(p, 1.0)).collect();
        let chroma = |part: usize| -> Vec<u8> {
            let at = |x: usize, y: usize| samples[y * width + x][part];
            (0..height / 2)
                .flat_map(|y| (0..width / 2).map(move |x| (2 * x, 2 * y)))
                .map(|(x, y)| {
                    byte(0.25 * (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1)))
                })
                .collect()
        };
        let y = samples.iter().map(|s| byte(s[0])).collect();
        let (u, v) = (chroma(1), chroma(2));
        Self { width, height, y, u, v }
    }

    /// `self` and `other`, mixed: 0 gives `self`, 1 `other`.
    pub(super) fn mixed(&self, other: &Self, share: f32) -> Self {
        let weight = (share.clamp(0.0, 1.0) * 256.0) as u16;
        let mut out = self.clone();
        if weight > 0 {
            for (plane, from) in
                [(&mut out.y, &other.y), (&mut out.u, &other.u), (&mut out.v, &other.v)]
            {
                for (a, &b) in plane.iter_mut().zip(from) {
                    *a =
                        ((u16::from(*a) * (256 - weight) + u16::from(b) * weight + 128) >> 8) as u8;
                }
            }
        }
        out
    }

    /// Darkens the rows from `first` on: `dark` says by how much each pixel (counted row by row),
    /// 0 not at all, 255 to black.
    pub(super) fn darken(&mut self, first: usize, dark: impl Fn(usize) -> u8) {
        let (width, half) = (self.width, self.width / 2);
        for at in first * width..self.y.len() {
            let amount = dark(at);
            if amount == 0 {
                continue;
            }
            let keep = 1.0 - f32::from(amount) / 255.0;
            self.y[at] = byte(16.0 + (f32::from(self.y[at]) - 16.0) * keep);
            let (x, y) = (at % width, at / width);
            if x & 1 == 0 && y & 1 == 0 {
                for plane in [&mut self.u, &mut self.v] {
                    let sample = &mut plane[y / 2 * half + x / 2];
                    *sample = byte(128.0 + (f32::from(*sample) - 128.0) * keep);
                }
            }
        }
    }

    /// Lays premultiplied encoded pixels over the picture. `corner` and the size are even; what
    /// lies outside the picture is left out.
    pub(super) fn lay(&mut self, corner: (i32, i32), size: (usize, usize), pixels: &[[f32; 4]]) {
        for by in 0..size.1 / 2 {
            let y = corner.1 + 2 * by as i32;
            if y < 0 || y as usize >= self.height {
                continue;
            }
            for bx in 0..size.0 / 2 {
                let x = corner.0 + 2 * bx as i32;
                if x < 0 || x as usize >= self.width {
                    continue;
                }
                let at = 2 * by * size.0 + 2 * bx;
                let block = [at, at + 1, at + size.0, at + size.0 + 1].map(|i| pixels[i]);
                self.lay_block(x as usize, y as usize, &block);
            }
        }
    }

    /// Four pixels and the chroma that they share.
    fn lay_block(&mut self, x: usize, y: usize, block: &[[f32; 4]; 4]) {
        let mut sum = [0f32; 4];
        for p in block {
            for k in 0..4 {
                sum[k] += 0.25 * p[k];
            }
        }
        if sum[3] <= 0.0 {
            return;
        }
        for (i, p) in block.iter().enumerate() {
            let luma = &mut self.y[(y + i / 2) * self.width + x + i % 2];
            let [value, ..] = yuv([p[0], p[1], p[2]], p[3]);
            *luma = byte(f32::from(*luma) * (1.0 - p[3]) + value);
        }
        let [_, u, v] = yuv([sum[0], sum[1], sum[2]], sum[3]);
        let at = (y / 2) * (self.width / 2) + x / 2;
        for (plane, value) in [(&mut self.u, u), (&mut self.v, v)] {
            plane[at] = byte(f32::from(plane[at]) * (1.0 - sum[3]) + value);
        }
    }

    /// Adds the sensor's noise.
    pub(super) fn expose<R: Rng>(&mut self, noise: &SensorNoise, rng: &mut R) {
        let (width, half) = (self.width, self.width / 2);
        for row in self.y.chunks_exact_mut(width) {
            noise.add(&noise.luma, row, rng);
        }
        for plane in [&mut self.u, &mut self.v] {
            for row in plane.chunks_exact_mut(half) {
                noise.add(&noise.chroma, row, rng);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn luma(&self) -> &[u8] {
        &self.y
    }

    /// The finished frame.
    pub(super) fn into_frame(self, meta: FrameMeta) -> Result<Frame> {
        let (luma, chroma) = (self.width, self.width / 2);
        let plane = |bytes: Vec<u8>, stride| Plane { bytes: Bytes::from(bytes), stride };
        let planes = [plane(self.y, luma), plane(self.u, chroma), plane(self.v, chroma)];
        Frame::new(meta, planes, Chroma::Yuv420, Range::Limited, Matrix::Bt709)
    }
}

/// Random steps of code values, made once and read from a random place on for each row.
#[derive(Debug)]
pub(super) struct SensorNoise {
    luma: Vec<i8>,
    chroma: Vec<i8>,
}

impl SensorNoise {
    const LENGTH: usize = 1 << 16;

    /// Normal noise with these standard deviations in code values.
    pub(super) fn new<R: Rng>(rng: &mut R, luma: f32, chroma: f32) -> Self {
        let mut table = |deviation: f32| -> Vec<i8> {
            // The sum of twelve uniform numbers is close to normal, with deviation 1.
            let mut normal = || (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
            (0..Self::LENGTH).map(|_| (normal() * deviation).round() as i8).collect()
        };
        Self { luma: table(luma), chroma: table(chroma) }
    }

    fn add<R: Rng>(&self, table: &[i8], row: &mut [u8], rng: &mut R) {
        for part in row.chunks_mut(Self::LENGTH / 2) {
            let from = rng.random_range(0..Self::LENGTH / 2);
            for (sample, &step) in part.iter_mut().zip(&table[from..]) {
                *sample = sample.saturating_add_signed(step);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg32;

    #[test]
    fn white_grey_and_blue_have_their_codes() {
        let near =
            |got: [f32; 3], want: [f32; 3]| got.iter().zip(want).all(|(g, w)| (g - w).abs() < 0.6);
        assert!(near(yuv([255.0; 3], 1.0), [235.0, 128.0, 128.0]));
        assert!(near(yuv([0.0; 3], 1.0), [16.0, 128.0, 128.0]));
        assert!(near(yuv([0.0, 0.0, 255.0], 1.0), [31.8, 240.0, 117.7]));
    }

    #[test]
    fn what_is_laid_over_an_edge_is_clipped() {
        let mut canvas = Canvas::from_rgb(8, 8, &[[0.0; 3]; 64]);
        canvas.lay((6, -2), (4, 4), &[[255.0, 255.0, 255.0, 1.0]; 16]);
        let bright: Vec<usize> = (0..64).filter(|&i| canvas.y[i] > 200).collect();
        assert_eq!(bright, [6, 7, 14, 15]);
        assert_eq!(canvas.u, [128; 16]);
    }

    #[test]
    fn noise_has_its_strength_and_no_bias() {
        let mut rng = Pcg32::seed_from_u64(4);
        let noise = SensorNoise::new(&mut rng, 2.0, 1.0);
        let mut canvas = Canvas::from_rgb(64, 64, &[[120.0; 3]; 4096]);
        let before = f64::from(canvas.y[0]);
        canvas.expose(&noise, &mut rng);
        let steps: Vec<f64> = canvas.y.iter().map(|&v| f64::from(v) - before).collect();
        let mean = steps.iter().sum::<f64>() / 4096.0;
        let deviation = (steps.iter().map(|s| s * s).sum::<f64>() / 4096.0).sqrt();
        assert!(mean.abs() < 0.15 && (1.7..2.3).contains(&deviation), "{mean} {deviation}");
    }
}
