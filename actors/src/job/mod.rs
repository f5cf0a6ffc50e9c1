//! Jobs: one recorded input in, results and files out.
//!
//! A job kind is one file in `kinds` (what it counts), one file in `schema::job` (its parameters
//! and results) and one entry in [`kinds::JobType::of`]. [`run::run`] joins a kind with a model, a
//! source and the pipeline; the command line and job actors call the same function.

pub mod kinds;
pub mod model;
pub mod run;
