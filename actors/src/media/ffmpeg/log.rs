//! libav's messages go to `tracing` at debug level, target `ffmpeg`, and never to stderr.

use super::sys;
use std::ffi::{CStr, c_char, c_int, c_void};

/// C's `va_list` as a parameter: an array on x86-64, and so a pointer; itself on other machines.
#[cfg(target_arch = "x86_64")]
type Arguments = *mut sys::__va_list_tag;
#[cfg(not(target_arch = "x86_64"))]
type Arguments = sys::va_list;

/// Room for one line; longer ones are cut.
const LINE: usize = 512;

/// Takes libav's messages over, for the whole process.
pub(super) fn install() {
    // SAFETY: the callback is safe to call from any thread at any time, as libav asks.
    unsafe { sys::av_log_set_callback(Some(forward)) };
}

/// libav's callback. Must not unwind; does nothing unless somebody listens.
unsafe extern "C" fn forward(
    context: *mut c_void,
    level: c_int,
    format: *const c_char,
    arguments: Arguments,
) {
    if level > sys::AV_LOG_WARNING || !tracing::enabled!(target: "ffmpeg", tracing::Level::DEBUG) {
        return;
    }
    let mut line: [c_char; LINE] = [0; LINE];
    let mut prefix: c_int = 1;
    // SAFETY: the arguments are libav's own, handed on; the line is zero-terminated within LINE.
    let text = unsafe {
        sys::av_log_format_line2(
            context,
            level,
            format,
            arguments,
            line.as_mut_ptr(),
            LINE as c_int,
            &mut prefix,
        );
        CStr::from_ptr(line.as_ptr())
    };
    let text = text.to_string_lossy();
    tracing::debug!(target: "ffmpeg", "{}", text.trim_end());
}
