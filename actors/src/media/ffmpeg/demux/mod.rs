//! Opens a container with the demuxer that its content calls for, chooses the video stream, and
//! hands out its packets.

mod context;
mod facts;

use super::decode::Codec;
use super::error::{Code, check};
use super::packet::Packet;
use super::source::Source;
use super::sys;
use crate::media::Limits;
use crate::media::sniff::Container;
use context::Context;
use schema::{Error, ErrorKind, Result};
use std::ptr::NonNull;

/// An open container and its chosen video stream.
pub(super) struct Demuxer {
    context: Context,
    /// Belongs to the context.
    stream: NonNull<sys::AVStream>,
    codec: Codec,
    container: Container,
    // Dropped last: the context reads from it.
    source: Source,
}

/// What reading a packet gave.
pub(super) enum Read {
    /// A packet of the video stream.
    Packet,
    /// A stretch that could not be read; there may be more behind it.
    Damaged,
    /// No more.
    End,
}

impl Demuxer {
    /// Opens `source`, whose content is `container`.
    ///
    /// # Errors
    /// `CORRUPT_MEDIA`, `UNSUPPORTED_FORMAT` (no video, unknown codec, references to other
    /// files), `MEDIA_LIMIT_EXCEEDED`, `DOWNLOAD_ERROR`, `CANCELLED`.
    pub(super) fn open(source: Source, container: Container, limits: &Limits) -> Result<Self> {
        let context = Context::open(&source, container)?;
        // Of half a header, much may be missing: that it is half is what matters.
        let (stream, codec) = context.choose_stream().map_err(|error| match broken(&source) {
            Some(broken) => broken,
            None if source.is_short() => {
                let message = format!("the data is cut off: {error}");
                Error::new(ErrorKind::CorruptMedia, message).with_source(error)
            }
            None => error,
        })?;
        let demuxer = Self { context, stream, codec, container, source };
        demuxer.check_limits(limits)?;
        demuxer.check_order()?;
        if !container.is_still() {
            demuxer.context.analyse(limits.pixels(false), &demuxer.source)?;
            demuxer.check_limits(limits)?;
        }
        Ok(demuxer)
    }

    /// Whether the data can be reached: a server without ranges has sent what lies in front of
    /// an index at the end, and will not send it again.
    fn check_order(&self) -> Result<()> {
        let stream = self.stream.as_ptr();
        // SAFETY: the stream is valid, and an entry is until the next call into the demuxer.
        let first = unsafe { sys::avformat_index_get_entry(stream, 0).as_ref() };
        let at = self.source.position();
        if self.source.is_seekable() || first.is_none_or(|first| first.pos >= at) {
            return Ok(());
        }
        let message = "the index lies behind the data, and the server does not serve ranges";
        Err(Error::new(ErrorKind::UnsupportedFormat, message).with_hint("download the file first"))
    }

    fn check_limits(&self, limits: &Limits) -> Result<()> {
        let parameters = self.parameters();
        let (width, height) = (i64::from(parameters.width), i64::from(parameters.height));
        limits.check_pixels(
            self.container.is_still(),
            width.max(0) as u64,
            height.max(0) as u64,
        )?;
        self.duration().map_or(Ok(()), |duration| limits.check_duration(duration))
    }

    const fn stream(&self) -> &sys::AVStream {
        // SAFETY: it lives as long as the context.
        unsafe { self.stream.as_ref() }
    }

    pub(super) const fn parameters(&self) -> &sys::AVCodecParameters {
        // SAFETY: every stream has parameters.
        unsafe { &*self.stream().codecpar }
    }

    pub(super) const fn codec(&self) -> Codec {
        self.codec
    }

    pub(super) const fn container(&self) -> Container {
        self.container
    }

    pub(super) const fn source(&self) -> &Source {
        &self.source
    }

    pub(super) const fn time_base(&self) -> sys::AVRational {
        self.stream().time_base
    }

    /// Reads the next packet of the video stream.
    ///
    /// # Errors
    /// Only where the source was stopped, stalled or broke off.
    pub(super) fn read(&mut self, packet: &mut Packet) -> Result<Read> {
        loop {
            packet.clear();
            // SAFETY: both are valid.
            let read =
                check(unsafe { sys::av_read_frame(self.context.as_ptr(), packet.as_mut_ptr()) });
            if let Some(error) = read.err().and_then(|_| self.source.failure()) {
                return Err(error);
            }
            match read {
                Ok(_) if packet.as_mut().stream_index == self.stream().index => {
                    return Ok(Read::Packet);
                }
                Ok(_) => {}
                Err(Code::END) => return Ok(Read::End),
                Err(_) if self.source.is_exhausted() => return Ok(Read::End),
                Err(_) => return Ok(Read::Damaged),
            }
        }
    }
}

/// Whether the network is to blame for what cannot be made sense of.
fn broken(source: &Source) -> Option<Error> {
    source.failure().or_else(|| source.cut_short().filter(|_| source.is_short()))
}

/// What a failure to open means for the user: `CORRUPT_MEDIA`, `UNSUPPORTED_FORMAT` where it is a
/// matter of the format, `DOWNLOAD_ERROR` or `CANCELLED` where the data did not come.
fn explain(code: Code, source: &Source) -> Error {
    if let Some(error) = broken(source) {
        return error;
    }
    if source.watch().has_refused() {
        let message = "it refers to other files, which is not allowed";
        return Error::new(ErrorKind::UnsupportedFormat, message);
    }
    let (kind, message) = match code.0 {
        sys::AVERROR_PATCHWELCOME => {
            (ErrorKind::UnsupportedFormat, "the container is of an unknown variant")
        }
        _ => (ErrorKind::CorruptMedia, "the container cannot be read"),
    };
    Error::new(kind, format!("{message}: {code}")).with_source(code)
}
