//! Sightline's composition root and command line.
//!
//! Thin by intent: it turns arguments into calls of `actors` and results into text. What is
//! computed, and how, is in the crates below.

mod app;
mod claim;
pub mod cli;
mod config;
mod fsck;
mod notify;
mod pairing;
mod runtime;
mod secret;
mod telemetry;
#[cfg(test)]
mod testing;
