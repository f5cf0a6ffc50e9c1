//! Heads: from a model's raw output to candidate boxes in input pixels.
//!
//! One file per family of detectors; a model card names its head. A head knows the meaning of an
//! output and nothing of frames, suppression or backends.

mod fastestdet;
mod yolov8;
mod yolox;

use crate::backend::TensorView;
use schema::geometry::BBox;
use serde::Deserialize;

/// How the output of a model is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeadKind {
    /// YOLOX (Ge et al. 2021), exported without decoding: `[1, anchors, 5 + classes]`.
    Yolox,
    /// FastestDet: `[1, 5 + classes, height / 16, width / 16]`.
    FastestDet,
    /// YOLOv8 and its kin (Jocher et al. 2023): `[1, 4 + classes, anchors]`, decoded.
    Yolov8,
}

/// The strides of the three feature maps of the YOLO heads.
const STRIDES: [usize; 3] = [8, 16, 32];

impl HeadKind {
    /// Whether inputs of this size have whole feature maps.
    ///
    /// # Errors
    /// What is expected instead.
    pub fn check_input(self, width: usize, height: usize) -> Result<(), String> {
        let step = match self {
            Self::Yolox | Self::Yolov8 => STRIDES[2],
            Self::FastestDet => fastestdet::STRIDE,
        };
        if width.is_multiple_of(step) && height.is_multiple_of(step) {
            return Ok(());
        }
        Err(format!("{width}x{height} where multiples of {step} are expected"))
    }

    /// The shape of the output for an input of `width` x `height` and `classes` classes.
    #[must_use]
    pub fn output_shape(self, (width, height): (usize, usize), classes: usize) -> Vec<i64> {
        let anchors: usize = STRIDES.iter().map(|s| (width / s) * (height / s)).sum();
        let cells = (width / fastestdet::STRIDE, height / fastestdet::STRIDE);
        let shape: &[usize] = match self {
            Self::Yolox => &[1, anchors, 5 + classes],
            Self::FastestDet => &[1, 5 + classes, cells.1, cells.0],
            Self::Yolov8 => &[1, 4 + classes, anchors],
        };
        shape.iter().map(|&n| n as i64).collect()
    }

    /// Offers every box in `output` to `candidates`.
    ///
    /// The output has the shape [`HeadKind::output_shape`]: the caller has checked it.
    pub fn decode(
        self,
        output: &TensorView<'_>,
        input: (usize, usize),
        candidates: &mut Candidates<'_>,
    ) {
        match self {
            Self::Yolox => yolox::decode(output, input, candidates),
            Self::FastestDet => fastestdet::decode(output, input, candidates),
            Self::Yolov8 => yolov8::decode(output, candidates),
        }
    }
}

/// A box that a model proposes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Pixels of the model's input; finite, with an area.
    pub bbox: BBox,
    /// 0 to 1.
    pub score: f32,
    /// Index into the classes of the card.
    pub class: usize,
}

/// The candidates of one frame, in the order of the output, and what is wanted of them.
#[derive(Debug)]
pub struct Candidates<'a> {
    min_score: f32,
    wanted: &'a [bool],
    list: Vec<Candidate>,
    rejected: u64,
}

impl<'a> Candidates<'a> {
    /// Takes candidates of at least `min_score` of classes that are `wanted`, by index, into
    /// `list`, whose memory is used again.
    #[must_use]
    pub fn new(min_score: f32, wanted: &'a [bool], mut list: Vec<Candidate>) -> Self {
        list.clear();
        Self { min_score, wanted, list, rejected: 0 }
    }

    /// The lowest score that is taken.
    #[must_use]
    pub const fn min_score(&self) -> f32 {
        self.min_score
    }

    /// Takes a candidate, counts it as rejected where a number of it is not finite or its box has
    /// no area, or passes over it.
    pub fn offer(&mut self, score: f32, class: usize, bbox: BBox) {
        if score < self.min_score {
            return;
        }
        if !score.is_finite() || !bbox.is_valid() {
            self.rejected += 1;
        } else if self.wanted.get(class).copied().unwrap_or(false) {
            self.list.push(Candidate { bbox, score: score.min(1.0), class });
        }
    }

    /// The candidates, and how many were rejected.
    #[must_use]
    pub fn finish(self) -> (Vec<Candidate>, u64) {
        (self.list, self.rejected)
    }
}

/// The greatest of `values` and its index, the first of equals; NaN wins, so that it is seen.
fn best(values: impl IntoIterator<Item = f32>) -> (usize, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, value) in values.into_iter().enumerate() {
        if value > best.1 || value.is_nan() {
            best = (i, value);
        }
    }
    best
}

fn centred(cx: f32, cy: f32, width: f32, height: f32) -> BBox {
    let (w, h) = (width / 2.0, height / 2.0);
    BBox { x1: cx - w, y1: cy - h, x2: cx + w, y2: cy + h }
}
