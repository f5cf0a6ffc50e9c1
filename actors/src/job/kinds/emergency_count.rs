//! `emergency-count`: directed crossings of lines at the foot point.

use super::tally::Tally;
use super::{JobProcessor, JobType, Preparation, Scene};
use crate::media::overlay::{AnnotatedLine, Annotation};
use crate::pipeline::Processor;
use models::count::{CrossingConfig, LineCounter};
use schema::frame::FrameMeta;
use schema::job::emergency_count::{Parameters, Results};
use schema::job::parameters::{Counting, json_schema};
use schema::job::result::{Crossing, FrameRow, Provenance};
use schema::job::{JobKind, JobResults, Warning};
use schema::track::TrackedObject;

/// How long a foot point has to stay clear of a line.
const SETTLE_SECONDS: f64 = 0.2;
/// How long a line is lit after a crossing.
const FLASH_SECONDS: f64 = 0.6;

pub(super) static TYPE: JobType = JobType {
    kind: JobKind::EmergencyCount,
    summary: "counts directed crossings of lines, such as exits",
    parameters: json_schema::<Parameters>,
    results: json_schema::<Results>,
    prepare: |raw| Ok(Box::new(Parameters::parse(raw)?)),
};

impl Preparation for Parameters {
    fn counting(&self) -> &Counting {
        &self.counting
    }

    fn processor(&self, scene: &Scene) -> Box<dyn JobProcessor> {
        let config = CrossingConfig {
            lost_after: scene.lost_after,
            settle_frames: (SETTLE_SECONDS * scene.frame_rate).ceil().max(1.0) as u32,
            ..CrossingConfig::default()
        };
        let lines = self.lines(scene.width, scene.height);
        Box::new(EmergencyCount {
            tally: Tally::new(scene),
            flashes: vec![0.0; lines.len()],
            fade: (1.0 / (FLASH_SECONDS * scene.frame_rate).max(1.0)) as f32,
            lines: LineCounter::new(lines, config),
            hysteresis: config.hysteresis,
            default_line: self.emergency_lines.is_empty(),
        })
    }
}

#[derive(Debug)]
struct EmergencyCount {
    tally: Tally,
    lines: LineCounter,
    /// How brightly each line is lit, 0 to 1.
    flashes: Vec<f32>,
    /// How much of that goes per frame.
    fade: f32,
    hysteresis: f32,
    default_line: bool,
}

impl EmergencyCount {
    fn flash(&mut self, crossings: &[Crossing]) {
        for (flash, (line, _)) in self.flashes.iter_mut().zip(self.lines.lines()) {
            let crossed = crossings.iter().any(|c| c.line == line.id);
            *flash = if crossed { 1.0 } else { (*flash - self.fade).max(0.0) };
        }
    }
}

impl Processor for EmergencyCount {
    fn observe(&mut self, meta: &FrameMeta, objects: &[TrackedObject]) -> FrameRow {
        let crossings = self.lines.observe(objects);
        self.flash(&crossings);
        self.tally.observe(meta, objects, crossings)
    }

    fn annotate(&self, annotation: &mut Annotation) {
        for ((line, count), highlight) in self.lines.lines().zip(&self.flashes) {
            annotation.lines.push(AnnotatedLine {
                line: line.line,
                name: line.name.clone(),
                forward: count.forward,
                backward: count.backward,
                highlight: *highlight,
            });
        }
        let crossings: u64 = self.lines.lines().map(|(_, c)| c.forward + c.backward).sum();
        annotation.counters.push(("in sight".to_owned(), self.tally.in_sight() as u64));
        annotation.counters.push(("total".to_owned(), self.tally.counted()));
        annotation.counters.push(("crossings".to_owned(), crossings));
    }
}

impl JobProcessor for EmergencyCount {
    fn finish(mut self: Box<Self>, mut provenance: Provenance) -> JobResults {
        self.lines.finish();
        if self.default_line {
            provenance.warnings.push(Warning::new(
                "DEFAULT_LINE",
                "no lines were given: counted at one across the frame at half height",
            ));
        }
        let final_counts = self.lines.counts();
        JobResults::EmergencyCount(Results {
            unique_people: self.lines.crossed() as u64,
            total_crossings: final_counts.values().map(|c| c.forward + c.backward).sum(),
            final_counts,
            total_objects: self.tally.counted(),
            line_hysteresis: self.hysteresis,
            provenance,
            tracking_data: self.tally.rows(),
        })
    }
}
