//! An MP4 file being written: one video track, its index moved to the front at the end.

use super::dictionary::Dictionary;
use super::encode::Encoder;
use super::error::{Code, check};
use super::packet::Packet;
use super::sys;
use schema::{Error, ErrorKind, Result};
use std::ffi::{CString, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};

/// An open MP4 file. Only [`Muxer::finish`] makes it playable.
pub(super) struct Muxer {
    context: NonNull<sys::AVFormatContext>,
    stream: NonNull<sys::AVStream>,
    path: PathBuf,
    /// Of the packets that come.
    time_base: sys::AVRational,
}

// SAFETY: owned exclusively, used by one thread at a time, and bound to none.
unsafe impl Send for Muxer {}

impl Muxer {
    /// Creates the file, over one that is there, and writes its beginning.
    ///
    /// # Errors
    /// `INSUFFICIENT_STORAGE`, or as the file system says.
    pub(super) fn create(
        path: &Path,
        encoder: &Encoder,
        time_base: sys::AVRational,
    ) -> Result<Self> {
        let mut url = b"file:".to_vec();
        url.extend_from_slice(path.as_os_str().as_bytes());
        let url = CString::new(url).map_err(|_| {
            Error::new(ErrorKind::ServerError, format!("path {path:?} holds a zero byte"))
        })?;
        let failed = |code| write_error(path, code);
        let mut context = ptr::null_mut();
        // SAFETY: out parameter and C strings; everything else is chosen by libav.
        check(unsafe {
            sys::avformat_alloc_output_context2(
                &mut context,
                ptr::null(),
                c"mp4".as_ptr(),
                url.as_ptr(),
            )
        })
        .map_err(failed)?;
        // SAFETY: a fresh context; the new stream belongs to it.
        let stream = unsafe { NonNull::new(sys::avformat_new_stream(context, ptr::null())) };
        let (context, stream) =
            NonNull::new(context).zip(stream).ok_or_else(|| failed(Code::OUT_OF_MEMORY))?;
        let mut muxer = Self { context, stream, path: path.to_owned(), time_base };
        muxer.begin(encoder, &url)?;
        Ok(muxer)
    }

    fn begin(&mut self, encoder: &Encoder, url: &CString) -> Result<()> {
        let mut options = Dictionary::new(&[("movflags", "+faststart")])?;
        // SAFETY: context and stream are fresh and owned, the encoder is open.
        let begun = unsafe {
            let (context, stream) = (self.context.as_mut(), self.stream.as_mut());
            stream.time_base = self.time_base;
            check(sys::avcodec_parameters_from_context(stream.codecpar, encoder.as_ptr()))
                .and_then(|_| {
                    let flags = sys::AVIO_FLAG_WRITE as c_int;
                    check(sys::avio_open(&mut context.pb, url.as_ptr(), flags))
                })
                .and_then(|_| check(sys::avformat_write_header(context, options.as_mut_ptr())))
        };
        begun.map_err(|code| write_error(&self.path, code))?;
        options.expect_used()
    }

    /// Appends a packet.
    ///
    /// # Errors
    /// `INSUFFICIENT_STORAGE`, or as the file system says.
    pub(super) fn write(&mut self, packet: &mut Packet) -> Result<()> {
        // SAFETY: all are valid; the packet's data is taken over.
        let written = unsafe {
            let to = self.stream.as_ref().time_base;
            packet.as_mut().stream_index = self.stream.as_ref().index;
            sys::av_packet_rescale_ts(packet.as_mut_ptr(), self.time_base, to);
            sys::av_interleaved_write_frame(self.context.as_ptr(), packet.as_mut_ptr())
        };
        check(written).map_err(|code| write_error(&self.path, code))?;
        self.check_io()
    }

    /// Writes the index in front of the data, and closes the file.
    ///
    /// # Errors
    /// `INSUFFICIENT_STORAGE`, or as the file system says.
    pub(super) fn finish(mut self) -> Result<()> {
        // SAFETY: the header was written.
        let ended = unsafe { sys::av_write_trailer(self.context.as_ptr()) };
        check(ended).map_err(|code| write_error(&self.path, code))?;
        self.check_io()?;
        // SAFETY: owned; flushes, closes, and sets the pointer to null.
        let closed = unsafe { sys::avio_closep(&mut self.context.as_mut().pb) };
        check(closed).map(drop).map_err(|code| write_error(&self.path, code))
    }

    /// Writes are buffered: their errors are only seen here.
    fn check_io(&self) -> Result<()> {
        // SAFETY: the I/O context is open.
        let code = unsafe { (*self.context.as_ref().pb).error };
        check(code).map(drop).map_err(|code| write_error(&self.path, code))
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // SAFETY: owned; the I/O context is open or null.
        unsafe {
            sys::avio_closep(&mut self.context.as_mut().pb);
            sys::avformat_free_context(self.context.as_ptr());
        }
    }
}

fn write_error(path: &Path, code: Code) -> Error {
    let what = format!("writing {}", path.display());
    match code.os_error() {
        Some(error) => Error::io(what, error),
        None => Error::new(ErrorKind::ServerError, format!("{what}: {code}")).with_source(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_keeps_its_kind() {
        const ENOSPC: c_int = 28;
        let error = write_error(Path::new("out.mp4"), Code(sys::AVERROR(ENOSPC)));
        assert_eq!(error.kind(), ErrorKind::InsufficientStorage);
        assert!(error.message().starts_with("writing out.mp4: "), "{error}");
        let error = write_error(Path::new("out.mp4"), Code(sys::AVERROR_INVALIDDATA));
        assert_eq!(error.kind(), ErrorKind::ServerError);
    }
}
