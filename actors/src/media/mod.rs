//! Pictures in and out: sources that decode, writers that encode, the overlay that draws.
//!
//! The traits here are shaped as a message protocol (open, next frame, stop), so that decoding
//! can move to a child process without touching the pipeline. No type of the codec library
//! appears in a signature.

mod ffmpeg;
mod limits;
mod orientation;
pub mod overlay;
mod sniff;
mod still;
mod timeline;

pub use limits::Limits;

use models::picture::Frame;
use schema::Result;
use schema::time::MediaTime;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A boxed future, so that sources can be trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a source comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file of this machine.
    File(PathBuf),
    /// An `http` or `https` URL, read as a recorded file. For the command line only, whose user
    /// is trusted: any address is connected to.
    Url(String),
}

/// Opens a video or a picture and decodes its first frame, on a thread of its own. Dropping the
/// future ends the attempt.
///
/// # Errors
/// `NOT_FOUND`, `INVALID_FILE_TYPE` (empty, no media, an extension that contradicts the content),
/// `UNSUPPORTED_FORMAT` (a container, codec or reference that is not allowed, no video stream),
/// `CORRUPT_MEDIA`, `MEDIA_LIMIT_EXCEEDED`, `DOWNLOAD_FAILED` (a URL that cannot be used),
/// `DOWNLOAD_ERROR` (one that stalled or broke off).
pub async fn open(input: &Input, limits: &Limits) -> Result<Box<dyn FrameSource>> {
    Ok(Box::new(ffmpeg::open(input, limits).await?))
}

/// Decoder threads that hang, from which on a node takes no more work.
pub const ABANDONED_DECODERS: usize = 4;

/// How many decoder threads were told to end more than 2 s ago and still hang.
///
/// They only read; a node with [`ABANDONED_DECODERS`] of them takes no more work.
#[must_use]
pub fn abandoned() -> usize {
    ffmpeg::abandoned()
}

/// Whether a source is a video or a single picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// Frames with times.
    Video,
    /// Exactly one frame.
    Image,
}

/// What is known of a source once it is open.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceInfo {
    /// Video or image.
    pub kind: SourceKind,
    /// Width in pixels as displayed: after rotation and sample aspect.
    pub width: u32,
    /// Height in pixels as displayed.
    pub height: u32,
    /// Frames per second: the container's average; 25 where it does not say (and for images).
    pub frame_rate: f64,
    /// Number of frames, where the container says it; an estimate for progress, not a promise.
    pub frame_count: Option<u64>,
    /// Length, where the container says it.
    pub duration: Option<MediaTime>,
    /// Short names of container and codec, as `mov/h264`.
    pub format: String,
}

/// What happened while a source was read; complete once `next` has returned `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceReport {
    /// Frames handed out.
    pub frames: u64,
    /// Packets that did not decode; counted, not fatal.
    pub corrupt_packets: u64,
    /// Whether the data ended before the container's index said it would.
    pub truncated: bool,
    /// Time spent demuxing, decoding and converting, not waiting for who takes the frames.
    pub busy: Duration,
}

/// A source of frames in display order.
pub trait FrameSource: Send {
    /// What is known of it.
    fn info(&self) -> &SourceInfo;

    /// The next frame, or `None` at the end. Cancel-safe: a dropped future loses no frame.
    ///
    /// # Errors
    /// The kinds of the bad-input table (`CORRUPT_MEDIA`, `DOWNLOAD_ERROR`, ...); the source has
    /// ended then.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Arc<Frame>>>>;

    /// Asks the source to end; returns at once.
    fn stop(&mut self);

    /// What happened so far.
    fn report(&self) -> SourceReport;
}

/// A sink for finished pictures. Blocking: it is driven by a thread of its own.
pub trait FrameWriter: Send {
    /// Appends one picture.
    ///
    /// # Errors
    /// `INSUFFICIENT_STORAGE` on a full disk, `MEDIA_LIMIT_EXCEEDED` where a side is longer than
    /// the encoder takes (16,384 pixels of a video, 65,500 of a picture), `SERVER_ERROR` where the
    /// encoder fails.
    fn write(&mut self, frame: &Frame) -> Result<()>;

    /// Writes what is still held back and closes the file, which is playable only after this.
    ///
    /// # Errors
    /// As [`FrameWriter::write`].
    fn finish(self: Box<Self>) -> Result<()>;
}

/// How an annotated picture or video is written.
#[derive(Debug, Clone, PartialEq)]
pub struct WriterOptions {
    /// A video is written as H.264 MP4, an image as JPEG.
    pub kind: SourceKind,
    /// Frames per second: for rate control, key frames and the duration of the last frame. The
    /// frames keep their own media times.
    pub frame_rate: f64,
    /// Constant rate factor of H.264: 0 (no loss) to 51, lower is better.
    pub quality: u8,
    /// Encoder threads; 0 for as many as suit the cores, up to 4.
    pub threads: u32,
}

impl WriterOptions {
    /// The defaults for pictures of this kind, at `frame_rate` frames per second.
    #[must_use]
    pub const fn new(kind: SourceKind, frame_rate: f64) -> Self {
        Self { kind, frame_rate, quality: 23, threads: 0 }
    }
}

/// A writer for the file `path`, which is made, over one that is there, with the first frame.
///
/// The first frame fixes the size; an odd last row or column of a video is left out. A writer
/// that is dropped without [`FrameWriter::finish`] leaves a file that does not play: write under
/// a temporary name, and rename at the end.
///
/// # Errors
/// `MODEL_UNAVAILABLE` where FFmpeg has no H.264 encoder, naming it and the package to install.
pub fn open_writer(path: &Path, options: &WriterOptions) -> Result<Box<dyn FrameWriter>> {
    match options.kind {
        SourceKind::Video => ffmpeg::open_mp4(path, options),
        SourceKind::Image => Ok(Box::new(still::JpegWriter::new(path))),
    }
}

/// The version of the FFmpeg libraries, as `5.1.9-0+deb12u1`.
#[must_use]
pub fn ffmpeg_version() -> String {
    ffmpeg::version()
}

/// Makes sure that H.264 can be written here; gives the encoder's name.
///
/// # Errors
/// `MODEL_UNAVAILABLE` that says how to get it.
pub fn check_h264_encoder() -> Result<&'static str> {
    ffmpeg::check_h264_encoder()
}
