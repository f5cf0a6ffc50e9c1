//! End to end: the real binary over real files, as a user runs it.

mod analyze;
mod bad_input;
mod doctor;
mod endings;
mod output;
mod server;
mod support;
mod url;
