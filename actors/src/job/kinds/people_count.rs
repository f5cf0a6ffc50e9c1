//! `people-count`: a track is a person once it was seen long enough.

use super::tally::Tally;
use super::{JobProcessor, JobType, Preparation, Scene};
use crate::media::overlay::Annotation;
use crate::pipeline::Processor;
use schema::frame::FrameMeta;
use schema::job::parameters::{Counting, json_schema};
use schema::job::people_count::{Parameters, Results};
use schema::job::result::{FrameRow, Provenance};
use schema::job::{JobKind, JobResults};
use schema::track::TrackedObject;

pub(super) static TYPE: JobType = JobType {
    kind: JobKind::PeopleCount,
    summary: "counts distinct people, or other objects, and gives their tracks",
    parameters: json_schema::<Parameters>,
    results: json_schema::<Results>,
    prepare: |raw| Ok(Box::new(Parameters::parse(raw)?)),
};

impl Preparation for Parameters {
    fn counting(&self) -> &Counting {
        &self.counting
    }

    fn processor(&self, scene: &Scene) -> Box<dyn JobProcessor> {
        Box::new(PeopleCount { tally: Tally::new(scene) })
    }
}

#[derive(Debug)]
struct PeopleCount {
    tally: Tally,
}

impl Processor for PeopleCount {
    fn observe(&mut self, meta: &FrameMeta, objects: &[TrackedObject]) -> FrameRow {
        self.tally.observe(meta, objects, Vec::new())
    }

    fn annotate(&self, annotation: &mut Annotation) {
        annotation.counters.push(("in sight".to_owned(), self.tally.in_sight() as u64));
        annotation.counters.push(("total".to_owned(), self.tally.counted()));
    }
}

impl JobProcessor for PeopleCount {
    fn finish(self: Box<Self>, provenance: Provenance) -> JobResults {
        JobResults::PeopleCount(Results {
            total_people: self.tally.counted(),
            peak_people: self.tally.peak(),
            mean_people: self.tally.mean(),
            brief_tracks: self.tally.brief(),
            provenance,
            tracking_data: self.tally.rows(),
        })
    }
}
