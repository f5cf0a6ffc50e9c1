//! The table of bad inputs: each has its kind, a message that helps, and no hang.

use crate::boxes::{index_last, top_level, with_offsets};
use crate::support::{drain, ffmpeg, frame, open, paint};
use actors::media::{self, Input, Limits, SourceKind, SourceReport, WriterOptions, open_writer};
use models::picture::{Chroma, Matrix, Range};
use schema::ErrorKind::UnsupportedFormat;
use schema::ErrorKind::{self, CorruptMedia, InvalidFileType, MediaLimitExceeded, NotFound};
use std::path::Path;
use std::time::Duration;

const FRAMES: u64 = 50;

/// What the writer makes: `clip.mp4` or `still.jpg`.
fn made(kind: SourceKind) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made");
    let mut writer = open_writer(&path, &WriterOptions::new(kind, 25.0)).expect("an encoder");
    let count = if kind == SourceKind::Video { FRAMES } else { 1 };
    for index in 0..count {
        let colour = (Range::Limited, Matrix::Bt601);
        let time = index as i64 * 40_000;
        let frame = frame(index, time, (160, 120), Chroma::Yuv420, colour, paint);
        writer.write(&frame).expect("a frame");
    }
    writer.finish().expect("the end");
    std::fs::read(&path).expect("what was made")
}

/// Writes `bytes` under `name` and opens it.
async fn check(name: &str, bytes: &[u8], kind: ErrorKind, message: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("written");
    check_path(&path, kind, message).await;
}

async fn check_path(path: &Path, kind: ErrorKind, message: &str) {
    let what = path.display();
    let error = drain(path).await.err().unwrap_or_else(|| panic!("{what} was accepted"));
    assert_eq!(error.kind(), kind, "{what}: {error}");
    assert!(error.message().contains(message), "{what}: {error}");
    assert!(!error.message().ends_with('.'), "{what}: {error}");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from).expect("it is there");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[tokio::test]
async fn what_is_no_media() {
    let (clip, still) = (made(SourceKind::Video), made(SourceKind::Image));
    check("empty.mp4", b"", InvalidFileType, "empty").await;
    check("text.mp4", b"to be or not to be", InvalidFileType, "no known media").await;
    check("noise.avi", &[0xa5; 4000], InvalidFileType, "no known media").await;
    check("picture.mp4", &still, InvalidFileType, ".mp4 contradicts the content").await;
    check("video.jpg", &clip, InvalidFileType, ".jpg contradicts the content").await;
    check("video.txt", &clip, InvalidFileType, ".txt contradicts the content").await;
    check("video.mkv", &clip, InvalidFileType, "which is MP4 or MOV").await;
    check_path(Path::new("/nowhere/clip.mp4"), NotFound, "/nowhere/clip.mp4").await;
    check_path(Path::new("/dev/null"), InvalidFileType, "no regular file").await;
    check_path(&std::env::temp_dir(), InvalidFileType, "a folder").await;
}

