//! `swscale`: size, sampling, depth and colour of a picture in one pass.

use super::error::{Code, check};
use super::format::{Colour, pixel_format, planar, unjpeg};
use super::picture::Picture;
use super::sys;
use models::picture::{Chroma, Matrix, Range};
use std::ffi::c_int;
use std::ptr;

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
