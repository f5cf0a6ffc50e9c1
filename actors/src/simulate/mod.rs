//! Synthetic scenes with known truth: people walk over a square, and where each of them is, how
//! much of it is seen and which lines it crosses is known exactly.
//!
//! A [`Scene`] is made from a [`SceneConfig`] and renders any frame together with its truth. It is
//! layered as follows: `space` (camera) and `light` below everything; `figure` and `backdrop`
//! draw, `route`, `stage` and `script` move; `scene` joins them; `truth` counts. Nothing here reads or
//! writes files or knows a detector.

mod backdrop;
mod canvas;
mod config;
mod figure;
mod light;
mod noise;
mod route;
mod scene;
mod script;
mod shadow;
mod source;
mod space;
mod stage;
mod truth;

#[cfg(test)]
mod tests;

pub use config::SceneConfig;
pub use scene::Scene;
pub use source::SimulatedSource;
pub use truth::{Crossing, FigureTruth, LineTruth, Tally, Totals};