#[tokio::test]
async fn what_is_media_of_another_kind() {
    for (name, text) in [
        ("a.m3u8", "#EXTM3U\n#EXTINF:2,\nfile:///etc/passwd\n"),
        ("a.mp4", "#EXTM3U\n#EXTINF:2,\nhttp://127.0.0.1/a.ts\n"),
        ("a.txt", "ffconcat version 1.0\nfile /etc/passwd\n"),
        ("a.mpd", "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"></MPD>"),
        ("a.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"/etc/passwd\"/></svg>"),
        ("a.pls", "[playlist]\nFile1=/etc/passwd\n"),
    ] {
        check(name, text.as_bytes(), UnsupportedFormat, "refers to other files").await;
    }
    check("a.gif", b"GIF89a\x01\0\x01\0\0\0\0", UnsupportedFormat, "GIF").await;
    check("a.webp", b"RIFF\x10\0\0\0WEBPVP8 ", UnsupportedFormat, "WebP").await;
    check("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", UnsupportedFormat, "HEIF").await;
    let mut stream = vec![0; 188 * 4];
    stream.iter_mut().step_by(188).for_each(|byte| *byte = 0x47);
    check("a.ts", &stream, UnsupportedFormat, "transport stream").await;
    let clip = made(SourceKind::Video);
    let unknown = replaced(&clip, b"avc1\0\0\0\0\0\0", b"zzzz\0\0\0\0\0\0");
    check("a.mp4", &unknown, UnsupportedFormat, "zzzz").await;
    let elsewhere = replaced(&clip, b"url \0\0\0\x01", b"url \0\0\0\0");
    check("a.mp4", &elsewhere, UnsupportedFormat, "another file").await;
}

#[tokio::test]
async fn what_cannot_be_read() {
    let clip = made(SourceKind::Video);
    let boxes = top_level(&clip);
    let range = |name: &str| boxes.iter().find(|(own, _)| own == name).expect(name).1.clone();
    let (moov, mdat) = (range("moov"), range("mdat"));
    let without_index = [&clip[..moov.start], &clip[moov.end..]].concat();
    check("a.mp4", &without_index, CorruptMedia, "no index (box moov)").await;
    check("a.mp4", &clip[..moov.end - 20], CorruptMedia, "cut off").await;
    let mut blank = clip.clone();
    blank[mdat.start + 8..].fill(0);
    check("a.mp4", &blank, CorruptMedia, "no picture could be decoded").await;
    check("a.mp4", &clip[..mdat.start], CorruptMedia, "").await;
    check("a.png", b"\x89PNG\r\n\x1a\nnothing more", CorruptMedia, "").await;
    check("a.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF", CorruptMedia, "no frame header").await;
    check("a.mkv", b"\x1a\x45\xdf\xa3\x80", CorruptMedia, "").await;
    check("a.ogg", b"OggS\0\x02nothing", CorruptMedia, "").await;
    check("a.avi", b"RIFF\x20\0\0\0AVI LIST", CorruptMedia, "").await;
}

#[tokio::test]
async fn what_lies_beyond_all_numbers() {
    let clip = made(SourceKind::Video);
    for offset in [i64::MAX as u64, i64::MAX as u64 - 100, u64::MAX, 1 << 62] {
        check("a.mp4", &with_offsets(&clip, offset), CorruptMedia, "no picture").await;
    }
}

/// A PNG that announces this size and has `len` bytes.
fn png(width: u32, height: u32, len: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
    bytes.extend([8, 2, 0, 0, 0]);
    bytes.resize(len, 0);
    bytes
}

#[tokio::test]
async fn what_is_too_large() {
    check("a.png", &png(10_001, 10_000, 100), MediaLimitExceeded, "10001x10000").await;
    check("a.png", &png(u32::MAX, u32::MAX, 100), MediaLimitExceeded, "pixels").await;
    // Small enough, but not to be had from so few bytes: nothing is allocated for it.
    check("a.png", &png(9_999, 10_000, 5_000), CorruptMedia, "cannot be in 5000 bytes").await;
    let still = made(SourceKind::Image);
    let large = replaced(
        &still,
        &[0xff, 0xc0, 0, 17, 8, 0, 120, 0, 160],
        &[0xff, 0xc0, 0, 17, 8, 0xff, 0xff, 0xff, 0xff],
    );
    check("a.jpg", &large, MediaLimitExceeded, "65535x65535").await;
    let clip = made(SourceKind::Video);
    let at = clip.windows(4).position(|name| name == b"avc1").expect("a brand");
    let entry =
        at + 4 + clip[at + 4..].windows(4).position(|name| name == b"avc1").expect("an entry");
    let mut large = clip.clone();
    large[entry + 28..entry + 32].copy_from_slice(&[0x20, 0, 0x12, 0]);
    check("a.mp4", &large, MediaLimitExceeded, "8192x4608").await;
}

#[tokio::test]
async fn what_announces_more_than_it_lists() {
    let mut clip = made(SourceKind::Video);
    let at = clip.windows(4).position(|name| name == b"stsz").expect("sample sizes");
    // All samples of one byte, a hundred million of them.
    clip[at + 8..at + 16].copy_from_slice(&[0, 0, 0, 1, 0x05, 0xf5, 0xe1, 0]);
    check("a.mp4", &clip, MediaLimitExceeded, "100000000 samples").await;
    let mut notes = png(10, 10, 33);
    notes.extend([0, 4, 0, 0]);
    notes.extend(b"zTXt");
    notes.resize(300_000, 0);
    check("a.png", &notes, MediaLimitExceeded, "compressed notes").await;
    let mut chunks = png(10, 10, 33);
    chunks.extend(b"\0\0\0\0tIME\0\0\0\0".repeat(1_000_001));
    check("a.png", &chunks, MediaLimitExceeded, "chunks").await;
}

#[tokio::test]
async fn what_is_too_long_where_there_is_a_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mp4");
    std::fs::write(&path, made(SourceKind::Video)).expect("written");
    let input = Input::File(path);
    let limits =
        |seconds| Limits { duration: Some(Duration::from_secs(seconds)), ..Limits::default() };
    assert!(media::open(&input, &limits(2)).await.is_ok());
    let error = media::open(&input, &limits(1)).await.err().expect("it is 2 s long");
    assert_eq!(error.kind(), MediaLimitExceeded, "{error}");
}

