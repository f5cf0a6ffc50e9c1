//! The doors of the first seed (`/api/...`): its envelopes and names over the same services.

pub mod envelope;
pub mod jobs;
pub mod me;
pub mod token;
pub mod video_job;
