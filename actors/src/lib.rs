//! What Sightline runs: the first layer with async code and I/O.
//!
//! `media` decodes and encodes, `compute` holds the worker pools, `pipeline` joins the stages,
//! `job` makes a result of them and runs it under a lease, `simulate` renders scenes whose truth is
//! known. `store`, `queue`, `bus` and `objects` are seams whose engines are in `drivers`;
//! `supervise` keeps everything alive, `recorder` stores and publishes, and `handle` is the one
//! door for whoever is outside.

pub mod bus;
pub mod clock;
pub mod compute;
pub mod config;
pub mod drivers;
pub mod handle;
mod janitor;
pub mod job;
pub mod media;
pub mod metrics;
pub mod objects;
pub mod pipeline;
pub mod queue;
mod recorder;
pub mod simulate;
pub mod store;
pub mod supervise;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
