//! The architecture and style rules of this house, as tests.
//!
//! A rule that has to be broken somewhere is listed in `exceptions.rs`, with the reason.

mod exceptions;
mod layers;
mod source;
mod style;
mod texts;
