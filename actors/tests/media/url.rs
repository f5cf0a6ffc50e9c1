//! URLs: what is served well is read well, what stalls or breaks off fails, stopping is quick.

use crate::server::{Manner, Seen, Server};
use crate::support::{ffmpeg, frame, paint};
use actors::media::{self, Input, Limits, SourceKind, SourceReport, WriterOptions, open_writer};
use models::picture::{Chroma, Matrix, Range};
use schema::{ErrorKind, Result};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const FRAMES: u64 = 60;

/// A faststart MP4 with noise in it, so that it is large.
fn clip() -> Vec<u8> {
    static CLIP: OnceLock<Vec<u8>> = OnceLock::new();
    CLIP.get_or_init(make_clip).clone()
}

fn make_clip() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clip.mp4");
    let kind = SourceKind::Video;
    let options = WriterOptions { quality: 10, ..WriterOptions::new(kind, 25.0) };
    let mut writer = open_writer(&path, &options).expect("an encoder");
    for index in 0..FRAMES {
        let noisy = |plane: usize, x: usize, y: usize, index: u64| {
            let noise = (x * 7919 + y * 104_729 + index as usize * 15_485_863) >> 3;
            paint(plane, x, y, index) / 2 + (noise % 97) as u8
        };
        let colour = (Range::Limited, Matrix::Bt601);
        let time = index as i64 * 40_000;
        let frame = frame(index, time, (320, 180), Chroma::Yuv420, colour, noisy);
        writer.write(&frame).expect("a frame");
    }
    writer.finish().expect("the end");
    std::fs::read(&path).expect("the clip")
}

fn limits(stall: Duration) -> Limits {
    Limits { stall, ..Limits::default() }
}

async fn drain(server: &Server, stall: Duration) -> Result<SourceReport> {
    let mut source = media::open(&Input::Url(server.url()), &limits(stall)).await?;
    while source.next().await?.is_some() {}
    Ok(source.report())
}

async fn count(server: &Server, stall: Duration) -> Result<u64> {
    drain(server, stall).await.map(|report| report.frames)
}

