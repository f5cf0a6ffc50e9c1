//! Opens a container with the demuxer that its content calls for, chooses the video stream, and
//! hands out its packets.

mod facts;

use super::decode::{CODECS, Codec};
use super::dictionary::Dictionary;
use super::error::{Code, check};
use super::packet::Packet;
use super::source::Source;
use super::sys;
use super::watch::refuse_open;
use crate::media::Limits;
use crate::media::sniff::Container;
use schema::{Error, ErrorKind, Result};
use std::ffi::{CStr, c_int};
use std::ptr::{self, NonNull};

/// More streams than this are not opened.
const MAX_STREAMS: &str = "64";
/// Bytes and microseconds that may be read to learn what the header does not say.
const PROBE_BYTES: &str = "5000000";
const PROBE_US: &str = "5000000";

/// An open container and its chosen video stream.
pub(super) struct Demuxer {
    context: NonNull<sys::AVFormatContext>,
    stream: NonNull<sys::AVStream>,
    codec: Codec,
    container: Container,
    // Dropped after the context.
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

const fn demuxer_name(container: Container) -> &'static CStr {
    match container {
        Container::IsoMedia => c"mov",
        Container::Avi => c"avi",
        Container::Matroska => c"matroska",
        Container::Ogg => c"ogg",
        Container::Jpeg => c"jpeg_pipe",
        Container::Png => c"png_pipe",
    }
}

impl Demuxer {
    /// Opens `source`, whose content is `container`.
    ///
    /// # Errors
    /// `CORRUPT_MEDIA`, `UNSUPPORTED_FORMAT` (no video, unknown codec, references to other
    /// files), `MEDIA_LIMIT_EXCEEDED`, `DOWNLOAD_ERROR`, `CANCELLED`.
    pub(super) fn open(source: Source, container: Container, limits: &Limits) -> Result<Self> {
        let context = open_context(&source, container)?;
        // From here on the demuxer frees the context; its stream is set once it is known.
        let mut demuxer =
            Self { context, stream: NonNull::dangling(), codec: Codec::NONE, container, source };
        match demuxer.prepare(limits) {
            Ok(()) => Ok(demuxer),
            // Of half a header, much may be missing: that it is half is what matters.
            Err(error) => Err(match broken(&demuxer.source) {
                Some(broken) => broken,
                None if demuxer.source.is_short() => {
                    let message = format!("the data is cut off: {error}");
                    Error::new(ErrorKind::CorruptMedia, message).with_source(error)
                }
                None => error,
            }),
        }
    }

