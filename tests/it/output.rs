//! What becomes of standard output and standard error that nobody reads.

use crate::support::{clip, names, sightline};
use std::io::pipe;
use std::process::{Command, Stdio};

/// The status of `command`, whose standard output, and error if `both`, are closed at the far end.
fn unheard(command: &mut Command, both: bool) -> Option<i32> {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let error = if both { writer.try_clone().expect("a pipe").into() } else { Stdio::null() };
    command.stdout(writer).stderr(error).status().expect("the binary starts").code()
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| home.path().join(name);
    let listed = unheard(sightline().args(["doctor", "--models"]).arg(home.path()), false);
    assert_eq!(listed, Some(4));
    for json in [&["doctor", "--json", "--models", "."][..], &["completions", "bash"]] {
        assert!(matches!(unheard(sightline().args(json), false), Some(0 | 4)), "{json:?}");
    }
    let video = at("clip.mp4");
    clip(&video, 1, &[]);
    let mut analyze = sightline();
    analyze.args(["analyze", "--model", "motion", "--no-video", "--out"]).arg(at("out"));
    assert_eq!(unheard(analyze.arg(&video), true), Some(0));
    assert_eq!(names(&at("out")), ["results.json", "tracks.jsonl"]);
    let mut analyze = sightline();
    analyze.env("LOG_LEVEL", "trace").args(["analyze", "missing.mp4", "--out"]).arg(at("none"));
    assert_eq!(unheard(&mut analyze, true), Some(3));
}

#[test]
fn tracking_goes_on_without_a_reader() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut track = sightline();
    track.arg("track").arg("--out").arg(home.path().join("out"));
    for name in ["a", "b"] {
        let folder = home.path().join(name);
        std::fs::create_dir_all(folder.join("det")).expect("can be made");
        let info = "[Sequence]\nname=x\nframeRate=30\nseqLength=1\nimWidth=64\nimHeight=48\n";
        std::fs::write(folder.join("seqinfo.ini"), info).expect("can be written");
        std::fs::write(folder.join("det/det.txt"), "1,-1,1,2,3,6,0.9\n").expect("can be written");
        track.arg(folder);
    }
    assert_eq!(unheard(&mut track, true), Some(0));
    assert_eq!(names(&home.path().join("out")), ["a.txt", "b.txt"]);
}

#[test]
fn a_full_disk_behind_standard_output_is_told() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("skipped: /dev/full is missing");
        return;
    };
    let output = sightline().args(["completions", "fish"]).stdout(full).output();
    let output = output.expect("the binary starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.starts_with("error: INSUFFICIENT_STORAGE: standard output: "), "{told}");
}
