//! Every accepted container, codec and pixel layout, made by the `ffmpeg` command line: sizes,
//! counts, times, colours, orientation.

use crate::support::{drain, ffmpeg};
use actors::media::SourceKind;
use models::picture::{Chroma, Frame, Matrix, Range};
use std::path::PathBuf;
use tempfile::TempDir;

/// Four fields of pure colour, red and green above blue and yellow; between them something moves.
const FIELDS: &str = "color=red:s=64x48:r=10:d=0.5[a];color=lime:s=64x48:r=10:d=0.5[b];\
    color=blue:s=64x48:r=10:d=0.5[c];color=yellow:s=64x48:r=10:d=0.5[d];\
    [a][b]hstack[t];[c][d]hstack[u];[t][u]vstack[v];\
    testsrc=s=16x16:r=10:d=0.5[m];[v][m]overlay=56:40,format=yuv444p";
const RED: [i32; 3] = [255, 0, 0];
const GREEN: [i32; 3] = [0, 255, 0];
const BLUE: [i32; 3] = [0, 0, 255];
const YELLOW: [i32; 3] = [255, 255, 0];

/// The colour at (x, y) as full-range RGB, by the frame's own range and matrix.
fn rgb(frame: &Frame, x: usize, y: usize) -> [i32; 3] {
    let (sx, sy) = frame.chroma().shift();
    let u = f64::from(frame.row(1, y >> sy)[x >> sx]) - 128.0;
    let v = f64::from(frame.row(2, y >> sy)[x >> sx]) - 128.0;
    let luma = f64::from(frame.row(0, y)[x]);
    let (luma, u, v) = match frame.range() {
        Range::Full => (luma, u, v),
        Range::Limited => ((luma - 16.0) * 255.0 / 219.0, u * 255.0 / 224.0, v * 255.0 / 224.0),
    };
    let (kr, kb) = match frame.matrix() {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Bt2020 => (0.2627, 0.0593),
    };
    let (r, b) = (luma + 2.0 * (1.0 - kr) * v, luma + 2.0 * (1.0 - kb) * u);
    let g = (luma - kr * r - kb * b) / (1.0 - kr - kb);
    [r, g, b].map(|value| value.round() as i32)
}

/// The colours in the middles of the four quarters: upper left, upper right, lower left, right.
fn quarters(frame: &Frame) -> [[i32; 3]; 4] {
    let (w, h) = (frame.width() as usize, frame.height() as usize);
    [(w / 4, h / 4), (w * 3 / 4, h / 4), (w / 4, h * 3 / 4), (w * 3 / 4, h * 3 / 4)]
        .map(|(x, y)| rgb(frame, x, y))
}

fn check_quarters(name: &str, frame: &Frame, expected: [[i32; 3]; 4], tolerance: i32) {
    let found = quarters(frame);
    let off = found.iter().flatten().zip(expected.iter().flatten()).map(|(a, b)| (a - b).abs());
    assert!(off.max().expect("numbers") <= tolerance, "{name}: {found:?} for {expected:?}");
}

/// Makes `name` from the four fields with these output arguments; `None` where there is no ffmpeg.
fn fields(name: &str, arguments: &str) -> Option<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    let output = arguments.split_whitespace().chain([path.to_str().expect("plain")]);
    let input = ["-f", "lavfi", "-i", FIELDS];
    ffmpeg(&input.into_iter().chain(output).collect::<Vec<_>>()).then_some((folder, path))
}

const PALETTE: &str =
    "-frames:v 1 -vf split[x][y];[x]palettegen=stats_mode=single[p];[y][p]paletteuse -pix_fmt pal8";

/// What is expected of a converted file.
struct Expect {
    name: &'static str,
    arguments: &'static str,
    format: &'static str,
    chroma: Chroma,
    range: Range,
    tolerance: i32,
}

const fn expect(name: &'static str, arguments: &'static str, format: &'static str) -> Expect {
    let (chroma, range) = (Chroma::Yuv420, Range::Limited);
    Expect { name, arguments, format, chroma, range, tolerance: 12 }
}

async fn check(expect: &Expect) {
    let Some((_folder, path)) = fields(expect.name, expect.arguments) else { return };
    let what = format!("{} {}", expect.name, expect.arguments);
    let found = drain(&path).await.unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(found.info.format, expect.format, "{what}");
    assert_eq!((found.info.width, found.info.height), (128, 96), "{what}");
    assert!(!found.report.truncated && found.report.corrupt_packets == 0, "{what}");
    let count = if found.info.kind == SourceKind::Image { 1 } else { 5 };
    assert_eq!(found.frames.len(), count, "{what}");
    for (index, frame) in found.frames.iter().enumerate() {
        assert_eq!(frame.meta().media_time_us.0, index as i64 * 100_000, "{what}");
        assert_eq!((frame.chroma(), frame.range()), (expect.chroma, expect.range), "{what}");
        check_quarters(&what, frame, [RED, GREEN, BLUE, YELLOW], expect.tolerance);
    }
}

