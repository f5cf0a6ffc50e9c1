//! Real models on the real runtime, and models that the tests build.
//!
//! One process loads ONNX Runtime once; what must not load it is in `runtime_faults`.

mod golden;
mod opening;
mod support;
