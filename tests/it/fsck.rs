//! `fsck` finds what does not fit together.

use crate::endings::signal;
use crate::service::{Service, User, frames};
use crate::support::{clip, finish, sightline};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Older than what may still be on its way.
const OLD: SystemTime = SystemTime::UNIX_EPOCH;

/// What is told of `data`: invariant and message.
fn findings(data: &Path) -> Vec<(String, String)> {
    findings_with(data, &[])
}

/// The same, with more flags.
fn findings_with(data: &Path, flags: &[&str]) -> Vec<(String, String)> {
    let run = finish(sightline().args(["fsck", "--json", "--data-dir"]).arg(data).args(flags));
    let report: Value =
        serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:#?}"));
    let rows = report["findings"].as_array().expect("a list");
    assert_eq!(run.status, i32::from(!rows.is_empty()), "{run:#?}");
    let text = |row: &Value, key: &str| row[key].as_str().expect("text").to_owned();
    rows.iter().map(|row| (text(row, "invariant"), text(row, "message"))).collect()
}

/// A user of `service`, who has submitted a video of so many seconds, and the job.
async fn submitted(service: &Service, home: &Path, seconds: u32) -> (User, String) {
    let video = home.join("clip.mp4");
    clip(&video, seconds, &[]);
    let user = service.user("ann", "correct horse battery").await;
    let id = user.submit("people-count", &json!({ "model": "motion" }), &video).await;
    (user, id)
}

fn age(path: &Path, written: SystemTime) {
    File::options().write(true).open(path).and_then(|f| f.set_modified(written)).expect("can be");
}

#[tokio::test]
async fn i6_files_and_rows_belong_together() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let data = home.path().join("data");
    let service = Service::start(&data, &[]);
    let (user, id) = submitted(&service, home.path(), 1).await;
    user.done(&id).await;
    assert_eq!(findings(&data), []);
    signal(&service.child, "-TERM");
    assert!(service.ended().0.success());

    let media = data.join("media");
    let stray = media.join("outputs/stray.mp4");
    fs::write(&stray, "stray").expect("can be written");
    assert_eq!(findings(&data), []);
    age(&stray, OLD + Duration::from_secs(86_400));
    let told = |message: String| vec![("I6".to_owned(), message)];
    let orphan = "file outputs/stray.mp4 of 5 bytes belongs to no job".to_owned();
    assert_eq!(findings(&data), told(orphan));
    fs::remove_file(&stray).expect("it is there");

    let key = format!("results/results_{id}.json");
    let results = media.join(&key);
    let size = fs::metadata(&results).expect("it is there").len();
    File::options().append(true).open(&results).expect("can be").set_len(size + 1).expect("can be");
    let wrong = format!("job {id}: its file {key} has {} bytes, its row says {size}", size + 1);
    assert_eq!(findings(&data), told(wrong));
    fs::remove_file(&results).expect("it is there");
    assert_eq!(findings(&data), told(format!("job {id}: its file {key} is missing")));
}

#[tokio::test]
async fn i10_a_job_that_nobody_runs_is_not_marked_running() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let data = home.path().join("data");
    let service = Service::start(&data, &[]);
    let (user, id) = submitted(&service, home.path(), 60).await;
    user.job_when(&id, |job| frames(job) > 0).await;
    assert_eq!(findings(&data), []);
    service.kill();
    let found = findings(&data);
    let told = format!("job {id} is marked running, and nobody serves");
    assert!(found.contains(&("I10".to_owned(), told)), "{found:?}");
    // What its worker was writing is left over as well, and nothing else is wrong.
    let rest = found.iter().filter(|(_, message)| !message.starts_with("job "));
    assert!(rest.clone().count() > 0 && found.len() == 1 + rest.clone().count(), "{found:?}");
    assert!(rest.clone().all(|(_, message)| message.contains("left over in staging")), "{found:?}");
}

#[tokio::test]
async fn i10_nothing_older_than_the_server_is_in_its_staging() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let data = home.path().join("data");
    let service = Service::start(&data, &[]);
    let staging = data.join("media/.staging");
    fs::create_dir(staging.join("in-use")).expect("can be made");
    assert_eq!(findings(&data), []);
    fs::write(staging.join("old"), "left").expect("can be written");
    age(&staging.join("old"), OLD);
    let told = |name: &str| {
        let message = format!("{name} is left over in staging, and nobody uses it");
        ("I10".to_owned(), message)
    };
    assert_eq!(findings(&data), [told("old")]);
    signal(&service.child, "-TERM");
    assert!(service.ended().0.success());
    assert_eq!(findings(&data), [told("in-use"), told("old")]);
    // The next start takes it all away.
    let _service = Service::start(&data, &[]);
    assert_eq!(findings(&data), []);
}

#[tokio::test]
async fn i2_files_have_the_bytes_that_are_on_record() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let data = home.path().join("data");
    let service = Service::start(&data, &[]);
    let (user, id) = submitted(&service, home.path(), 1).await;
    user.done(&id).await;
    assert_eq!(findings_with(&data, &["--hash"]), []);
    for key in [format!("uploads/people-count_{id}.mp4"), format!("results/results_{id}.json")] {
        let path = data.join("media").join(&key);
        let whole = fs::read(&path).expect("it is there");
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 1;
        fs::write(&path, &damaged).expect("can be written");
        assert_eq!(findings(&data), [], "sizes alone do not tell");
        let found = findings_with(&data, &["--hash"]);
        let told = format!("job {id}: its file {key}: it has digest ");
        let is_told = |(invariant, message): &(String, String)| {
            invariant == "I2" && message.starts_with(&told)
        };
        assert!(found.len() == 1 && is_told(&found[0]), "{found:?}");
        fs::write(&path, &whole).expect("can be written");
    }
    let run = finish(sightline().args(["fsck", "--hash", "--data-dir"]).arg(&data));
    run.succeeds();
    assert!(run.stdout.contains(" 4 of them read"), "{run:#?}");
}
