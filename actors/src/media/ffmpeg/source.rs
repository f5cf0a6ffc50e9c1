//! Where libav reads from: an open file through our own callbacks, or a URL through its own
//! protocols. A file is opened and read by us, so libav opens nothing by name.

use super::dictionary::Dictionary;
use super::error::{Code, check};
use super::sys;
use super::watch::Watch;
use schema::{Error, ErrorKind, Result};
use std::ffi::{CString, c_int, c_void};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes that libav asks for at once.
const BUFFER: usize = 1 << 16;
/// Network protocols that a URL and its redirections may use.
const PROTOCOLS: &str = "http,https,tcp,tls,crypto";
/// Whether the certificates of servers are checked.
const VERIFY: &str = "tls_verify";

const EIO: c_int = 5;
const EINVAL: c_int = 22;

/// An `AVIOContext` for reading.
pub(super) struct Source {
    context: *mut sys::AVIOContext,
    /// What the callbacks of a file use; null for a URL.
    reader: *mut FileReader,
    watch: Rc<Watch>,
}

/// What the callbacks of a file need.
struct FileReader {
    file: File,
    len: u64,
    stop: Arc<AtomicBool>,
}

impl Source {
    /// Reads `file` of `len` bytes from its start.
    pub(super) fn file(mut file: File, len: u64, watch: &Rc<Watch>) -> Result<Self> {
        file.seek(SeekFrom::Start(0)).map_err(|e| Error::io("reading the input", e))?;
        let reader = Box::new(FileReader { file, len, stop: watch.stop_flag() });
        let reader = Box::into_raw(reader);
        // SAFETY: the buffer belongs to the context from here on; the reader is freed with the
        // context, here or in `drop`, and until then only the callbacks use it.
        let context = unsafe {
            let buffer = sys::av_mallocz(BUFFER).cast();
            let (size, opaque) = (BUFFER as c_int, reader.cast());
            let context =
                sys::avio_alloc_context(buffer, size, 0, opaque, Some(read), None, Some(seek));
            if context.is_null() {
                drop(Box::from_raw(reader));
                return Err(Error::new(ErrorKind::ServerError, "out of memory"));
            }
            context
        };
        Ok(Self::followed(context, reader, watch))
    }

