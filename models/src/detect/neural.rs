//! The detector that runs a model card on a backend.
//!
//! Frame -> input tensor -> backend -> head -> suppression -> frame pixels. Which library computes
//! is hidden behind [`Backend`]; what the numbers mean is in the card and its head.

use super::heads::{Candidate, Candidates};
use super::nms::suppress;
use super::{DetectOptions, Detections, Detector, DetectorInfo};
use crate::backend::{Backend, TensorInfo, TensorView};
use crate::card::Card;
use crate::picture::Frame;
use crate::picture::letterbox::Placement;
use crate::picture::tensor::InputTensor;
use schema::detection::Detection;
use schema::{Error, ErrorKind, Result};
use std::sync::Arc;

/// A detector of one model; one frame after the other, as the models have a batch of 1.
pub struct NeuralDetector {
    card: Card,
    info: DetectorInfo,
    backend: Box<dyn Backend>,
    input: InputTensor,
    input_shape: [i64; 4],
    output: OutputTensor,
    candidates: Vec<Candidate>,
}

/// The output that the head reads.
struct OutputTensor {
    index: usize,
    shape: Vec<i64>,
}

impl NeuralDetector {
    /// Joins a card and its opened model.
    ///
    /// # Errors
    /// `MODEL_UNAVAILABLE` where inputs or outputs are not those that the card promises.
    pub fn new(card: Card, backend: Box<dyn Backend>) -> Result<Self> {
        let (width, height) = (card.input.width, card.input.height);
        let input_shape = [1, 3, height as i64, width as i64];
        find(&card, "input", &card.input_name, backend.inputs(), &input_shape)?;
        if let Some(other) = backend.inputs().iter().find(|i| i.name != card.input_name) {
            return Err(mismatch(&card, &format!("needs a second input {:?}", other.name)));
        }
        let shape = card.head.output_shape((width, height), card.classes.len());
        let index = find(&card, "output", &card.output_name, backend.outputs(), &shape)?;
        let info = DetectorInfo {
            model: card.name.clone(),
            backend: backend.name().to_owned(),
            precision: backend.precision().to_owned(),
            classes: card.classes.clone(),
        };
        let input = InputTensor::new(card.input.clone());
        let output = OutputTensor { index, shape };
        Ok(Self { card, info, backend, input, input_shape, output, candidates: Vec::new() })
    }

    /// The card of the model.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }

    fn detect_one(
        &mut self,
        frame: &Frame,
        options: &DetectOptions,
        wanted: &[bool],
    ) -> Result<Detections> {
        let placement = self.input.fill(frame);
        let Self { card, backend, input, input_shape, output, candidates, .. } = self;
        let size = (card.input.width, card.input.height);
        let mut found = Candidates::new(options.min_score, wanted, std::mem::take(candidates));
        let view =
            TensorView { name: &card.input_name, shape: &input_shape[..], data: input.data() };
        backend.run(&[view], &mut |outputs| {
            let view = outputs.get(output.index).filter(|view| view.shape == output.shape);
            let Some(view) = view else {
                return Err(Error::new(
                    ErrorKind::ServerError,
                    format!(
                        "model {}: output {:?} is {:?} where {:?} is expected",
                        card.name,
                        card.output_name,
                        outputs.get(output.index).map(|view| view.shape).unwrap_or_default(),
                        output.shape
                    ),
                ));
            };
            card.head.decode(view, size, &mut found);
            Ok(())
        })?;
        let (list, rejected) = found.finish();
        self.candidates = list;
        let cut = suppress(&mut self.candidates, options);
        Ok(self.in_frame(&placement, frame, cut, rejected))
    }

    /// The candidates that are left as detections in frame pixels, clipped to the frame.
    fn in_frame(
        &self,
        placement: &Placement,
        frame: &Frame,
        cut: u64,
        mut rejected: u64,
    ) -> Detections {
        let (width, height) = (frame.width() as f32, frame.height() as f32);
        let mut objects = Vec::with_capacity(self.candidates.len());
        for candidate in &self.candidates {
            let bbox = placement.to_frame(&candidate.bbox).clipped(width, height);
            if bbox.is_valid() {
                let class = self.info.classes[candidate.class].clone();
                objects.push(Detection { bbox, score: candidate.score, class });
            } else {
                rejected += 1;
            }
        }
        Detections { objects, cut, rejected }
    }
}

impl Detector for NeuralDetector {
    fn info(&self) -> &DetectorInfo {
        &self.info
    }

    fn detect(
        &mut self,
        frames: &[Arc<Frame>],
        options: &DetectOptions,
    ) -> Result<Vec<Detections>> {
        let is_wanted =
            |label: &Arc<str>| options.classes.as_ref().is_none_or(|wanted| wanted.contains(label));
        let wanted: Vec<bool> =
            self.info.classes.iter().map(|class| is_wanted(&class.label)).collect();
        frames.iter().map(|frame| self.detect_one(frame, options, &wanted)).collect()
    }
}

/// The index of the tensor `name` among `infos`, if it admits `shape`.
fn find(card: &Card, what: &str, name: &str, infos: &[TensorInfo], shape: &[i64]) -> Result<usize> {
    let Some(index) = infos.iter().position(|info| info.name == name) else {
        let names: Vec<&str> = infos.iter().map(|info| info.name.as_str()).collect();
        let names = names.join(", ");
        return Err(mismatch(card, &format!("has no {what} {name:?}, only {names}")));
    };
    if infos[index].admits(shape) {
        return Ok(index);
    }
    let own = &infos[index].shape;
    Err(mismatch(card, &format!("has an {what} {name:?} of {own:?} where the card says {shape:?}")))
}

fn mismatch(card: &Card, what: &str) -> Error {
    Error::new(ErrorKind::ModelUnavailable, format!("model {} {what}", card.name))
        .with_hint("the weights and the model card do not belong together")
}
