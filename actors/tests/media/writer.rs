//! What is written reads back: pictures, times, sizes, colours.

use crate::support::{clip, drain, ffprobe, frame, mean_difference, open, paint};
use actors::media::{FrameWriter, SourceKind, WriterOptions, open_writer};
use models::picture::{Chroma, Frame, Matrix, Range};
use schema::ErrorKind;
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

const LIMITED: (Range, Matrix) = (Range::Limited, Matrix::Bt709);

/// Writes some frames of this kind and reads them back.
async fn round_trip(
    size: (u32, u32),
    chroma: Chroma,
    colour: (Range, Matrix),
) -> (Vec<Frame>, Vec<std::sync::Arc<Frame>>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.mp4");
    let one = |i: u64| frame(i, i as i64 * 40_000, size, chroma, colour, paint);
    let frames: Vec<Frame> = (0..4).map(one).collect();
    write(&path, &video(), &frames);
    (frames, drain(&path).await.expect("its own output").frames)
}

#[tokio::test]
async fn odd_sizes_lose_their_last_row_and_column() {
    for (size, even) in [((161, 120), (160, 120)), ((160, 91), (160, 90)), ((33, 35), (32, 34))] {
        let (frames, back) = round_trip(size, Chroma::Yuv420, LIMITED).await;
        assert_eq!(back.len(), frames.len());
        for (own, back) in frames.iter().zip(&back) {
            assert_eq!((back.width(), back.height()), even);
            assert!(mean_difference(own, back) < 2.5, "{}", mean_difference(own, back));
        }
    }
    let (_, back) = round_trip((1, 1), Chroma::Yuv420, LIMITED).await;
    assert_eq!((back[0].width(), back[0].height()), (2, 2));
}

#[tokio::test]
async fn any_sampling_and_range_becomes_what_browsers_play() {
    for chroma in [Chroma::Yuv420, Chroma::Yuv422, Chroma::Yuv444] {
        for range in [Range::Limited, Range::Full] {
            let (frames, back) = round_trip((160, 120), chroma, (range, Matrix::Bt601)).await;
            for (own, back) in frames.iter().zip(&back) {
                assert_eq!((back.chroma(), back.range()), (Chroma::Yuv420, Range::Limited));
                assert_eq!(back.matrix(), Matrix::Bt601);
                let (x, y) = (80, 60);
                let (own, back) = (f64::from(own.row(0, y)[x]), f64::from(back.row(0, y)[x]));
                let limited = if range == Range::Full { own * 219.0 / 255.0 + 16.0 } else { own };
                assert!((limited - back).abs() < 5.0, "{chroma:?} {range:?}: {limited} {back}");
            }
        }
    }
}

#[tokio::test]
async fn times_that_repeat_still_give_a_video() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.mp4");
    let one = |(i, t)| frame(i, t, (64, 48), Chroma::Yuv420, LIMITED, paint);
    let frames: Vec<Frame> = (0..).zip([0, 0, 0, 40_000, 40_000]).map(one).collect();
    write(&path, &video(), &frames);
    let back = drain(&path).await.expect("its own output").frames;
    assert_eq!(back.len(), 5);
    assert!(
        back.iter()
            .zip(&frames)
            .all(|(a, b)| { a.meta().media_time_us.0.abs_diff(b.meta().media_time_us.0) < 100 })
    );
}

#[test]
fn players_are_told_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.mp4");
    let one = |i: u64| frame(i, i as i64 * 80_000, (160, 120), Chroma::Yuv420, LIMITED, paint);
    let options = WriterOptions { threads: 2, ..WriterOptions::new(SourceKind::Video, 12.5) };
    write(&path, &options, &(0..30).map(one).collect::<Vec<_>>());
    let Some(said) = ffprobe(&path, "stream") else { return };
    for expected in [
        "codec_name=h264",
        "pix_fmt=yuv420p",
        "color_range=tv",
        "color_space=bt709",
        "color_primaries=bt709",
        "color_transfer=bt709",
        "avg_frame_rate=25/2",
        "nb_frames=30",
        "duration=2.400000",
        "start_time=0.000000",
    ] {
        assert!(said.lines().any(|line| line == expected), "{expected} in {said}");
    }
}

#[tokio::test]
async fn a_still_round_trips() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = WriterOptions::new(SourceKind::Image, 1.0);
    for (chroma, size) in [(Chroma::Yuv420, (161, 95)), (Chroma::Yuv444, (40, 30))] {
        let path = folder.path().join("out.jpg");
        let own = frame(0, 0, size, chroma, (Range::Full, Matrix::Bt601), paint);
        write(&path, &options, std::slice::from_ref(&own));
        let back = drain(&path).await.expect("its own output");
        assert_eq!((back.info.kind, back.frames.len()), (SourceKind::Image, 1));
        let back = &back.frames[0];
        assert_eq!((back.width(), back.height()), size);
        assert_eq!((back.chroma(), back.range()), (chroma, Range::Full));
        assert!(mean_difference(&own, back) < 2.0, "{}", mean_difference(&own, back));
    }
    let mut writer = open_writer(&folder.path().join("b.jpg"), &options).expect("a writer");
    let one = frame(0, 0, (16, 16), Chroma::Yuv420, LIMITED, paint);
    writer.write(&one).expect("one frame");
    assert!(writer.write(&one).is_err(), "a second frame in one picture");
}

