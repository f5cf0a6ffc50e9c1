//! Types of the wire that poem-openapi does not bring: bodies that name every missing field,
//! placeholders for what `schemars` describes, codes and kinds as enumerations that may grow.

mod body;
mod named;

pub(crate) use body::{JsonBody, parse};
pub(crate) use named::{
    ErrorCode, JobDetail, JobKindName, JobParameters, JobResults, VideoJobDetail,
};
