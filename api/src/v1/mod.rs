//! The canonical API, `/api/v1`: one file per resource, thin over the platform.

pub mod auth;
pub mod events;
pub mod health;
pub mod job_types;
pub mod jobs;
pub mod media;
pub mod view;