#[tokio::test]
async fn containers_and_codecs() {
    for expected in [
        expect("a.mp4", "-c:v libx264 -pix_fmt yuv420p", "mov/h264"),
        expect("a.mov", "-c:v libx264 -pix_fmt yuv420p -bf 2", "mov/h264"),
        expect("b.mp4", "-c:v libx265 -pix_fmt yuv420p -x265-params log-level=none", "mov/hevc"),
        expect("c.mp4", "-c:v mpeg4 -q:v 2", "mov/mpeg4"),
        expect(
            "frag.mp4",
            "-c:v libx264 -pix_fmt yuv420p -movflags frag_keyframe+empty_moov -g 2",
            "mov/h264",
        ),
        expect("a.avi", "-c:v mpeg4 -q:v 2", "avi/mpeg4"),
        expect("a.mkv", "-c:v libx264 -pix_fmt yuv420p", "matroska/h264"),
        expect("live.mkv", "-c:v libx264 -pix_fmt yuv420p -live 1", "matroska/h264"),
        expect("a.webm", "-c:v libvpx -crf 4 -b:v 2M", "matroska/vp8"),
        expect(
            "b.webm",
            "-c:v libvpx-vp9 -crf 10 -b:v 0 -cpu-used 8 -pix_fmt yuv420p",
            "matroska/vp9",
        ),
        expect(
            "c.webm",
            "-c:v libaom-av1 -cpu-used 8 -crf 20 -pix_fmt yuv420p",
            "matroska/libdav1d",
        ),
        expect("a.ogg", "-c:v libtheora -q:v 9 -pix_fmt yuv420p", "ogg/theora"),
        expect("none", "-c:v libx264 -pix_fmt yuv420p -f mp4", "mov/h264"),
    ] {
        check(&expected).await;
    }
}

#[tokio::test]
async fn pixel_layouts() {
    use Chroma::{Yuv420, Yuv422, Yuv444};
    use Range::{Full, Limited};
    for (name, arguments, format, chroma, range) in [
        ("a.mp4", "-c:v libx264 -pix_fmt yuv422p", "mov/h264", Yuv422, Limited),
        ("a.mp4", "-c:v libx264 -pix_fmt yuv444p", "mov/h264", Yuv444, Limited),
        ("a.mp4", "-c:v libx264 -pix_fmt yuv420p10le", "mov/h264", Yuv420, Limited),
        ("a.mp4", "-c:v libx264 -pix_fmt yuv422p10le", "mov/h264", Yuv422, Limited),
        ("a.mp4", "-c:v libx264 -pix_fmt yuvj420p", "mov/h264", Yuv420, Full),
        ("a.mp4", "-c:v libx264rgb -crf 10 -pix_fmt rgb24", "mov/h264", Yuv444, Full),
        ("a.avi", "-c:v mjpeg -q:v 2 -pix_fmt yuvj422p", "avi/mjpeg", Yuv422, Full),
        ("a.avi", "-c:v rawvideo -pix_fmt bgr24", "avi/rawvideo", Yuv444, Full),
        ("a.mkv", "-c:v ffv1 -pix_fmt yuv440p", "matroska/ffv1", Yuv420, Limited),
        ("a.mkv", "-c:v ffv1 -pix_fmt yuva420p", "matroska/ffv1", Yuv420, Limited),
        ("a.mkv", "-c:v ffv1 -pix_fmt yuv444p16le", "matroska/ffv1", Yuv444, Limited),
        ("a.mkv", "-c:v rawvideo -pix_fmt nv12", "matroska/rawvideo", Yuv420, Limited),
        ("a.jpg", "-frames:v 1 -q:v 2 -pix_fmt yuvj420p", "jpeg/mjpeg", Yuv420, Full),
        ("a.jpg", "-frames:v 1 -q:v 2 -pix_fmt yuvj444p", "jpeg/mjpeg", Yuv444, Full),
        ("a.png", "-frames:v 1 -pix_fmt rgb24", "png/png", Yuv444, Full),
        ("a.png", "-frames:v 1 -pix_fmt rgba", "png/png", Yuv444, Full),
        ("a.png", "-frames:v 1 -pix_fmt rgb48be", "png/png", Yuv444, Full),
        ("a.png", PALETTE, "png/png", Yuv444, Full),
    ] {
        check(&Expect { chroma, range, ..expect(name, arguments, format) }).await;
    }
}

