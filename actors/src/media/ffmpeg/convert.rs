//! Makes of any decoded picture what the rest of the house reads: planar 8-bit YUV, upright,
//! square pixels, always of the same size.
//!
//! Most pictures are that already and pass without a copy. The others go through one pass of
//! `swscale`, and a turn where they lie on their side.

use super::error::{Code, check};
use super::picture::Picture;
use super::sys;
use crate::media::orientation::Orientation;
use bytes::Bytes;
use models::picture::{Chroma, Frame, Matrix, Plane, Range};
use schema::frame::FrameMeta;
use schema::time::MediaTime;
use schema::{Error, ErrorKind, Result};
use std::ffi::c_int;
use std::ptr;
use sys::AVPixelFormat as Format;

/// Pictures of at least this height are BT.709 where nothing is said, as players assume.
const HD_HEIGHT: u32 = 720;

/// How the pictures of a source become frames; fixed by its first picture.
pub(super) struct Converter {
    /// Size before turning, with square pixels.
    size: (u32, u32),
    orientation: Orientation,
    is_still: bool,
    scaler: Scaler,
}

/// What the samples of a picture mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour {
    pub(super) range: Range,
    pub(super) matrix: Matrix,
}

impl Converter {
    /// For pictures like `first`, whose pixels are `aspect` times as wide as high.
    pub(super) fn new(
        first: &Picture,
        aspect: f64,
        orientation: Orientation,
        is_still: bool,
    ) -> Self {
        let (width, height) = first.size();
        let width = (f64::from(width) * aspect).round().max(1.0) as u32;
        Self { size: (width, height), orientation, is_still, scaler: Scaler::new() }
    }

    /// Width and height as displayed.
    pub(super) const fn displayed_size(&self) -> (u32, u32) {
        self.orientation.size(self.size.0, self.size.1)
    }

    /// Turns a decoded picture into the frame `index` at `time`.
    ///
    /// # Errors
    /// `UNSUPPORTED_FORMAT` where the pixel format cannot be converted.
    pub(super) fn convert(
        &mut self,
        picture: Picture,
        index: u64,
        time: MediaTime,
    ) -> Result<Frame> {
        let colour = colour_of(&picture, self.is_still);
        let (mut chroma, is_direct) = layout_of(&picture);
        if self.orientation.transpose && chroma == Chroma::Yuv422 {
            // Turned, it would be sampled in the other direction, which no frame is.
            chroma = Chroma::Yuv420;
        }
        let fits = is_direct && picture.size() == self.size && layout_of(&picture).0 == chroma;
        let (picture, colour) = if fits {
            (picture, colour)
        } else {
            let target = if is_rgb(&picture) {
                Colour { range: Range::Full, matrix: Matrix::Bt601 }
            } else {
                colour
            };
            let converted = self.scaler.scale(&picture, colour, self.size, chroma, target);
            (converted.map_err(|code| cannot_convert(&picture, code))?, target)
        };
        let (width, height) = self.displayed_size();
        let meta = FrameMeta {
            frame_index: index,
            media_time_us: time,
            wall_time_us: None,
            width,
            height,
        };
        let planes = self.turn(picture.into_planes(chroma), chroma);
        Frame::new(meta, planes, chroma, colour.range, colour.matrix)
    }

    fn turn(&self, planes: [Plane; 3], chroma: Chroma) -> [Plane; 3] {
        if self.orientation.is_upright() {
            return planes;
        }
        let mut index = 0;
        planes.map(|plane| {
            let (w, h) = match index {
                0 => self.size,
                _ => chroma.plane_size(self.size.0, self.size.1),
            };
            index += 1;
            let (w, h) = (w as usize, h as usize);
            let stride = self.orientation.size(w as u32, h as u32).0 as usize;
            let upright = self.orientation.apply(&plane.bytes, plane.stride, w, h);
            Plane { bytes: Bytes::from(upright), stride }
        })
    }
}

impl Orientation {
    /// From nine 16.16 numbers in memory.
    ///
    /// # Safety
    /// 36 readable bytes at `matrix`, aligned or not.
    pub(super) unsafe fn from_display_matrix(matrix: *const u8) -> Self {
        // SAFETY: as the caller promises.
        let at = |index: usize| unsafe { matrix.cast::<i32>().add(index).read_unaligned() };
        Self::from_matrix([at(0), at(1), at(3), at(4)])
    }

    /// As a picture itself says it (EXIF of a JPEG), if it does.
    pub(super) fn of_picture(picture: &Picture) -> Option<Self> {
        let kind = sys::AVFrameSideDataType::AV_FRAME_DATA_DISPLAYMATRIX;
        // SAFETY: the frame is valid; the side data is as long as it says.
        unsafe {
            let data = sys::av_frame_get_side_data(picture.frame(), kind).as_ref()?;
            (data.size >= 36).then(|| Self::from_display_matrix(data.data))
        }
    }
}