    fn prepare(&mut self, limits: &Limits) -> Result<()> {
        (self.stream, self.codec) = self.choose_stream()?;
        self.check_limits(limits)?;
        self.check_order()?;
        if !self.container.is_still() {
            self.analyse(limits)?;
            self.check_limits(limits)?;
        }
        Ok(())
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

    /// Reads what the header does not say: frame rate, pixel format, delay of the decoder.
    fn analyse(&mut self, limits: &Limits) -> Result<()> {
        let max_pixels = limits.pixels(self.container.is_still()).to_string();
        let context = self.context.as_ptr();
        // SAFETY: the context is open; as many option sets as streams, all freed by their owner.
        let found = unsafe {
            let count = (*context).nb_streams as usize;
            let mut options = Vec::with_capacity(count);
            for _ in 0..count {
                options.push(Dictionary::new(&[("max_pixels", &max_pixels)])?);
            }
            let mut pointers: Vec<_> = options.iter_mut().map(|o| *o.as_mut_ptr()).collect();
            let found = check(sys::avformat_find_stream_info(context, pointers.as_mut_ptr()));
            for (option, pointer) in options.iter_mut().zip(pointers) {
                *option.as_mut_ptr() = pointer;
            }
            found
        };
        found.map(drop).map_err(|code| explain(code, &self.source))
    }

    /// The default video stream, or the largest; cover pictures are no video.
    fn choose_stream(&self) -> Result<(NonNull<sys::AVStream>, Codec)> {
        let mut best: Option<(NonNull<sys::AVStream>, (bool, i64))> = None;
        for stream in self.streams() {
            // SAFETY: streams of an open context, with their parameters.
            let (stream_ref, parameters) = unsafe { (stream.as_ref(), &*stream.as_ref().codecpar) };
            let is_video = parameters.codec_type == sys::AVMediaType::AVMEDIA_TYPE_VIDEO;
            if !is_video || stream_ref.disposition & sys::AV_DISPOSITION_ATTACHED_PIC as c_int != 0
            {
                continue;
            }
            let is_default = stream_ref.disposition & sys::AV_DISPOSITION_DEFAULT as c_int != 0;
            let area = i64::from(parameters.width) * i64::from(parameters.height);
            if best.is_none_or(|(_, rank)| (is_default, area) > rank) {
                best = Some((stream, (is_default, area)));
            }
        }
        let Some((stream, _)) = best else {
            return Err(Error::new(ErrorKind::UnsupportedFormat, "there is no video stream"));
        };
        for mut other in self.streams().filter(|other| *other != stream) {
            // SAFETY: as above; nobody else holds a reference.
            unsafe { other.as_mut() }.discard = sys::AVDiscard::AVDISCARD_ALL;
        }
        // SAFETY: as above.
        let codec = unsafe { Codec::find(&*stream.as_ref().codecpar) }?;
        Ok((stream, codec))
    }

    fn streams(&self) -> impl Iterator<Item = NonNull<sys::AVStream>> {
        // SAFETY: an open context has `nb_streams` valid pointers.
        let streams: &[*mut sys::AVStream] = unsafe {
            let context = self.context.as_ref();
            match context.nb_streams {
                0 => &[],
                count => std::slice::from_raw_parts(context.streams, count as usize),
            }
        };
        streams.iter().filter_map(|stream| NonNull::new(*stream))
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

    pub(super) const fn parameters(&self) -> &sys::AVCodecParameters {
        // SAFETY: every stream has parameters.
        unsafe { &*self.stream.as_ref().codecpar }
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
        // SAFETY: the stream lives as long as the context.
        unsafe { self.stream.as_ref() }.time_base
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
                // SAFETY: the stream is valid.
                Ok(_) if packet.as_mut().stream_index == unsafe { self.stream.as_ref() }.index => {
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

impl Drop for Demuxer {
    fn drop(&mut self) {
        let mut context = self.context.as_ptr();
        // SAFETY: owned; the custom I/O context is left alone and freed by `source` afterwards.
        unsafe { sys::avformat_close_input(&mut context) };
    }
}

fn open_context(source: &Source, container: Container) -> Result<NonNull<sys::AVFormatContext>> {
    let name = demuxer_name(container);
    let missing = || {
        let name = name.to_string_lossy();
        Error::new(ErrorKind::UnsupportedFormat, format!("this FFmpeg cannot read {name} files"))
    };
    // SAFETY: a C string; null where there is no such demuxer.
    let format = unsafe { sys::av_find_input_format(name.as_ptr()) };
    if format.is_null() {
        return Err(missing());
    }
    let codecs = CODECS.join(",");
    let mut options = Dictionary::new(&[
        ("format_whitelist", &name.to_string_lossy()),
        ("codec_whitelist", &codecs),
        ("max_streams", MAX_STREAMS),
        ("probesize", PROBE_BYTES),
        ("analyzeduration", PROBE_US),
    ])?;
    let out_of_memory = || Error::new(ErrorKind::ServerError, "out of memory");
    // SAFETY: the context is fresh; the source outlives it (see `Demuxer`). On failure
    // libav frees it and sets it to null.
    let (context, opened) = unsafe {
        let mut context = sys::avformat_alloc_context();
        let fields = context.as_mut().ok_or_else(out_of_memory)?;
        fields.pb = source.as_ptr();
        fields.flags |= sys::AVFMT_FLAG_CUSTOM_IO as c_int;
        fields.interrupt_callback = source.watch().callback();
        fields.opaque = fields.interrupt_callback.opaque;
        fields.io_open = Some(refuse_open);
        let url = ptr::null();
        let opened = sys::avformat_open_input(&mut context, url, format, options.as_mut_ptr());
        (context, check(opened))
    };
    opened.map_err(|code| explain(code, source))?;
    let context = NonNull::new(context).ok_or_else(out_of_memory)?;
    if let Err(error) = options.expect_used() {
        let mut context = context.as_ptr();
        // SAFETY: open, and owned here.
        unsafe { sys::avformat_close_input(&mut context) };
        return Err(error);
    }
    Ok(context)
}

/// Whether the network is to blame for what cannot be made sense of.
fn broken(source: &Source) -> Option<Error> {
    source.failure().or_else(|| source.cut_short().filter(|_| source.is_short()))
}

/// What a failure to open means for the user.
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
