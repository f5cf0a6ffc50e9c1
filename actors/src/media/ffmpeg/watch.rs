//! Ends libav's waiting in time: it asks a watch whether to go on, and the watch says stop when the
//! source was stopped or no byte came for too long.

use super::sys;
use schema::{Error, ErrorKind};
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const EPERM: c_int = 1;

/// Why libav was told to give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trip {
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
    pub(super) fn new(stop: Arc<AtomicBool>, stall: Duration) -> Rc<Self> {
        Rc::new(Self {
            stop,
            stall,
            progress: Cell::new((Instant::now(), 0)),
            io: Cell::new(ptr::null()),
            trip: Cell::new(None),
            refused: Cell::new(false),
        })
    }

    /// Counts the bytes that `io` reads as progress; null for none. It must be taken back before
    /// the context is freed.
    pub(super) fn follow(&self, io: *const sys::AVIOContext) {
        self.io.set(io);
    }

    /// The flag that stops the source.
    pub(super) fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Begins the stall time anew: a call into libav starts now.
    pub(super) fn touch(&self) {
        self.progress.set((Instant::now(), self.progress.get().1));
    }

    /// The error for what tripped it, if something did.
    pub(super) fn error(&self) -> Option<Error> {
        self.trip.get().map(|trip| match trip {
            Trip::Stopped => Error::new(ErrorKind::Cancelled, "reading was stopped"),
            Trip::Stalled => {
                let message = format!("no data came for {} s", self.stall.as_secs_f32());
                Error::new(ErrorKind::DownloadError, message)
            }
        })
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
        // SAFETY: null, or a context that is not freed before it is taken back (see `follow`).
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
