//! What the tests share: where data lies, frames, a backend that plays back tensors.

pub(crate) mod npy;
pub(crate) mod onnx_file;

use bytes::Bytes;
use models::backend::onnx::{Runtime, library};
use models::backend::{Backend, TensorInfo, TensorView};
use models::picture::{Chroma, Frame, Matrix, Plane, Range};
use schema::Result;
use schema::frame::FrameMeta;
use schema::time::MediaTime;
use std::path::PathBuf;

/// Real inputs beside the repository; prints that the test is skipped where they are missing.
pub(crate) fn data(what: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(what);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is missing", path.display());
    None
}

/// ONNX Runtime; prints that the test is skipped where it is missing.
pub(crate) fn runtime() -> Option<Runtime> {
    let located = library::locate(None);
    match located.path() {
        Ok(path) => Some(Runtime::load(path).expect("a library that is there loads")),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

/// A 4:4:4 full-range BT.601 frame from the samples of JPEG: Y, Cb, Cr, pixel after pixel.
pub(crate) fn frame_444(width: usize, height: usize, ycc: &[u8]) -> Frame {
    let plane = |c: usize| Plane {
        bytes: Bytes::from_iter(ycc.iter().skip(c).step_by(3).copied()),
        stride: width,
    };
    let meta = FrameMeta {
        frame_index: 0,
        media_time_us: MediaTime(0),
        wall_time_us: None,
        width: width as u32,
        height: height as u32,
    };
    Frame::new(meta, [plane(0), plane(1), plane(2)], Chroma::Yuv444, Range::Full, Matrix::Bt601)
        .expect("three whole planes")
}

/// A grey frame, where only the size matters.
pub(crate) fn grey(width: usize, height: usize) -> Frame {
    frame_444(width, height, &vec![128; 3 * width * height])
}

/// A model whose input or output is a recording.
pub(crate) enum Playback {
    /// The model runs, on this input instead of the one it is given.
    Input(Box<dyn Backend>, Vec<f32>),
    /// No model runs; this is the output.
    Output { inputs: Vec<TensorInfo>, outputs: Vec<TensorInfo>, data: Vec<f32> },
}

impl Backend for Playback {
    fn name(&self) -> &'static str {
        "playback"
    }

    fn precision(&self) -> &'static str {
        "f32"
    }

    fn inputs(&self) -> &[TensorInfo] {
        match self {
            Self::Input(model, _) => model.inputs(),
            Self::Output { inputs, .. } => inputs,
        }
    }

    fn outputs(&self) -> &[TensorInfo] {
        match self {
            Self::Input(model, _) => model.outputs(),
            Self::Output { outputs, .. } => outputs,
        }
    }

    fn run(
        &mut self,
        inputs: &[TensorView<'_>],
        read: &mut dyn FnMut(&[TensorView<'_>]) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Input(model, data) => {
                assert_eq!(data.len(), inputs[0].data.len(), "a recording of the input's size");
                model.run(&[TensorView { data, ..inputs[0] }], read)
            }
            Self::Output { outputs, data, .. } => {
                let TensorInfo { name, shape } = &outputs[0];
                read(&[TensorView { name, shape, data }])
            }
        }
    }
}
