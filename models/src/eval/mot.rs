//! The MOTChallenge text format (Leal-Taixé et al. 2015, Milan et al. 2016): sequences, detections,
//! ground truth and results.
//!
//! Pure functions over `&str` and `impl Write`: nothing here opens a file. On these lines frames
//! count from 1 and boxes are `x,y,width,height`; everywhere else frames count from 0 and boxes
//! are `xyxy`, so the conversion happens here and only here. A faulty line is an error that names
//! its number: a benchmark that was read in part would give figures that mean nothing.

use schema::detection::{Class, Detection};
use schema::geometry::BBox;
use schema::id::TrackId;
use schema::track::TrackedObject;
use schema::{Error, ErrorKind, Result};
use std::io::{self, Write};

/// The longest sequence that is read: 9 hours at 30 frames per second.
pub const MAX_FRAMES: usize = 1_000_000;

/// What `seqinfo.ini` says of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceInfo {
    /// Name of the sequence; results are stored under it.
    pub name: String,
    /// Frames per second, above 0.
    pub frame_rate: f64,
    /// Number of frames, 1 to [`MAX_FRAMES`].
    pub length: usize,
    /// Width of a frame in pixels.
    pub width: u32,
    /// Height of a frame in pixels.
    pub height: u32,
}

impl SequenceInfo {
    /// Reads the text of a `seqinfo.ini`; keys that are not needed are passed over.
    ///
    /// # Errors
    /// `CORRUPT_MEDIA` where a line is neither a section, a comment nor `key=value`, or where one
    /// of the five keys is missing from `[Sequence]` or has a value out of its range.
    pub fn parse(text: &str) -> Result<Self> {
        let keys = IniKeys::parse(text)?;
        let name = keys.get("name")?;
        if !is_file_name(name.value) {
            return Err(name.fault("a name without path separators"));
        }
        Ok(Self {
            name: name.value.to_owned(),
            frame_rate: keys
                .number("frameRate", "a number above 0", |v: &f64| v.is_finite() && *v > 0.0)?,
            length: keys.number("seqLength", "a number of frames from 1 to 1000000", |v| {
                (1..=MAX_FRAMES).contains(v)
            })?,
            width: keys.number("imWidth", "a number of pixels above 0", |v| *v > 0)?,
            height: keys.number("imHeight", "a number of pixels above 0", |v| *v > 0)?,
        })
    }

    /// Writes the `seqinfo.ini` that [`SequenceInfo::parse`] and the scorers read.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { name, frame_rate, length, width, height } = self;
        writeln!(out, "[Sequence]\nname={name}\nimDir=img1\nframeRate={frame_rate}")?;
        writeln!(out, "seqLength={length}\nimWidth={width}\nimHeight={height}\nimExt=.jpg")
    }
}

/// One box of the ground truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruthBox {
    /// Frame, from 0.
    pub frame: usize,
    /// Which object, from 1.
    pub object: u32,
    /// Where it is, in pixels.
    pub bbox: BBox,
    /// Which part of it can be seen, 0 to 1.
    pub visibility: f32,
}

/// Reads the text of a `det.txt`: one list of detections for each of the `frames` frames.
///
/// The lines may come in any order; those of one frame keep theirs. The format has no class, so
/// all get `class`. A box without area is kept: what to do about it is the tracker's to say.
///
/// # Errors
/// `CORRUPT_MEDIA` for a line that has fewer than 7 columns, a column that is not a finite
/// number, or a frame outside 1 to `frames`.
pub fn parse_detections(text: &str, frames: usize, class: &Class) -> Result<Vec<Vec<Detection>>> {
    let mut by_frame = vec![Vec::new(); frames];
    for (number, line) in numbered_lines(text) {
        let mut columns = line.split(',').map(str::trim);
        let frame = frame_index(columns.next().unwrap_or_default(), frames)
            .map_err(|e| fault(number, &e))?;
        // Column 2 is the track id, which a detection does not have: -1.
        let mut columns = columns.skip(1);
        let mut next = |name| number_column(columns.next(), name).map_err(|e| fault(number, &e));
        let (x, y) = (next("x")?, next("y")?);
        let (width, height) = (next("width")?, next("height")?);
        let score = next("score")?;
        by_frame[frame].push(Detection {
            bbox: BBox::from_xywh(x, y, width, height),
            score,
            class: class.clone(),
        });
    }
    Ok(by_frame)
}

