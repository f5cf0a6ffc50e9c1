//! From a frame to a model's input: resize, colour, layout and normalisation in one pass.
//!
//! The only walk over pixels on the way to a model. It keeps its buffers and tables between
//! frames, allocates nothing while frames keep their size, and is deterministic.

use super::colour::YuvToRgb;
use super::letterbox::{Fit, Placement};
use super::resample::{Columns, LEVEL, Rows, ZERO};
use super::{Chroma, Frame, Matrix, Range};
use serde::Deserialize;

/// The order of the colour planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourOrder {
    /// Red first.
    Rgb,
    /// Blue first, as OpenCV decodes.
    Bgr,
}

/// What a model wants to see: `[1, 3, height, width]`, f32, `(level - mean) / std` per channel.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSpec {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// How frames of another shape are fitted in.
    pub fit: Fit,
    /// Order of the planes; `pad`, `mean` and `std` are in this order.
    pub order: ColourOrder,
    /// Level of the padding, 0 to 255.
    pub pad: f32,
    /// Level that becomes 0, per channel, 0 to 255.
    pub mean: [f32; 3],
    /// Levels that become 1, per channel, above 0.
    pub std: [f32; 3],
}

/// The input tensor of one model, filled from one frame after the other.
#[derive(Debug)]
pub struct InputTensor {
    spec: InputSpec,
    data: Vec<f32>,
    plan: Option<Plan>,
}

impl InputTensor {
    /// A tensor for `spec`; zeros until the first [`InputTensor::fill`].
    #[must_use]
    pub fn new(spec: InputSpec) -> Self {
        let data = vec![0.0; 3 * spec.width * spec.height];
        Self { spec, data, plan: None }
    }

    /// The tensor, row-major `[1, 3, height, width]`.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// What the tensor looks like.
    #[must_use]
    pub const fn spec(&self) -> &InputSpec {
        &self.spec
    }

    /// Fills the tensor with `frame` and says where the frame lies in it.
    ///
    /// Sampling is bilinear on the planes as they are (chroma sited in the middle of its luma
    /// samples, as in JPEG), converted to RGB afterwards and not rounded to whole levels.
    pub fn fill(&mut self, frame: &Frame) -> Placement {
        let key = Key::of(frame);
        let plan = match self.plan.take() {
            Some(plan) if plan.key == key => plan,
            _ => {
                self.pad();
                Plan::new(key, &self.spec)
            }
        };
        let plan = self.plan.insert(plan);
        for y in 0..plan.placement.height {
            plan.sample_row(frame, y);
            plan.convert_row(y, &mut self.data, (self.spec.width, self.spec.height));
        }
        plan.placement
    }

    fn pad(&mut self) {
        let area = self.spec.width * self.spec.height;
        for (c, plane) in self.data.chunks_exact_mut(area).enumerate() {
            plane.fill((self.spec.pad - self.spec.mean[c]) / self.spec.std[c]);
        }
    }
}

/// What the tables of a plan depend on beside the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    size: (usize, usize),
    chroma: Chroma,
    range: Range,
    matrix: Matrix,
}

impl Key {
    fn of(frame: &Frame) -> Self {
        Self {
            size: frame.plane_size(0),
            chroma: frame.chroma(),
            range: frame.range(),
            matrix: frame.matrix(),
        }
    }
}

/// One channel of the output: an affine map of Y, U, V and the limits of its values.
#[derive(Debug, Clone, Copy)]
struct Channel {
    yuv: [f32; 3],
    constant: f32,
    low: f32,
    high: f32,
}

/// Tables and row buffers for frames of one size and format.
#[derive(Debug)]
struct Plan {
    key: Key,
    placement: Placement,
    luma: (Columns, Rows),
    chroma: (Columns, Rows),
    channels: [Channel; 3],
    /// Y, U, V: two source rows blended, one sample longer than the plane.
    blended: [Vec<i16>; 3],
    /// Y, U, V at the width of the picture in the input, `LEVEL` to a grey level, `ZERO` at 0.
    sampled: [Vec<i32>; 3],
}