fn cannot_convert(picture: &Picture, code: Code) -> Error {
    let format = picture.frame().format;
    let message = format!("pictures in pixel format {format} cannot be converted: {code}");
    Error::new(ErrorKind::UnsupportedFormat, message).with_source(code)
}

const fn is(format: c_int, one: Format) -> bool {
    format == one as c_int
}

/// Whether pictures of this format are planar 8-bit YUV in one of the three samplings.
pub(super) fn is_planar_8_bit(format: c_int) -> bool {
    planar_chroma(format).is_some()
}

fn planar_chroma(format: c_int) -> Option<Chroma> {
    let plain = unjpeg(format);
    [Chroma::Yuv420, Chroma::Yuv422, Chroma::Yuv444]
        .into_iter()
        .find(|chroma| is(plain, planar(*chroma)))
}

/// The sampling that a picture has or is to get, and whether its planes can stay as they are.
fn layout_of(picture: &Picture) -> (Chroma, bool) {
    let frame = picture.frame();
    if let Some(chroma) = planar_chroma(frame.format) {
        return (chroma, frame.linesize[..3].iter().all(|stride| *stride > 0));
    }
    let Some(description) = description(frame.format) else { return (Chroma::Yuv420, false) };
    let chroma = match (description.log2_chroma_w, description.log2_chroma_h) {
        _ if is_rgb(picture) => Chroma::Yuv444,
        _ if description.nb_components < 3 => Chroma::Yuv420,
        (0, 0) => Chroma::Yuv444,
        (1, 0) => Chroma::Yuv422,
        _ => Chroma::Yuv420,
    };
    (chroma, false)
}

fn description(format: c_int) -> Option<&'static sys::AVPixFmtDescriptor> {
    // SAFETY: libav's own value, given back to libav; the table is static, null for unknown ones.
    unsafe { sys::av_pix_fmt_desc_get(pixel_format(format)?).as_ref() }
}

/// libav's integer as its enum.
fn pixel_format(format: c_int) -> Option<Format> {
    if !(0..Format::AV_PIX_FMT_NB as c_int).contains(&format) {
        return None;
    }
    // SAFETY: the enum is generated from the header of the very library that is linked, where the
    // values from 0 to AV_PIX_FMT_NB are without gaps.
    Some(unsafe { std::mem::transmute::<c_int, Format>(format) })
}

fn is_rgb(picture: &Picture) -> bool {
    let flags = sys::AV_PIX_FMT_FLAG_RGB | sys::AV_PIX_FMT_FLAG_PAL;
    description(picture.frame().format).is_some_and(|d| d.flags & flags as u64 != 0)
}

/// Range and matrix as the picture says them, or as players assume them.
fn colour_of(picture: &Picture, is_still: bool) -> Colour {
    let frame = picture.frame();
    // SAFETY: fields of a valid frame, read as the integers that they are in C: a file can put
    // values there that the enums do not have.
    let (range, space) = unsafe {
        (
            ptr::addr_of!(frame.color_range).cast::<c_int>().read(),
            ptr::addr_of!(frame.colorspace).cast::<c_int>().read(),
        )
    };
    let range = match range {
        r if r == sys::AVColorRange::AVCOL_RANGE_JPEG as c_int => Range::Full,
        _ if unjpeg(frame.format) != frame.format => Range::Full,
        r if r == sys::AVColorRange::AVCOL_RANGE_MPEG as c_int => Range::Limited,
        _ if is_still => Range::Full,
        _ => Range::Limited,
    };
    let says = |one: sys::AVColorSpace| space == one as c_int;
    let matrix = match () {
        () if says(sys::AVColorSpace::AVCOL_SPC_BT709) => Matrix::Bt709,
        () if says(sys::AVColorSpace::AVCOL_SPC_BT470BG)
            || says(sys::AVColorSpace::AVCOL_SPC_SMPTE170M)
            || says(sys::AVColorSpace::AVCOL_SPC_FCC) =>
        {
            Matrix::Bt601
        }
        () if says(sys::AVColorSpace::AVCOL_SPC_BT2020_NCL)
            || says(sys::AVColorSpace::AVCOL_SPC_BT2020_CL) =>
        {
            Matrix::Bt2020
        }
        () if !is_still && picture.size().1 >= HD_HEIGHT => Matrix::Bt709,
        () => Matrix::Bt601,
    };
    Colour { range, matrix }
}

/// The planar 8-bit format of a sampling.
pub(super) const fn planar(chroma: Chroma) -> Format {
    match chroma {
        Chroma::Yuv420 => Format::AV_PIX_FMT_YUV420P,
        Chroma::Yuv422 => Format::AV_PIX_FMT_YUV422P,
        Chroma::Yuv444 => Format::AV_PIX_FMT_YUV444P,
    }
}

