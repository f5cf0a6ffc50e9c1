//! `demo`: a server, a client that submits a job to it over HTTP, and what came out beside what is
//! true.

mod client;
mod report;

use super::simulate::{self, SimulateArgs};
use super::{interrupt, stdout};
use crate::app::{self, Running};
use crate::config::{self, Flag, Settings, Sources};
use crate::runtime;
use clap::Args;
use client::Client;
use indicatif::{ProgressBar, ProgressStyle};
use schema::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use std::cell::OnceCell;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Variables that say where models are.
const MODELS: [&str; 4] =
    ["SIGHTLINE_MODELS_DIR", "SIGHTLINE_MODELS__DIR", "SIGHTLINE_MODELS", "ORT_DYLIB_PATH"];
/// How often the client asks how far its job is.
const POLL: Duration = Duration::from_millis(250);

/// Serve, submit a job as a client would, and show what was counted
///
/// Starts a server on a free port, registers a user, submits VIDEO (or a rendered scene whose truth
/// is known) over HTTP, follows the job and prints its counts. Then the server stays up until
/// Ctrl-C; where standard input is no terminal it ends at once, as with --once.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// A video or picture [default: a scene is rendered, whose truth is known]
    video: Option<PathBuf>,
    /// Folder for everything that is kept [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Port to listen at
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// What to detect with [default: motion for the scene, else the best there is]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// End when the job has ended
    #[arg(long)]
    once: bool,
    /// Stay up until a signal, also without a terminal
    #[arg(long, conflicts_with = "once")]
    stay: bool,
}

/// What is analysed.
struct Work {
    video: PathBuf,
    kind: &'static str,
    params: Value,
    /// What is true of it, where that is known.
    truth: Option<Value>,
}

/// Runs the command.
///
/// # Errors
/// What rendering, the server and the job say; `CANCELLED` where it was interrupted before its end.
pub(super) fn run(args: &DemoArgs) -> Result<ExitCode> {
    // Both are there until nothing of the server runs any more, the folder the longest.
    let home = Home::open(args.data_dir.as_deref())?;
    let claim = OnceCell::new();
    runtime::run(async {
        let stop = interrupt::watch(|_| super::exit::INTERRUPTED)?;
        let work = work(args, home.path(), &stop)?;
        let building = app::build(settings(args, home.path())?, &claim);
        let Some(built) = stop.run_until_cancelled(building).await else {
            return Err(Error::new(
                ErrorKind::Cancelled,
                "interrupted before the server was ready",
            ));
        };
        let running = built?.spawn().await?;
        let shown = show(&running, &work, &stop).await;
        let stay = args.stay || (!args.once && std::io::stdin().is_terminal());
        if shown.is_ok() && stay {
            stdout::print(format!("\nopen {}/ in a browser; Ctrl-C ends\n", running.url()))?;
        } else {
            stop.cancel();
        }
        running.until(&stop).await?;
        shown.map(|()| ExitCode::SUCCESS)
    })
}

/// The data folder: the one that was asked for, or a temporary one.
enum Home {
    Asked(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Home {
    fn open(asked: Option<&Path>) -> Result<Self> {
        match asked {
            Some(path) => {
                std::fs::create_dir_all(path).map_err(|e| Error::io(path.display(), e))?;
                Ok(Self::Asked(path.to_owned()))
            }
            None => {
                let folder = tempfile::Builder::new().prefix("sightline-demo-").tempdir();
                folder.map(Self::Temporary).map_err(|e| Error::io("a temporary folder", e))
            }
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Asked(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// The settings of the demo: of the environment only what says where models are, so that it does
/// the same everywhere.
fn settings(args: &DemoArgs, home: &Path) -> Result<Settings> {
    let flag = |variable, value: &str| Flag { variable, name: "demo", value: value.to_owned() };
    let flags = vec![
        flag("DATA_DIR", &home.to_string_lossy()),
        flag("HOST", "127.0.0.1"),
        flag("PORT", &args.port.to_string()),
        flag("METRICS_ADDR", "off"),
    ];
    let kept = |name: &String| MODELS.contains(&name.as_str());
    let mut sources = Sources::of_process(None, flags)?;
    sources.environment.retain(|name, _| kept(name));
    sources.file = None;
    Ok(config::load(&sources)?.settings)
}

fn work(args: &DemoArgs, home: &Path, stop: &CancellationToken) -> Result<Work> {
    let model = |default: Option<&str>| {
        let name = args.model.as_deref().or(default);
        name.map_or_else(|| json!({}), |name| json!({ "model": name }))
    };
    if let Some(video) = &args.video {
        let kind = "people-count";
        return Ok(Work { video: video.clone(), kind, params: model(None), truth: None });
    }
    let scene = home.join("scene");
    stdout::print("rendering a scene whose truth is known\n")?;
    simulate::write(&SimulateArgs::into_folder(&scene), |_| Ok(stop.clone()))?;
    let mut params = model(Some("motion"));
    merge(&mut params, read_json(&scene.join("params.json"))?);
    let truth = Some(read_json(&scene.join("crossings.json"))?);
    Ok(Work { video: scene.join("video.mp4"), kind: "emergency-count", params, truth })
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

fn read_json(path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path.display(), e))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::internal(path.display(), e))
}

/// Submits the job, follows it to its end, and tells what came out.
async fn show(running: &Running, work: &Work, stop: &CancellationToken) -> Result<()> {
    let base = running.url();
    stdout::print(format!("serving {base}/\n"))?;
    let (username, password) = (format!("demo-{}", chance(3)?), chance(8)?);
    let mut client = Client::register(&base, &username, &password).await?;
    let id = client.submit(work.kind, &work.params, &work.video).await?;
    stdout::print(format!("job {id}: {} of {}\n", work.kind, work.video.display()))?;
    let job = follow(&mut client, &id, stop).await?;
    let results = client.results(&id).await?;
    let told = report::Report { results: &results, truth: work.truth.as_ref() };
    stdout::print(told.text())?;
    stdout::print(format!(
        "page      {base}/  (sign in as {username}, password {password})\n\
         API       {base}/docs\n\
         annotated {}\n",
        running.media().join(report::annotated_key(&job)).display()
    ))
}

/// Random bytes as hexadecimal.
fn chance(bytes: usize) -> Result<String> {
    let mut drawn = vec![0_u8; bytes];
    getrandom::fill(&mut drawn).map_err(|e| Error::internal("random bytes", e))?;
    Ok(drawn.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Asks until the job has ended; shows how far it is.
async fn follow(client: &mut Client, id: &str, stop: &CancellationToken) -> Result<Value> {
    let bar = ProgressBar::new(1);
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} frames  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut due = tokio::time::interval(POLL);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = stop.cancelled() => {
                let message = format!("interrupted before job {id} had ended");
                return Err(Error::new(ErrorKind::Cancelled, message));
            }
        }
        let job = client.job(id).await?;
        if let Some(total) = job["frames_total"].as_u64() {
            bar.set_length(total);
        }
        bar.set_position(job["frames_done"].as_u64().unwrap_or_default());
        match job["status"].as_str() {
            Some("done") => {
                bar.finish_and_clear();
                return Ok(job);
            }
            Some("pending" | "processing") => {}
            _ => return Err(report::failure(&job)),
        }
    }
}
