//! Where libav reads from: an open file through our own callbacks, or a URL through its own
//! protocols; and the watch that ends both in time.
//!
//! A file is opened by us and read by us, so libav opens nothing by name. A watch is asked by
//! libav while it waits: it says stop when the source was stopped or no byte came for too long.

use super::dictionary::Dictionary;
use super::error::{Code, check};
use super::sys;
use schema::{Error, ErrorKind, Result};
use std::cell::Cell;
use std::ffi::{CString, c_char, c_int, c_void};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Bytes that libav asks for at once.
const BUFFER: usize = 1 << 16;
/// Network protocols that a URL and its redirections may use.
const PROTOCOLS: &str = "http,https,tcp,tls,crypto";
/// Whether the certificates of servers are checked.
const VERIFY: &str = "tls_verify";

/// Why libav was told to give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trip {
    /// The source was stopped.
    Stopped,
    /// No byte came for the stall time.
    Stalled,
}

/// Asked by libav whether to go on. Belongs to the thread of its source, but for the stop flag.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    stall: Duration,
    /// When bytes came last, and how many had come by then.
    progress: Cell<(Instant, i64)>,
    io: Cell<*const sys::AVIOContext>,
    trip: Cell<Option<Trip>>,
    refused: Cell<bool>,
}

impl Watch {
    pub(super) fn new(stop: Arc<AtomicBool>, stall: Duration) -> Box<Self> {
        Box::new(Self {
            stop,
            stall,
            progress: Cell::new((Instant::now(), 0)),
            io: Cell::new(ptr::null()),
            trip: Cell::new(None),
            refused: Cell::new(false),
        })
    }

    /// Begins the stall time anew: a call into libav starts now.
    pub(super) fn touch(&self) {
        self.progress.set((Instant::now(), self.progress.get().1));
    }

    /// Why libav was told to give up, if it was.
    pub(super) const fn trip(&self) -> Option<Trip> {
        self.trip.get()
    }

    /// Whether the source was stopped.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether a demuxer wanted to open something else.
    pub(super) const fn has_refused(&self) -> bool {
        self.refused.get()
    }

    fn must_end(&self) -> bool {
        if self.is_stopped() {
            self.trip.set(Some(Trip::Stopped));
            return true;
        }
        let io = self.io.get();
        // SAFETY: null, or the context of the `Source` that outlives its registration here.
        let bytes = if io.is_null() { 0 } else { unsafe { (*io).bytes_read } };
        let (since, before) = self.progress.get();
        if bytes != before {
            self.progress.set((Instant::now(), bytes));
        } else if since.elapsed() > self.stall {
            self.trip.set(Some(Trip::Stalled));
            return true;
        }
        false
    }

    /// For the fields of libav's structs that ask it. The watch must outlive them.
    pub(super) fn callback(&self) -> sys::AVIOInterruptCB {
        sys::AVIOInterruptCB { callback: Some(ask), opaque: ptr::from_ref(self).cast_mut().cast() }
    }
}

unsafe extern "C" fn ask(watch: *mut c_void) -> c_int {
    // SAFETY: set by `callback`; the watch outlives whatever holds it, and is asked on its thread.
    let watch = unsafe { &*watch.cast_const().cast::<Watch>() };
    c_int::from(watch.must_end())
}

/// Installed as `io_open`: a demuxer gets nothing but the source itself.
pub(super) unsafe extern "C" fn refuse_open(
    context: *mut sys::AVFormatContext,
    _: *mut *mut sys::AVIOContext,
    _: *const c_char,
    _: c_int,
    _: *mut *mut sys::AVDictionary,
) -> c_int {
    // SAFETY: `opaque` of a demuxer is its watch (see `demux`).
    unsafe { (*(*context).opaque.cast_const().cast::<Watch>()).refused.set(true) };
    sys::AVERROR(EPERM)
}

const EPERM: c_int = 1;
const EIO: c_int = 5;
const EINVAL: c_int = 22;

/// An `AVIOContext` for reading.
pub(super) enum Source {
    /// Reads a file through callbacks.
    File(*mut sys::AVIOContext, *mut FileReader),
    /// Reads a URL through libav's protocols.
    Url(*mut sys::AVIOContext),
}

/// What the callbacks of a file need.
pub(super) struct FileReader {
    file: File,
    len: u64,
    stop: Arc<AtomicBool>,
}

impl Source {
    /// Reads `file` of `len` bytes from its start.
    pub(super) fn file(mut file: File, len: u64, watch: &Watch) -> Result<Self> {
        file.seek(SeekFrom::Start(0)).map_err(|e| Error::io("reading the input", e))?;
        let reader = Box::new(FileReader { file, len, stop: Arc::clone(&watch.stop) });
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
        watch.io.set(context);
        Ok(Self::File(context, reader))
    }

    /// Connects to `url` and reads from its start.
    pub(super) fn url(url: &str, watch: &Watch) -> Result<Self> {
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
        watch.io.set(context);
        let source = Self::Url(context);
        if !url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
            options.remove(VERIFY);
        }
        options.expect_used()?;
        Ok(source)
    }

    pub(super) const fn as_ptr(&self) -> *mut sys::AVIOContext {
        match *self {
            Self::File(context, _) | Self::Url(context) => context,
        }
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
        // SAFETY: owned; a custom context's buffer is freed first, as it may have been replaced.
        unsafe {
            match self {
                Self::File(context, reader) => {
                    sys::av_freep((&raw mut (**context).buffer).cast());
                    sys::avio_context_free(context);
                    drop(Box::from_raw(*reader));
                }
                Self::Url(context) => {
                    sys::avio_closep(context);
                }
            }
        }
    }
}

fn url_refused(url: &str, code: Code, watch: &Watch) -> Error {
    match watch.trip() {
        Some(trip) => tripped(trip, watch.stall),
        None => {
            Error::new(ErrorKind::DownloadFailed, format!("url {url}: {code}")).with_source(code)
        }
    }
}

/// The error for a source whose watch ended it.
pub(super) fn tripped(trip: Trip, stall: Duration) -> Error {
    match trip {
        Trip::Stopped => Error::new(ErrorKind::Cancelled, "reading was stopped"),
        Trip::Stalled => Error::new(
            ErrorKind::DownloadError,
            format!("no data came for {} s", stall.as_secs_f32()),
        ),
    }
}

impl Watch {
    /// The error for what tripped it, if something did.
    pub(super) fn error(&self) -> Option<Error> {
        self.trip().map(|trip| tripped(trip, self.stall))
    }
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
