//! How a run ends that is interrupted.

use crate::support::{analyze, clip, frames_of, json, names, sightline};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Starts an analysis and returns once `frames` frames are through.
fn begin(video: &Path, out: &Path, frames: u64) -> Child {
    begin_as(&mut sightline(), video, out, frames)
}

fn begin_as(command: &mut Command, video: &Path, out: &Path, frames: u64) -> Child {
    let mut child = command
        .args(["analyze", "--model", "motion", "--out"])
        .arg(out)
        .arg(video)
        .env("LOG_LEVEL", "actors::pipeline=debug")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let stderr = child.stderr.take().expect("it is piped");
    let mut lines = BufReader::new(stderr).lines();
    let reached = lines.any(|l| l.expect("text").contains(&format!("frames={frames}")));
    assert!(reached, "it ended before frame {frames}");
    // Whoever does not read on would block it.
    std::thread::spawn(move || lines.count());
    child
}

pub(crate) fn signal(child: &Child, name: &str) {
    // The shell's own `kill`: a bare machine has no program of that name.
    let script = format!("kill {name} {}", child.id());
    let status = Command::new("sh").args(["-c", &script]).status();
    assert!(status.expect("a shell is there").success());
}

/// The status of a run that was told to end; it has to end soon.
pub(crate) fn ends_in_time(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    let status = child.wait().expect("it was started");
    // 2 s is what is promised; the rest is for a machine that is busy with other tests.
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    status
}

#[test]
fn an_interrupted_run_leaves_what_it_has() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let video = home.path().join("clip.mp4");
    clip(&video, 120, &[]);
    for name in ["-INT", "-TERM", "-HUP"] {
        let out = home.path().join(name);
        let mut child = begin(&video, &out, 30);
        signal(&child, name);
        assert_eq!(ends_in_time(&mut child).code(), Some(130));
        assert_eq!(names(&out), ["annotated.mp4", "results.json", "tracks.jsonl"]);
        let found = json(&out.join("results.json"));
        let frames = found["frame_count"].as_u64().expect("a number");
        assert_eq!(found["complete"], false);
        assert_eq!(found["stopped_at_frame"], frames);
        assert!((30..3000).contains(&frames), "{frames} frames");
        assert_eq!(frames_of(&out.join("annotated.mp4")), frames);
        let rows = std::fs::read_to_string(out.join("tracks.jsonl")).expect("rows");
        assert_eq!(rows.lines().count() as u64, frames);
    }
}

#[test]
fn a_second_signal_ends_at_once_and_leaves_nothing_half_written() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let video = home.path().join("clip.mp4");
    clip(&video, 120, &[]);
    let out = home.path().join("new/out");
    let mut child = begin(&video, &out, 30);
    signal(&child, "-INT");
    signal(&child, "-TERM");
    assert_eq!(ends_in_time(&mut child).code(), Some(130));
    // Whether the first signal was enough is a matter of time.
    let all = ["annotated.mp4", "results.json", "tracks.jsonl"];
    assert!(!home.path().join("new").exists() || names(&out) == all);
}

#[test]
fn what_is_started_to_outlive_its_terminal_does() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let video = home.path().join("clip.mp4");
    clip(&video, 8, &[]);
    let out = home.path().join("out");
    // As `nohup` does it.
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap "" HUP; exec "$0" "$@""#, env!("CARGO_BIN_EXE_sightline")]);
    let mut child = begin_as(&mut command, &video, &out, 30);
    signal(&child, "-HUP");
    assert!(child.wait().expect("it was started").success());
    assert_eq!(json(&out.join("results.json"))["complete"], true);
}

#[test]
fn what_a_killed_run_left_goes_with_the_next() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (video, out) = (home.path().join("clip.mp4"), home.path().join("out"));
    clip(&video, 20, &[]);
    let mut child = begin(&video, &out, 30);
    signal(&child, "-KILL");
    child.wait().expect("it was started");
    assert!(names(&out).iter().all(|n| n.starts_with(".sightline-")) && names(&out).len() == 1);
    clip(&video, 1, &[]);
    analyze(&video, &out, ["--model", "motion", "--no-video"]).succeeds();
    assert_eq!(names(&out), ["results.json", "tracks.jsonl"]);
}

#[test]
fn a_killed_tracker_leaves_whole_files_only() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let out = home.path().join("out");
    let sequence = |name: &str, frames: usize| {
        let folder = home.path().join(name);
        std::fs::create_dir_all(folder.join("det")).expect("can be made");
        let info = format!(
            "[Sequence]\nname=x\nframeRate=30\nseqLength={frames}\nimWidth=4000\nimHeight=60\n"
        );
        std::fs::write(folder.join("seqinfo.ini"), info).expect("can be written");
        let line = |i: usize| format!("{},-1,{},5,20,50,0.9\n", i / 80 + 1, i % 80 * 50);
        let lines: String = (0..frames * 80).map(line).collect();
        std::fs::write(folder.join("det/det.txt"), lines).expect("can be written");
        folder
    };
    let (short, long) = (sequence("short", 2), sequence("long", 4000));
    let track = |sequences: &[&Path]| {
        let mut command = sightline();
        command.arg("track").args(sequences).arg("--out").arg(&out).stdout(Stdio::null());
        command
    };
    for name in ["-INT", "-TERM"] {
        let mut child = track(&[&short, &long]).spawn().expect("the binary starts");
        // The first sequence is done, and perhaps its staging folder gone already.
        while !out.join("short.txt").exists() {
            assert!(child.try_wait().expect("it was started").is_none(), "it ended too early");
            std::thread::yield_now();
        }
        signal(&child, name);
        assert!(!ends_in_time(&mut child).success());
        let left = names(&out);
        let whole = |name: &&String| !name.starts_with(".sightline-");
        assert!(left.iter().filter(whole).eq(["short.txt"]), "{left:?}");
        let rows = std::fs::read_to_string(out.join("short.txt")).expect("rows");
        assert_eq!(rows.lines().count(), 160);
        std::fs::remove_file(out.join("short.txt")).expect("it is there");
    }
    assert!(track(&[&short]).status().expect("the binary starts").success());
    assert_eq!(names(&out), ["short.txt"]);
}
