//! What the media tests share: reading a whole source, finding clips, running `ffmpeg`.

use actors::media::{self, FrameSource, Input, Limits, SourceInfo, SourceReport};
use bytes::Bytes;
use models::picture::{Chroma, Frame, Matrix, Plane, Range};
use schema::frame::FrameMeta;
use schema::time::MediaTime;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Everything a source gave.
pub(crate) struct Drained {
    pub(crate) info: SourceInfo,
    pub(crate) report: SourceReport,
    pub(crate) frames: Vec<Arc<Frame>>,
}

/// A clip of the data that lies beside the repository; `None`, said aloud, where it is missing.
pub(crate) fn clip(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is missing", path.display());
    None
}

/// Opens `path` with default limits.
pub(crate) async fn open(path: &Path) -> schema::Result<Box<dyn FrameSource>> {
    media::open(&Input::File(path.to_owned()), &Limits::default()).await
}

/// Opens `path` and reads all of it.
pub(crate) async fn drain(path: &Path) -> schema::Result<Drained> {
    let mut source = open(path).await?;
    let mut frames = Vec::new();
    while let Some(frame) = source.next().await? {
        frames.push(frame);
    }
    Ok(Drained { info: source.info().clone(), report: source.report(), frames })
}

/// A frame whose planes are painted by `value(plane, x, y, frame_index)`.
pub(crate) fn frame(
    index: u64,
    time: i64,
    (width, height): (u32, u32),
    chroma: Chroma,
    (range, matrix): (Range, Matrix),
    value: impl Fn(usize, usize, usize, u64) -> u8,
) -> Frame {
    let planes = [0, 1, 2].map(|plane| {
        let (w, h) = if plane == 0 { (width, height) } else { chroma.plane_size(width, height) };
        let (w, h) = (w as usize, h as usize);
        let bytes: Vec<u8> = (0..w * h).map(|i| value(plane, i % w, i / w, index)).collect();
        Plane { bytes: Bytes::from(bytes), stride: w }
    });
    let meta = FrameMeta {
        frame_index: index,
        media_time_us: MediaTime(time),
        wall_time_us: None,
        width,
        height,
    };
    Frame::new(meta, planes, chroma, range, matrix).expect("planes that fit")
}

/// Smooth shades that move with the frame.
pub(crate) fn paint(plane: usize, x: usize, y: usize, index: u64) -> u8 {
    let shift = index as usize * 3;
    match plane {
        0 => 40 + ((x + shift) / 2 % 128 + y / 4 % 64) as u8,
        1 => 100 + (x / 8 % 50) as u8,
        _ => 110 + (y / 8 % 40) as u8,
    }
}

/// Mean absolute difference of the luma planes of two pictures, over the size of the second.
pub(crate) fn mean_difference(a: &Frame, b: &Frame) -> f64 {
    let (width, height) = b.plane_size(0);
    let rows = (0..height).map(|y| {
        let pairs = a.row(0, y).iter().zip(b.row(0, y));
        pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>()
    });
    rows.sum::<u64>() as f64 / (width * height) as f64
}

/// Runs the `ffmpeg` command line; `false`, said aloud, where it is not installed.
pub(crate) fn ffmpeg(arguments: &[&str]) -> bool {
    let common = ["-hide_banner", "-v", "error", "-nostdin", "-y"];
    match Command::new("ffmpeg").args(common).args(arguments).status() {
        Ok(status) => {
            assert!(status.success(), "ffmpeg {}", arguments.join(" "));
            true
        }
        Err(_) => {
            eprintln!("skipped: the command ffmpeg is missing");
            false
        }
    }
}

/// What `ffprobe` says of a file in this section; `None`, said aloud, where it is not installed.
pub(crate) fn ffprobe(path: &Path, section: &str) -> Option<String> {
    let show = ["-v", "error", &format!("-show_{section}s")].map(str::to_owned);
    match Command::new("ffprobe").args(show).arg(path).output() {
        Ok(output) => Some(String::from_utf8(output.stdout).expect("text")),
        Err(_) => {
            eprintln!("skipped: the command ffprobe is missing");
            None
        }
    }
}
