//! Where libav reads from: a file or a URL, through callbacks of ours. So libav opens no file by
//! name, and what a download failed with is known, whatever a demuxer makes of it.

use super::download::{Download, SEEK_CUR, SEEK_SET, broke_off};
use super::error::{Code, check};
use super::sys;
use super::watch::Watch;
use crate::media::sniff::{self, Container};
use schema::{Error, ErrorKind, Result};
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::rc::Rc;

/// Bytes that libav asks for at once.
const BUFFER: usize = 1 << 16;

/// An `AVIOContext` for reading.
pub(super) struct Source {
    context: *mut sys::AVIOContext,
    /// What the callbacks use; boxed.
    reader: *mut Reader,
    /// What a download begins to be, and the length in bytes that it announces itself.
    expected: Option<(Container, Option<u64>)>,
    watch: Rc<Watch>,
}

struct Reader {
    origin: Origin,
    watch: Rc<Watch>,
}

enum Origin {
    /// A file and its length in bytes.
    File(File, u64),
    Url(Download),
}

impl Source {
    /// Reads `file` of `len` bytes from its start.
    pub(super) fn file(mut file: File, len: u64, watch: &Rc<Watch>) -> Result<Self> {
        file.seek(SeekFrom::Start(0)).map_err(|e| Error::io("reading the input", e))?;
        Self::new(Origin::File(file, len), watch)
    }

    /// Connects to `url` and reads from its start.
    pub(super) fn url(url: &str, watch: &Rc<Watch>) -> Result<Self> {
        Self::new(Origin::Url(Download::open(url, watch)?), watch)
    }

    fn new(origin: Origin, watch: &Rc<Watch>) -> Result<Self> {
        let is_seekable = match &origin {
            Origin::File(..) => true,
            Origin::Url(download) => download.is_seekable(),
        };
        let reader = Box::into_raw(Box::new(Reader { origin, watch: Rc::clone(watch) }));
        // SAFETY: the buffer belongs to the context from here on; the reader is freed with the
        // context, here or in `drop`, and until then the callbacks use it, which run only within
        // calls into libav.
        unsafe {
            let mut buffer = sys::av_mallocz(BUFFER).cast();
            let (size, opaque) = (BUFFER as c_int, reader.cast());
            let context =
                sys::avio_alloc_context(buffer, size, 0, opaque, Some(read), None, Some(seek));
            if buffer.is_null() || context.is_null() {
                sys::av_freep((&raw mut buffer).cast());
                drop(Box::from_raw(reader));
                return Err(Error::new(ErrorKind::ServerError, "out of memory"));
            }
            (*context).seekable = c_int::from(is_seekable) * sys::AVIO_SEEKABLE_NORMAL as c_int;
            Ok(Self { context, reader, expected: None, watch: Rc::clone(watch) })
        }
    }

