//! Counting: unique objects and directed line crossings, from tracks alone.
//!
//! Memory grows by one row per track and by one small state per pair of track and line, never
//! with the number of frames.

mod crossing;
mod sight;
mod unique;

pub use crossing::{CrossingConfig, LineCounter};
pub use unique::{TrackSummary, UniqueConfig, UniqueCounter};
