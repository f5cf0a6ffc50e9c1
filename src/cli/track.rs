//! `sightline track`: tracks the detections of MOTChallenge sequences and writes what the scorers
//! read. Reads and writes files, prints one line per sequence; how to track is not decided here.

use super::staging::Staging;
use super::stdout;
use clap::{Args, ValueEnum};
use models::eval::mot::{SequenceInfo, parse_detections, write_objects};
use models::track::{ByteTrack, ByteTrackConfig, Tracker};
use schema::detection::{Category, Class, Detection};
use schema::id::TrackId;
use schema::{Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A `seqinfo.ini` of more bytes than this is none.
const MAX_INFO_BYTES: u64 = 64 << 10;
/// A `det.txt` of more bytes than this is not read: it would not fit into memory.
const MAX_DETECTION_BYTES: u64 = 512 << 20;

/// Track the detections of MOTChallenge sequences
///
/// Reads `seqinfo.ini` and `det/det.txt` of each folder and writes `OUT/<folder>.txt` with lines
/// `frame,id,x,y,w,h,conf,-1,-1,-1`, as TrackEval and other scorers read them.
#[derive(Debug, Args)]
pub(super) struct TrackArgs {
    /// Folders of sequences: `seqinfo.ini` and `det/det.txt`
    #[arg(required = true, value_name = "SEQ_DIR")]
    sequences: Vec<PathBuf>,
    /// How to track
    #[arg(long, value_enum, default_value_t)]
    tracker: TrackerKind,
    /// Folder for the results, made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    bytetrack: ByteTrackArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum TrackerKind {
    /// Zhang et al. 2022: sure detections first, then the unsure ones
    #[default]
    #[value(name = "bytetrack")]
    ByteTrack,
}

/// [`ByteTrackConfig`] as flags; the defaults are its defaults.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "ByteTrack")]
struct ByteTrackArgs {
    /// Detections of this score or more are paired first, 0 to 1
    #[arg(long, value_name = "SCORE", default_value_t = ByteTrackConfig::default().high_score)]
    high_score: f32,
    /// Detections below this score are dropped, 0 to the high score
    #[arg(long, value_name = "SCORE", default_value_t = ByteTrackConfig::default().low_score)]
    low_score: f32,
    /// Unmatched detections of this score or more begin a track, the high score to 1
    #[arg(long, value_name = "SCORE", default_value_t = ByteTrackConfig::default().new_score)]
    new_score: f32,
    /// Highest cost of a pair of a track and a sure detection, above 0 and up to 1
    #[arg(long, value_name = "COST", default_value_t = ByteTrackConfig::default().first_limit)]
    first_limit: f32,
    /// Highest cost of a pair of a track that is left and an unsure detection
    #[arg(long, value_name = "COST", default_value_t = ByteTrackConfig::default().second_limit)]
    second_limit: f32,
    /// Highest cost of a pair of a track seen only once and a detection that is left
    #[arg(long, value_name = "COST", default_value_t = ByteTrackConfig::default().tentative_limit)]
    tentative_limit: f32,
    /// Take 1 - IoU as the cost, without the detection's score
    #[arg(long)]
    no_fuse_score: bool,
    /// How long a lost track may return, in frames at 30 frames/s
    #[arg(long, value_name = "FRAMES", default_value_t = ByteTrackConfig::default().buffer_frames)]
    buffer_frames: u32,
    /// A seen and a lost track that overlap by more than this IoU are one, 0 to 1
    #[arg(long, value_name = "IOU", default_value_t = ByteTrackConfig::default().duplicate_iou)]
    duplicate_iou: f32,
}

impl From<&ByteTrackArgs> for ByteTrackConfig {
    fn from(args: &ByteTrackArgs) -> Self {
        Self {
            high_score: args.high_score,
            low_score: args.low_score,
            new_score: args.new_score,
            first_limit: args.first_limit,
            second_limit: args.second_limit,
            tentative_limit: args.tentative_limit,
            fuse_score: !args.no_fuse_score,
            buffer_frames: args.buffer_frames,
            duplicate_iou: args.duplicate_iou,
        }
    }
}

/// What is told of one sequence.
struct Summary {
    frames: usize,
    boxes: usize,
    tracks: usize,
    /// In the tracker alone, without reading and writing.
    spent: Duration,
}

/// Tracks every sequence and writes its result file, whole or not at all. It listens to no signal:
/// one that kills it leaves the files of the sequences before, and at most a staging folder, which
/// the next run into the same folder removes.
///
/// # Errors
/// `VALIDATION_ERROR` for faulty parameters, `INVALID_INPUT_COMBINATION` where two folders would
/// share a result file, `NOT_FOUND`, `CORRUPT_MEDIA` or `FILE_TOO_LARGE` for a sequence that
/// cannot be read (naming file and line), `SERVER_ERROR` or `INSUFFICIENT_STORAGE` where writing
/// fails. The files of the sequences before the faulty one stay.
pub(super) fn run(args: &TrackArgs) -> Result<()> {
    let config = ByteTrackConfig::from(&args.bytetrack);
    config.validate()?;
    let sequences = with_names(&args.sequences)?;
    let width = sequences.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, folder) in &sequences {
        let (info, detections) = read_sequence(folder)?;
        let mut tracker: Box<dyn Tracker> = match args.tracker {
            TrackerKind::ByteTrack => Box::new(ByteTrack::new(config.clone(), info.frame_rate)?),
        };
        let file = format!("{name}.txt");
        let staging = Staging::open(&args.out)?;
        let summary = File::create(staging.path().join(&file))
            .and_then(|out| track(tracker.as_mut(), &detections, BufWriter::new(out)))
            .map_err(|e| Error::io(args.out.join(&file).display(), e))?;
        staging.publish(&[&file], &[])?;
        stdout::print(line(name, width, &summary))?;
    }
    Ok(())
}