    pub(super) const fn as_ptr(&self) -> *mut sys::AVIOContext {
        self.context
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    fn origin(&self) -> &Origin {
        // SAFETY: valid until `drop`; no callback runs now.
        unsafe { &(*self.reader).origin }
    }

    fn download(&self) -> Option<&Download> {
        match self.origin() {
            Origin::File(..) => None,
            Origin::Url(download) => Some(download),
        }
    }

    /// The first bytes, at most `len` of them (fewer than libav's buffer holds); the next reading
    /// begins at the start again.
    ///
    /// # Errors
    /// As [`Source::failure`] says.
    pub(super) fn peek(&self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let read = self.read(&mut bytes).and_then(|read| {
            // SAFETY: a valid context.
            let at = unsafe { sys::avio_seek(self.context, 0, SEEK_SET) };
            check(at.min(0) as c_int).map(|_| read)
        });
        bytes.truncate(read.map_err(|code| self.failure().unwrap_or_else(|| broke_off(code)))?);
        Ok(bytes)
    }

    /// Reads all that is left, `most` bytes at most, into a file that is gone with its handle;
    /// gives its length, too.
    ///
    /// # Errors
    /// As [`Source::failure`] says, `MEDIA_LIMIT_EXCEEDED`, `INSUFFICIENT_STORAGE`.
    pub(super) fn fetch(&self, most: u64) -> Result<(File, u64)> {
        let failed = |e| Error::io("a temporary file for the download", e);
        let mut file = tempfile::tempfile().map_err(failed)?;
        let (mut bytes, mut len) = (vec![0; BUFFER], 0);
        while let Ok(read @ 1..) = self.read(&mut bytes) {
            file.write_all(&bytes[..read]).map_err(failed)?;
            len += read as u64;
            if len > most {
                let message = format!("a picture of over {most} bytes");
                return Err(Error::new(ErrorKind::MediaLimitExceeded, message));
            }
        }
        self.failure().map_or(Ok((file, len)), Err)
    }

    /// Reads as much as there is, and fits; 0 at the end.
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Code> {
        let size = c_int::try_from(buffer.len()).unwrap_or(c_int::MAX);
        // SAFETY: a valid context, and a buffer of that size.
        match check(unsafe { sys::avio_read(self.context, buffer.as_mut_ptr(), size) }) {
            Ok(read) => Ok(read as usize),
            Err(Code::END) => Ok(0),
            Err(code) => Err(code),
        }
    }

    /// Length in bytes, where it is known.
    pub(super) fn len(&self) -> Option<u64> {
        match self.origin() {
            Origin::File(_, len) => Some(*len),
            Origin::Url(download) => download.len(),
        }
    }

    /// Prepares to notice that a video of this kind, which begins with `head`, ends too early.
    pub(super) fn expect(&mut self, container: Container, head: &[u8]) {
        let announced = sniff::announced_len(container, &mut io::Cursor::new(head));
        self.expected = Some((container, announced.ok().flatten()));
    }

    /// Whether it is known to end before the data itself says that it does.
    pub(super) fn is_short(&self) -> bool {
        let Some((container, announced)) = self.expected else { return false };
        let tail = self.download().and_then(Download::tail);
        announced.zip(self.len()).is_some_and(|(announced, len)| announced > len)
            || tail.is_some_and(|tail| sniff::is_tail_cut(container, tail))
    }

    /// Whether reading met the end of the data or an error.
    pub(super) const fn is_exhausted(&self) -> bool {
        // SAFETY: a valid context.
        unsafe { (*self.context).eof_reached != 0 }
    }

    /// The offset of the next byte.
    pub(super) fn position(&self) -> i64 {
        // SAFETY: a valid context; a seek by nothing only tells.
        unsafe { sys::avio_seek(self.context, 0, SEEK_CUR) }
    }

    /// Whether it can jump; a server may not allow it.
    pub(super) const fn is_seekable(&self) -> bool {
        // SAFETY: a valid context.
        unsafe { (*self.context).seekable != 0 }
    }

    /// Why there is no more to be had: it was stopped, or a URL stalled or broke off.
    pub(super) fn failure(&self) -> Option<Error> {
        let broken = || self.download()?.failure().map(broke_off);
        self.watch.error().or_else(broken)
    }

    /// The error for data that ends too early, where the network may have cut it: the server never
    /// told the length. Data of the length that was told was cut before it was served.
    pub(super) fn cut_short(&self) -> Option<Error> {
        let is_open_ended = self.download().is_some_and(|download| !download.is_len_told());
        is_open_ended.then(|| broke_off(Code::END))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // SAFETY: owned; a custom context's buffer is freed first, as it may have been replaced.
        unsafe {
            sys::av_freep((&raw mut (*self.context).buffer).cast());
            sys::avio_context_free(&mut self.context);
            drop(Box::from_raw(self.reader));
        }
    }
}

unsafe extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    // SAFETY: `opaque` is the boxed reader of this context, which is used by one thread; libav
    // gives a buffer of `size` bytes to be filled.
    let (reader, buffer) = unsafe {
        let size = usize::try_from(size).unwrap_or(0);
        (&mut *opaque.cast::<Reader>(), std::slice::from_raw_parts_mut(buffer, size))
    };
    if reader.watch.is_stopped() {
        return sys::AVERROR_EXIT;
    }
    let read = match &mut reader.origin {
        Origin::File(file, _) => file.read(buffer).map_err(Code::from),
        Origin::Url(download) => download.read(buffer),
    };
    match read {
        Ok(0) => sys::AVERROR_EOF,
        // libav asks for no more than a `c_int` holds.
        Ok(read) => read as c_int,
        Err(code) => code.0,
    }
}

unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    const SIZE: c_int = sys::AVSEEK_SIZE as c_int;
    // SAFETY: as in `read`.
    let reader = unsafe { &mut *opaque.cast::<Reader>() };
    let at = match (whence & !(sys::AVSEEK_FORCE as c_int), &mut reader.origin) {
        (SIZE, Origin::File(_, len)) => Ok(*len),
        (SIZE, Origin::Url(download)) => download.len().ok_or(Code::INVALID),
        (SEEK_SET, Origin::File(file, _)) => u64::try_from(offset)
            .map_err(|_| Code::INVALID)
            .and_then(|to| file.seek(SeekFrom::Start(to)).map_err(Code::from)),
        (SEEK_SET, Origin::Url(download)) => download.seek(offset),
        // libav works out all other places itself.
        _ => Err(Code::INVALID),
    };
    match at {
        Ok(at) => i64::try_from(at).unwrap_or(i64::from(Code::INVALID.0)),
        Err(code) => code.0.into(),
    }
}
