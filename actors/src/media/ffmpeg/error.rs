//! libav's error codes as values and text.

use super::sys;
use std::ffi::{CStr, c_int};
use std::fmt;

/// A negative return value of libav.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(pub(super) c_int);

impl Code {
    pub(super) const END: Self = Self(sys::AVERROR_EOF);
    pub(super) const AGAIN: Self = Self(sys::AVERROR(EAGAIN));
    pub(super) const OUT_OF_MEMORY: Self = Self(sys::AVERROR(ENOMEM));
    pub(super) const INPUT_OUTPUT: Self = Self(sys::AVERROR(EIO));
    pub(super) const INVALID: Self = Self(sys::AVERROR(EINVAL));

    /// The operating system's error, where it is one.
    pub(super) fn os_error(self) -> Option<std::io::Error> {
        let errno = sys::AVUNERROR(self.0);
        (1..4096).contains(&errno).then(|| std::io::Error::from_raw_os_error(errno))
    }
}

const EIO: c_int = 5;
const EAGAIN: c_int = 11;
const ENOMEM: c_int = 12;
const EINVAL: c_int = 22;

impl From<std::io::Error> for Code {
    fn from(error: std::io::Error) -> Self {
        error.raw_os_error().map_or(Self::INPUT_OUTPUT, |errno| Self(sys::AVERROR(errno)))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; sys::AV_ERROR_MAX_STRING_SIZE];
        // SAFETY: the buffer is as long as said, and is always ended by a zero.
        let text = unsafe {
            sys::av_strerror(self.0, text.as_mut_ptr(), text.len());
            CStr::from_ptr(text.as_ptr())
        };
        f.write_str(&text.to_string_lossy().to_lowercase())
    }
}

impl std::error::Error for Code {}

/// Splits a return value into success and error.
pub(super) const fn check(code: c_int) -> Result<c_int, Code> {
    if code < 0 { Err(Code(code)) } else { Ok(code) }
}
