//! ONNX Runtime, loaded at run time: the only place that knows `ort`.
//!
//! One [`Runtime`] per process, any number of [`Session`]s from it, each for one thread. The
//! library is looked for and checked by `library` before `ort` touches it.

#[cfg(target_os = "linux")]
mod elf;
pub mod library;

use super::{Backend, TensorInfo, TensorView};
use library::unavailable;
use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session as OrtSession, SessionInputValue};
use ort::value::{Outlet, TensorElementType, TensorRef};
use schema::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The runtime of this process, once it is loaded. It is never dropped: the library's own statics
/// outlive it in an order that nobody promises.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

/// ONNX Runtime, loaded; cheap to clone.
#[derive(Debug, Clone)]
pub struct Runtime {
    environment: Environment,
    path: PathBuf,
    version: String,
}

impl Runtime {
    /// Loads the library at `path`, or returns the runtime that is loaded already. After an error
    /// another attempt may follow.
    ///
    /// # Errors
    /// `MODEL_UNAVAILABLE` where the library cannot be used, with what to do in the hint;
    /// `CONFLICT` where another library was loaded before: a process has one.
    pub fn load(path: &Path) -> Result<Self> {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        // What the lock guards is written in one step, so a panic elsewhere left it whole.
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            if runtime.path == path {
                return Ok(runtime.clone());
            }
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "ONNX Runtime is loaded from {} already, not from {}",
                    runtime.path.display(),
                    path.display()
                ),
            ));
        }
        let version = library::preflight(&path)?;
        let wrong = |e: &dyn std::fmt::Display| {
            unavailable(format!("ONNX Runtime library {} cannot be used: {e}", path.display()))
        };
        let environment = ort::init_from(&path)
            .map_err(|e| wrong(&e))?
            .with_name("sightline")
            .with_telemetry(false)
            .build()
            .map_err(|e| wrong(&e))?;
        Ok(loaded.insert(Self { environment, path, version }).clone())
    }

    /// The library's own version, as `1.31.1`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The library's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the model in `bytes`, which errors call `name`.
    ///
    /// # Errors
    /// `MODEL_UNAVAILABLE` where the bytes are no ONNX model or one with inputs or outputs that are
    /// not f32 tensors.
    pub fn open(&self, name: &str, bytes: &[u8], options: SessionOptions) -> Result<Session> {
        let wrong =
            |what: String| Error::new(ErrorKind::ModelUnavailable, format!("model {name} {what}"));
        if bytes.is_empty() {
            return Err(wrong("is an empty file".into()));
        }
        if bytes.trim_ascii_start().starts_with(b"<") {
            return Err(wrong("is a web page or XML, not an ONNX model".into())
                .with_hint("a download was answered with a page; look at the file, get it again"));
        }
        let session = self
            .build(bytes, options)
            .map_err(|e| wrong(format!("cannot be opened: {}", one_line(e.message()))))?;
        let infos = |outlets: &[Outlet], what: &str| {
            outlets
                .iter()
                .map(|o| {
                    info(o).ok_or_else(|| {
                        wrong(format!("has an {what} {:?} that is not an f32 tensor", o.name()))
                    })
                })
                .collect::<Result<Vec<_>>>()
        };
        let inputs = infos(session.inputs(), "input")?;
        let outputs = infos(session.outputs(), "output")?;
        Ok(Session { session, inputs, outputs, name: name.to_owned() })
    }

    fn build(&self, bytes: &[u8], options: SessionOptions) -> ort::Result<OrtSession> {
        OrtSession::builder(&self.environment)?
            .with_execution_providers([ort::ep::CPU::default().with_arena_allocator(true).build()])?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_parallel_execution(false)?
            .with_intra_threads(options.intra_threads)?
            // Waiting threads sleep: the cores belong to decoding and to other sessions too.
            .with_intra_op_spinning(false)?
            .with_deterministic_compute(true)?
            .commit_from_memory(bytes)
    }
}

/// How a session computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionOptions {
    /// Threads within one operator, at least 1. Sums are split differently for different numbers,
    /// so results may differ in the last digits.
    pub intra_threads: usize,
}

impl Default for SessionOptions {
    /// One thread: workers run side by side instead.
    fn default() -> Self {
        Self { intra_threads: 1 }
    }
}

/// One opened model.
#[derive(Debug)]
pub struct Session {
    session: OrtSession,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    name: String,
}

impl Backend for Session {
    fn name(&self) -> &'static str {
        "onnx"
    }

    fn precision(&self) -> &'static str {
        "f32"
    }

    fn inputs(&self) -> &[TensorInfo] {
        &self.inputs
    }

    fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    fn run(
        &mut self,
        inputs: &[TensorView<'_>],
        read: &mut dyn FnMut(&[TensorView<'_>]) -> Result<()>,
    ) -> Result<()> {
        let Self { session, name, outputs: infos, .. } = self;
        let failed = |e: ort::Error| {
            let message = format!("model {name} failed: {}", one_line(e.message()));
            Error::new(ErrorKind::ModelUnavailable, message)
        };
        let mut values = Vec::with_capacity(inputs.len());
        for input in inputs {
            let tensor = TensorRef::from_array_view((input.shape, input.data)).map_err(failed)?;
            values.push((input.name, SessionInputValue::from(tensor)));
        }
        let outputs = session.run(values).map_err(failed)?;
        let mut views = Vec::with_capacity(outputs.len());
        for (i, info) in infos.iter().enumerate() {
            let (shape, data) = outputs[i].try_extract_tensor::<f32>().map_err(failed)?;
            views.push(TensorView { name: &info.name, shape, data });
        }
        read(&views)
    }
}

/// What is told of an input or output; `None` where it is not an f32 tensor.
fn info(outlet: &Outlet) -> Option<TensorInfo> {
    let dtype = outlet.dtype();
    (dtype.tensor_type() == Some(TensorElementType::Float32)).then(|| TensorInfo {
        name: outlet.name().to_owned(),
        shape: dtype.tensor_shape().map(|shape| shape.to_vec()).unwrap_or_default(),
    })
}

/// ONNX Runtime's messages run over several lines.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
