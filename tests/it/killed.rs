//! A server that is killed again and again: every job finishes, with the same bytes.

use crate::service::{PATIENCE, Service, User, frames};
use crate::support::{analyze, clip, finish, json, sightline};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Numbers that look like chance, the same each time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Nothing is left that should not be: `fsck` says so.
pub(crate) fn sound(data: &Path) {
    let run = finish(sightline().args(["fsck", "--json", "--data-dir"]).arg(data));
    assert_eq!(run.status, 0, "{run:#?}");
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(report["clean"], true, "{report:#}");
}

/// The bytes that the command line gives for `video`.
fn expected(video: &Path, out: &Path) -> Vec<u8> {
    analyze(video, out, ["--model", "motion", "--workers", "1", "--no-video"]).succeeds();
    json(&out.join("results.json"));
    std::fs::read(out.join("results.json")).expect("results")
}

/// A server with somebody, a clip of `seconds`, and what is expected of it.
struct Stage {
    home: tempfile::TempDir,
    expected: Vec<u8>,
}

impl Stage {
    fn new(seconds: u32) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        clip(&home.path().join("clip.mp4"), seconds, &[]);
        let expected = expected(&home.path().join("clip.mp4"), &home.path().join("out"));
        Self { home, expected }
    }

    fn data(&self) -> std::path::PathBuf {
        self.home.path().join("data")
    }

    fn start(&self) -> Service {
        Service::start(&self.data(), &[("LOG_LEVEL", "warn")])
    }

    async fn submit(&self, user: &User) -> String {
        let params = json!({ "model": "motion" });
        user.submit("people-count", &params, &self.home.path().join("clip.mp4")).await
    }
}

/// Waits until `user` sees frames of the job go through again; how long that took from the start of
/// the process on, where the job had not ended before the kill.
async fn runs_again(user: &User, service: &Service, before: &Value) -> Option<Duration> {
    let attempt = |job: &Value| job["attempt"].as_u64();
    let is_on = |job: &Value| attempt(job) > attempt(before) && frames(job) > 0;
    let id = before["id"].as_str().expect("an id");
    let job = user.job_when(id, |job| job["status"] == "done" || is_on(job)).await;
    (attempt(&job) > attempt(before)).then(|| service.begun.elapsed())
}

/// Kills the server `kills` times, each time at a random frame of a new job; it and all others that
/// run then have to run again within `limit` of the next start.
async fn killed_at_random(kills: usize, seconds: u32, limit: Duration) {
    let stage = Stage::new(seconds);
    let mut chance = Chance(0x5167_4711);
    let mut service = stage.start();
    let mut user = service.user("ann", "correct horse battery").await;
    let (mut jobs, mut took) = (Vec::new(), Vec::new());
    for _ in 0..kills {
        let id = stage.submit(&user).await;
        let frame = 1 + chance.below(u64::from(seconds) * 25 - 30);
        let job = user.job_when(&id, |job| frames(job) >= frame || job["status"] == "done").await;
        jobs.push(id.clone());
        let mut running = Vec::new();
        for id in &jobs {
            running.extend(Some(user.job(id).await).filter(|job| job["status"] == "processing"));
        }
        eprintln!("killed at frame {} of {id}, {} jobs run", frames(&job), running.len());
        service.kill();
        service = stage.start();
        user = user.at(&service);
        for job in &running {
            took.extend(runs_again(&user, &service, job).await);
        }
    }
    took.sort();
    if let (Some(first), Some(last)) = (took.first(), took.last()) {
        let (count, median) = (took.len(), took[took.len() / 2]);
        eprintln!(
            "running again {count} times: {first:.2?} at least, {median:.2?} in the middle, {last:.2?} at most"
        );
        assert!(*last <= limit, "it took {last:?}");
    }
    for id in &jobs {
        user.done(id).await;
        assert!(user.results(id).await == stage.expected, "results of {id} differ");
    }
    sound(&stage.data());
    super::endings::signal(&service.child, "-TERM");
    let (status, _) = service.ended();
    assert_eq!(status.code(), Some(0));
    sound(&stage.data());
}

#[tokio::test]
async fn f1_a_killed_server_finishes_every_job_with_the_same_bytes() {
    // 5 s is what is promised; the rest is for a machine that is busy with other tests.
    killed_at_random(2, 20, Duration::from_secs(15)).await;
}

/// 20 kills take minutes: `make soak-kill` asks for them.
#[tokio::test]
async fn f1_twenty_kills_at_random_points() {
    match std::env::var("SOAK_KILLS").ok().and_then(|kills| kills.parse().ok()) {
        Some(kills) => killed_at_random(kills, 30, Duration::from_secs(5)).await,
        None => eprintln!("skipped: SOAK_KILLS is not set; make soak-kill sets it"),
    }
}

/// Each attempt gets further than the one before: that is no poison.
#[tokio::test]
async fn f1_a_job_that_gets_further_each_time_finishes() {
    if std::env::var_os("SOAK_KILLS").is_none() {
        eprintln!("skipped: SOAK_KILLS is not set; make soak-kill sets it");
        return;
    }
    let stage = Stage::new(60);
    let mut service = stage.start();
    let user = service.user("ann", "correct horse battery").await;
    let id = stage.submit(&user).await;
    let mut furthest = 0;
    for kill in 0..10 {
        let user = user.at(&service);
        let job = user.job_when(&id, |job| frames(job) > furthest).await;
        furthest = frames(&job);
        eprintln!("kill {kill} at frame {furthest}");
        service.kill();
        service = stage.start();
    }
    let user = user.at(&service);
    let job = user.done(&id).await;
    assert_eq!(job["attempt"], 11);
    assert!(user.results(&id).await == stage.expected);
    sound(&stage.data());
}

/// One that ends its worker at the same place three times is given up.
#[tokio::test]
async fn f12_a_job_that_kills_its_server_at_the_same_frame_is_given_up() {
    if std::env::var_os("SOAK_KILLS").is_none() {
        eprintln!("skipped: SOAK_KILLS is not set; make soak-kill sets it");
        return;
    }
    let stage = Stage::new(60);
    let mut service = stage.start();
    let user = service.user("ann", "correct horse battery").await;
    let id = stage.submit(&user).await;
    // The first attempt gets furthest; the others end before they get there.
    let job = user.job_when(&id, |job| frames(job) > 100).await;
    let furthest = frames(&job);
    for attempt in 1..=3 {
        service.kill();
        service = stage.start();
        let user = user.at(&service);
        let begun = Instant::now();
        let holds =
            |job: &Value| job["status"] == "failed" || job["attempt"].as_u64() > Some(attempt);
        let job = user.job_when(&id, holds).await;
        assert!(frames(&job) < furthest && begun.elapsed() < PATIENCE, "{job:#}");
        if job["status"] == "failed" {
            assert_eq!(attempt, 3);
            assert!(job["error"]["message"].as_str().is_some_and(|m| m.contains("given up")));
            sound(&stage.data());
            return;
        }
    }
    panic!("it was not given up");
}
