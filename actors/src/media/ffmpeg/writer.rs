//! Frames into an H.264 MP4 file that browsers play.

use super::encode::{Encoder, EncoderOptions, Feeder, require};
use super::error::Code;
use super::format::Colour;
use super::mux::Muxer;
use super::packet::Packet;
use super::sys;
use crate::media::{FrameWriter, WriterOptions};
use models::picture::{Chroma, Frame, Range};
use schema::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

/// The encoder: x264, for H.264 (ITU-T H.264) that every browser decodes.
const ENCODER: &str = "libx264";
/// How much work goes into a smaller file. On a 720p clip, the presets ultrafast, superfast and
/// veryfast take 3.5, 7 and 11 ms of one core per frame, for 35, 14 and 8 MB per minute.
const PRESET: &str = "superfast";
/// The longest side that x264 takes.
const MAX_SIDE: u32 = 16_384;
/// Ticks per second: divides the usual frame rates without remainder.
const TICKS: i32 = 90_000;
/// The longest pause that is kept, an hour; MP4 holds 13 h at most, and who jumps farther is damaged.
const MAX_GAP: i64 = 3600 * TICKS as i64;
/// Threads where the choice is ours. Each encodes a frame of its own and keeps what it needs for
/// it, some 12 bytes for each pixel; more than these are faster than any source.
const THREADS: usize = 4;
/// Frames of more pixels (1080p) are encoded one by one, threads sharing each: a third of the
/// memory for a third more bytes. Without this, 8K takes gigabytes.
const LARGE: u64 = 1920 * 1088;
/// A key frame at least this often, in seconds, so that players can jump.
const KEY_SECONDS: f64 = 2.0;

/// Makes sure that H.264 can be written; gives the encoder's name.
pub(crate) fn check_h264_encoder() -> Result<&'static str> {
    require(ENCODER)?;
    Ok(ENCODER)
}

/// An MP4 file being written; the first frame fixes size and colour.
struct Mp4Writer {
    path: PathBuf,
    options: WriterOptions,
    open: Option<Open>,
}

struct Open {
    encoder: Encoder,
    feeder: Feeder,
    muxer: Muxer,
    packet: Packet,
    first_size: (u32, u32),
    last_tick: i64,
    frames: u64,
}

/// A writer for `path`; the file is made with the first frame.
///
/// # Errors
/// `MODEL_UNAVAILABLE` where the encoder is missing.
pub(crate) fn open_mp4(path: &Path, options: &WriterOptions) -> Result<Box<dyn FrameWriter>> {
    super::init();
    super::encode::require(ENCODER)?;
    let (path, options) = (path.to_owned(), options.clone());
    Ok(Box::new(Mp4Writer { path, options, open: None }))
}

impl Mp4Writer {
    fn begin(&self, first: &Frame) -> Result<Open> {
        // Chroma is sampled once for two rows and columns: sizes are even.
        let even = |size: u32| (size & !1).max(2);
        let size = (even(first.width()), even(first.height()));
        let colour = Colour { range: Range::Limited, matrix: first.matrix() };
        let time_base = sys::AVRational { num: 1, den: TICKS };
        let frame_rate = self.options.frame_rate;
        let quality = self.options.quality.to_string();
        let mut private = vec![("preset", PRESET), ("crf", &quality)];
        if u64::from(size.0) * u64::from(size.1) > LARGE {
            // No frame waits for another, and none is kept at quarter pixels.
            private.extend([("tune", "zerolatency"), ("x264-params", "subme=0")]);
        }
        let encoder = Encoder::open(&EncoderOptions {
            name: ENCODER,
            size,
            max_side: MAX_SIDE,
            chroma: Chroma::Yuv420,
            colour,
            time_base,
            frame_rate,
            key_interval: (frame_rate * KEY_SECONDS).round().clamp(1.0, 600.0) as u32,
            threads: match self.options.threads {
                // Half as many again as there are cores, as x264 does: some always wait.
                0 => (available_parallelism().map_or(1, usize::from) * 3 / 2).min(THREADS) as u32,
                threads => threads,
            },
            global_header: true,
            private: &private,
        })?;
        let muxer = Muxer::create(&self.path, &encoder, time_base)?;
        let packet = Packet::new().map_err(failed)?;
        let feeder = Feeder::new(size, Chroma::Yuv420, colour);
        let first_size = (first.width(), first.height());
        Ok(Open { encoder, feeder, muxer, packet, first_size, last_tick: -1, frames: 0 })
    }
}

impl FrameWriter for Mp4Writer {
    fn write(&mut self, frame: &Frame) -> Result<()> {
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                let open = self.begin(frame)?;
                self.open.insert(open)
            }
        };
        if (frame.width(), frame.height()) != open.first_size {
            let (w, h) = open.first_size;
            let (own_w, own_h) = (frame.width(), frame.height());
            let message = format!("a frame of {own_w}x{own_h} in a video of {w}x{h}");
            return Err(Error::new(ErrorKind::ServerError, message));
        }
        let mut picture = open.feeder.picture(frame)?;
        // In 128 bits: damaged files tell of times of thousands of years.
        let tick = (i128::from(frame.meta().media_time_us.0) * 9 + 50).div_euclid(100);
        let next = open.last_tick.saturating_add(1);
        let latest = if open.frames == 0 { MAX_GAP } else { open.last_tick + MAX_GAP };
        open.last_tick = i64::try_from(tick).unwrap_or(latest).clamp(next, latest);
        open.frames += 1;
        picture.frame_mut().pts = open.last_tick;
        open.encoder.send(Some(&mut picture)).map_err(failed)?;
        open.drain(self.options.frame_rate)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let Some(mut open) = self.open.take() else {
            return Err(Error::new(ErrorKind::ServerError, "a video without a frame"));
        };
        open.encoder.send(None).map_err(failed)?;
        open.drain(self.options.frame_rate)?;
        open.muxer.finish()
    }
}

impl Open {
    fn drain(&mut self, frame_rate: f64) -> Result<()> {
        while self.encoder.receive(&mut self.packet).map_err(failed)? {
            self.packet.as_mut().duration = (f64::from(TICKS) / frame_rate).round() as i64;
            self.muxer.write(&mut self.packet)?;
        }
        Ok(())
    }
}

fn failed(code: Code) -> Error {
    Error::new(ErrorKind::ServerError, format!("encoding failed: {code}")).with_source(code)
}
