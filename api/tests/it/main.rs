//! The HTTP layer as clients meet it: over sockets, on real engines.

mod auth;
mod bad_input;
mod document;
mod jobs;
mod legacy;
mod limits;
mod media;
mod ownership;
mod starting;
mod support;
mod tokens;
mod web_socket;
