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
    /// Mean frames per second, above 0.
    pub frame_rate: f64,
    /// A track counts once it was seen for this many seconds; 0 for a single picture.
    pub min_seconds: f64,
    /// After this many frames without sight the tracker has given a track up, with some to spare.
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
    use schema::detection::{Category, Class};
    use schema::frame::FrameMeta;
    use schema::geometry::BBox;
    use schema::id::TrackId;
    use schema::time::MediaTime;
    use schema::track::TrackedObject;
    use serde_json::json;

    /// 200 x 200 pixels at 10 frames/s: a foot point settles in two frames.
    pub(super) const SCENE: Scene =
        Scene { width: 200, height: 200, frame_rate: 10.0, min_seconds: 1.0, lost_after: 100 };

    pub(super) fn meta(index: u64) -> FrameMeta {
        FrameMeta {
            frame_index: index,
            media_time_us: MediaTime(index as i64 * 100_000),
            wall_time_us: None,
            width: SCENE.width,
            height: SCENE.height,
        }
    }

    /// A person 80 px tall at x = 50, whose foot point is at `foot`: clear of a line from 4 px on.
    pub(super) fn person(id: u32, foot: f32) -> TrackedObject {
        let bbox = BBox::from_xywh(30.0, foot - 80.0, 40.0, 80.0);
        let class = Class::new("person", Category::Person);
        TrackedObject { track_id: TrackId(id), bbox, estimate: bbox, score: 0.9, class }
    }

    pub(super) fn provenance() -> Provenance {
        Provenance {
            model: "example".to_owned(),
            backend: "cpu".to_owned(),
            precision: "u8".to_owned(),
            counted_classes: vec!["person".to_owned()],
            score_threshold: 0.5,
            track_buffer: 30,
            min_seconds: 1.0,
            width: SCENE.width,
            height: SCENE.height,
            frame_rate: SCENE.frame_rate,
            frame_count: 12,
            duration_seconds: 1.1,
            corrupt_packets: 0,
            warnings: Vec::new(),
            complete: true,
            stopped_at_frame: None,
        }
    }

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
