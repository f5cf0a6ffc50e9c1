//! `sightline simulate`: writes a synthetic scene and what is true of it to files. What the scene
//! is, is decided in `actors::simulate`; here are only flags, files and progress.

use super::staging::Staging;
use super::{interrupt, stdout};
use actors::media::{SourceKind, WriterOptions, open_writer};
use actors::simulate::{FigureTruth, Scene, SceneConfig, Tally, Totals};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use models::eval::mot::{SequenceInfo, TruthBox, write_truth};
use models::picture::Frame;
use schema::job::line::{CountingLine, LineInput};
use schema::{Error, ErrorKind, Result};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, Scope};
use tokio_util::sync::CancellationToken;

/// Frames that each rendering thread makes ahead.
const AHEAD: usize = 2;

/// Write a synthetic scene with known truth
///
/// A square with walking people: crossings with full occlusion, a stop, a group, shadows, a
/// passing cloud. Writes `video.mp4`, `gt/gt.txt` and `seqinfo.ini` as MOTChallenge scorers read
/// them, `crossings.json` with every crossing of the scene's lines, and `params.json`, which
/// `analyze --job emergency-count --params` takes. The same flags give the same scene.
#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// Folder for the scene, made if it is missing; files of an earlier scene are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What is left to chance follows from it
    #[arg(long, default_value_t = SceneConfig::default().seed)]
    seed: u64,
    /// Width in pixels, even
    #[arg(long, value_name = "PIXELS", default_value_t = SceneConfig::default().width)]
    width: u32,
    /// Height in pixels, even
    #[arg(long, value_name = "PIXELS", default_value_t = SceneConfig::default().height)]
    height: u32,
    /// Frames per second, 5 to 60
    #[arg(long, value_name = "RATE", default_value_t = SceneConfig::default().frame_rate)]
    fps: f64,
    /// Length in seconds, 30 to 3600
    #[arg(long, default_value_t = SceneConfig::default().duration)]
    seconds: f64,
    /// People who walk through the scene, 12 to 200
    #[arg(long, value_name = "COUNT", default_value_t = SceneConfig::default().figures)]
    figures: usize,
}

impl From<&SimulateArgs> for SceneConfig {
    fn from(args: &SimulateArgs) -> Self {
        Self {
            seed: args.seed,
            width: args.width,
            height: args.height,
            frame_rate: args.fps,
            duration: args.seconds,
            figures: args.figures,
        }
    }
}

/// The parameters of a job that counts over the lines of a scene.
#[derive(Serialize)]
struct JobParameters {
    emergency_lines: Vec<LineInput>,
}

/// Renders the scene and writes its files: all of them, or none.
///
/// # Errors
/// `VALIDATION_ERROR` that names every faulty parameter, `MODEL_UNAVAILABLE` where there is no
/// H.264 encoder, `INSUFFICIENT_STORAGE` or `STORAGE_ERROR` where writing fails, `CANCELLED` where
/// it was interrupted.
pub(super) fn run(args: &SimulateArgs) -> Result<()> {
    // Only to hear signals: the scene is rendered on threads.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| Error::io("start of the runtime", e))?;
    let _entered = runtime.enter();
    simulate(args, interrupt::listen)
}

fn simulate(
    args: &SimulateArgs,
    listen: impl FnOnce(&Staging) -> Result<CancellationToken>,
) -> Result<()> {
    let scene = Scene::new(SceneConfig::from(args))?;
    let staging = Staging::open(&args.out)?;
    let cancel = listen(&staging)?;
    let totals = write_frames(&scene, staging.path(), &cancel)?;
    write_facts(&scene, &args.out, &totals, staging.path())?;
    staging.publish(&FILES, &[])?;
    stdout::print(summary(&scene, &args.out, &totals))
}

/// What is moved, the video last: who sees it finds the rest.
const FILES: [&str; 5] = ["gt/gt.txt", "seqinfo.ini", "crossings.json", "params.json", "video.mp4"];

