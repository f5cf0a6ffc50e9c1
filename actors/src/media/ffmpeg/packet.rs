//! A packet of coded data (`AVPacket`).

use super::error::Code;
use super::sys;
use std::ffi::c_int;
use std::ptr::NonNull;

/// An owned `AVPacket`.
pub(super) struct Packet(NonNull<sys::AVPacket>);

// SAFETY: owned exclusively, used by one thread at a time, and bound to none.
unsafe impl Send for Packet {}

impl Packet {
    pub(super) fn new() -> Result<Self, Code> {
        // SAFETY: allocates; null is out of memory.
        NonNull::new(unsafe { sys::av_packet_alloc() }).map(Self).ok_or(Code::OUT_OF_MEMORY)
    }

    pub(super) const fn as_mut_ptr(&mut self) -> *mut sys::AVPacket {
        self.0.as_ptr()
    }

    pub(super) const fn as_mut(&mut self) -> &mut sys::AVPacket {
        // SAFETY: never null, owned.
        unsafe { self.0.as_mut() }
    }

    /// Lets the data go.
    pub(super) fn clear(&mut self) {
        // SAFETY: a valid packet.
        unsafe { sys::av_packet_unref(self.0.as_ptr()) };
    }

    /// The data.
    pub(super) const fn data(&self) -> &[u8] {
        // SAFETY: a valid packet; its data is as long as it says, or null.
        unsafe {
            let packet = self.0.as_ref();
            match packet.data.is_null() {
                true => &[],
                false => std::slice::from_raw_parts(packet.data, packet.size as usize),
            }
        }
    }

    /// Whether the demuxer says that its data is damaged or cut.
    pub(super) fn is_corrupt(&self) -> bool {
        // SAFETY: a valid packet.
        unsafe { self.0.as_ref() }.flags & sys::AV_PKT_FLAG_CORRUPT as c_int != 0
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        let mut packet = self.0.as_ptr();
        // SAFETY: owned.
        unsafe { sys::av_packet_free(&mut packet) };
    }
}
