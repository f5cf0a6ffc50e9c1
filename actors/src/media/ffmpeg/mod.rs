//! FFmpeg behind the traits of `media`: the only place that names libav, and the only unsafe code
//! of this crate.
//!
//! Written against libav's C interface and not against the safe wrapper, whose contexts may change
//! threads unsoundly and which reaches neither custom I/O nor shared frame buffers. Each type here
//! owns one libav object and frees it; none is shared between threads but [`picture::Picture`],
//! whose buffers libav counts atomically. Values that libav takes from files are read as integers,
//! never as Rust enums, which they need not fit.
#![allow(unsafe_code)]

mod convert;
mod decode;
mod demux;
mod dictionary;
mod download;
mod encode;
mod error;
mod format;
mod jpeg;
mod log;
mod mux;
mod packet;
mod picture;
mod reader;
mod scale;
mod session;
mod source;
mod thread;
mod watch;
mod writer;

pub(crate) use jpeg::encode_jpeg;
pub(crate) use thread::{abandoned, open};
pub(crate) use writer::{check_h264_encoder, open_mp4};

use ffmpeg_next::ffi as sys;
use std::ffi::CStr;
use std::sync::Once;

/// Sets libav up once: its messages go to `tracing`, sockets are ready.
fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::install();
        // SAFETY: called once, before any other function that uses the network.
        unsafe { sys::avformat_network_init() };
    });
}

/// The version of the FFmpeg that is linked, as `5.1.9-0+deb12u1`.
pub(crate) fn version() -> String {
    // SAFETY: a static text.
    unsafe { CStr::from_ptr(sys::av_version_info()) }.to_string_lossy().into_owned()
}