impl Plan {
    fn new(key: Key, spec: &InputSpec) -> Self {
        let (width, height) = key.size;
        let placement = Placement::new(spec.fit, key.size, (spec.width, spec.height));
        // As `cv2.resize`: the ratio of the sizes, not the scale that they were rounded from.
        let step = (width as f64 / placement.width as f64, height as f64 / placement.height as f64);
        let (sx, sy) = key.chroma.shift();
        let (cw, ch) = key.chroma.plane_size(width as u32, height as u32);
        let (cw, ch) = (cw as usize, ch as usize);
        let sub = (step.0 / f64::from(1u32 << sx), step.1 / f64::from(1u32 << sy));
        let columns = |source, step| Columns::new(source, step, placement.width);
        let rows = |source, step| Rows::new(source, step, placement.height);
        Self {
            key,
            placement,
            luma: (columns(width, step.0), rows(height, step.1)),
            chroma: (columns(cw, sub.0), rows(ch, sub.1)),
            channels: channels(YuvToRgb::new(key.matrix, key.range), spec),
            blended: [width, cw, cw].map(|w| vec![0; w + 1]),
            sampled: [placement.width; 3].map(|w| vec![0; w]),
        }
    }

    /// Resamples row `y` of the picture into `sampled`.
    fn sample_row(&mut self, frame: &Frame, y: usize) {
        for plane in 0..3 {
            let (columns, rows) = if plane == 0 { &mut self.luma } else { &mut self.chroma };
            rows.blend(y, |r| frame.row(plane, r), &mut self.blended[plane]);
            columns.resample(&self.blended[plane], &mut self.sampled[plane]);
        }
    }

    /// Converts `sampled` into row `y` of the picture in `data`.
    fn convert_row(&self, y: usize, data: &mut [f32], input: (usize, usize)) {
        let start = (self.placement.top + y) * input.0 + self.placement.left;
        let (first, rest) = data.split_at_mut(input.0 * input.1);
        let (second, third) = rest.split_at_mut(input.0 * input.1);
        let row = start..start + self.placement.width;
        let rows = [first, second, third].map(|plane| &mut plane[row.clone()]);
        convert(&self.channels, &self.sampled, rows);
    }
}

/// Converts a row of samples Y, U, V into the three channels of the output.
fn convert(channels: &[Channel; 3], [ys, us, vs]: &[Vec<i32>; 3], out: [&mut [f32]; 3]) {
    let ([a, b, c], [first, second, third]) = (*channels, out);
    let out = first.iter_mut().zip(second).zip(third);
    for ((((a_out, b_out), c_out), &y), (&u, &v)) in out.zip(ys).zip(us.iter().zip(vs)) {
        let yuv = [y as f32, u as f32, v as f32];
        *a_out = a.of(yuv);
        *b_out = b.of(yuv);
        *c_out = c.of(yuv);
    }
}

impl Channel {
    fn of(&self, [y, u, v]: [f32; 3]) -> f32 {
        let [ky, ku, kv] = self.yuv;
        let value = ky * y + ku * u + kv * v + self.constant;
        // Comparisons, not `clamp`: these two become one instruction each.
        let value = if value > self.low { value } else { self.low };
        if value < self.high { value } else { self.high }
    }
}

