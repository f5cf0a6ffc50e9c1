//! What Sightline shows: the HTTP layer over the platform handle.
//!
//! HTTP lives in this crate alone. So far it holds the one table from error kind to status; the
//! routes come with the server.

pub mod asyncapi;
pub mod error;
