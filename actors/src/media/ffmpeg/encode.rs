//! A video encoder: pictures in, packets out; and how a frame becomes what it takes.

use super::dictionary::Dictionary;
use super::error::{Code, check};
use super::format::{Colour, planar};
use super::packet::Packet;
use super::picture::Picture;
use super::scale::Scaler;
use super::sys;
use bytes::Bytes;
use models::picture::{Chroma, Frame, Matrix, Range};
use schema::{Error, ErrorKind, Result};
use std::ffi::{CString, c_int, c_void};
use std::ptr::{self, NonNull};

/// An open encoder.
pub(super) struct Encoder(NonNull<sys::AVCodecContext>);

// SAFETY: owned exclusively, used by one thread at a time, and bound to none.
unsafe impl Send for Encoder {}

/// How an encoder is set up.
pub(super) struct EncoderOptions<'a> {
    /// libav's name of it.
    pub(super) name: &'a str,
    /// Width and height in pixels.
    pub(super) size: (u32, u32),
    /// Most pixels of a side that it takes.
    pub(super) max_side: u32,
    pub(super) chroma: Chroma,
    pub(super) colour: Colour,
    /// Seconds per tick.
    pub(super) time_base: sys::AVRational,
    /// Frames per second, for rate control only.
    pub(super) frame_rate: f64,
    /// Most frames from one key frame to the next.
    pub(super) key_interval: u32,
    /// Threads; 0 lets the encoder choose.
    pub(super) threads: u32,
    /// Whether the container keeps the parameter sets, not each key frame.
    pub(super) global_header: bool,
    /// Options of this very encoder.
    pub(super) private: &'a [(&'a str, &'a str)],
}

/// Makes sure that it has.
///
/// # Errors
/// `MODEL_UNAVAILABLE` that says how to get it.
pub(super) fn require(name: &str) -> Result<()> {
    if find(name).is_some() { Ok(()) } else { Err(missing(name)) }
}

fn find(name: &str) -> Option<NonNull<sys::AVCodec>> {
    let name = CString::new(name).ok()?;
    // SAFETY: a C string; libav's table of encoders is static.
    NonNull::new(unsafe { sys::avcodec_find_encoder_by_name(name.as_ptr()) }.cast_mut())
}

impl Encoder {
    /// Opens an encoder.
    ///
    /// # Errors
    /// `MODEL_UNAVAILABLE` where this FFmpeg has no such encoder, `MEDIA_LIMIT_EXCEEDED` where it
    /// takes no picture of this size, `SERVER_ERROR` where it does not take the options.
    pub(super) fn open(options: &EncoderOptions<'_>) -> Result<Self> {
        let (name, (width, height)) = (options.name, options.size);
        let codec = find(name).ok_or_else(|| missing(name))?;
        if width.max(height) > options.max_side {
            let limit = options.max_side;
            let message = format!(
                "the encoder {name} cannot write {width}x{height}: the limit is {limit} a side"
            );
            return Err(Error::new(ErrorKind::MediaLimitExceeded, message)
                .with_hint("scale it down first, or ask for no annotated video or picture"));
        }
        let refuse = |code: Code| {
            let message = format!("the encoder {name} refuses {width}x{height}: {code}");
            Error::new(ErrorKind::ServerError, message).with_source(code)
        };
        let mut private = Dictionary::new(options.private)?;
        // SAFETY: the codec is an entry of libav's table; null is out of memory.
        let context = unsafe { sys::avcodec_alloc_context3(codec.as_ptr()) };
        let mut encoder = Self(NonNull::new(context).ok_or_else(|| refuse(Code::OUT_OF_MEMORY))?);
        encoder.configure(options);
        // SAFETY: configured above; the dictionary lives over the call.
        check(unsafe { sys::avcodec_open2(context, codec.as_ptr(), private.as_mut_ptr()) })
            .map_err(refuse)?;
        private.expect_used()?;
        Ok(encoder)
    }

    fn configure(&mut self, options: &EncoderOptions<'_>) {
        // SAFETY: a fresh context, owned.
        let fields = unsafe { self.0.as_mut() };
        fields.width = options.size.0 as c_int;
        fields.height = options.size.1 as c_int;
        fields.pix_fmt = planar(options.chroma);
        fields.time_base = options.time_base;
        fields.framerate =
            sys::AVRational { num: (options.frame_rate * 1000.0).round() as c_int, den: 1000 };
        fields.sample_aspect_ratio = sys::AVRational { num: 1, den: 1 };
        fields.gop_size = options.key_interval as c_int;
        fields.thread_count = options.threads as c_int;
        if options.global_header {
            fields.flags |= sys::AV_CODEC_FLAG_GLOBAL_HEADER as c_int;
        }
        fields.color_range = match options.colour.range {
            Range::Limited => sys::AVColorRange::AVCOL_RANGE_MPEG,
            Range::Full => sys::AVColorRange::AVCOL_RANGE_JPEG,
        };
        (fields.colorspace, fields.color_primaries, fields.color_trc) = tags(options.colour.matrix);
    }

    /// Gives it a picture, or the end.
    pub(super) fn send(&mut self, picture: Option<&mut Picture>) -> Result<(), Code> {
        let frame = picture.map_or(ptr::null(), |picture| picture.as_mut_ptr().cast_const());
        // SAFETY: the context is open; the frame is valid, or null, which means the end.
        check(unsafe { sys::avcodec_send_frame(self.0.as_ptr(), frame) }).map(drop)
    }