/// Name, bytes and number of frames.
type Kind = (&'static str, Vec<u8>, u64);

/// The clip in every kind of container, and one picture of it; empty where there is no ffmpeg.
fn kinds() -> Vec<Kind> {
    static KINDS: OnceLock<Vec<Kind>> = OnceLock::new();
    KINDS.get_or_init(make_kinds).clone()
}

fn make_kinds() -> Vec<Kind> {
    const KINDS: [(&str, &str, u64); 8] = [
        ("front.mp4", "-c copy -movflags +faststart", FRAMES),
        ("back.mp4", "-c copy", FRAMES),
        ("parts.mp4", "-c:v libx264 -g 10 -movflags frag_keyframe+empty_moov", FRAMES),
        ("a.mkv", "-c copy", FRAMES),
        ("a.avi", "-c:v mpeg4", FRAMES),
        ("a.ogg", "-c:v libtheora", FRAMES),
        ("a.jpg", "-frames:v 1", 1),
        ("a.png", "-frames:v 1", 1),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let from = folder.path().join("clip.mp4");
    std::fs::write(&from, clip()).expect("written");
    let make = |(name, coding, frames): (&'static str, &str, u64)| {
        let to = folder.path().join(name);
        let ends = [from.to_str().expect("plain"), to.to_str().expect("plain")];
        let arguments = ["-i", ends[0]].into_iter().chain(coding.split(' ')).chain([ends[1]]);
        let is_made = ffmpeg(&arguments.collect::<Vec<_>>());
        is_made.then(|| (name, std::fs::read(to).expect("it was made"), frames))
    };
    KINDS.into_iter().map_while(make).collect()
}

async fn check_fails(manner: Manner, kind: ErrorKind) {
    let server = Server::start(clip(), manner);
    let before = Instant::now();
    let error = count(&server, Duration::from_millis(400)).await.expect_err("it is not whole");
    assert_eq!(error.kind(), kind, "{manner:?}: {error}");
    assert!(before.elapsed() < Duration::from_secs(5), "{manner:?}: {:?}", before.elapsed());
}

#[tokio::test]
async fn an_honest_server_is_read_whole() {
    for manner in [Manner::Honest, Manner::WithoutRanges] {
        let server = Server::start(clip(), manner);
        let count = count(&server, Duration::from_secs(5)).await.expect("all of it");
        assert_eq!(count, FRAMES, "{manner:?}");
    }
}

#[tokio::test]
async fn an_index_at_the_end_is_fetched_by_range() {
    // What browsers call a file that is not for streaming: moov behind mdat.
    let file = crate::boxes::index_last(&clip());
    let server = Server::start(file.clone(), Manner::Honest);
    assert_eq!(count(&server, Duration::from_secs(5)).await.expect("all of it"), FRAMES);
    let server = Server::start(file, Manner::WithoutRanges);
    let error = count(&server, Duration::from_secs(5)).await.expect_err("it cannot jump");
    assert_eq!(error.kind(), ErrorKind::UnsupportedFormat, "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("download")));
}

#[tokio::test]
async fn what_is_not_whole_is_not_presented_as_done() {
    let len = clip().len();
    for at in [0, 20, 2000, len / 2, len - 10] {
        check_fails(Manner::Stall(at), ErrorKind::DownloadError).await;
        check_fails(Manner::Cut(at), ErrorKind::DownloadError).await;
    }
    check_fails(Manner::CutWithoutLength(len / 2), ErrorKind::DownloadError).await;
    check_fails(Manner::Silent, ErrorKind::DownloadError).await;
}

#[tokio::test]
async fn a_file_that_was_cut_before_it_was_served_is_only_truncated() {
    let file = clip();
    // In the middle of a sample, and between the last two of them: only the index tells.
    for len in [file.len() * 6 / 10, file.len() - crate::boxes::last_sample_size(&file)] {
        let server = Server::start(file[..len].to_vec(), Manner::Honest);
        let input = Input::Url(server.url());
        let mut source = media::open(&input, &Limits::default()).await.expect("it begins");
        while source.next().await.expect("as far as it goes").is_some() {}
        let report = source.report();
        assert!(report.truncated && (10..FRAMES).contains(&report.frames), "{report:?}");
    }
}

#[tokio::test]
async fn every_kind_is_read_whole_whether_its_length_is_told_or_not() {
    for (name, file, frames) in kinds() {
        let len = file.len();
        let manners = [
            Manner::Honest,
            Manner::WithoutRanges,
            Manner::WithoutLength,
            Manner::CutWithoutLength(len),
        ];
        for manner in manners.into_iter().filter(|manner| {
            // Who cannot jump needs the index in front.
            *manner == Manner::Honest || name != "back.mp4"
        }) {
            let server = Server::start(file.clone(), manner);
            let report = drain(&server, Duration::from_secs(5)).await;
            let report = report.unwrap_or_else(|e| panic!("{name} {manner:?}: {e}"));
            assert_eq!((report.frames, report.truncated), (frames, false), "{name} {manner:?}");
        }
    }
}

#[tokio::test]
async fn every_kind_that_is_cut_on_its_way_fails() {
    for (name, file, _) in kinds() {
        let len = file.len();
        // Within the header, within the index, within the data.
        for at in [30, 120, 420, 1100, 2000, len / 2, len * 9 / 10, len - 20] {
            let mut manners = vec![Manner::Cut(at)];
            // Of what is less than libav looks at, nothing can be told; of an index behind the
            // data, only its beginning announces it; a fragment begins with how long it is.
            if at > 400 && name != "back.mp4" && !(name == "parts.mp4" && at == len - 20) {
                manners.push(Manner::CutWithoutLength(at));
            }
            for manner in manners {
                let server = Server::start(file.clone(), manner);
                let error = drain(&server, Duration::from_secs(5)).await;
                let error = error.err().unwrap_or_else(|| panic!("{name} of {len}: {manner:?}"));
                let what = format!("{name} of {len} {manner:?}: {error}");
                assert_eq!(error.kind(), ErrorKind::DownloadError, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn every_kind_that_was_cut_before_it_was_served_says_so() {
    for (name, file, frames) in kinds() {
        if matches!(name, "back.mp4" | "a.png") {
            continue;
        }
        let half = file[..file.len() / 2].to_vec();
        let server = Server::start(half, Manner::Honest);
        let report = drain(&server, Duration::from_secs(5)).await.expect(name);
        assert!(report.truncated, "{name}: {report:?}");
        assert!(report.frames > 0 && (frames == 1 || report.frames < frames), "{name}: {report:?}");
    }
    let index = clip()[..300].to_vec();
    let server = Server::start(index, Manner::Honest);
    let error = count(&server, Duration::from_secs(5)).await.expect_err("half an index");
    assert_eq!(error.kind(), ErrorKind::CorruptMedia, "{error}");
}

#[tokio::test]
async fn what_is_refused_in_the_middle_fails_unless_it_comes_in_the_end() {
    for (name, file, frames) in kinds() {
        let server = Server::start(file, Manner::OutOfService);
        let found = count(&server, Duration::from_secs(5)).await;
        match found {
            Ok(count) if name != "back.mp4" => assert_eq!(count, frames, "{name}"),
            Ok(count) => panic!("{name}: {count} frames without its index"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::DownloadError, "{name}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_picture_is_looked_into_as_a_file_is() {
    let mut huge = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    huge.extend([10_001_u32.to_be_bytes(), 10_000_u32.to_be_bytes()].concat());
    huge.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    let server = Server::start(huge, Manner::Honest);
    let error = count(&server, Duration::from_secs(5)).await.expect_err("it is too large");
    assert_eq!(error.kind(), ErrorKind::MediaLimitExceeded, "{error}");
    // Bytes that go on for longer than any picture are not all fetched.
    let limits = Limits { image_pixels: 100, ..limits(Duration::from_secs(5)) };
    let endless = [b"\xff\xd8\xff\xe0".as_slice(), &[0; 300_000]].concat();
    let server = Server::start(endless, Manner::Honest);
    let error = media::open(&Input::Url(server.url()), &limits).await.err().expect("too long");
    assert_eq!(error.kind(), ErrorKind::MediaLimitExceeded, "{error}");
}

#[tokio::test]
async fn urls_that_cannot_be_used() {
    check_fails(Manner::NotFound, ErrorKind::DownloadFailed).await;
    check_fails(Manner::RedirectToFile, ErrorKind::DownloadFailed).await;
    let input = |url: &str| Input::Url(url.to_owned());
    for url in ["file:///etc/passwd", "concat:a|b", "ftp://127.0.0.1/a", "http://127.0.0.1:1/a.mp4"]
    {
        let opened = media::open(&input(url), &Limits::default()).await;
        assert_eq!(opened.err().expect(url).kind(), ErrorKind::DownloadFailed, "{url}");
    }
}

#[tokio::test]
async fn stopping_a_stalled_source_takes_less_than_2_s() {
    let file = clip();
    let half = file.len() / 2;
    let server = Server::start(file, Manner::Stall(half));
    let patient = limits(Duration::from_secs(600));
    let mut source = media::open(&Input::Url(server.url()), &patient).await.expect("it begins");
    assert_eq!(server.wait(), Seen::Silent);
    let before = Instant::now();
    source.stop();
    assert!(source.next().await.expect("no error").is_none());
    assert_eq!(server.wait(), Seen::HungUp);
    assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
}

#[tokio::test]
async fn giving_up_on_opening_takes_less_than_2_s() {
    let server = Server::start(Vec::new(), Manner::Silent);
    let (input, patient) = (Input::Url(server.url()), limits(Duration::from_secs(600)));
    let opening = tokio::spawn(async move { media::open(&input, &patient).await.map(drop) });
    let server = tokio::task::spawn_blocking(move || {
        assert_eq!(server.wait(), Seen::Silent);
        server
    });
    let server = server.await.expect("no panic");
    let before = Instant::now();
    opening.abort();
    assert!(opening.await.is_err_and(|e| e.is_cancelled()));
    assert_eq!(server.wait(), Seen::HungUp);
    assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
}
