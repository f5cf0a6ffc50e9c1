//! The doors of the first seed (`/api/...`): its envelopes and names over the same services.

pub(crate) mod envelope;
pub(crate) mod jobs;
pub(crate) mod me;
pub(crate) mod token;
pub(crate) mod video_job;