/// The settings that a scaling context was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pass {
    from: ((u32, u32), c_int, Colour),
    to: ((u32, u32), Chroma, Colour),
}

/// `swscale`, set up again only when what comes in or goes out changes.
pub(super) struct Scaler {
    context: *mut sys::SwsContext,
    pass: Option<Pass>,
}

// SAFETY: owned exclusively, used by one thread at a time, and bound to none.
unsafe impl Send for Scaler {}

impl Scaler {
    pub(super) const fn new() -> Self {
        Self { context: ptr::null_mut(), pass: None }
    }

    /// Converts a picture into planar 8-bit YUV of the given size, sampling and colour.
    pub(super) fn scale(
        &mut self,
        picture: &Picture,
        colour: Colour,
        size: (u32, u32),
        chroma: Chroma,
        target: Colour,
    ) -> Result<Picture, Code> {
        let frame = picture.frame();
        let from = (picture.size(), frame.format, colour);
        self.prepare(Pass { from, to: (size, chroma, target) })?;
        let out = Picture::with_buffers(planar(chroma) as c_int, size.0, size.1)?;
        // SAFETY: both pictures have the sizes and formats the context was made for.
        check(unsafe {
            sys::sws_scale(
                self.context,
                frame.data.as_ptr().cast(),
                frame.linesize.as_ptr(),
                0,
                frame.height,
                out.frame().data.as_ptr(),
                out.frame().linesize.as_ptr(),
            )
        })?;
        Ok(out)
    }

    fn prepare(&mut self, pass: Pass) -> Result<(), Code> {
        if self.pass == Some(pass) {
            return Ok(());
        }
        self.release();
        let invalid = Code(sys::AVERROR_INVALIDDATA);
        let (from_size, from_format, from) = pass.from;
        let (to_size, chroma, to) = pass.to;
        let from_format = unjpeg(from_format);
        let source = pixel_format(from_format).ok_or(invalid)?;
        // Bit-exact and accurate: the same bytes on every machine.
        let exact = sys::SWS_ACCURATE_RND | sys::SWS_BITEXACT | sys::SWS_FULL_CHR_H_INP;
        let flags = sys::SWS_BICUBIC | exact;
        let int = |value: u32| c_int::try_from(value).map_err(|_| invalid);
        // SAFETY: sizes and formats are valid; null where the conversion is not supported. The
        // tables of coefficients are static.
        unsafe {
            self.context = sys::sws_getContext(
                int(from_size.0)?,
                int(from_size.1)?,
                source,
                int(to_size.0)?,
                int(to_size.1)?,
                planar(chroma),
                flags as c_int,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null(),
            );
            if self.context.is_null() {
                return Err(invalid);
            }
            let full = |range: Range| c_int::from(range == Range::Full);
            let (one, zero) = (1 << 16, 0);
            sys::sws_setColorspaceDetails(
                self.context,
                coefficients(from.matrix),
                full(from.range),
                coefficients(to.matrix),
                full(to.range),
                zero,
                one,
                one,
            );
        }
        self.pass = Some(pass);
        Ok(())
    }

    fn release(&mut self) {
        self.pass = None;
        // SAFETY: owned, or null.
        unsafe { sys::sws_freeContext(self.context) };
        self.context = ptr::null_mut();
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        self.release();
    }
}

/// The deprecated full-range formats by their plain names: the range is given apart.
fn unjpeg(format: c_int) -> c_int {
    let plain = [
        (Format::AV_PIX_FMT_YUVJ420P, Format::AV_PIX_FMT_YUV420P),
        (Format::AV_PIX_FMT_YUVJ422P, Format::AV_PIX_FMT_YUV422P),
        (Format::AV_PIX_FMT_YUVJ444P, Format::AV_PIX_FMT_YUV444P),
        (Format::AV_PIX_FMT_YUVJ440P, Format::AV_PIX_FMT_YUV440P),
        (Format::AV_PIX_FMT_YUVJ411P, Format::AV_PIX_FMT_YUV411P),
    ];
    plain.iter().find(|(jpeg, _)| is(format, *jpeg)).map_or(format, |(_, plain)| *plain as c_int)
}

/// libav's table for a matrix.
fn coefficients(matrix: Matrix) -> *const c_int {
    let space = match matrix {
        Matrix::Bt601 => sys::SWS_CS_ITU601,
        Matrix::Bt709 => sys::SWS_CS_ITU709,
        Matrix::Bt2020 => sys::SWS_CS_BT2020,
    };
    // SAFETY: returns a pointer to a static table for any argument.
    unsafe { sys::sws_getCoefficients(space as c_int) }
}
