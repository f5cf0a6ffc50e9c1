//! `analyze`: one video, image or URL through the pipeline, with a progress bar and a summary.

use super::staging::Staging;
use super::{exit, interrupt, stdout, summary};
use crate::config::{default_workers, models_folder};
use actors::compute::{ModelFiles, ModelStore};
use actors::job::run::{PICTURE, RESULTS, Request, TRACKS, VIDEO, Workshop, run as run_job};
use actors::media::{Input, Limits};
use actors::pipeline::Progress;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use schema::error::FieldFault;
use schema::job::JobKind;
use schema::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::sync::watch;

/// A parameter file of more bytes than this is none.
const MAX_PARAMETER_BYTES: u64 = 1 << 20;
/// Every file that a run may leave; those that one does not have are removed.
const FILES: [&str; 4] = [VIDEO, PICTURE, TRACKS, RESULTS];

/// Analyse a video, an image or a URL: detect, track, count and draw
///
/// Writes `results.json`, `tracks.jsonl` (one line per frame) and `annotated.mp4` (or `.jpg`) to
/// the output folder. Ctrl-C ends early and leaves what was analysed so far.
#[derive(Debug, Args)]
pub(super) struct AnalyzeArgs {
    /// A video or image file, or an http(s) URL of one
    #[arg(value_name = "VIDEO|IMAGE|URL")]
    input: OsString,
    /// What to find out: people-count or emergency-count
    #[arg(long, value_name = "KIND", default_value = "people-count", value_parser = parse_kind)]
    job: JobKind,
    /// Folder for the results, made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What to detect with: `motion`, or a model by its card; default: yolox-nano if it is there
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Folder with model weights [default: ~/.local/share/sightline/models]
    #[arg(long, value_name = "DIR", env = "SIGHTLINE_MODELS_DIR")]
    models: Option<PathBuf>,
    /// Parameters of the job: a JSON object whose keys are its fields
    #[arg(long, value_name = "FILE.json")]
    params: Option<PathBuf>,
    /// Labels to count, as in car,truck,bus
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    classes: Vec<String>,
    /// Counting line as x1,y1,x2,y2 in pixels, or in fractions if none is above 1; may be repeated
    #[arg(long, value_name = "X1,Y1,X2,Y2", value_parser = parse_line, allow_hyphen_values = true)]
    line: Vec<[f64; 4]>,
    /// Detections from this score on begin tracks
    #[arg(long, value_name = "SCORE", value_parser = parse_score, allow_hyphen_values = true)]
    score: Option<f64>,
    /// Frames that are analysed side by side, 1 to 256 [default: number of cores, at most 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Write no annotated video or picture
    #[arg(long)]
    no_video: bool,
}

fn parse_kind(text: &str) -> Result<JobKind, String> {
    text.parse().map_err(|e: Error| e.to_string())
}

fn parse_score(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|n: &f64| n.is_finite());
    number.ok_or_else(|| "expected a number".to_owned())
}

fn parse_line(text: &str) -> Result<[f64; 4], String> {
    let numbers: Vec<f64> = text
        .split(',')
        .map(|n| n.trim().parse().ok().filter(|n: &f64| n.is_finite()))
        .collect::<Option<_>>()
        .ok_or("expected four numbers: x1,y1,x2,y2")?;
    numbers.try_into().map_err(|_| "expected four numbers: x1,y1,x2,y2".to_owned())
}

/// Runs the command.
///
/// # Errors
/// What the job says; the kinds of the bad-input table.
pub(super) fn run(args: &AnalyzeArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Error::io("start of the runtime", e))?;
    runtime.block_on(analyze(args))
}