/// Writes the result lines of one frame: `frame,id,x,y,w,h,conf,-1,-1,-1`; `frame` is from 0, boxes
/// are the tracker's estimates, as the benchmark's own trackers give them.
///
/// # Errors
/// Those of `out`.
pub fn write_objects(
    out: &mut impl Write,
    frame: usize,
    objects: &[TrackedObject],
) -> io::Result<()> {
    for TrackedObject { track_id: TrackId(id), estimate: bbox, score, .. } in objects {
        let (x, y, w, h) = (bbox.x1, bbox.y1, bbox.width(), bbox.height());
        writeln!(out, "{},{id},{x:.2},{y:.2},{w:.2},{h:.2},{score:.4},-1,-1,-1", frame + 1)?;
    }
    Ok(())
}

/// Writes one line of a `gt.txt`: `frame,id,x,y,w,h,1,1,visibility`, a pedestrian that counts.
///
/// # Errors
/// Those of `out`.
pub fn write_truth(out: &mut impl Write, truth: &TruthBox) -> io::Result<()> {
    let TruthBox { frame, object, bbox, visibility } = truth;
    let (x, y, w, h) = (bbox.x1, bbox.y1, bbox.width(), bbox.height());
    writeln!(out, "{},{object},{x:.2},{y:.2},{w:.2},{h:.2},1,1,{visibility:.4}", frame + 1)
}

/// The lines that say something, with their numbers from 1.
fn numbered_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().enumerate().map(|(i, l)| (i + 1, l.trim())).filter(|(_, l)| !l.is_empty())
}

fn fault(line: usize, message: &str) -> Error {
    Error::new(ErrorKind::CorruptMedia, format!("line {line}: {message}"))
}

/// Some programs write the frame as `1.0`; anything else that is not whole is a fault.
fn frame_index(text: &str, frames: usize) -> Result<usize, String> {
    text.strip_suffix(".0")
        .unwrap_or(text)
        .parse::<usize>()
        .ok()
        .filter(|frame| (1..=frames).contains(frame))
        .map(|frame| frame - 1)
        .ok_or_else(|| format!("frame {text:?} is not a whole number from 1 to {frames}"))
}

fn number_column(text: Option<&str>, name: &str) -> Result<f32, String> {
    let text = text.ok_or_else(|| format!("no {name}: a line has at least 7 columns"))?;
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("{name} {text:?} is not a finite number")),
    }
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}

/// The keys of the `[Sequence]` section.
struct IniKeys<'a>(Vec<IniKey<'a>>);

struct IniKey<'a> {
    line: usize,
    name: &'a str,
    value: &'a str,
}

impl IniKey<'_> {
    fn fault(&self, expected: &str) -> Error {
        fault(self.line, &format!("{} is {:?}, expected {expected}", self.name, self.value))
    }
}

impl<'a> IniKeys<'a> {
    fn parse(text: &'a str) -> Result<Self> {
        let mut section = "";
        let mut keys = Vec::new();
        for (line, content) in numbered_lines(text) {
            if content.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = content.strip_prefix('[').and_then(|c| c.strip_suffix(']')) {
                section = name;
                continue;
            }
            let (name, value) = content
                .split_once('=')
                .ok_or_else(|| fault(line, &format!("{content:?} is not key=value")))?;
            if section == "Sequence" {
                keys.push(IniKey { line, name: name.trim(), value: value.trim() });
            }
        }
        Ok(Self(keys))
    }

