//! One source from input to frames. Lives on one thread from beginning to end.

use super::convert::Converter;
use super::demux::Demuxer;
use super::picture::Picture;
use super::reader::{Findings, Reader};
use super::source::Source;
use super::watch::Watch;
use crate::media::orientation::Orientation;
use crate::media::sniff::{self, Container};
use crate::media::timeline::Timeline;
use crate::media::{Input, Limits, SourceInfo, SourceKind};
use models::picture::Frame;
use schema::{Error, ErrorKind, Result};
use std::fs::File;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A picture of 16 bits for each of four channels, not compressed: no file has more to a pixel.
const MAX_PIXEL_BYTES: u64 = 8;

/// An open source with its first picture decoded.
pub(super) struct Session {
    reader: Reader,
    converter: Converter,
    timeline: Timeline,
    limits: Limits,
    first: Option<Picture>,
    frames: u64,
}

impl Session {
    /// Opens `input` and decodes its first picture, which fixes the size of all.
    ///
    /// # Errors
    /// The kinds of [`crate::media::open`].
    pub(super) fn open(input: &Input, limits: &Limits, stop: Arc<AtomicBool>) -> Result<Self> {
        let watch = Watch::new(stop, limits.stall);
        let (source, container, truncated) = match input {
            Input::File(path) => open_file(path, limits, &watch)?,
            Input::Url(url) => open_url(url, limits, &watch)?,
        };
        let demuxer = Demuxer::open(source, container, limits)?;
        let time_base = (demuxer.time_base().num, demuxer.time_base().den);
        let timeline = Timeline::new(time_base, demuxer.frame_rate());
        let orientation = demuxer.orientation();
        let mut reader = Reader::new(demuxer, limits, truncated)?;
        let Some(mut first) = reader.next()? else {
            return Err(Error::new(ErrorKind::CorruptMedia, "no picture could be decoded"));
        };
        let orientation = Orientation::of_picture(&first).unwrap_or(orientation);
        let aspect = reader.demuxer().pixel_aspect(&mut first);
        let converter = Converter::new(&first, aspect, orientation, container.is_still());
        let (width, height) = converter.displayed_size();
        limits.check_pixels(container.is_still(), width.into(), height.into())?;
        let limits = limits.clone();
        Ok(Self { reader, converter, timeline, limits, first: Some(first), frames: 0 })
    }

    /// What is known of the source.
    pub(super) fn info(&self) -> SourceInfo {
        let demuxer = self.reader.demuxer();
        let (width, height) = self.converter.displayed_size();
        let is_still = self.is_still();
        let container = match demuxer.container() {
            Container::IsoMedia => "mov",
            Container::Avi => "avi",
            Container::Matroska => "matroska",
            Container::Ogg => "ogg",
            Container::Jpeg => "jpeg",
            Container::Png => "png",
        };
        SourceInfo {
            kind: if is_still { SourceKind::Image } else { SourceKind::Video },
            width,
            height,
            frame_rate: demuxer.frame_rate(),
            frame_count: if is_still { Some(1) } else { demuxer.frame_count() },
            duration: demuxer.duration().filter(|_| !is_still),
            format: format!("{container}/{}", demuxer.codec().name()),
        }
    }

    /// The next frame in display order, or `None` at the end.
    ///
    /// # Errors
    /// `DOWNLOAD_ERROR`, `CANCELLED`, `UNSUPPORTED_FORMAT`, `MEDIA_LIMIT_EXCEEDED`.
    pub(super) fn next(&mut self) -> Result<Option<Frame>> {
        let picture = match self.first.take() {
            Some(first) => Some(first),
            None if self.is_still() => None,
            None => self.reader.next()?,
        };
        let Some(picture) = picture else { return Ok(None) };
        let stamp = picture.frame().best_effort_timestamp;
        let time = self.timeline.next((stamp != i64::MIN).then_some(stamp));
        self.limits.check_duration(time)?;
        let frame = self.converter.convert(picture, self.frames, time)?;
        self.frames += 1;
        Ok(Some(frame))
    }

    /// What happened so far.
    pub(super) const fn findings(&self) -> Findings {
        self.reader.findings()
    }

    const fn is_still(&self) -> bool {
        self.reader.demuxer().container().is_still()
    }
}

/// What is to be demuxed.
type Opened = (Source, Container, bool);

/// Looks into a file before libav does; tells whether its end is missing.
fn open_file(path: &Path, limits: &Limits, watch: &Rc<Watch>) -> Result<Opened> {
    let failed = |e: io::Error| Error::input(path, e);
    let about = std::fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        let what = if about.is_dir() { "a folder" } else { "no regular file" };
        let message = format!("{} is {what}", path.display());
        return Err(
            Error::new(ErrorKind::InvalidFileType, message).with_hint("give one media file")
        );
    }
    let file = File::open(path).map_err(failed)?;
    let opened = inspect(file, about.len(), limits, watch)?;
    sniff::check_extension(path, opened.1)?;
    Ok(opened)
}

fn inspect(mut file: File, len: u64, limits: &Limits, watch: &Rc<Watch>) -> Result<Opened> {
    let found = sniff::inspect(&mut file, len)?;
    if let Some(size) = found.size {
        limits.check_pixels(true, size.width.into(), size.height.into())?;
        size.check_plausible(len)?;
    }
    Ok((Source::file(file, len, watch)?, found.container, found.truncated))
}

/// Connects, and looks at the first bytes. A picture is fetched whole, and then read as a file.
fn open_url(url: &str, limits: &Limits, watch: &Rc<Watch>) -> Result<Opened> {
    let mut source = Source::url(url, watch)?;
    let head = source.peek(sniff::HEAD)?;
    let container = sniff::identify(&head)?;
    if container.is_still() {
        let (file, len) = source.fetch(limits.image_pixels.saturating_mul(MAX_PIXEL_BYTES))?;
        let (picture, container, truncated) = inspect(file, len, limits, watch)?;
        return match source.cut_short().filter(|_| truncated) {
            Some(error) => Err(error),
            None => Ok((picture, container, truncated)),
        };
    }
    source.expect(container, &head);
    Ok((source, container, false))
}
