//! A decoded picture (`AVFrame`) and its planes as shared bytes, without a copy.

use super::error::{Code, check};
use super::sys;
use bytes::Bytes;
use models::picture::{Chroma, Plane};
use std::ffi::c_int;
use std::ptr::NonNull;
use std::sync::Arc;

/// An owned `AVFrame`; its buffers are reference-counted.
pub(super) struct Picture(NonNull<sys::AVFrame>);

// SAFETY: the struct is owned by one `Picture`, and libav counts the references to its buffers
// atomically, so it may be freed on another thread than the one that decoded it.
unsafe impl Send for Picture {}
// SAFETY: a shared reference only reads, and nobody writes to a buffer that has more than one
// reference: decoders make a copy first.
unsafe impl Sync for Picture {}

impl Picture {
    /// An empty one.
    pub(super) fn new() -> Result<Self, Code> {
        // SAFETY: allocates; null is out of memory.
        NonNull::new(unsafe { sys::av_frame_alloc() }).map(Self).ok_or(Code::OUT_OF_MEMORY)
    }

    /// One with buffers of its own of the given pixel format, all zeros: whatever is left out when
    /// it is written is the same each time.
    pub(super) fn with_buffers(format: c_int, width: u32, height: u32) -> Result<Self, Code> {
        let mut picture = Self::new()?;
        let frame = picture.frame_mut();
        (frame.format, frame.width, frame.height) = (format, width as c_int, height as c_int);
        // SAFETY: format and size are set, and there are no buffers yet; then they are fresh.
        unsafe {
            check(sys::av_frame_get_buffer(frame, 0))?;
            fill(frame, 0);
        }
        Ok(picture)
    }

    pub(super) fn frame(&self) -> &sys::AVFrame {
        // SAFETY: never null, owned, initialised by libav.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn frame_mut(&mut self) -> &mut sys::AVFrame {
        // SAFETY: as above, and borrowed exclusively.
        unsafe { self.0.as_mut() }
    }

    pub(super) const fn as_mut_ptr(&mut self) -> *mut sys::AVFrame {
        self.0.as_ptr()
    }

    /// Width and height in pixels as stored; zero where there is no picture.
    pub(super) fn size(&self) -> (u32, u32) {
        let frame = self.frame();
        (frame.width.try_into().unwrap_or(0), frame.height.try_into().unwrap_or(0))
    }

    /// The first three planes of an 8-bit planar picture as bytes that share its buffers.
    ///
    /// The caller has made sure that the format is planar 8-bit YUV with this `chroma`, and that
    /// no line size is negative.
    pub(super) fn into_planes(self, chroma: Chroma) -> [Plane; 3] {
        let (width, height) = self.size();
        let shared = Arc::new(self);
        [0, 1, 2].map(|index| {
            let (w, h) =
                if index == 0 { (width, height) } else { chroma.plane_size(width, height) };
            let stride = shared.frame().linesize[index] as usize;
            let len = if h == 0 { 0 } else { stride * (h as usize - 1) + w as usize };
            let view = PlaneView { picture: Arc::clone(&shared), index, len };
            Plane { bytes: Bytes::from_owner(view), stride }
        })
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        let mut frame = self.0.as_ptr();
        // SAFETY: owned; drops its references to the buffers.
        unsafe { sys::av_frame_free(&mut frame) };
    }
}

/// Sets every byte of a frame's buffers.
///
/// # Safety
/// Nobody else reads or writes them.
pub(super) unsafe fn fill(frame: &mut sys::AVFrame, value: u8) {
    for buffer in frame.buf {
        // SAFETY: null, or a valid buffer that is as long as it says.
        unsafe {
            if let Some(buffer) = buffer.as_ref() {
                buffer.data.write_bytes(value, buffer.size);
            }
        }
    }
}

/// One plane of a picture that several planes keep alive.
struct PlaneView {
    picture: Arc<Picture>,
    index: usize,
    len: usize,
}

impl AsRef<[u8]> for PlaneView {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: libav allocated at least `stride * (height - 1) + width` bytes for this plane, and
        // they live as long as the picture. Decoder or scaler has written every row; what lies
        // between two rows nobody looks at.
        unsafe { std::slice::from_raw_parts(self.picture.frame().data[self.index], self.len) }
    }
}