    /// The next packet, or `false` where it wants more pictures or has ended.
    pub(super) fn receive(&mut self, packet: &mut Packet) -> Result<bool, Code> {
        // SAFETY: both are valid; what the packet held before is let go.
        let code = unsafe { sys::avcodec_receive_packet(self.0.as_ptr(), packet.as_mut_ptr()) };
        match check(code) {
            Ok(_) => Ok(true),
            Err(Code::AGAIN | Code::END) => Ok(false),
            Err(code) => Err(code),
        }
    }

    /// The open context, for a muxer that copies its parameters.
    pub(super) const fn as_ptr(&self) -> *const sys::AVCodecContext {
        self.0.as_ptr()
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let mut context = self.0.as_ptr();
        // SAFETY: owned; waits for its threads.
        unsafe { sys::avcodec_free_context(&mut context) };
    }
}

fn missing(name: &str) -> Error {
    Error::new(ErrorKind::ModelUnavailable, format!("this FFmpeg has no encoder {name}")).with_hint(
        "install an FFmpeg that has it, as Debian's: sudo apt-get install libavcodec59 libx264-164",
    )
}

const fn tags(
    matrix: Matrix,
) -> (sys::AVColorSpace, sys::AVColorPrimaries, sys::AVColorTransferCharacteristic) {
    use sys::AVColorPrimaries as P;
    use sys::AVColorSpace as S;
    use sys::AVColorTransferCharacteristic as T;
    match matrix {
        Matrix::Bt601 => (S::AVCOL_SPC_SMPTE170M, P::AVCOL_PRI_SMPTE170M, T::AVCOL_TRC_SMPTE170M),
        Matrix::Bt709 => (S::AVCOL_SPC_BT709, P::AVCOL_PRI_BT709, T::AVCOL_TRC_BT709),
        Matrix::Bt2020 => (S::AVCOL_SPC_BT2020_NCL, P::AVCOL_PRI_BT2020, T::AVCOL_TRC_BT2020_10),
    }
}

/// Makes the pictures that an encoder was opened for of whatever frames come.
pub(super) struct Feeder {
    size: (u32, u32),
    chroma: Chroma,
    colour: Colour,
    scaler: Scaler,
}

impl Feeder {
    pub(super) const fn new(size: (u32, u32), chroma: Chroma, colour: Colour) -> Self {
        Self { size, chroma, colour, scaler: Scaler::new() }
    }

    /// A picture of the right size, sampling and colour: the frame's own planes where they are
    /// that already (an odd last row or column is left out), else a converted copy.
    pub(super) fn picture(&mut self, frame: &Frame) -> Result<Picture> {
        let failed = |code: Code| {
            let message = format!("a frame cannot be converted for the encoder: {code}");
            Error::new(ErrorKind::ServerError, message).with_source(code)
        };
        let colour = Colour { range: frame.range(), matrix: frame.matrix() };
        let has_size = |own: u32, wanted: u32| own == wanted || own == wanted + 1;
        if frame.chroma() == self.chroma
            && colour == self.colour
            && has_size(frame.width(), self.size.0)
            && has_size(frame.height(), self.size.1)
        {
            return share(frame, self.size).map_err(failed);
        }
        let own = copy(frame).map_err(failed)?;
        self.scaler.scale(&own, colour, self.size, self.chroma, self.colour).map_err(failed)
    }
}

/// A picture that shares the frame's bytes.
fn share(frame: &Frame, size: (u32, u32)) -> Result<Picture, Code> {
    let mut picture = Picture::new()?;
    let fields = picture.frame_mut();
    fields.format = planar(frame.chroma()) as c_int;
    (fields.width, fields.height) = (size.0 as c_int, size.1 as c_int);
    for (index, plane) in frame.planes().iter().enumerate() {
        let kept = Box::into_raw(Box::new(plane.bytes.clone()));
        // SAFETY: the box keeps the bytes alive until libav frees the buffer, and libav does not
        // write to a read-only one.
        unsafe {
            let data = (*kept).as_ptr().cast_mut();
            let flags = sys::AV_BUFFER_FLAG_READONLY as c_int;
            let len = (*kept).len();
            let buffer = sys::av_buffer_create(data, len, Some(release), kept.cast(), flags);
            if buffer.is_null() {
                drop(Box::from_raw(kept));
                return Err(Code::OUT_OF_MEMORY);
            }
            fields.buf[index] = buffer;
            fields.data[index] = data;
        }
        fields.linesize[index] =
            c_int::try_from(plane.stride).map_err(|_| Code(sys::AVERROR_INVALIDDATA))?;
    }
    Ok(picture)
}

unsafe extern "C" fn release(bytes: *mut c_void, _: *mut u8) {
    // SAFETY: the box that `share` gave away; called once.
    drop(unsafe { Box::from_raw(bytes.cast::<Bytes>()) });
}

/// A picture with a copy of the frame, padded as `swscale` wants it.
fn copy(frame: &Frame) -> Result<Picture, Code> {
    let format = planar(frame.chroma()) as c_int;
    let picture = Picture::with_buffers(format, frame.width(), frame.height())?;
    for index in 0..3 {
        let (width, height) = frame.plane_size(index);
        let stride = picture.frame().linesize[index] as usize;
        for y in 0..height {
            let row = frame.row(index, y);
            // SAFETY: the picture has `height` rows of at least `width` bytes, and is not shared.
            unsafe {
                let to = picture.frame().data[index].add(y * stride);
                ptr::copy_nonoverlapping(row.as_ptr(), to, width);
            }
        }
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_encoder_is_named_with_its_cure() {
        let error = require("libnosuch").expect_err("there is no such encoder");
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
        assert!(error.message().contains("libnosuch"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("apt-get install")), "{error}");
    }
}