/// Results are named after the folder, because scorers look them up by it.
fn with_names(folders: &[PathBuf]) -> Result<Vec<(String, &Path)>> {
    let mut named: Vec<(String, &Path)> = Vec::with_capacity(folders.len());
    for folder in folders {
        let real = fs::canonicalize(folder).map_err(|e| not_a_sequence(folder, e))?;
        // `.` and `..` have a name only as a real path; a link is known by its own.
        let name = folder.file_name().or_else(|| real.file_name());
        let name = name.map(|n| n.to_string_lossy().into_owned()).ok_or_else(|| {
            Error::new(ErrorKind::CorruptMedia, format!("{}: has no name", folder.display()))
        })?;
        if let Some((_, other)) = named.iter().find(|(n, _)| *n == name) {
            let (one, two) = (other.display(), folder.display());
            let message = format!("{one} and {two} would both be written to {name}.txt");
            return Err(Error::new(ErrorKind::InvalidInputCombination, message)
                .with_hint("track them one after the other, with different --out folders"));
        }
        named.push((name, folder));
    }
    Ok(named)
}

fn read_sequence(folder: &Path) -> Result<(SequenceInfo, Vec<Vec<Detection>>)> {
    let path = folder.join("seqinfo.ini");
    let info = read_text(&path, MAX_INFO_BYTES)
        .and_then(|text| SequenceInfo::parse(&text).map_err(|e| in_file(&path, e)))?;
    let path = folder.join("det").join("det.txt");
    // The format is one of pedestrians and has no column for a class.
    let person = Class::new("person", Category::Person);
    let detections = read_text(&path, MAX_DETECTION_BYTES).and_then(|text| {
        parse_detections(&text, info.length, &person).map_err(|e| in_file(&path, e))
    })?;
    Ok((info, detections))
}

fn read_text(path: &Path, max_bytes: u64) -> Result<String> {
    let file = File::open(path).map_err(|e| not_a_sequence(path, e))?;
    let mut bytes = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(|e| Error::io(path.display(), e))?;
    if bytes.len() as u64 > max_bytes {
        let message = format!("{}: larger than {max_bytes} bytes", path.display());
        return Err(Error::new(ErrorKind::FileTooLarge, message));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].split(|b| *b == b'\n').count();
        let message = format!("{}: line {line}: not text in UTF-8", path.display());
        Error::new(ErrorKind::CorruptMedia, message).with_source(e.utf8_error())
    })
}

fn not_a_sequence(path: &Path, source: io::Error) -> Error {
    Error::input(path, source).with_hint("a sequence is a folder with seqinfo.ini and det/det.txt")
}

fn in_file(path: &Path, error: Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display())).with_source(error)
}

fn track(
    tracker: &mut dyn Tracker,
    detections: &[Vec<Detection>],
    mut out: impl Write,
) -> io::Result<Summary> {
    let mut tracks: BTreeSet<TrackId> = BTreeSet::new();
    let (mut boxes, mut spent) = (0, Duration::ZERO);
    for (frame, detections) in detections.iter().enumerate() {
        let start = Instant::now();
        let objects = tracker.update(detections);
        spent += start.elapsed();
        boxes += objects.len();
        tracks.extend(objects.iter().map(|object| object.track_id));
        write_objects(&mut out, frame, &objects)?;
    }
    out.flush()?;
    Ok(Summary { frames: detections.len(), boxes, tracks: tracks.len(), spent })
}

