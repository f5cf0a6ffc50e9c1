//! Damaged files: no crash, no hang, no memory beyond its bound, and the same answer each time.

use crate::mutate::mutated;
use crate::support::{ffmpeg, open};
use schema::{ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Damaged variants of each kind of file.
const VARIANTS: usize = 6;
/// What reading one file may take.
const LIMIT: Duration = Duration::from_secs(30);
/// What the whole process may have taken, in kilobytes.
const MEMORY_KB: u64 = 512 * 1024;

/// One small file of every accepted kind.
const KINDS: [(&str, &str); 13] = [
    ("front.mp4", "-c:v libx264 -g 5 -pix_fmt yuv420p -movflags +faststart"),
    ("back.mp4", "-c:v libx264 -bf 2 -pix_fmt yuv420p"),
    ("parts.mp4", "-c:v libx264 -g 4 -pix_fmt yuv420p -movflags frag_keyframe+empty_moov"),
    ("part2.mov", "-c:v mpeg4"),
    ("a.mkv", "-c:v libx264 -pix_fmt yuv420p10le"),
    ("hevc.mkv", "-c:v libx265 -x265-params log-level=none"),
    ("a.webm", "-c:v libvpx -b:v 200k"),
    ("nine.webm", "-c:v libvpx-vp9 -b:v 200k -cpu-used 8"),
    ("a.avi", "-c:v mpeg4"),
    ("motion.avi", "-c:v mjpeg"),
    ("a.ogg", "-c:v libtheora"),
    ("a.jpg", "-frames:v 1"),
    ("a.png", "-frames:v 1"),
];

/// Makes the files in `folder`; empty where there is no ffmpeg.
fn originals(folder: &Path) -> Vec<PathBuf> {
    let make = |(name, coding): (&str, &str)| {
        let path = folder.join(name);
        let input = ["-f", "lavfi", "-i", "testsrc=s=96x64:r=10:d=1.2"];
        let output = coding.split(' ').chain([path.to_str().expect("plain")]);
        ffmpeg(&input.into_iter().chain(output).collect::<Vec<_>>()).then_some(path)
    };
    KINDS.into_iter().map_while(make).collect()
}

/// Frames, damage, and a sum of the pixels. Whether the frames are kept until the end or given
/// back at once decides which memory the decoder uses again, and must not show.
async fn read(path: &Path, keeps: bool) -> Result<(u64, u64, bool, u64)> {
    let mut source = open(path).await?;
    let (mut sum, mut kept) = (0_u64, Vec::new());
    while let Some(frame) = source.next().await? {
        let rows = (0..frame.height() as usize).map(|y| frame.row(0, y));
        let bytes = rows.flatten().map(|byte| u64::from(*byte));
        sum = bytes.fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        kept.extend(keeps.then_some(frame));
    }
    let report = source.report();
    Ok((report.frames, report.corrupt_packets, report.truncated, sum))
}

#[tokio::test]
async fn damaged_files_do_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut read_to_the_end, mut refused) = (0, 0);
    for original in originals(folder.path()) {
        let bytes = std::fs::read(&original).expect("an original");
        let name = original.file_name().expect("a name").to_string_lossy().into_owned();
        for number in 0..VARIANTS {
            // Coprime steps, so that cuts and chance both have their turn.
            let number = number * 17;
            let path = folder.path().join(format!("{number}-{name}"));
            std::fs::write(&path, mutated(&bytes, number)).expect("written");
            let before = Instant::now();
            let first = read(&path, false).await;
            assert!(before.elapsed() < LIMIT, "{name} {number}: {:?}", before.elapsed());
            let second = read(&path, true).await;
            match (first, second) {
                (Ok(first), Ok(second)) => {
                    assert_eq!(first, second, "{name} {number}");
                    read_to_the_end += 1;
                }
                (Err(first), Err(second)) => {
                    assert_eq!(first.message(), second.message(), "{name} {number}");
                    assert_ne!(first.kind(), ErrorKind::ServerError, "{name} {number}: {first}");
                    refused += 1;
                }
                _ => panic!("{name} {number}: not the same twice"),
            }
        }
    }
    println!("{read_to_the_end} read to the end, {refused} refused");
    assert!(peak_memory_kb() < MEMORY_KB, "{} kB", peak_memory_kb());
}

/// The most memory that this process ever had.
fn peak_memory_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
