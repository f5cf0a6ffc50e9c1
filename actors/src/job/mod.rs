//! Jobs: one recorded input in, results and files out.
//!
//! A job kind is one file in `kinds` (what it counts), one file in `schema::job` (its parameters
//! and results) and one entry in [`kinds::JobType::of`]. [`run::run`] joins a kind with a model, a
//! source and the pipeline; the command line calls it, and so do job actors: `lease` takes jobs
//! from the queue, `actor` runs one, `outputs` puts its files in place, `removal` takes them away.

pub(crate) mod active;
pub(crate) mod actor;
mod failure;
pub mod kinds;
pub(crate) mod lease;
pub mod model;
mod outputs;
mod progress;
pub(crate) mod reclaim;
pub(crate) mod removal;
pub mod run;
pub(crate) mod shop;
pub(crate) mod wake;

pub use outputs::job_of;
