//! One job from its request to its files.
//!
//! The one path from a request to results: the command line calls it once, job actors call it side
//! by side in one process. Everything is written below a staging folder that the caller owns; what
//! is complete there may be moved to its place. The order of the checks is that of their price:
//! parameters, model, input. Knows no terminal, no store and no other job.

use super::kinds::{JobType, Scene};
use super::model::{Chosen, choose};
use crate::compute::ModelStore;
use crate::media::{self, FrameSource, Input, SourceKind, WriterOptions};
use crate::pipeline::{self, Outcome, Outputs, Plan, Progress, Timings};
use models::track::ByteTrack;
use schema::job::parameters::Counting;
use schema::job::result::Provenance;
use schema::job::{JobKind, JobResults, Warning};
use schema::{Error, Result};
use serde_json::Value;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
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
    /// A folder for this job alone, which is there; files are written under the names above.
    pub staging: PathBuf,
}

/// What all jobs of a process share.
#[derive(Debug)]
pub struct Workshop {
    /// Models and those who compute them.
    pub models: ModelStore,
    /// What inputs may cost.
    pub limits: media::Limits,
}

/// A finished job.
#[derive(Debug)]
pub struct Finished {
    /// The results; [`JobResults::to_bytes`] are the bytes of `results.json`.
    pub results: JobResults,
    /// Names of the files in the staging folder, all closed.
    pub files: Vec<&'static str>,
    /// Whether it was cancelled before the input had ended.
    pub cancelled: bool,
    /// Where the time went.
    pub timings: Timings,
}

/// Runs a job to its end, or until `cancel`: then it ends early with results that say so. Both
/// handles are of this job alone; `progress` has the latest state, once per frame.
///
/// Dropping the future ends the job as well, but leaves it to chance when its threads let go of
/// the staging folder.
///
/// # Errors
/// The kinds of the bad-input table, `CANCELLED` before the first frame, `SERVER_ERROR` where a
/// detector panicked; then the files in the staging folder mean nothing. Other jobs are not
/// affected.
pub async fn run(
    request: &Request,
    workshop: &Workshop,
    progress: &watch::Sender<Progress>,
    cancel: &CancellationToken,
) -> Result<Finished> {
    let preparation = (JobType::of(request.kind).prepare)(request.parameters.clone())?;
    let (chosen, source) = tokio::select! {
        ready = ready(preparation.counting(), request, workshop) => ready?,
        () = cancel.cancelled() => return Err(cancelled()),
    };
    let scene = scene(source.as_ref(), &chosen);
    let (outputs, mut files) = outputs(request, source.as_ref())?;
    let plan = Plan {
        detect: chosen.stage(source.info())?,
        tracker: Box::new(ByteTrack::new(chosen.tracking(), scene.frame_rate)?),
        processor: preparation.processor(&scene),
        outputs,
        source,
    };
    let outcome = pipeline::run(plan, progress, cancel).await?;
    if outcome.frames == 0 && outcome.cancelled {
        return Err(cancelled());
    }
    let provenance = provenance(chosen, &scene, &outcome);
    let results = outcome.processor.finish(provenance);
    write(&request.staging, RESULTS, results.to_bytes()?).await?;
    files.push(RESULTS);
    Ok(Finished { results, files, cancelled: outcome.cancelled, timings: outcome.timings })
}

/// The model, then the source.
async fn ready(
    counting: &Counting,
    request: &Request,
    workshop: &Workshop,
) -> Result<(Chosen, Box<dyn FrameSource>)> {
    let chosen = choose(&workshop.models, counting).await?;
    let source = media::open(&request.input, &workshop.limits).await?;
    chosen.check(source.info())?;
    Ok((chosen, source))
}

/// How the results came about.
fn provenance<P>(chosen: Chosen, scene: &Scene, outcome: &Outcome<P>) -> Provenance {
    let Outcome { report, frames, last_time, cancelled, .. } = outcome;
    let complete = !cancelled && !report.truncated;
    Provenance {
        warnings: warnings(chosen.warnings, outcome),
        model: chosen.model.info.model,
        backend: chosen.model.info.backend,
        precision: chosen.model.info.precision,
        counted_classes: chosen.classes.iter().map(ToString::to_string).collect(),
        score_threshold: chosen.score_threshold,
        track_buffer: chosen.track_buffer,
        min_seconds: scene.min_seconds,
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
    let min_seconds = match info.kind {
        SourceKind::Image => 0.0,
        SourceKind::Video => chosen.min_seconds,
    };
    // The tracker's buffer is in frames at 30 frames/s; one second more, so that it ends first.
    let buffer_seconds = f64::from(chosen.track_buffer) / 30.0 + 1.0;
    Scene {
        width: info.width,
        height: info.height,
        frame_rate: info.frame_rate,
        min_seconds,
        lost_after: (buffer_seconds * info.frame_rate).ceil() as u64,
    }
}

/// Opens the files that are written frame by frame, and tells their names.
fn outputs(request: &Request, source: &dyn FrameSource) -> Result<(Outputs, Vec<&'static str>)> {
    let info = source.info();
    // The staging folder is not for those who read the error.
    let rows = File::create(request.staging.join(TRACKS)).map_err(|e| Error::io(TRACKS, e))?;
    let mut outputs = Outputs { rows: Some(Box::new(BufWriter::new(rows))), pictures: None };
    let mut files = vec![TRACKS];
    if request.annotate {
        let name = match info.kind {
            SourceKind::Image => PICTURE,
            SourceKind::Video => VIDEO,
        };
        let options = WriterOptions::new(info.kind, info.frame_rate);
        outputs.pictures = Some(media::open_writer(&request.staging.join(name), &options)?);
        files.push(name);
    }
    Ok((outputs, files))
}

/// Writes `name` whole, on a thread that may block.
async fn write(staging: &Path, name: &'static str, bytes: Vec<u8>) -> Result<()> {
    let path = staging.join(name);
    let panicked = |e| Error::internal("writing the results", e);
    let write = move || std::fs::write(&path, bytes).map_err(|e| Error::io(name, e));
    tokio::task::spawn_blocking(write).await.map_err(panicked)?
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
