//! Media in and out through its public doors: real clips, every accepted format, URLs, bad input.

mod clips;
mod support;
mod writer;
