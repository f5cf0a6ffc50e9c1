//! What Sightline computes: pixels in, facts out.
//!
//! Synchronous and deterministic: the same input gives the same output. Nothing here reads a
//! clock, opens a socket or touches a file other than to load weights. One room per stage.

pub mod backend;
pub mod card;
pub mod count;
pub mod detect;
pub mod eval;
pub mod picture;
pub mod track;
