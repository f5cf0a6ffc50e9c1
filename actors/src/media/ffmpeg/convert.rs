//! Makes of any decoded picture what the rest of the house reads: planar 8-bit YUV, upright,
//! square pixels, always of the same size.
//!
//! Most pictures are that already and pass without a copy. The others go through one pass of
//! `swscale`, and a turn where they lie on their side.

use super::error::Code;
use super::format::{Colour, colour_of, is_rgb, layout_of};
use super::picture::Picture;
use super::scale::Scaler;
use super::sys;
use crate::media::orientation::Orientation;
use bytes::Bytes;
use models::picture::{Chroma, Frame, Matrix, Plane, Range};
use schema::frame::FrameMeta;
use schema::time::MediaTime;
use schema::{Error, ErrorKind, Result};

/// How the pictures of a source become frames; fixed by its first picture.
pub(super) struct Converter {
    /// Size before turning, with square pixels.
    size: (u32, u32),
    orientation: Orientation,
    is_still: bool,
    scaler: Scaler,
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
