//! The canonical API, `/api/v1`: one file per resource, thin over the platform.

pub(crate) mod auth;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod job_types;
pub(crate) mod jobs;
pub(crate) mod media;
pub(crate) mod view;