#[tokio::test]
async fn what_is_cut_off_is_read_as_far_as_it_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let clip = folder.path().join("clip.mp4");
    std::fs::write(&clip, made(SourceKind::Video)).expect("written");
    let from = clip.to_str().expect("plain");
    for (name, coding) in [
        ("a.mp4", "-c copy -movflags +faststart"),
        ("frag.mp4", "-c:v libx264 -g 10 -movflags frag_keyframe+empty_moov"),
        ("a.mkv", "-c copy"),
        ("a.avi", "-c:v mpeg4"),
        ("a.webm", "-c:v libvpx -b:v 1M"),
        ("a.ogg", "-c:v libtheora"),
    ] {
        let path = folder.path().join(name);
        let to = path.to_str().expect("plain");
        let arguments: Vec<&str> =
            ["-i", from].into_iter().chain(coding.split(' ')).chain([to]).collect();
        if !ffmpeg(&arguments) {
            return;
        }
        let whole = drain(&path).await.expect(name);
        assert_eq!(whole.frames.len() as u64, FRAMES, "{name}");
        assert!(!whole.report.truncated, "{name}");
        let bytes = std::fs::read(&path).expect(name);
        std::fs::write(&path, &bytes[..bytes.len() * 6 / 10]).expect("written");
        let cut = drain(&path).await.expect(name);
        let count = cut.frames.len() as u64;
        assert!(cut.report.truncated, "{name}: {:?}", cut.report);
        assert!((10..FRAMES).contains(&count), "{name}: {count} frames");
        assert_eq!(cut.report.frames, count, "{name}");
    }
}

#[tokio::test]
async fn stills_that_are_cut_off_say_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let jpg = folder.path().join("a.jpg");
    let still = made(SourceKind::Image);
    // A thumbnail in the header has an end of its own.
    let with_thumbnail =
        [&still[..2], b"\xff\xe1\0\x0eExif\0\0\xff\xd8\xff\xd9\0\0", &still[2..]].concat();
    for still in [&still, &with_thumbnail] {
        std::fs::write(&jpg, &still[..still.len() * 8 / 10]).expect("written");
        let cut = drain(&jpg).await.expect("most of it");
        assert!(cut.report.truncated);
        assert_eq!(cut.frames.len(), 1);
    }
    // Some cameras append a film.
    for appended in [0, 200_000] {
        let whole = [still.as_slice(), &vec![0x55; appended]].concat();
        std::fs::write(&jpg, whole).expect("written");
        let whole = drain(&jpg).await.expect("all of it");
        assert_eq!((whole.report.truncated, whole.report.corrupt_packets), (false, 0));
    }
    let png = folder.path().join("a.png");
    if ffmpeg(&["-i", jpg.to_str().expect("plain"), png.to_str().expect("plain")]) {
        let whole = std::fs::read(&png).expect("made just now");
        std::fs::write(&png, [whole.as_slice(), &[0x55; 200_000]].concat()).expect("written");
        assert!(!drain(&png).await.expect("a picture").report.truncated);
        // Of this, libav shows nothing.
        check("b.png", &whole[..whole.len() - 8], CorruptMedia, "no picture").await;
    }
}

#[tokio::test]
async fn damage_is_counted_and_does_not_end_the_video() {
    let mut clip = made(SourceKind::Video);
    let mdat = top_level(&clip).into_iter().find(|(name, _)| name == "mdat").expect("data").1;
    let middle = mdat.start + mdat.len() / 2;
    clip[middle..middle + 200].fill(0xff);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mp4");
    for bytes in [clip.clone(), index_last(&clip)] {
        std::fs::write(&path, bytes).expect("written");
        let found = drain(&path).await.expect("most of it");
        assert!(found.report.corrupt_packets > 0, "{:?}", found.report);
        assert!(found.frames.len() as u64 > FRAMES / 2, "{:?}", found.report);
        assert!(!found.report.truncated);
        let again = drain(&path).await.expect("most of it");
        let busy = Duration::ZERO;
        let counts = |report: SourceReport| SourceReport { busy, ..report };
        assert_eq!(counts(found.report), counts(again.report));
        for (a, b) in found.frames.iter().zip(&again.frames) {
            assert_eq!(a.meta(), b.meta());
            assert!((0..120).all(|y| a.row(0, y) == b.row(0, y)), "frame {}", a.meta().frame_index);
        }
    }
}

#[tokio::test]
async fn a_stopped_source_ends_and_leaves_no_thread() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mp4");
    std::fs::write(&path, made(SourceKind::Video)).expect("written");
    let mut source = open(&path).await.expect("a video");
    assert!(source.next().await.expect("a frame").is_some());
    source.stop();
    assert!(source.next().await.expect("no error").is_none());
    drop(source);
    assert_eq!(media::abandoned(), 0);
}
