//! Damaged files through the binary: every one ends in time, within its memory, with a status of
//! the manual, and leaves all of its results or nothing. `make corpus` runs 500 of them.

use crate::mutate::mutated;
use crate::support::{analyze, json, names};
use nix::sys::resource::{UsageWho, getrusage};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Files by default; `CORPUS_FILES` asks for more.
const FILES: usize = 26;
/// What one run may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Most kilobytes that any run may have had resident.
const MEMORY_KB: i64 = 512 * 1024;

/// One small file of every accepted kind: name, and how FFmpeg's own tool makes it.
const KINDS: [(&str, &str); 10] = [
    ("front.mp4", "-c:v libx264 -g 5 -pix_fmt yuv420p -movflags +faststart"),
    ("back.mp4", "-c:v libx264 -bf 2 -pix_fmt yuv420p"),
    ("parts.mp4", "-c:v libx264 -g 4 -pix_fmt yuv420p -movflags frag_keyframe+empty_moov"),
    ("part2.mov", "-c:v mpeg4"),
    ("ten-bit.mkv", "-c:v libx264 -pix_fmt yuv420p10le"),
    ("eight.webm", "-c:v libvpx -b:v 200k"),
    ("motion.avi", "-c:v mjpeg"),
    ("theora.ogg", "-c:v libtheora"),
    ("a.jpg", "-frames:v 1"),
    ("a.png", "-frames:v 1"),
];

fn original(path: &Path, coding: &str) -> Vec<u8> {
    make(path, "testsrc=s=96x64:r=10:d=1.2", coding);
    std::fs::read(path).expect("it was made just now")
}

fn make(path: &Path, pattern: &str, coding: &str) {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", pattern])
        .args(coding.split(' '))
        .arg(path)
        .output()
        .expect("ffmpeg is installed by the set-up of the tests");
    assert!(output.status.success(), "{output:?}");
}

/// The most kilobytes that any child of this process had resident.
fn most_resident_kb() -> i64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts").max_rss()
}

#[test]
fn a_large_video_is_annotated_within_its_memory() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (video, out) = (home.path().join("4k.avi"), home.path().join("out"));
    make(&video, "testsrc2=s=3840x2160:r=10:d=1.2", "-c:v mjpeg -q:v 6 -threads 1");
    analyze(&video, &out, ["--model", "motion"]).succeeds();
    assert_eq!(json(&out.join("results.json"))["frame_count"], 12);
    let used = most_resident_kb();
    assert!(used < MEMORY_KB, "{used} kB were resident");
}

#[test]
fn damaged_files_end_as_the_manual_says() {
    let files = std::env::var("CORPUS_FILES").ok().and_then(|n| n.parse().ok()).unwrap_or(FILES);
    let home = tempfile::tempdir().expect("a temporary folder");
    let originals = KINDS.map(|(name, coding)| (name, original(&home.path().join(name), coding)));
    let (mut analysed, mut refused, mut slowest) = (0, 0, Duration::ZERO);
    for number in 0..files {
        let (name, bytes) = &originals[number % KINDS.len()];
        // Steps that share no factor with the cuts at box boundaries, which come first.
        let damaged = mutated(bytes, number / KINDS.len() * 7);
        let (input, out) = (home.path().join(format!("{number}-{name}")), home.path().join("out"));
        std::fs::write(&input, damaged).expect("can be written");
        let begun = Instant::now();
        let run = analyze(&input, &out, ["--model", "motion"]);
        slowest = slowest.max(begun.elapsed());
        assert!(begun.elapsed() < LIMIT, "{number}-{name}: {:?}", begun.elapsed());
        match run.status {
            0 => {
                assert_eq!(names(&out).len(), 3, "{number}-{name}: {:?}", names(&out));
                assert!(json(&out.join("results.json"))["frame_count"].as_u64() > Some(0));
                std::fs::remove_dir_all(&out).expect("it is there");
                analysed += 1;
            }
            // 4: nothing moves in a picture that is whole.
            3 | 4 => {
                assert!(run.stderr.starts_with("error: "), "{number}-{name}: {run:#?}");
                assert!(!out.exists(), "{number}-{name} left {:?}", names(&out));
                refused += 1;
            }
            _ => panic!("{number}-{name}: {run:#?}"),
        }
        std::fs::remove_file(&input).expect("it is there");
    }
    let used = most_resident_kb();
    assert!(used < MEMORY_KB, "{used} kB were resident");
    assert!(analysed > 0 && refused > 0, "{analysed} analysed, {refused} refused");
    println!(
        "{files} files: {analysed} analysed, {refused} refused, slowest {slowest:?}, most resident {used} kB"
    );
}
