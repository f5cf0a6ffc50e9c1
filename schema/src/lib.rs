//! What Sightline says: ids, units, geometry, messages, parameters, results, errors.
//!
//! Behaviour here is parsing, checking and converting, nothing else. This crate has no async
//! runtime, no I/O, no driver and no pixels; every other crate may depend on it.

pub mod account;
pub mod detection;
pub mod error;
pub mod event;
pub mod frame;
pub mod geometry;
pub mod id;
pub mod job;
pub mod sql;
pub mod subject;
pub mod time;
pub mod track;

pub use error::{Error, ErrorKind, Result};
