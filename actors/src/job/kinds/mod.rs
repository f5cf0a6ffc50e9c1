//! The registry of job kinds.

mod emergency_count;
mod people_count;
mod tally;

use crate::pipeline::Processor;
use schema::Result;
use schema::job::parameters::Counting;
use schema::job::result::Provenance;
use schema::job::{JobKind, JobResults};
use serde_json::Value;

/// What a kind has to know of the run that is about to begin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scene {
    /// Displayed width in pixels.
    pub width: u32,
    /// Displayed height in pixels.
    pub height: u32,
    /// Frames per second.
    pub frame_rate: f64,
    /// A track counts from this many frames on.
    pub min_frames: u64,
    /// Frames for which the tracker keeps a track that is not seen.
    pub lost_after: u64,
}

/// Checked parameters of one job.
pub trait Preparation: Send {
    /// What is asked of detection and tracking.
    fn counting(&self) -> &Counting;

    /// What counts, once the source is known.
    fn processor(&self, scene: &Scene) -> Box<dyn JobProcessor>;
}

/// A processor that ends in the results of its kind.
pub trait JobProcessor: Processor {
    /// The results; its own warnings come after those of `provenance`.
    fn finish(self: Box<Self>, provenance: Provenance) -> JobResults;
}

impl Processor for Box<dyn JobProcessor> {
    fn observe(
        &mut self,
        meta: &schema::frame::FrameMeta,
        objects: &[schema::track::TrackedObject],
    ) -> schema::job::result::FrameRow {
        self.as_mut().observe(meta, objects)
    }

    fn annotate(&self, annotation: &mut crate::media::overlay::Annotation) {
        self.as_ref().annotate(annotation);
    }
}

/// Everything there is to know of a kind.
pub struct JobType {
    /// Which kind.
    pub kind: JobKind,
    /// What it is for, in one sentence.
    pub summary: &'static str,
    /// JSON Schema of its parameters.
    pub parameters: fn() -> Value,
    /// JSON Schema of its results.
    pub results: fn() -> Value,
    /// Checks parameters; names every fault at once.
    pub prepare: fn(Value) -> Result<Box<dyn Preparation>>,
}

impl JobType {
    /// The type of `kind`.
    #[must_use]
    pub const fn of(kind: JobKind) -> &'static Self {
        match kind {
            JobKind::EmergencyCount => &emergency_count::TYPE,
            JobKind::PeopleCount => &people_count::TYPE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_has_all_its_parts() {
        for kind in JobKind::ALL {
            let job = JobType::of(*kind);
            assert_eq!(job.kind, *kind, "{kind} is registered as another");
            assert!(!job.summary.is_empty());
            for schema in [(job.parameters)(), (job.results)()] {
                let properties = schema["properties"].as_object().expect("an object");
                let described =
                    |p: &Value| p.get("description").is_some() || p.get("$ref").is_some();
                let bare: Vec<_> = properties.iter().filter(|(_, p)| !described(p)).collect();
                assert!(bare.is_empty(), "{kind}: no description of {bare:?}");
            }
            (job.prepare)(json!({})).expect("every parameter has a default");
            assert!((job.prepare)(json!({"no_such_field": 1})).is_err(), "{kind} takes anything");
        }
    }
}