#[tokio::test]
async fn huge_pictures_have_less_of_colour() {
    let arguments = "-frames:v 1 -vf scale=4096:4096:flags=neighbor,setsar=1 -pix_fmt rgb24";
    let Some((_folder, path)) = fields("a.png", arguments) else { return };
    let found = drain(&path).await.expect("a picture");
    assert_eq!((found.frames[0].width(), found.frames[0].chroma()), (4096, Chroma::Yuv420));
    check_quarters("huge", &found.frames[0], [RED, GREEN, BLUE, YELLOW], 4);
}

#[tokio::test]
async fn grey_pictures_have_no_colour() {
    for (name, arguments) in [
        ("a.png", "-frames:v 1 -vf scale=out_range=full,format=gray"),
        ("b.png", "-frames:v 1 -vf scale=out_range=full,format=ya8"),
        ("c.jpg", "-frames:v 1 -vf format=gray -q:v 2 -c:v mjpeg -pix_fmt yuvj420p"),
    ] {
        let Some((_folder, path)) = fields(name, arguments) else { return };
        let found = drain(&path).await.expect(name);
        // Luma of the four colours by BT.601.
        let grey = [76, 150, 29, 226].map(|luma| [luma; 3]);
        check_quarters(name, &found.frames[0], grey, 4);
    }
}

#[tokio::test]
async fn matrix_and_range_are_taken_from_the_stream_or_the_size() {
    for (arguments, matrix) in [
        ("-vf scale=out_color_matrix=bt709,format=yuv420p -colorspace bt709", Matrix::Bt709),
        ("-vf scale=out_color_matrix=bt601,format=yuv420p -colorspace smpte170m", Matrix::Bt601),
        ("-vf scale=out_color_matrix=bt2020,format=yuv420p -colorspace bt2020nc", Matrix::Bt2020),
        // Nothing said: by the height.
        ("-vf scale=128:96:out_color_matrix=bt601,format=yuv420p", Matrix::Bt601),
        ("-vf scale=1280:720:out_color_matrix=bt709,format=yuv420p", Matrix::Bt709),
    ] {
        let Some((_folder, path)) = fields("a.mp4", &format!("{arguments} -c:v libx264")) else {
            return;
        };
        let found = drain(&path).await.expect(arguments);
        assert_eq!(found.frames[0].matrix(), matrix, "{arguments}");
        check_quarters(arguments, &found.frames[0], [RED, GREEN, BLUE, YELLOW], 12);
    }
}

#[tokio::test]
async fn rotation_is_applied() {
    for (turn, size, expected) in [
        ("0", (128, 96), [RED, GREEN, BLUE, YELLOW]),
        // A recording is marked with the turn that its pictures were taken at, counterclockwise.
        ("90", (96, 128), [GREEN, YELLOW, RED, BLUE]),
        ("180", (128, 96), [YELLOW, BLUE, GREEN, RED]),
        ("270", (96, 128), [BLUE, RED, YELLOW, GREEN]),
    ] {
        let layouts =
            if turn == "90" { &["yuv420p", "yuv422p", "yuv444p10le"][..] } else { &["yuv420p"] };
        for layout in layouts {
            let coding = format!("-c:v libx264 -pix_fmt {layout}");
            let Some((folder, plain)) = fields("plain.mp4", &coding) else { return };
            let path = folder.path().join("turned.mov");
            let (from, to) = (plain.to_str().expect("plain"), path.to_str().expect("plain"));
            let mark = format!("rotate={turn}");
            assert!(ffmpeg(&["-i", from, "-c", "copy", "-metadata:s:v:0", &mark, to]));
            let found = drain(&path).await.expect(turn);
            assert_eq!((found.info.width, found.info.height), size, "{turn} {layout}");
            check_quarters(&format!("{turn} {layout}"), &found.frames[1], expected, 12);
        }
    }
}

