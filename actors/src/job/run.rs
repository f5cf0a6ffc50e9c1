//! One job from its request to its files.
//!
//! Everything is written below a staging folder that the caller owns; what is complete there may
//! be moved to its place. The order of the checks is that of their price: parameters, model, input.

use super::kinds::{JobType, Scene};
use super::model::{Chosen, ModelStore};
use crate::compute::Compute;
use crate::media::{self, FrameSource, FrameWriter, Input, SourceKind, WriterOptions};
use crate::pipeline::{self, Outcome, Outputs, Plan, Progress, Timings};
use models::track::ByteTrack;
use schema::job::result::Provenance;
use schema::job::{JobKind, JobResults, Warning};
use schema::{Error, Result};
use serde_json::Value;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Results of the job.
pub const RESULTS: &str = "results.json";
/// One line per frame.
pub const TRACKS: &str = "tracks.jsonl";
/// The annotated video.
pub const VIDEO: &str = "annotated.mp4";
/// The annotated picture.
pub const PICTURE: &str = "annotated.jpg";

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which kind of job.
    pub kind: JobKind,
    /// Its parameters, as the client gave them.
    pub parameters: Value,
    /// Where the frames come from.
    pub input: Input,
    /// Whether an annotated video or picture is wanted.
    pub annotate: bool,
}

/// What jobs share.
#[derive(Debug)]
pub struct Workshop {
    /// The compute system.
    pub compute: Compute,
    /// Where models come from.
    pub models: ModelStore,
    /// What inputs may cost.
    pub limits: media::Limits,
    /// Workers per job; each holds one model session of one thread.
    pub workers: usize,
}

/// A finished job.
#[derive(Debug)]
pub struct Finished {
    /// The results, as they stand in `results.json`.
    pub results: JobResults,
    /// Names of the files in the staging folder.
    pub files: Vec<&'static str>,
    /// Where the time went.
    pub timings: Timings,
}

/// Runs a job; cancelled, it ends early with results that say so.
///
/// # Errors
/// The kinds of the bad-input table; then the files in `staging` mean nothing.
pub async fn run(
    request: &Request,
    workshop: &Workshop,
    staging: &Path,
    progress: &watch::Sender<Progress>,
    cancel: &CancellationToken,
) -> Result<Finished> {
    let preparation = (JobType::of(request.kind).prepare)(request.parameters.clone())?;
    let chosen = workshop.models.choose(preparation.counting())?;
    let source = tokio::select! {
        opened = media::open(&request.input, &workshop.limits) => opened?,
        () = cancel.cancelled() => return Err(cancelled()),
    };
    chosen.check(source.info())?;
    let scene = scene(source.as_ref(), &chosen);
    let mut files = vec![TRACKS];
    let plan = Plan {
        detect: chosen.stage(&workshop.compute, workshop.workers, source.info())?,
        tracker: Box::new(ByteTrack::new(chosen.tracking(), scene.frame_rate)?),
        processor: preparation.processor(&scene),
        outputs: Outputs {
            rows: Some(Box::new(create(&staging.join(TRACKS))?)),
            pictures: match request.annotate {
                true => Some(writer(source.as_ref(), staging, &mut files)?),
                false => None,
            },
        },
        source,
    };
    let outcome = pipeline::run(plan, progress, cancel).await?;
    if outcome.frames == 0 && outcome.cancelled {
        return Err(cancelled());
    }
    let provenance = provenance(chosen, &scene, &outcome);
    let results = outcome.processor.finish(provenance);
    let bytes = results.to_bytes()?;
    std::fs::write(staging.join(RESULTS), bytes).map_err(|e| Error::io(RESULTS, e))?;
    files.push(RESULTS);
    Ok(Finished { results, files, timings: outcome.timings })
}

/// How the results came about.
fn provenance<P>(chosen: Chosen, scene: &Scene, outcome: &Outcome<P>) -> Provenance {
    let Outcome { report, frames, last_time, cancelled, .. } = outcome;
    let complete = !cancelled && !report.truncated;
    Provenance {
        warnings: warnings(chosen.warnings, outcome),
        model: chosen.info.model,
        backend: chosen.info.backend,
        precision: chosen.info.precision,
        counted_classes: chosen.classes.iter().map(ToString::to_string).collect(),
        score_threshold: chosen.score_threshold,
        track_buffer: chosen.track_buffer,
        min_seconds: if scene.min_frames == 1 { 0.0 } else { chosen.min_seconds },
        width: scene.width,
        height: scene.height,
        frame_rate: scene.frame_rate,
        frame_count: *frames,
        duration_seconds: last_time.seconds(),
        corrupt_packets: report.corrupt_packets,
        complete,
        stopped_at_frame: (!complete).then_some(*frames),
    }
}

fn cancelled() -> Error {
    Error::new(schema::ErrorKind::Cancelled, "cancelled before the first frame")
}

fn scene(source: &dyn FrameSource, chosen: &Chosen) -> Scene {
    let info = source.info();
    let min_frames = match info.kind {
        SourceKind::Image => 1,
        SourceKind::Video => (chosen.min_seconds * info.frame_rate).ceil().max(1.0) as u64,
    };
    // The tracker's buffer is in frames at 30 frames/s; one second more, so that it ends first.
    let buffer_seconds = f64::from(chosen.track_buffer) / 30.0 + 1.0;
    Scene {
        width: info.width,
        height: info.height,
        frame_rate: info.frame_rate,
        min_frames,
        lost_after: (buffer_seconds * info.frame_rate).ceil() as u64,
    }
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    File::create(path).map(BufWriter::new).map_err(|e| Error::io(path.display(), e))
}

fn writer(
    source: &dyn FrameSource,
    staging: &Path,
    files: &mut Vec<&'static str>,
) -> Result<Box<dyn FrameWriter>> {
    let info = source.info();
    let name = match info.kind {
        SourceKind::Image => PICTURE,
        SourceKind::Video => VIDEO,
    };
    files.push(name);
    media::open_writer(&staging.join(name), &WriterOptions::new(info.kind, info.frame_rate))
}

fn warnings<P>(mut warnings: Vec<Warning>, outcome: &Outcome<P>) -> Vec<Warning> {
    let Outcome { report, frames, cancelled, cut, rejected, .. } = outcome;
    let mut warn = |code, message| warnings.push(Warning::new(code, message));
    if *cancelled {
        warn("STOPPED", format!("stopped after frame {frames}: the rest was not looked at"));
    } else if report.truncated {
        warn("TRUNCATED", format!("the data is cut off after frame {frames}"));
    }
    if report.corrupt_packets > 0 {
        let message = format!("{} packets did not decode", report.corrupt_packets);
        warn("CORRUPT_PACKETS", message);
    }
    if *cut > 0 {
        let message = format!("{cut} candidates beyond the best of their frames were left out");
        warn("CANDIDATES_CUT", message);
    }
    if *rejected > 0 {
        let message = format!("{rejected} candidates of the model were not finite or empty");
        warn("CANDIDATES_REJECTED", message);
    }
    warnings
}
