//! What is written reads back: pictures, times, sizes, colours.

use crate::support::{drain, frame, mean_difference, paint};
use actors::media::{SourceKind, WriterOptions, open_writer};
use models::picture::{Chroma, Frame, Matrix, Range};
use std::path::Path;

fn video() -> WriterOptions {
    WriterOptions { quality: 12, ..WriterOptions::new(SourceKind::Video, 25.0) }
}

fn write(path: &Path, options: &WriterOptions, frames: &[Frame]) {
    let mut writer = open_writer(path, options).expect("an encoder");
    for frame in frames {
        writer.write(frame).expect("a frame");
    }
    writer.finish().expect("the end");
}

#[tokio::test]
async fn videos_round_trip() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.part");
    // A variable rate: a pause of half a second in the middle.
    let times = [0, 40_000, 80_000, 120_000, 620_000, 660_000, 700_000];
    let frames: Vec<Frame> = (0_u64..)
        .zip(times)
        .map(|(i, t)| {
            frame(i, t, (322, 178), Chroma::Yuv420, (Range::Limited, Matrix::Bt709), paint)
        })
        .collect();
    write(&path, &video(), &frames);
    let path = {
        let to = folder.path().join("out.mp4");
        std::fs::rename(path, &to).expect("renamed");
        to
    };
    let back = drain(&path).await.expect("its own output");
    assert_eq!(back.info.format, "mov/h264");
    assert_eq!(back.frames.len(), frames.len());
    for (own, back) in frames.iter().zip(&back.frames) {
        assert_eq!(own.meta(), back.meta());
        assert_eq!((back.range(), back.matrix()), (Range::Limited, Matrix::Bt709));
        assert!(mean_difference(own, back) < 2.0, "{}", mean_difference(own, back));
    }
    // The index comes first, so that a browser can begin before it has everything.
    let bytes = std::fs::read(&path).expect("the file");
    let find = |name: &[u8]| bytes.windows(4).position(|window| window == name).expect("a box");
    assert!(find(b"moov") < find(b"mdat"));
}