#[test]
fn a_side_that_is_too_long_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let image = WriterOptions::new(SourceKind::Image, 1.0);
    for (options, long, size) in [(video(), 16_386, "16386x16"), (image, 65_502, "65502x16")] {
        let frame = frame(0, 0, (long, 16), Chroma::Yuv420, LIMITED, paint);
        let mut writer = open_writer(&folder.path().join("out"), &options).expect("an encoder");
        let error = writer.write(&frame).expect_err("too long");
        assert_eq!(error.kind(), ErrorKind::MediaLimitExceeded, "{error}");
        assert!(error.message().contains(size) && error.hint().is_some(), "{error}");
    }
    for (options, long) in [(video(), 16_384), (WriterOptions::new(SourceKind::Image, 1.0), 65_500)]
    {
        write(
            &folder.path().join("out"),
            &options,
            &[frame(0, 0, (long, 16), Chroma::Yuv420, LIMITED, paint)],
        );
    }
}

#[tokio::test]
async fn large_frames_keep_their_times_and_their_colours() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.mp4");
    let one = |(i, t)| frame(i, t, (2560, 1440), Chroma::Yuv420, LIMITED, paint);
    let frames: Vec<Frame> = (0..).zip([0, 40_000, 620_000, 660_000, 700_000]).map(one).collect();
    write(&path, &video(), &frames);
    let back = drain(&path).await.expect("its own output").frames;
    assert_eq!(back.len(), frames.len());
    for (own, back) in frames.iter().zip(&back) {
        assert_eq!(own.meta(), back.meta());
        assert!(mean_difference(own, back) < 2.0, "{}", mean_difference(own, back));
    }
}

#[test]
fn a_full_disk_and_a_missing_folder_are_told_apart() {
    let one = frame(0, 0, (64, 48), Chroma::Yuv420, LIMITED, paint);
    let image = WriterOptions::new(SourceKind::Image, 1.0);
    let kind = |path: &str, options: &WriterOptions| {
        let mut writer =
            open_writer(Path::new(path), options).expect("opened with the first frame");
        writer.write(&one).expect_err("it cannot be written").kind()
    };
    assert_eq!(kind("/dev/full", &image), ErrorKind::InsufficientStorage);
    assert_eq!(kind("/nowhere/a.jpg", &image), ErrorKind::StorageError);
    assert_eq!(kind("/nowhere/a.mp4", &video()), ErrorKind::StorageError);
}

#[tokio::test]
async fn what_is_not_finished_does_not_play() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out.mp4");
    let one = |i: u64| frame(i, i as i64 * 40_000, (64, 48), Chroma::Yuv420, LIMITED, paint);
    let mut writer = open_writer(&path, &video()).expect("an encoder");
    for index in 0..60 {
        writer.write(&one(index)).expect("a frame");
    }
    drop(writer);
    assert_eq!(open(&path).await.err().expect("no index").kind(), ErrorKind::CorruptMedia);
    // Nothing to write is an error, and so is a frame of another size.
    assert!(open_writer(&path, &video()).expect("an encoder").finish().is_err());
    let mut writer: Box<dyn FrameWriter> = open_writer(&path, &video()).expect("an encoder");
    writer.write(&one(0)).expect("a frame");
    let other = frame(1, 40_000, (66, 48), Chroma::Yuv420, LIMITED, paint);
    assert!(writer.write(&other).is_err());
}

#[tokio::test]
async fn a_real_clip_is_written_frame_by_frame() {
    let Some(path) = clip("videos/night-street.mp4") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("out.mp4");
    let own = drain(&path).await.expect("the clip");
    let mut writer = open_writer(&to, &video()).expect("an encoder");
    for frame in &own.frames {
        writer.write(frame).expect("a frame");
    }
    writer.finish().expect("the end");
    let back = drain(&to).await.expect("its own output");
    assert_eq!(own.frames.len(), back.frames.len());
    for (own, back) in own.frames.iter().zip(&back.frames) {
        let gap = own.meta().media_time_us.0.abs_diff(back.meta().media_time_us.0);
        assert!(gap <= 12, "{:?} {:?}", own.meta(), back.meta());
        assert!(mean_difference(own, back) < 3.0, "{:?}", own.meta());
    }
}
