//! End to end: the real binary over real files, as a user runs it.

mod analyze;
mod bad_input;
mod corpus;
mod doctor;
mod endings;
#[path = "../../actors/tests/media/mutate.rs"]
mod mutate;
mod output;
#[path = "../../actors/tests/media/server.rs"]
mod server;
mod support;
mod url;
