//! An open container (`AVFormatContext`): which demuxer reads it, under which restrictions, and
//! which of its streams is the video.

use super::explain;
use crate::media::ffmpeg::decode::{CODECS, Codec};
use crate::media::ffmpeg::dictionary::Dictionary;
use crate::media::ffmpeg::error::check;
use crate::media::ffmpeg::source::Source;
use crate::media::ffmpeg::sys;
use crate::media::ffmpeg::watch::refuse_open;
use crate::media::sniff::Container;
use schema::{Error, ErrorKind, Result};
use std::ffi::{CStr, c_int};
use std::ptr::{self, NonNull};

/// More streams than this are not opened.
const MAX_STREAMS: &str = "64";
/// Bytes and microseconds that may be read to learn what the header does not say.
const PROBE_BYTES: &str = "5000000";
const PROBE_US: &str = "5000000";

/// An owned `AVFormatContext` that reads from a [`Source`], which must outlive it.
pub(super) struct Context(NonNull<sys::AVFormatContext>);

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

impl Context {
    /// Opens `source` with the demuxer that `container` calls for, and no other.
    ///
    /// # Errors
    /// As [`explain`] says.
    pub(super) fn open(source: &Source, container: Container) -> Result<Self> {
        let name = demuxer_name(container);
        // SAFETY: a C string; null where there is no such demuxer.
        let format = unsafe { sys::av_find_input_format(name.as_ptr()) };
        if format.is_null() {
            let message = format!("this FFmpeg cannot read {} files", name.to_string_lossy());
            return Err(Error::new(ErrorKind::UnsupportedFormat, message));
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
        // SAFETY: the context is fresh; the source outlives it, as the caller promises. On failure
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
        let context = Self(NonNull::new(context).ok_or_else(out_of_memory)?);
        options.expect_used()?;
        Ok(context)
    }

    pub(super) const fn as_ptr(&self) -> *mut sys::AVFormatContext {
        self.0.as_ptr()
    }

    /// Length of the whole in microseconds, where it is above 0.
    pub(super) const fn duration_us(&self) -> i64 {
        // SAFETY: open.
        unsafe { self.0.as_ref() }.duration
    }

    /// The default video stream, or the largest, and its decoder; cover pictures are no video. All
    /// other streams are passed over from now on.
    ///
    /// # Errors
    /// `UNSUPPORTED_FORMAT`.
    pub(super) fn choose_stream(&self) -> Result<(NonNull<sys::AVStream>, Codec)> {
        let mut best: Option<(NonNull<sys::AVStream>, (bool, i64))> = None;
        for stream in self.streams() {
            // SAFETY: streams of an open context, with their parameters.
            let (stream_ref, parameters) = unsafe { (stream.as_ref(), &*stream.as_ref().codecpar) };
            let is_video = parameters.codec_type == sys::AVMediaType::AVMEDIA_TYPE_VIDEO;
            let has = |disposition: c_int| stream_ref.disposition & disposition != 0;
            if !is_video || has(sys::AV_DISPOSITION_ATTACHED_PIC) {
                continue;
            }
            let area = i64::from(parameters.width) * i64::from(parameters.height);
            let rank = (has(sys::AV_DISPOSITION_DEFAULT), area);
            if best.is_none_or(|(_, best)| rank > best) {
                best = Some((stream, rank));
            }
        }
        let Some((stream, _)) = best else {
            return Err(Error::new(ErrorKind::UnsupportedFormat, "there is no video stream"));
        };
        for mut other in self.streams().filter(|other| *other != stream) {
            // SAFETY: a stream of an open context; nobody else holds a reference.
            unsafe { other.as_mut() }.discard = sys::AVDiscard::AVDISCARD_ALL;
        }
        // SAFETY: every stream has parameters.
        let codec = unsafe { Codec::find(&*stream.as_ref().codecpar) }?;
        Ok((stream, codec))
    }

    fn streams(&self) -> impl Iterator<Item = NonNull<sys::AVStream>> {
        // SAFETY: an open context has `nb_streams` valid pointers.
        let streams: &[*mut sys::AVStream] = unsafe {
            let context = self.0.as_ref();
            match context.nb_streams {
                0 => &[],
                count => std::slice::from_raw_parts(context.streams, count as usize),
            }
        };
        streams.iter().filter_map(|stream| NonNull::new(*stream))
    }

    /// Reads what the header does not say: frame rate, pixel format, delay of the decoder.
    ///
    /// # Errors
    /// What libav says.
    pub(super) fn analyse(&self, max_pixels: u64, source: &Source) -> Result<()> {
        let max_pixels = max_pixels.to_string();
        let context = self.0.as_ptr();
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
        found.map(drop).map_err(|code| explain(code, source))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut context = self.0.as_ptr();
        // SAFETY: owned; the custom I/O context is left alone.
        unsafe { sys::avformat_close_input(&mut context) };
    }
}