async fn analyze(args: &AnalyzeArgs) -> Result<ExitCode> {
    let (parameters, input) = (parameters(args)?, input(&args.input));
    keep_input(&input, &args.out)?;
    let files = ModelFiles { folder: models_folder(args.models.clone()), library: None };
    let workers = args.workers.map_or_else(default_workers, usize::from);
    let workshop =
        Workshop { models: ModelStore::start(files, workers)?, limits: Limits::default() };
    let staging = Staging::open(&args.out)?;
    let cancel = interrupt::listen(&staging)?;
    let request = Request {
        kind: args.job,
        parameters,
        input,
        annotate: !args.no_video,
        staging: staging.path().to_owned(),
    };
    let (progress, watched) = watch::channel(Progress::default());
    let bar = tokio::spawn(show(watched));
    let finished = run_job(&request, &workshop, &progress, &cancel).await;
    drop(progress);
    // The bar ends with the channel; a panic in it is no reason to lose a result.
    let _ = bar.await;
    let finished = finished?;
    let stale: Vec<&str> = FILES.into_iter().filter(|f| !finished.files.contains(f)).collect();
    let paths = staging.publish(&finished.files, &stale)?;
    stdout::print(summary::text(&args.input.to_string_lossy(), &finished, &paths))?;
    Ok(if finished.cancelled { ExitCode::from(exit::INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// Text that begins like a URL is one; whatever else there is names a file.
fn input(argument: &OsStr) -> Input {
    let is_url = |text: &&str| {
        ["http://", "https://"]
            .iter()
            .any(|scheme| text.get(..scheme.len()).is_some_and(|t| t.eq_ignore_ascii_case(scheme)))
    };
    match argument.to_str().filter(is_url) {
        Some(url) => Input::Url(url.to_owned()),
        None => Input::File(PathBuf::from(argument)),
    }
}

/// Refuses an input that the run would replace or remove when it publishes its files.
fn keep_input(input: &Input, out: &Path) -> Result<()> {
    let Input::File(path) = input else { return Ok(()) };
    // What cannot be found is told, with its name, when it is opened.
    let Ok(real) = path.canonicalize() else { return Ok(()) };
    let lost = |name: &&&str| out.join(name).canonicalize().is_ok_and(|target| target == real);
    let Some(name) = FILES.iter().find(lost) else { return Ok(()) };
    let message = format!("input {} would be replaced by {name} of this run", path.display());
    Err(Error::new(ErrorKind::InvalidInputCombination, message)
        .with_hint("choose another --out folder"))
}

/// The parameters of the file with those of the flags over them.
fn parameters(args: &AnalyzeArgs) -> Result<Value> {
    let mut fields = match &args.params {
        Some(path) => read_object(path)?,
        None => Map::new(),
    };
    if let Some(model) = &args.model {
        fields.insert("model".to_owned(), json!(model));
    }
    if !args.classes.is_empty() {
        fields.insert("classes".to_owned(), json!(args.classes));
    }
    if let Some(score) = args.score {
        fields.insert("score_threshold".to_owned(), json!(score));
    }
    if !args.line.is_empty() {
        let pair = |[x1, y1, x2, y2]: &[f64; 4]| json!([[x1, y1], [x2, y2]]);
        let lines: Vec<Value> = args.line.iter().map(pair).collect();
        fields.insert("emergency_lines".to_owned(), Value::Array(lines));
    }
    Ok(Value::Object(fields))
}

fn read_object(path: &Path) -> Result<Map<String, Value>> {
    let fault = |message: String| {
        Error::validation(vec![FieldFault { field: path.display().to_string(), message }])
    };
    let file = std::fs::File::open(path).map_err(|e| fault(format!("cannot be read: {e}")))?;
    let mut text = String::new();
    file.take(MAX_PARAMETER_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|e| fault(format!("cannot be read: {e}")))?;
    if text.len() as u64 > MAX_PARAMETER_BYTES {
        return Err(fault(format!("is longer than {MAX_PARAMETER_BYTES} bytes")));
    }
    match serde_json::from_str(&text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(fault("is JSON, but not an object".to_owned())),
        Err(e) => Err(fault(format!("is not JSON: {e}"))),
    }
}

/// A bar with frames per second and time left, where standard error is a terminal.
async fn show(mut progress: watch::Receiver<Progress>) {
    let bar = ProgressBar::new_spinner();
    let style = |template: &str| {
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    };
    bar.set_style(style("{spinner} {pos} frames  {msg}"));
    while progress.changed().await.is_ok() {
        let now = *progress.borrow_and_update();
        if let (Some(total), None) = (now.frames_total, bar.length()) {
            bar.set_length(total);
            bar.set_style(style("{bar:32} {pos}/{len} frames  {msg}  {eta} left"));
        }
        bar.set_position(now.frames_done);
        bar.set_message(format!("{:.1} frames/s", now.frames_per_second));
    }
    bar.finish_and_clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_four_finite_numbers() {
        assert_eq!(parse_line("0, 0.8,1,0.8"), Ok([0.0, 0.8, 1.0, 0.8]));
        for wrong in ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "0,NaN,1,1", "0,inf,1,1"] {
            assert!(parse_line(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn scores_are_finite_numbers() {
        assert_eq!(parse_score("0.5"), Ok(0.5));
        for wrong in ["", "NaN", "inf", "-inf", "1e999", "half"] {
            assert!(parse_score(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn only_text_that_begins_like_a_url_is_one() {
        use std::os::unix::ffi::OsStrExt;
        for url in ["http://a/b.mp4", "HTTPS://a", "hTTp://"] {
            assert_eq!(input(OsStr::new(url)), Input::Url(url.to_owned()));
        }
        for file in [&b"http:/a"[..], b"httpx://a", b"ftp://a", b"\xff.mp4", b"http://\xff", b""] {
            let file = OsStr::from_bytes(file);
            assert_eq!(input(file), Input::File(PathBuf::from(file)));
        }
    }

    #[test]
    fn what_is_no_parameter_file_is_told() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let path = home.path().join("p.json");
        for (text, told) in [("[1]", "not an object"), ("{\"a\": NaN}", "is not JSON")] {
            std::fs::write(&path, text).expect("can be written");
            let error = read_object(&path).expect_err(text);
            assert_eq!(error.kind(), schema::ErrorKind::ValidationError);
            assert!(error.message().contains(told), "{error}");
        }
        assert!(read_object(&home.path().join("missing")).is_err());
    }
}
