//! The HTTP layer as clients meet it: over sockets, on real engines.

mod auth;
mod document;
mod jobs;
mod legacy;
mod limits;
mod media;
mod support;
mod tokens;
mod web_socket;