    /// Connects to `url` and reads from its start.
    pub(super) fn url(url: &str, watch: &Rc<Watch>) -> Result<Self> {
        let address = CString::new(url).map_err(|_| {
            Error::new(ErrorKind::DownloadFailed, format!("url {url:?} holds a zero byte"))
        })?;
        let mut options = Dictionary::new(&[
            ("protocol_whitelist", PROTOCOLS),
            ("user_agent", concat!("sightline/", env!("CARGO_PKG_VERSION"))),
            ("reconnect", "0"),
            // Off by default. Taken out by https only, and by http when it is sent there.
            (VERIFY, "1"),
        ])?;
        let mut context = ptr::null_mut();
        let (flags, callback) = (sys::AVIO_FLAG_READ, watch.callback());
        watch.touch();
        // SAFETY: all arguments live over the call; the watch outlives the context.
        let opened = check(unsafe {
            sys::avio_open2(&mut context, address.as_ptr(), flags, &callback, options.as_mut_ptr())
        });
        opened.map_err(|code| url_refused(url, code, watch))?;
        let source = Self::followed(context, ptr::null_mut(), watch);
        if !url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
            options.remove(VERIFY);
        }
        options.expect_used()?;
        Ok(source)
    }

    fn followed(
        context: *mut sys::AVIOContext,
        reader: *mut FileReader,
        watch: &Rc<Watch>,
    ) -> Self {
        watch.follow(context);
        Self { context, reader, watch: Rc::clone(watch) }
    }

    pub(super) const fn as_ptr(&self) -> *mut sys::AVIOContext {
        self.context
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Whether it comes over a network.
    pub(super) const fn is_url(&self) -> bool {
        self.reader.is_null()
    }

    /// The first bytes, at most `len` of them; reading begins at the start again afterwards.
    pub(super) fn peek(&self, len: usize) -> Result<Vec<u8>, Code> {
        let mut head = vec![0; len];
        // SAFETY: the buffer has `len` bytes. The seek stays within libav's buffer.
        unsafe {
            let read = sys::avio_read(self.as_ptr(), head.as_mut_ptr(), len as c_int);
            let read = if read == sys::AVERROR_EOF { 0 } else { check(read)? };
            head.truncate(read as usize);
            check(sys::avio_seek(self.as_ptr(), 0, 0).min(0) as c_int)?;
        }
        Ok(head)
    }

    /// Length in bytes, where it is known.
    pub(super) fn len(&self) -> Option<u64> {
        // SAFETY: a valid context.
        u64::try_from(unsafe { sys::avio_size(self.as_ptr()) }).ok()
    }

    /// Whether reading met the end of the data or an error.
    pub(super) const fn is_exhausted(&self) -> bool {
        // SAFETY: a valid context.
        unsafe { (*self.as_ptr()).eof_reached != 0 }
    }

    /// The offset of the next byte.
    pub(super) fn position(&self) -> i64 {
        const CURRENT: c_int = 1;
        // SAFETY: a valid context; a seek by nothing only tells.
        unsafe { sys::avio_seek(self.as_ptr(), 0, CURRENT) }
    }

    /// Whether it can jump; a server may not allow it.
    pub(super) const fn is_seekable(&self) -> bool {
        // SAFETY: a valid context.
        unsafe { (*self.as_ptr()).seekable != 0 }
    }

    /// The error that reading met, if it was not just the end.
    pub(super) fn error(&self) -> Option<Code> {
        // SAFETY: a valid context.
        let code = unsafe { (*self.as_ptr()).error };
        (code < 0 && code != sys::AVERROR_EOF).then_some(Code(code))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.watch.follow(ptr::null());
        // SAFETY: owned; a custom context's buffer is freed first, as it may have been replaced.
        unsafe {
            if self.is_url() {
                sys::avio_closep(&mut self.context);
            } else {
                sys::av_freep((&raw mut (*self.context).buffer).cast());
                sys::avio_context_free(&mut self.context);
                drop(Box::from_raw(self.reader));
            }
        }
    }
}

fn url_refused(url: &str, code: Code, watch: &Watch) -> Error {
    watch.error().unwrap_or_else(|| {
        Error::new(ErrorKind::DownloadFailed, format!("url {url}: {code}"))
            .with_source(code)
            .with_hint("check address, network and certificate, as with: curl -I URL")
    })
}

unsafe extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    // SAFETY: `opaque` is the boxed reader of this context, which is used by one thread.
    let reader = unsafe { &mut *opaque.cast::<FileReader>() };
    if reader.stop.load(Ordering::Relaxed) {
        return sys::AVERROR_EXIT;
    }
    // SAFETY: libav gives a buffer of `size` bytes to be filled.
    let buffer = unsafe { std::slice::from_raw_parts_mut(buffer, size.max(0) as usize) };
    match reader.file.read(buffer) {
        Ok(0) => sys::AVERROR_EOF,
        Ok(read) => read as c_int,
        Err(e) => sys::AVERROR(e.raw_os_error().unwrap_or(EIO)),
    }
}

unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as in `read`.
    let reader = unsafe { &mut *opaque.cast::<FileReader>() };
    let invalid = i64::from(sys::AVERROR(EINVAL));
    let to = match whence & !(sys::AVSEEK_FORCE as c_int) {
        whence if whence == sys::AVSEEK_SIZE as c_int => {
            return i64::try_from(reader.len).unwrap_or(i64::MAX);
        }
        0 => u64::try_from(offset).map(SeekFrom::Start),
        1 => Ok(SeekFrom::Current(offset)),
        2 => Ok(SeekFrom::End(offset)),
        _ => return invalid,
    };
    match to.map(|to| reader.file.seek(to)) {
        Ok(Ok(at)) => i64::try_from(at).unwrap_or(invalid),
        Ok(Err(e)) => i64::from(sys::AVERROR(e.raw_os_error().unwrap_or(EIO))),
        Err(_) => invalid,
    }
}