/// The video and `gt.txt`, frame by frame.
fn write_frames(scene: &Scene, folder: &Path, cancel: &CancellationToken) -> Result<Totals> {
    let config = scene.config();
    let options = WriterOptions::new(SourceKind::Video, config.frame_rate);
    let mut video = open_writer(&folder.join("video.mp4"), &options)?;
    let path = folder.join("gt/gt.txt");
    let at = |e| Error::io(path.display(), e);
    fs::create_dir(folder.join("gt")).map_err(at)?;
    let mut truth = BufWriter::new(File::create(&path).map_err(at)?);
    let mut tally = Tally::new(scene.lines());
    let progress = progress_bar(config.frame_count());
    thread::scope(|scope| {
        let rendered = render(scope, scene);
        for index in 0..config.frame_count() {
            if cancel.is_cancelled() {
                let message = format!("cancelled at frame {index} of {}", config.frame_count());
                return Err(Error::new(ErrorKind::Cancelled, message));
            }
            let next = rendered[index as usize % rendered.len()].recv();
            let gone = |_| Error::new(ErrorKind::ServerError, "the renderer panicked");
            let (frame, figures) = next.map_err(gone)??;
            video.write(&frame)?;
            write_figures(&mut truth, index, &figures).map_err(at)?;
            tally.observe(index, &figures);
            progress.inc(1);
        }
        Ok(())
    })?;
    video.finish()?;
    truth.flush().map_err(at)?;
    progress.finish_and_clear();
    Ok(tally.totals())
}

/// A frame with what is true in it.
type Shot = Result<(Frame, Vec<FigureTruth>)>;

/// Starts a thread per core; the frames come from them in turn. They end with the scene, or when
/// nobody listens any more.
fn render<'scope>(scope: &'scope Scope<'scope, '_>, scene: &'scope Scene) -> Vec<Receiver<Shot>> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(8);
    (0..threads)
        .map(|first| {
            let (sender, receiver) = sync_channel(AHEAD);
            scope.spawn(move || {
                for index in (first as u64..scene.config().frame_count()).step_by(threads) {
                    if sender.send(scene.shoot(index)).is_err() {
                        return;
                    }
                }
            });
            receiver
        })
        .collect()
}

fn write_figures(out: &mut impl Write, index: u64, figures: &[FigureTruth]) -> io::Result<()> {
    for &FigureTruth { id, bbox, visibility } in figures {
        write_truth(out, &TruthBox { frame: index as usize, object: id, bbox, visibility })?;
    }
    Ok(())
}

/// The small files: `seqinfo.ini`, `crossings.json`, `params.json`.
fn write_facts(scene: &Scene, out: &Path, totals: &Totals, folder: &Path) -> Result<()> {
    let config = scene.config();
    let real = fs::canonicalize(out).map_err(|e| Error::io(out.display(), e))?;
    let name = real.file_name().map(|n| n.to_string_lossy().into_owned());
    let info = SequenceInfo {
        name: name.unwrap_or_else(|| "simulated".to_owned()),
        frame_rate: config.frame_rate,
        length: config.frame_count() as usize,
        width: config.width,
        height: config.height,
    };
    let mut text = Vec::new();
    info.write(&mut text).map_err(|e| Error::io("seqinfo.ini", e))?;
    write_file(&folder.join("seqinfo.ini"), &text)?;
    write_file(&folder.join("crossings.json"), &json(totals)?)?;
    let lines = scene.lines().iter().map(as_input).collect();
    write_file(&folder.join("params.json"), &json(&JobParameters { emergency_lines: lines })?)
}

fn as_input(line: &CountingLine) -> LineInput {
    let (p1, p2) = (line.line.p1, line.line.p2);
    LineInput {
        id: Some(line.id.clone()),
        name: Some(line.name.clone()),
        x1: p1.x,
        y1: p1.y,
        x2: p2.x,
        y2: p2.y,
        direction: line.direction,
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| {
        Error::new(ErrorKind::ServerError, format!("writing JSON: {e}")).with_source(e)
    })?;
    text.push(b'\n');
    Ok(text)
}

fn write_file(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).map_err(|e| Error::io(path.display(), e))
}