    /// Keys are compared without regard to case, as the scorers' readers do.
    fn get(&self, name: &str) -> Result<&IniKey<'a>> {
        self.0.iter().find(|key| key.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
            Error::new(ErrorKind::CorruptMedia, format!("no key {name} in section [Sequence]"))
        })
    }

    fn number<T: std::str::FromStr>(
        &self,
        name: &str,
        expected: &str,
        is_allowed: impl Fn(&T) -> bool,
    ) -> Result<T> {
        let key = self.get(name)?;
        key.value.parse().ok().filter(is_allowed).ok_or_else(|| key.fault(expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use schema::detection::Category;

    const INI: &str = "[Sequence]\nname=MOT17-02\nimDir=img1\nframeRate=30\nseqLength=299\n\
                       imWidth=1920\nimHeight=1080\nimExt=.jpg\n";

    fn person() -> Class {
        Class::new("person", Category::Person)
    }

    fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_sequence_survives_the_way_to_text_and_back() {
        let info = SequenceInfo {
            name: "MOT17-02".into(),
            frame_rate: 30.0,
            length: 299,
            width: 1920,
            height: 1080,
        };
        assert_eq!(SequenceInfo::parse(INI).expect("valid"), info);
        assert_eq!(written(|out| info.write(out)), INI);
        let film = SequenceInfo { frame_rate: 23.976, ..info };
        assert_eq!(SequenceInfo::parse(&written(|out| film.write(out))).expect("valid"), film);
    }

    #[test]
    fn an_ini_is_read_with_its_variations() {
        let text = INI.replace('\n', "\r\n").replace("=", " = ").replace("imWidth", "imwidth");
        let text = format!("\u{feff}; made by hand\r\n{text}[Other]\r\nseqLength=1\r\n");
        assert_eq!(SequenceInfo::parse(&text).expect("valid").length, 299);
    }

    #[test]
    fn a_faulty_ini_says_where() {
        let check = |from: &str, to: &str, expected: &str| {
            let error = SequenceInfo::parse(&INI.replace(from, to)).expect_err("faulty");
            assert_eq!((error.kind(), error.message()), (ErrorKind::CorruptMedia, expected));
        };
        check("seqLength=299\n", "", "no key seqLength in section [Sequence]");
        check("[Sequence]", "[Other]", "no key name in section [Sequence]");
        check("imDir=img1", "imDir", "line 3: \"imDir\" is not key=value");
        let frames = "expected a number of frames from 1 to 1000000";
        check("299", "0", &format!("line 5: seqLength is \"0\", {frames}"));
        check("299", "-3", &format!("line 5: seqLength is \"-3\", {frames}"));
        check("299", "99999999999", &format!("line 5: seqLength is \"99999999999\", {frames}"));
        for rate in ["0", "NaN", "inf", "x"] {
            let expected = format!("line 4: frameRate is {rate:?}, expected a number above 0");
            check("frameRate=30", &format!("frameRate={rate}"), &expected);
        }
        let name = "expected a name without path separators";
        check("MOT17-02", "../up", &format!("line 2: name is \"../up\", {name}"));
        check("MOT17-02", "", &format!("line 2: name is \"\", {name}"));
    }

    #[test]
    fn detections_are_sorted_into_their_frames() {
        let text =
            "3,-1,10,20,30,40,0.5\n1,-1,1.5,2,3,4,0.9,-1,-1,-1\r\n\n3.0, -1, 0, 0, 1, 1, 1\n";
        let frames = parse_detections(text, 3, &person()).expect("valid");
        let boxes: Vec<Vec<[f32; 4]>> =
            frames.iter().map(|f| f.iter().map(|d| d.bbox.into()).collect()).collect();
        assert_eq!(
            boxes,
            [
                vec![[1.5, 2.0, 4.5, 6.0]],
                vec![],
                vec![[10.0, 20.0, 40.0, 60.0], [0.0, 0.0, 1.0, 1.0]]
            ]
        );
        assert_eq!((frames[0][0].score, &frames[0][0].class), (0.9, &person()));
    }

    #[test]
    fn a_faulty_line_says_which() {
        let check = |line: &str, expected: &str| {
            let text = format!("1,-1,1,2,3,4,0.9\n{line}\n");
            let error = parse_detections(&text, 9, &person()).expect_err("faulty");
            let expected = format!("line 2: {expected}");
            assert_eq!((error.kind(), error.message()), (ErrorKind::CorruptMedia, &*expected));
        };
        check("0,-1,1,2,3,4,0.9", "frame \"0\" is not a whole number from 1 to 9");
        check("10,-1,1,2,3,4,0.9", "frame \"10\" is not a whole number from 1 to 9");
        check("1.5,-1,1,2,3,4,0.9", "frame \"1.5\" is not a whole number from 1 to 9");
        check("hello", "frame \"hello\" is not a whole number from 1 to 9");
        check("1,-1,1,2,3,4", "no score: a line has at least 7 columns");
        check("1", "no x: a line has at least 7 columns");
        check("1,-1,nan,2,3,4,0.9", "x \"nan\" is not a finite number");
        check("1,-1,1,1e60,3,4,0.9", "y \"1e60\" is not a finite number");
        check("1,-1,1,2,,4,0.9", "width \"\" is not a finite number");
    }

    #[test]
    fn objects_and_truth_have_the_scorers_columns() {
        let object = TrackedObject {
            track_id: TrackId(7),
            bbox: BBox::from_xywh(1.0, 0.0, 3.0, 2.0),
            estimate: BBox::from_xywh(1.25, -2.0, 3.0, 4.0),
            score: 0.875,
            class: person(),
        };
        let line = "10,7,1.25,-2.00,3.00,4.00,0.8750,-1,-1,-1\n";
        assert_eq!(written(|out| write_objects(out, 9, &[object])), line);
        let truth = TruthBox {
            frame: 0,
            object: 2,
            bbox: BBox::from_xywh(10.0, 20.0, 30.0, 40.5),
            visibility: 0.25,
        };
        let line = "1,2,10.00,20.00,30.00,40.50,1,1,0.2500\n";
        assert_eq!(written(|out| write_truth(out, &truth)), line);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in "([-,.=0-9a-z \\[\\]\n]|\\PC){0,60}") {
            let _ = parse_detections(&text, 9, &person());
            let _ = SequenceInfo::parse(&text);
        }
    }
}