#[tokio::test]
async fn the_orientation_of_a_jpeg_is_applied() {
    let Some((_folder, path)) = fields("a.jpg", "-frames:v 1 -q:v 2 -pix_fmt yuvj420p") else {
        return;
    };
    let plain = std::fs::read(&path).expect("the picture");
    for (value, expected) in [
        (1, [RED, GREEN, BLUE, YELLOW]),
        (2, [GREEN, RED, YELLOW, BLUE]),
        (3, [YELLOW, BLUE, GREEN, RED]),
        (6, [BLUE, RED, YELLOW, GREEN]),
        (8, [GREEN, YELLOW, RED, BLUE]),
    ] {
        // An Exif segment (APP1) behind the start of the image: one entry, tag 0x0112.
        let mut tag =
            b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        tag.extend([value, 0, 0, 0, 0, 0, 0]);
        std::fs::write(&path, [&plain[..2], &tag, &plain[2..]].concat()).expect("written");
        let found = drain(&path).await.expect("a picture");
        let size = if value > 4 { (96, 128) } else { (128, 96) };
        assert_eq!((found.info.width, found.info.height), size, "orientation {value}");
        check_quarters(&format!("orientation {value}"), &found.frames[0], expected, 12);
    }
}

#[tokio::test]
async fn pixels_become_square_and_odd_sizes_stay() {
    for (filter, size) in [
        ("setsar=4/3", (171, 96)),
        ("setsar=1/2", (64, 96)),
        ("scale=127:95,setsar=1", (127, 95)),
        ("scale=33:17,setsar=1", (33, 17)),
        ("scale=2:2,setsar=1", (2, 2)),
        // Nonsense is not believed.
        ("setsar=1/200", (128, 96)),
    ] {
        for coding in ["-c:v ffv1 -pix_fmt yuv420p", "-c:v libx264 -pix_fmt yuv444p"] {
            let arguments = format!("-vf {filter} {coding}");
            let Some((_folder, path)) = fields("a.mkv", &arguments) else { return };
            let found = drain(&path).await.expect(&arguments);
            assert_eq!((found.info.width, found.info.height), size, "{arguments}");
            assert_eq!(found.frames.len(), 5, "{arguments}");
            let (width, height) = (found.frames[0].width(), found.frames[0].height());
            assert_eq!((width, height), size, "{arguments}");
            if size.0 > 20 {
                check_quarters(&arguments, &found.frames[0], [RED, GREEN, BLUE, YELLOW], 16);
            }
        }
    }
}

#[tokio::test]
async fn a_variable_rate_keeps_its_times() {
    // Frame n at 0, 1, 4, 9, 16 tenths of a second.
    let arguments = "-vf setpts=N*N*0.1/TB -vsync vfr -enc_time_base 1/1000 -pix_fmt yuv420p";
    for (name, codec) in [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx")] {
        let arguments = format!("{arguments} -c:v {codec}");
        let Some((_folder, path)) = fields(name, &arguments) else { return };
        let found = drain(&path).await.expect(name);
        let times: Vec<i64> = found.frames.iter().map(|f| f.meta().media_time_us.0).collect();
        assert_eq!(times, [0, 100_000, 400_000, 900_000, 1_600_000], "{name}");
    }
}

#[tokio::test]
async fn a_change_of_size_is_scaled_to_the_first() {
    let Some((folder, small)) = fields("small.mkv", "-c:v libvpx -b:v 2M -crf 4") else { return };
    let large = folder.path().join("large.mkv");
    let input = ["-f", "lavfi", "-i", FIELDS, "-vf", "scale=256:192", "-c:v", "libvpx"];
    let output = ["-b:v", "4M", "-crf", "4", large.to_str().expect("plain")];
    assert!(ffmpeg(&[&input[..], &output[..]].concat()));
    let list = folder.path().join("list.txt");
    let lines = [&small, &large].map(|path| format!("file '{}'\n", path.display()));
    std::fs::write(&list, lines.concat()).expect("written");
    let both = folder.path().join("both.mkv");
    let (list, to) = (list.to_str().expect("plain"), both.to_str().expect("plain"));
    assert!(ffmpeg(&["-f", "concat", "-safe", "0", "-i", list, "-c", "copy", to]));
    let found = drain(&both).await.expect("both parts");
    assert_eq!(found.frames.len(), 10);
    for frame in &found.frames {
        assert_eq!((frame.width(), frame.height()), (128, 96));
        check_quarters("both", frame, [RED, GREEN, BLUE, YELLOW], 16);
    }
}

#[tokio::test]
async fn sound_and_covers_are_no_video() {
    let folder = tempfile::tempdir().expect("a folder");
    let sound = folder.path().join("sound.mkv");
    let to = sound.to_str().expect("plain");
    if !ffmpeg(&["-f", "lavfi", "-i", "sine=d=1", "-c:a", "flac", to]) {
        return;
    }
    let error = drain(&sound).await.err().expect("there is no video");
    assert_eq!(error.kind(), schema::ErrorKind::UnsupportedFormat, "{error}");
    assert!(error.message().contains("no video"), "{error}");
}
