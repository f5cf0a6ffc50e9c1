//! Pixel formats and colours of libav's pictures in our own terms.

use super::picture::Picture;
use super::sys;
use models::picture::{Chroma, Matrix, Range};
use std::ffi::c_int;
use std::ptr;
use sys::AVPixelFormat as Format;

/// Pictures of at least this height are BT.709 where nothing is said, as players assume.
const HD_HEIGHT: u32 = 720;

/// Pictures of more pixels get chroma at half size where they are converted from RGB: no model sees
/// more of them, and it takes half the memory.
const FULL_CHROMA: u64 = 16_000_000;

/// What the samples of a picture mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour {
    pub(super) range: Range,
    pub(super) matrix: Matrix,
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
pub(super) fn layout_of(picture: &Picture) -> (Chroma, bool) {
    let frame = picture.frame();
    if let Some(chroma) = planar_chroma(frame.format) {
        return (chroma, frame.linesize[..3].iter().all(|stride| *stride > 0));
    }
    let Some(description) = description(frame.format) else { return (Chroma::Yuv420, false) };
    let (width, height) = picture.size();
    let is_large = u64::from(width) * u64::from(height) > FULL_CHROMA;
    let chroma = match (description.log2_chroma_w, description.log2_chroma_h) {
        _ if is_rgb(picture) && is_large => Chroma::Yuv420,
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
pub(super) fn pixel_format(format: c_int) -> Option<Format> {
    if !(0..Format::AV_PIX_FMT_NB as c_int).contains(&format) {
        return None;
    }
    // SAFETY: the enum is generated from the header of the very library that is linked, where the
    // values from 0 to AV_PIX_FMT_NB are without gaps.
    Some(unsafe { std::mem::transmute::<c_int, Format>(format) })
}

pub(super) fn is_rgb(picture: &Picture) -> bool {
    let flags = sys::AV_PIX_FMT_FLAG_RGB | sys::AV_PIX_FMT_FLAG_PAL;
    description(picture.frame().format).is_some_and(|d| d.flags & flags as u64 != 0)
}

/// Range and matrix as the picture says them, or as players assume them.
pub(super) fn colour_of(picture: &Picture, is_still: bool) -> Colour {
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

/// The deprecated full-range formats by their plain names: the range is given apart.
pub(super) fn unjpeg(format: c_int) -> c_int {
    let plain = [
        (Format::AV_PIX_FMT_YUVJ420P, Format::AV_PIX_FMT_YUV420P),
        (Format::AV_PIX_FMT_YUVJ422P, Format::AV_PIX_FMT_YUV422P),
        (Format::AV_PIX_FMT_YUVJ444P, Format::AV_PIX_FMT_YUV444P),
        (Format::AV_PIX_FMT_YUVJ440P, Format::AV_PIX_FMT_YUV440P),
        (Format::AV_PIX_FMT_YUVJ411P, Format::AV_PIX_FMT_YUV411P),
    ];
    plain.iter().find(|(jpeg, _)| is(format, *jpeg)).map_or(format, |(_, plain)| *plain as c_int)
}
