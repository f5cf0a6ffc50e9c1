//! A video decoder: packets in, pictures in display order out.

use super::error::{Code, check};
use super::format::is_planar_8_bit;
use super::packet::Packet;
use super::picture::{Picture, fill};
use super::sys;
use schema::{Error, ErrorKind, Result};
use std::ffi::{CStr, c_int};
use std::ptr::{self, NonNull};

/// The decoders that may be used; libav has hundreds, most of which nobody has looked at for years.
pub(super) const CODECS: &[&str] = &[
    "h264",
    "hevc",
    "libdav1d",
    "vp8",
    "vp9",
    "theora",
    "mpeg4",
    "h263",
    "h263p",
    "h263i",
    "mpeg1video",
    "mpeg2video",
    "msmpeg4v1",
    "msmpeg4v2",
    "msmpeg4",
    "wmv1",
    "wmv2",
    "vc1",
    "wmv3",
    "mjpeg",
    "mjpegb",
    "png",
    "apng",
    "prores",
    "dnxhd",
    "ffv1",
    "huffyuv",
    "ffvhuff",
    "utvideo",
    "dvvideo",
    "rawvideo",
    "cinepak",
    "svq1",
    "svq3",
    "flv",
    "h261",
    "qtrle",
    "rpza",
    "jpeg2000",
];

/// Decoders that fill whatever is damaged. The others leave what their buffers held before, which
/// differs from run to run.
const CONCEALING: &[&str] = &["h264", "hevc"];

/// One of the [`CODECS`], found in this FFmpeg.
#[derive(Clone, Copy)]
pub(super) struct Codec(*const sys::AVCodec);

impl Codec {
    /// The decoder for a stream.
    ///
    /// # Errors
    /// `UNSUPPORTED_FORMAT` where there is none, or it is not in the list.
    pub(super) fn find(parameters: &sys::AVCodecParameters) -> Result<Self> {
        // SAFETY: libav's table of decoders is static; null where there is none.
        let codec = Self(unsafe { sys::avcodec_find_decoder(parameters.codec_id) });
        if CODECS.contains(&codec.name().as_str()) {
            return Ok(codec);
        }
        // SAFETY: libav's names are static texts.
        let name = unsafe { CStr::from_ptr(sys::avcodec_get_name(parameters.codec_id)) };
        let tag = parameters.codec_tag.to_le_bytes().escape_ascii().to_string();
        let name = match name.to_string_lossy() {
            name if name == "none" => "of this video is unknown".into(),
            name => format!("{name} is not accepted"),
        };
        let message = format!("the codec {name} (tag {tag})");
        Err(Error::new(ErrorKind::UnsupportedFormat, message)
            .with_hint("convert it first, as with: ffmpeg -i IN -c:v libx264 OUT.mp4"))
    }

    /// Its name in libav.
    pub(super) fn name(self) -> String {
        // SAFETY: null, or an entry of libav's static table.
        let name = unsafe { self.0.as_ref().map(|codec| CStr::from_ptr(codec.name)) };
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// Installed as `get_buffer2`: buffers of grey (or zeros, where that is no grey) instead of old
/// pictures.
unsafe extern "C" fn clean_buffer(
    context: *mut sys::AVCodecContext,
    frame: *mut sys::AVFrame,
    flags: c_int,
) -> c_int {
    // SAFETY: called by libav with its own arguments, handed on; the buffers are fresh.
    unsafe {
        let code = sys::avcodec_default_get_buffer2(context, frame, flags);
        if code >= 0 {
            let value = if is_planar_8_bit((*frame).format) { 0x80 } else { 0 };
            fill(&mut *frame, value);
        }
        code
    }
}

/// What asking a decoder for a picture gave.
pub(super) enum Received {
    /// A picture.
    Picture,
    /// Nothing until it has more packets.
    Hungry,
    /// A packet that did not decode.
    Corrupt,
    /// Nothing more, ever.
    End,
}

/// An open decoder.
pub(super) struct Decoder(NonNull<sys::AVCodecContext>);

/// How a decoder is set up.
pub(super) struct DecoderOptions {
    pub(super) time_base: sys::AVRational,
    pub(super) max_pixels: u64,
    pub(super) threads: u32,
}

impl Decoder {
    /// Opens a decoder for a stream.
    ///
    /// # Errors
    /// `CORRUPT_MEDIA` where the parameters make no sense to it.
    pub(super) fn open(
        codec: Codec,
        parameters: &sys::AVCodecParameters,
        options: &DecoderOptions,
    ) -> Result<Self> {
        let refuse = |code: Code| {
            let message = format!("the decoder {} refuses the stream: {code}", codec.name());
            Error::new(ErrorKind::CorruptMedia, message).with_source(code)
        };
        // SAFETY: the codec is an entry of libav's table; null is out of memory.
        let context = unsafe { sys::avcodec_alloc_context3(codec.0) };
        let mut decoder = Self(NonNull::new(context).ok_or_else(|| refuse(Code::OUT_OF_MEMORY))?);
        // SAFETY: the context is fresh; the parameters are copied.
        unsafe {
            check(sys::avcodec_parameters_to_context(context, parameters)).map_err(refuse)?;
            let fields = decoder.0.as_mut();
            fields.pkt_timebase = options.time_base;
            fields.max_pixels = i64::try_from(options.max_pixels).unwrap_or(i64::MAX);
            fields.thread_count = options.threads.max(1) as c_int;
            if !CONCEALING.contains(&codec.name().as_str()) {
                fields.get_buffer2 = Some(clean_buffer);
            }
            check(sys::avcodec_open2(context, codec.0, ptr::null_mut())).map_err(refuse)?;
        }
        Ok(decoder)
    }

    /// Gives it a packet, or the end. All pictures must have been received before.
    pub(super) fn send(&mut self, packet: Option<&mut Packet>) -> Result<(), Code> {
        let packet = packet.map_or(ptr::null(), |packet| packet.as_mut_ptr().cast_const());
        // SAFETY: the context is open; the packet is valid or null, which means the end.
        check(unsafe { sys::avcodec_send_packet(self.0.as_ptr(), packet) }).map(drop)
    }

    /// Asks for a picture.
    pub(super) fn receive(&mut self, picture: &mut Picture) -> Received {
        // SAFETY: both are valid; what the picture held before is let go.
        let code = unsafe { sys::avcodec_receive_frame(self.0.as_ptr(), picture.as_mut_ptr()) };
        match check(code) {
            Ok(_) => Received::Picture,
            Err(Code::AGAIN) => Received::Hungry,
            Err(Code::END) => Received::End,
            Err(_) => Received::Corrupt,
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        let mut context = self.0.as_ptr();
        // SAFETY: owned; waits for its threads.
        unsafe { sys::avcodec_free_context(&mut context) };
    }
}
