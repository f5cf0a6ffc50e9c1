//! Media in and out through its public doors: real clips, every accepted format, URLs, bad input.

mod bad_input;
mod boxes;
mod clips;
mod corpus;
mod formats;
mod mutate;
mod server;
mod support;
mod url;
mod writer;