fn line(name: &str, width: usize, summary: &Summary) -> String {
    let Summary { frames, boxes, tracks, spent } = summary;
    let rate = *frames as f64 / spent.as_secs_f64().max(1e-9);
    format!(
        "{name:width$}  {frames:>6} frames  {tracks:>5} tracks  {boxes:>7} boxes  {rate:>8.0} frames/s\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: TrackArgs,
    }

    /// A temporary folder with a sequence for each of `names`: one figure that stands.
    fn sequences(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for name in names {
            let folder = dir.path().join(name);
            fs::create_dir_all(folder.join("det")).expect("writable");
            let info = "[Sequence]\nname=x\nframeRate=30\nseqLength=3\nimWidth=640\nimHeight=480\n";
            fs::write(folder.join("seqinfo.ini"), info).expect("writable");
            let lines = "1,-1,10,20,30,60,0.9\n2,-1,10,20,30,60,0.8\n3,-1,10,20,30,60,0.9\n";
            fs::write(folder.join("det/det.txt"), lines).expect("writable");
        }
        dir
    }

    fn run_in(dir: &Path, arguments: &[&str]) -> Result<()> {
        let place = |text: &&str| match text.strip_prefix('@') {
            Some(path) => dir.join(path).into_os_string(),
            None => text.into(),
        };
        let words = ["track"].iter().chain(arguments).map(place);
        run(&Command::try_parse_from(words).expect("valid arguments").args)
    }

    #[test]
    fn the_flags_are_valid_and_default_to_the_published_values() {
        <Command as clap::CommandFactory>::command().debug_assert();
        let parsed = Command::try_parse_from(["track", "a", "--out", "b"]).expect("valid");
        let config = ByteTrackConfig::from(&parsed.args.bytetrack);
        assert_eq!(config, ByteTrackConfig::default());
    }

    #[test]
    fn every_sequence_gets_its_file_and_nothing_else_is_left() {
        let dir = sequences(&["a", "b"]);
        run_in(dir.path(), &["@a", "@b/", "--out", "@new/out"]).expect("tracks");
        let out = dir.path().join("new/out");
        let mut files: Vec<_> = fs::read_dir(&out)
            .expect("the folder was made")
            .map(|entry| entry.expect("readable").file_name())
            .collect();
        files.sort();
        assert_eq!(files, ["a.txt", "b.txt"]);
        let text = fs::read_to_string(out.join("a.txt")).expect("text");
        let line =
            |frame, score| format!("{frame},1,10.00,20.00,30.00,60.00,{score}000,-1,-1,-1\n");
        assert_eq!(text, [line(1, 0.9), line(2, 0.8), line(3, 0.9)].concat());
    }

    #[test]
    fn errors_name_file_and_line() {
        let check = |file: &str, content: Option<&[u8]>, kind: ErrorKind, expected: &str| {
            let dir = sequences(&["a"]);
            let path = dir.path().join("a").join(file);
            match content {
                Some(content) => fs::write(&path, content).expect("writable"),
                None => fs::remove_file(&path).expect("it was there"),
            }
            let error = run_in(dir.path(), &["@a", "--out", "@out"]).expect_err("faulty");
            let expected = format!("{}: {expected}", path.display());
            assert_eq!((error.kind(), error.message()), (kind, &*expected));
            assert!(!dir.path().join("out").exists());
        };
        let column = "line 2: score \"x\" is not a finite number";
        let corrupt = ErrorKind::CorruptMedia;
        check("det/det.txt", Some(b"1,-1,1,2,3,4,0.9\n2,-1,1,2,3,4,x\n"), corrupt, column);
        check("det/det.txt", Some(b"\n\n\xff\n"), corrupt, "line 3: not text in UTF-8");
        check("seqinfo.ini", Some(b""), corrupt, "no key name in section [Sequence]");
        let missing = "no such file";
        check("seqinfo.ini", None, ErrorKind::NotFound, missing);
        check("det/det.txt", None, ErrorKind::NotFound, missing);
        let large = vec![b'\n'; MAX_INFO_BYTES as usize + 1];
        check("seqinfo.ini", Some(&large), ErrorKind::FileTooLarge, "larger than 65536 bytes");
    }

    #[test]
    fn faulty_arguments_are_told_before_anything_is_written() {
        let dir = sequences(&["a", "b/a"]);
        let check = |arguments: &[&str], kind: ErrorKind| {
            let error = run_in(dir.path(), arguments).expect_err("faulty");
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!dir.path().join("out").exists());
        };
        check(&["@a", "@b/a", "--out", "@out"], ErrorKind::InvalidInputCombination);
        check(&["@missing", "--out", "@out"], ErrorKind::NotFound);
        check(&["@a", "--out", "@out", "--high-score", "NaN"], ErrorKind::ValidationError);
    }
}
