//! `emergency-count`: directed crossings of lines at the foot point.

use super::tally::Tally;
use super::{JobProcessor, JobType, Preparation, Scene};
use crate::media::overlay::{AnnotatedLine, Annotation};
use crate::pipeline::Processor;
use models::count::{CrossingConfig, LineCounter};
use schema::frame::FrameMeta;
use schema::job::emergency_count::{Parameters, Results};
use schema::job::line::CountingLine;
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
            settle_seconds: SETTLE_SECONDS,
            frame_rate: scene.frame_rate,
            ..CrossingConfig::default()
        };
        let lines = self.lines(scene.width, scene.height);
        Box::new(EmergencyCount {
            warnings: warnings(self, scene, &lines),
            tally: Tally::new(scene),
            flashes: vec![0.0; lines.len()],
            fade: (1.0 / (FLASH_SECONDS * scene.frame_rate).max(1.0)) as f32,
            lines: LineCounter::new(lines, config),
            hysteresis: config.hysteresis,
        })
    }
}

fn warnings(parameters: &Parameters, scene: &Scene, lines: &[CountingLine]) -> Vec<Warning> {
    if parameters.emergency_lines.is_empty() {
        let message = "no lines were given: counted at one across the frame at half height";
        return vec![Warning::new("DEFAULT_LINE", message)];
    }
    let (width, height) = (scene.width, scene.height);
    let outside = lines.iter().filter(|l| !l.line.touches_frame(width as f32, height as f32));
    let warning = |l: &CountingLine| {
        let message = format!("line {:?} lies outside of the {width} x {height} frame", l.id);
        Warning::new("LINE_OUTSIDE", message)
    };
    outside.map(warning).collect()
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
    /// What one should know of the lines.
    warnings: Vec<Warning>,
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
        let crossings = self.lines.observe(meta, objects);
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
        let crossings_at_end = self.lines.finish();
        self.tally.count(&crossings_at_end);
        provenance.warnings.append(&mut self.warnings);
        let final_counts = self.lines.counts();
        JobResults::EmergencyCount(Results {
            unique_people: self.lines.crossed() as u64,
            total_crossings: final_counts.values().map(|c| c.forward + c.backward).sum(),
            final_counts,
            total_objects: self.tally.counted(),
            crossings_at_end,
            line_hysteresis: self.hysteresis,
            settle_seconds: SETTLE_SECONDS,
            provenance,
            tracking_data: self.tally.rows(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::kinds::tests::{SCENE, meta, person, provenance};
    use serde_json::json;

    /// Runs over people, each with a foot point per frame; also returns the rows.
    fn run(parameters: serde_json::Value, people: &[(u32, &[f32])]) -> (Vec<FrameRow>, Results) {
        let parameters = Parameters::parse(parameters).expect("right parameters");
        let mut processor = parameters.processor(&SCENE);
        let frames = people.iter().map(|p| p.1.len()).max().unwrap_or_default();
        let rows = (0..frames).map(|i| {
            let seen = people.iter().filter_map(|(id, feet)| Some(person(*id, *feet.get(i)?)));
            processor.observe(&meta(i as u64), &seen.collect::<Vec<_>>())
        });
        let rows = rows.collect();
        match processor.finish(provenance()) {
            JobResults::EmergencyCount(results) => (rows, results),
            JobResults::PeopleCount(other) => unreachable!("another kind: {other:?}"),
        }
    }

    const GATE: [f32; 4] = [0.0, 100.0, 200.0, 100.0];

    fn gate() -> serde_json::Value {
        let [x1, y1, x2, y2] = GATE;
        json!({"emergency_lines": [{"x1": x1, "y1": y1, "x2": x2, "y2": y2}]})
    }

    #[test]
    fn whoever_crossed_has_a_row_however_brief() {
        let lasting: &[f32] = &[50.0; 12];
        let people: &[(u32, &[f32])] =
            &[(1, lasting), (2, &[90.0, 110.0, 112.0]), (3, &[50.0, 50.0]), (4, &[90.0, 102.0])];
        let (rows, results) = run(gate(), people);
        let ids: Vec<u32> = results.tracking_data.iter().map(|r| r.track_id.0).collect();
        assert_eq!(ids, [1, 2, 4]);
        assert_eq!((results.total_objects, results.unique_people), (3, 2));
        let in_rows: usize = rows.iter().map(|r| r.crossings.len()).sum();
        assert_eq!((in_rows, results.total_crossings), (1, 2));
    }

    #[test]
    fn rows_and_the_end_hold_every_crossing() {
        let people: &[(u32, &[f32])] = &[(1, &[90.0, 110.0, 112.0]), (2, &[90.0, 90.0, 102.0])];
        let (rows, results) = run(gate(), people);
        let in_rows: Vec<u32> =
            rows.iter().flat_map(|r| &r.crossings).map(|c| c.track_id.0).collect();
        let at_end: Vec<u32> = results.crossings_at_end.iter().map(|c| c.track_id.0).collect();
        assert_eq!((in_rows, at_end, results.total_crossings), (vec![1], vec![2], 2));
    }

    #[test]
    fn lines_outside_of_the_frame_are_warned_of() {
        let warnings = |parameters| -> Vec<String> {
            let warnings = run(parameters, &[]).1.provenance.warnings;
            warnings.iter().map(|w| format!("{}: {}", w.code, w.message)).collect()
        };
        assert!(warnings(gate()).is_empty());
        assert_eq!(
            warnings(json!({"emergency_lines": [[[0, 100], [200, 100]], [[0, 300], [200, 300]]]})),
            ["LINE_OUTSIDE: line \"line-2\" lies outside of the 200 x 200 frame"]
        );
        assert!(warnings(json!({}))[0].starts_with("DEFAULT_LINE: "));
    }

    #[test]
    fn the_rule_of_a_crossing_is_stated() {
        let (_, results) = run(gate(), &[]);
        assert_eq!((results.line_hysteresis, results.settle_seconds), (0.05, SETTLE_SECONDS));
    }
}
