//! Backends: named tensors in, named tensors out.
//!
//! What a tensor means is not known here; that is the business of cards and heads. A backend is
//! used by one thread at a time and gives the same output for the same input.

pub mod onnx;

use schema::Result;

/// Name and shape of an input or output of a model; all are f32.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name in the model file.
    pub name: String,
    /// Its dimensions; -1 is one that the model leaves open.
    pub shape: Vec<i64>,
}

impl TensorInfo {
    /// Whether a tensor of `shape` fits: as many dimensions, and equal where the model says.
    #[must_use]
    pub fn admits(&self, shape: &[i64]) -> bool {
        self.shape.len() == shape.len()
            && self.shape.iter().zip(shape).all(|(&own, &other)| own < 0 || own == other)
    }
}

/// A tensor that somebody else owns: f32, row-major.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorView<'a> {
    /// Its name in the model file.
    pub name: &'a str,
    /// Its dimensions, none negative.
    pub shape: &'a [i64],
    /// As many numbers as the product of the dimensions.
    pub data: &'a [f32],
}

/// A loaded model.
pub trait Backend: Send {
    /// What computes: `onnx`.
    fn name(&self) -> &'static str;

    /// Number format of the computation: `f32`.
    fn precision(&self) -> &'static str;

    /// The inputs of the model.
    fn inputs(&self) -> &[TensorInfo];

    /// The outputs of the model.
    fn outputs(&self) -> &[TensorInfo];

    /// Runs the model on `inputs` and shows all outputs, in the order of [`Backend::outputs`], to
    /// `read`; they are gone when it returns, so nothing is copied.
    ///
    /// # Errors
    /// `MODEL_UNAVAILABLE` where the run fails, and whatever `read` returns.
    fn run(
        &mut self,
        inputs: &[TensorView<'_>],
        read: &mut dyn FnMut(&[TensorView<'_>]) -> Result<()>,
    ) -> Result<()>;
}
