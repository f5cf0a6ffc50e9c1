//! Ends libav's waiting in time: it asks a watch whether to go on, and the watch says no once the
//! source was stopped or a network gave nothing for too long.

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

/// Asked by libav whether to go on. Belongs to the thread of its source, but for the stop flag.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    stall: Duration,
    /// Since when a network is waited for; `None` while libav has what it needs.
    waiting: Cell<Option<Instant>>,
    stalled: Cell<bool>,
    refused: Cell<bool>,
}

impl Watch {
    pub(super) fn new(stop: Arc<AtomicBool>, stall: Duration) -> Rc<Self> {
        let (waiting, stalled, refused) = (Cell::new(None), Cell::new(false), Cell::new(false));
        Rc::new(Self { stop, stall, waiting, stalled, refused })
    }

    /// Makes a call that waits for a network, which is given up where nothing comes for too long.
    pub(super) fn wait<T>(&self, call: impl FnOnce() -> T) -> T {
        self.waiting.set(Some(Instant::now()));
        let result = call();
        self.waiting.set(None);
        result
    }

    /// Why libav was told to give up, if it was.
    pub(super) fn error(&self) -> Option<Error> {
        if self.is_stopped() {
            return Some(Error::new(ErrorKind::Cancelled, "reading was stopped"));
        }
        self.stalled.get().then(|| {
            let message = format!("no data came for {} s", self.stall.as_secs_f32());
            Error::new(ErrorKind::DownloadError, message)
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
        if self.waiting.get().is_some_and(|since| since.elapsed() > self.stall) {
            self.stalled.set(true);
        }
        self.stalled.get() || self.is_stopped()
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