fn progress_bar(frames: u64) -> ProgressBar {
    let bar = ProgressBar::new(frames);
    let template = "{bar:30} {pos}/{len} frames  {per_sec:1}  {eta} left";
    // The template is a constant; were it wrong, the default one would do.
    bar.set_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar
}

fn summary(scene: &Scene, out: &Path, totals: &Totals) -> String {
    let config = scene.config();
    let (video, frames) = (out.join("video.mp4"), config.frame_count());
    let (width, height, people) = (config.width, config.height, totals.unique_figures);
    let video = video.display();
    let mut lines = vec![format!("{video}  {width}x{height}, {frames} frames, {people} people\n")];
    lines.extend(totals.lines.iter().map(|line| {
        format!("  {}: {} forward, {} backward\n", line.name, line.forward, line.backward)
    }));
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use schema::job::emergency_count::Parameters;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn run_in(out: &Path, flags: &[&str], cancel: CancellationToken) -> Result<()> {
        let out = out.to_str().expect("a plain path");
        let words = ["simulate", "--out", out].into_iter().chain(flags.iter().copied());
        simulate(&Command::try_parse_from(words).expect("valid flags").args, |_| Ok(cancel))
    }

    const SMALL: [&str; 8] = ["--width", "160", "--height", "90", "--fps", "5", "--seconds", "30"];

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("a folder")
            .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_scene_becomes_files_that_others_read() {
        if let Err(error) = actors::media::check_h264_encoder() {
            println!("skipped: {error}");
            return;
        }
        let dir = tempfile::tempdir().expect("a folder");
        let out = dir.path().join("new/square");
        // Twice: an earlier scene is replaced.
        for seed in ["3", "4"] {
            let flags: Vec<&str> = SMALL.into_iter().chain(["--seed", seed]).collect();
            run_in(&out, &flags, CancellationToken::new()).expect("renders");
        }
        assert_eq!(
            names(&out),
            ["crossings.json", "gt", "params.json", "seqinfo.ini", "video.mp4"]
        );
        let read = |file: &str| fs::read_to_string(out.join(file)).expect(file);
        let info = SequenceInfo::parse(&read("seqinfo.ini")).expect("its own form");
        assert_eq!((info.name.as_str(), info.length, info.width), ("square", 150, 160));
        let gt = read("gt/gt.txt");
        let ids: std::collections::BTreeSet<&str> =
            gt.lines().map(|l| l.split(',').nth(1).expect("an id")).collect();
        assert_eq!(ids.len(), 18);
        let totals: Totals = serde_json::from_str(&read("crossings.json")).expect("its own form");
        let parameters = serde_json::from_str(&read("params.json")).expect("JSON");
        let lines = Parameters::parse(parameters).expect("parameters of a job").lines(160, 90);
        let ids = |l: &[CountingLine]| l.iter().map(|l| l.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&lines), totals.lines.iter().map(|l| l.id.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_cancelled_leaves_nothing_but_what_was_there() {
        if let Err(error) = actors::media::check_h264_encoder() {
            println!("skipped: {error}");
            return;
        }
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("params.json"), "mine").expect("writable");
        let cancel = CancellationToken::new();
        cancel.cancel();
        let error = run_in(dir.path(), &SMALL, cancel).expect_err("it was cancelled");
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert_eq!(names(dir.path()), ["params.json"]);
        assert_eq!(fs::read(dir.path().join("params.json")).expect("readable"), b"mine");
        let (fresh, cancel) = (dir.path().join("fresh"), CancellationToken::new());
        cancel.cancel();
        run_in(&fresh, &SMALL, cancel).expect_err("it was cancelled");
        assert!(!fresh.exists());
    }

    #[test]
    fn faulty_flags_are_told_before_anything_is_made() {
        let dir = tempfile::tempdir().expect("a folder");
        let out = dir.path().join("out");
        let flags = ["--width", "1281", "--seconds", "1", "--figures", "2"];
        let error = run_in(&out, &flags, CancellationToken::new()).expect_err("faulty");
        assert_eq!(error.kind(), ErrorKind::ValidationError);
        assert_eq!(error.fields().len(), 3);
        assert!(!out.exists());
    }
}