/// Colour, normalisation and fixed point folded into one map per output channel.
fn channels(colour: YuvToRgb, spec: &InputSpec) -> [Channel; 3] {
    let [r, g, b] = colour.rows;
    let rows = match spec.order {
        ColourOrder::Rgb => [r, g, b],
        ColourOrder::Bgr => [b, g, r],
    };
    std::array::from_fn(|c| {
        let (mean, std, [y, u, v, constant]) = (spec.mean[c], spec.std[c], rows[c]);
        Channel {
            yuv: [y, u, v].map(|k| k / (std * LEVEL)),
            constant: (constant + ZERO * (y + u + v) - mean) / std,
            low: -mean / std,
            high: (255.0 - mean) / std,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Plane;
    use bytes::Bytes;
    use schema::frame::FrameMeta;
    use schema::time::MediaTime;

    /// A frame with texture in all three planes and rows longer than the picture.
    fn frame(size: (u32, u32), chroma: Chroma, range: Range, matrix: Matrix) -> Frame {
        let meta = FrameMeta {
            frame_index: 0,
            media_time_us: MediaTime(0),
            wall_time_us: None,
            width: size.0,
            height: size.1,
        };
        let sub = chroma.plane_size(size.0, size.1);
        let plane = |(w, h): (u32, u32), a: u32, b: u32| {
            let stride = w as usize + 5;
            let at = |i: usize| ((i % stride) as u32 * a + (i / stride) as u32 * b + a * b) as u8;
            Plane { bytes: Bytes::from_iter((0..stride * h as usize).map(at)), stride }
        };
        let planes = [plane(size, 3, 5), plane(sub, 2, 1), plane(sub, 1, 3)];
        Frame::new(meta, planes, chroma, range, matrix).expect("planes are large enough")
    }

    fn spec(fit: Fit, width: usize, height: usize) -> InputSpec {
        InputSpec {
            width,
            height,
            fit,
            order: ColourOrder::Bgr,
            pad: 114.0,
            mean: [0.0; 3],
            std: [1.0; 3],
        }
    }

    /// Bilinear sample of a plane at luma coordinates, in f64, from the definition.
    fn sample(frame: &Frame, plane: usize, x: f64, y: f64) -> f64 {
        let (sx, sy) = if plane == 0 { (0, 0) } else { frame.chroma().shift() };
        let (w, h) = frame.plane_size(plane);
        let at = |v: f64, shift: u32, n: usize| {
            let v = ((v + 0.5) / f64::from(1u32 << shift) - 0.5).clamp(0.0, n as f64 - 1.0);
            (v as usize, (v as usize + 1).min(n - 1), v.fract())
        };
        let ((x0, x1, fx), (y0, y1, fy)) = (at(x, sx, w), at(y, sy, h));
        let p = |x: usize, y: usize| f64::from(frame.row(plane, y)[x]);
        let (top, bottom) =
            (p(x0, y0) * (1.0 - fx) + p(x1, y0) * fx, p(x0, y1) * (1.0 - fx) + p(x1, y1) * fx);
        top * (1.0 - fy) + bottom * fy
    }

    /// The whole pass again, pixel by pixel, in f64.
    fn reference(frame: &Frame, spec: &InputSpec) -> Vec<f64> {
        let (fw, fh) = frame.plane_size(0);
        let p = Placement::new(spec.fit, (fw, fh), (spec.width, spec.height));
        let colour = YuvToRgb::new(frame.matrix(), frame.range());
        let mut out = Vec::new();
        for c in 0..3 {
            let rgb = if spec.order == ColourOrder::Rgb { c } else { 2 - c };
            let row = colour.rows[rgb].map(f64::from);
            for y in 0..spec.height {
                for x in 0..spec.width {
                    let inside = (p.left..p.left + p.width).contains(&x)
                        && (p.top..p.top + p.height).contains(&y);
                    let level = if inside {
                        let sx = ((x - p.left) as f64 + 0.5) * fw as f64 / p.width as f64 - 0.5;
                        let sy = ((y - p.top) as f64 + 0.5) * fh as f64 / p.height as f64 - 0.5;
                        let [l, u, v] = [0, 1, 2].map(|plane| sample(frame, plane, sx, sy));
                        (row[0] * l + row[1] * u + row[2] * v + row[3]).clamp(0.0, 255.0)
                    } else {
                        f64::from(spec.pad)
                    };
                    out.push((level - f64::from(spec.mean[c])) / f64::from(spec.std[c]));
                }
            }
        }
        out
    }

    fn check(frame: &Frame, tensor: &mut InputTensor) {
        tensor.fill(frame);
        let spec = tensor.spec();
        let expected = reference(frame, spec);
        assert_eq!(tensor.data().len(), expected.len());
        let worst = tensor
            .data()
            .iter()
            .zip(&expected)
            .enumerate()
            .map(|(i, (&got, &want))| ((f64::from(got) - want).abs() * f64::from(spec.std[0]), i))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .expect("a tensor is not empty");
        // Weights of 1/256 leave half a level at the hardest vertical edge, times the gain of blue.
        assert!(worst.0 < 1.2, "{spec:?}: {} levels off at {}", worst.0, worst.1);
    }

    #[test]
    fn agrees_with_the_definition_in_every_format() {
        for chroma in [Chroma::Yuv420, Chroma::Yuv422, Chroma::Yuv444] {
            for range in [Range::Limited, Range::Full] {
                for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
                    let frame = frame((37, 23), chroma, range, matrix);
                    let spec = spec(Fit::TopLeft, 20, 16);
                    check(&frame, &mut InputTensor::new(spec));
                }
            }
        }
    }

    #[test]
    fn agrees_with_the_definition_in_every_fit_and_size() {
        for size in [(1, 1), (2, 1), (3, 7), (64, 48), (200, 31), (31, 200)] {
            for fit in [Fit::TopLeft, Fit::Centre, Fit::Stretch] {
                let frame = frame(size, Chroma::Yuv420, Range::Limited, Matrix::Bt709);
                let mut spec = spec(fit, 48, 32);
                spec.order = ColourOrder::Rgb;
                (spec.mean, spec.std) = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]);
                check(&frame, &mut InputTensor::new(spec));
            }
        }
    }

    #[test]
    fn nothing_of_the_last_frame_is_left() {
        let spec = spec(Fit::Centre, 32, 32);
        let mut tensor = InputTensor::new(spec);
        for size in [(64, 20), (20, 64), (64, 20)] {
            let frame = frame(size, Chroma::Yuv420, Range::Limited, Matrix::Bt709);
            check(&frame, &mut tensor);
        }
    }
}
