//! What Sightline runs: the first layer with async code and I/O.
//!
//! `media` decodes and encodes, `compute` holds the worker pools, `pipeline` joins the stages,
//! `job` makes a result of them, `simulate` renders scenes whose truth is known.

pub mod bus;
pub mod clock;
pub mod compute;
pub mod drivers;
pub mod job;
pub mod media;
pub mod objects;
pub mod pipeline;
pub mod queue;
pub mod simulate;
pub mod store;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
