//! Jobs side by side in one process: what each leaves does not depend on the others.

use actors::compute::{ModelFiles, ModelStore};
use actors::job::run::{Finished, RESULTS, Request, TRACKS, Workshop, run};
use actors::media::{Input, Limits};
use actors::pipeline::Progress;
use models::backend::onnx::library;
use schema::job::JobKind;
use schema::{ErrorKind, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");

fn workshop(workers: usize) -> Arc<Workshop> {
    let files = ModelFiles { folder: Path::new(DATA).join("models"), library: None };
    let models = ModelStore::start(files, workers).expect("starts");
    Arc::new(Workshop { models, limits: Limits::default() })
}

/// Frames of a public clip as a file of its own; `None`, said aloud, where something is missing.
fn clip(home: &Path, name: &str, frames: &str) -> Option<PathBuf> {
    let (from, to) = (Path::new(DATA).join("videos").join(name), home.join(name));
    let all = [from.clone(), Path::new(DATA).join("models/yolox/yolox_nano.onnx")];
    if let Some(missing) = all.iter().find(|path| !path.exists()) {
        eprintln!("skipped: {} is missing", missing.display());
        return None;
    }
    if let Err(error) = library::locate(None).path() {
        eprintln!("skipped: {error}");
        return None;
    }
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y", "-i"]).arg(from);
    command.args(["-c", "copy", "-frames:v", frames]).arg(&to);
    let status = command.status().expect("ffmpeg is installed by the set-up of the tests");
    assert!(status.success(), "{command:?}");
    Some(to)
}

/// A job of its own folder below `home`.
fn request(home: &Path, name: &str, kind: JobKind, input: &Path, parameters: Value) -> Request {
    let staging = home.join(name);
    std::fs::create_dir_all(&staging).expect("writable");
    Request { kind, parameters, input: Input::File(input.to_owned()), annotate: false, staging }
}

/// Runs a job as an actor would: on a task of its own.
fn begin(
    workshop: &Arc<Workshop>,
    request: Request,
    cancel: CancellationToken,
) -> tokio::task::JoinHandle<Result<Finished>> {
    let workshop = Arc::clone(workshop);
    let (progress, _) = watch::channel(Progress::default());
    tokio::spawn(async move { run(&request, &workshop, &progress, &cancel).await })
}

fn bytes(home: &Path, name: &str) -> Vec<Vec<u8>> {
    let read = |file| std::fs::read(home.join(name).join(file)).expect("the job left it");
    [RESULTS, TRACKS].map(read).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_at_once_leave_the_bytes_of_jobs_one_after_another() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = home.path();
    // Frames of different sizes and shapes take turns in the same sessions.
    let Some(cars) = clip(home, "cars.mp4", "30") else { return };
    let Some(people) = clip(home, "people-walking.mp4", "15") else { return };
    let Some(square) = clip(home, "mpeg4-part2.mp4", "10") else { return };
    let Some(street) = clip(home, "night-street.mp4", "60") else { return };
    let jobs = |under: &str| {
        let neural = json!({"model": "yolox-nano", "classes": ["car", "truck"]});
        let home = home.join(under);
        [
            request(&home, "cars", JobKind::EmergencyCount, &cars, neural),
            request(&home, "people", JobKind::PeopleCount, &people, json!({"model": "yolox-nano"})),
            request(&home, "square", JobKind::PeopleCount, &square, json!({"model": "yolox-nano"})),
            request(&home, "motion", JobKind::PeopleCount, &cars, json!({"model": "motion"})),
            request(&home, "moving", JobKind::PeopleCount, &street, json!({"model": "motion"})),
        ]
    };
    let alone = workshop(1);
    for job in jobs("alone") {
        let finished = begin(&alone, job, CancellationToken::new()).await.expect("no panic");
        assert!(!finished.expect("runs").cancelled);
    }
    let shared = workshop(3);
    // Begun last and cancelled at once: the others do not notice.
    let cancel = CancellationToken::new();
    let cancelled = jobs("cancelled").into_iter().map(|job| (job, cancel.clone()));
    let whole = jobs("together").into_iter().map(|job| (job, CancellationToken::new()));
    let begun: Vec<_> =
        whole.chain(cancelled).map(|(job, cancel)| begin(&shared, job, cancel)).collect();
    cancel.cancel();
    for (i, job) in begun.into_iter().enumerate() {
        match job.await.expect("no panic") {
            Ok(finished) => assert_eq!(finished.cancelled, i >= 5, "job {i}"),
            Err(error) => assert_eq!((error.kind(), i >= 5), (ErrorKind::Cancelled, true)),
        }
    }
    for name in ["cars", "people", "square", "motion", "moving"] {
        let together = bytes(&home.join("together"), name);
        assert!(together == bytes(&home.join("alone"), name), "{name}: other jobs change it");
    }
    let results: Value =
        serde_json::from_slice(&bytes(&home.join("alone"), "cars")[0]).expect("JSON");
    assert!(results["total_objects"].as_u64() > Some(0), "nothing was seen: {results:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_does_not_take_others_with_it() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = home.path();
    let Some(cars) = clip(home, "cars.mp4", "30") else { return };
    let broken = home.join("broken.mp4");
    std::fs::write(&broken, b"no video").expect("writable");
    let workshop = workshop(2);
    let job = |name, input: &Path, parameters| {
        let request = request(home, name, JobKind::PeopleCount, input, parameters);
        begin(&workshop, request, CancellationToken::new())
    };
    let sound = job("sound", &cars, json!({"model": "yolox-nano"}));
    let failures = [
        (job("a", &broken, json!({})), ErrorKind::InvalidFileType),
        (job("b", &cars, json!({"model": "no-such"})), ErrorKind::ValidationError),
        (job("c", &home.join("missing.mp4"), json!({"model": "motion"})), ErrorKind::NotFound),
    ];
    for (failure, kind) in failures {
        let error = failure.await.expect("no panic").expect_err("it cannot run");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!error.message().contains("staging"), "{error}");
    }
    let finished = sound.await.expect("no panic").expect("runs");
    assert_eq!(finished.results.to_bytes().expect("JSON"), bytes(home, "sound")[0]);
    assert_eq!(finished.files, [TRACKS, RESULTS]);
}
