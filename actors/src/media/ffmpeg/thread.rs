//! The thread of a source: everything of libav stays on it, frames leave through a bounded channel.

use super::session::Session;
use crate::media::{BoxFuture, FrameSource, Input, Limits, SourceInfo, SourceReport};
use models::picture::Frame;
use schema::{Error, ErrorKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Frames decoded ahead of the one who takes them, and the bytes they may take; at least one.
const AHEAD: usize = 4;
const AHEAD_BYTES: usize = 64 << 20;
/// A thread that has not ended this long after it was told to is abandoned.
const GRACE: Duration = Duration::from_secs(2);
/// Without a frame for so long, a decoder is taken to hang. Data of a file is all there; that of
/// a URL may come slowly, and its own watch notices where it does not come at all.
const fn patience(input: &Input) -> Duration {
    match input {
        Input::File(_) => Duration::from_secs(30),
        Input::Url(_) => Duration::from_secs(600),
    }
}

/// What source and thread share.
#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    /// All was read.
    complete: AtomicBool,
    corrupt_packets: AtomicU64,
    truncated: AtomicBool,
    busy_us: AtomicU64,
}

/// Tells the thread to end when it is dropped.
struct StopGuard {
    stop: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

impl StopGuard {
    /// Whether a closed channel is as it should be: all was read, or it was stopped.
    fn has_ended_well(&self) -> bool {
        self.shared.complete.load(Ordering::Acquire) || self.stop.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        if !self.stop.swap(true, Ordering::Relaxed) {
            still_running().push((Instant::now(), Arc::clone(&self.shared)));
        }
    }
}

impl Drop for StopGuard {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Threads that were told to end, and when.
static STOPPING: Mutex<Vec<(Instant, Arc<Shared>)>> = Mutex::new(Vec::new());

/// Those of them that have not ended yet.
fn still_running() -> MutexGuard<'static, Vec<(Instant, Arc<Shared>)>> {
    let mut stopping = STOPPING.lock().unwrap_or_else(PoisonError::into_inner);
    stopping.retain(|(_, shared)| !shared.ended.load(Ordering::Acquire));
    stopping
}

/// How many threads were told to end more than 2 s ago and still hang in libav.
pub(crate) fn abandoned() -> usize {
    still_running().iter().filter(|(since, _)| since.elapsed() > GRACE).count()
}

/// Opens `input` on a thread of its own. Dropping the future stops the attempt.
pub(crate) async fn open(input: &Input, limits: &Limits) -> Result<DecodingThread> {
    super::init();
    let stop = Arc::new(AtomicBool::new(false));
    let shared = Arc::new(Shared::default());
    let guard = StopGuard { stop: Arc::clone(&stop), shared: Arc::clone(&shared) };
    let (opened, info) = oneshot::channel();
    let patience = patience(input);
    let (input, limits) = (input.clone(), limits.clone());
    let work = move || {
        let ended = EndGuard(Arc::clone(&shared));
        // A panic closes the channel before all is complete: so it is noticed (see `next`).
        let run = AssertUnwindSafe(|| run(&input, &limits, stop, &shared, opened));
        let _ = catch_unwind(run);
        drop(ended);
    };
    std::thread::Builder::new()
        .name("decode".into())
        .spawn(work)
        .map_err(|e| Error::io("starting a decoder thread", e))?;
    let (info, frames) = match tokio::time::timeout(patience, info).await {
        Ok(Ok(opened)) => opened?,
        Ok(Err(_)) => return Err(panicked()),
        Err(_) => return Err(hanging("opening", patience)),
    };
    Ok(DecodingThread { info, frames, handed_out: 0, patience, guard })
}

struct EndGuard(Arc<Shared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
    }
}

fn hanging(what: &str, patience: Duration) -> Error {
    let message = format!("{what} made no progress for {} s", patience.as_secs());
    Error::new(ErrorKind::CorruptMedia, message)
}

fn panicked() -> Error {
    Error::new(ErrorKind::ServerError, "the decoder panicked")
}

type Frames = mpsc::Receiver<Result<Arc<Frame>>>;

/// The body of the thread.
fn run(
    input: &Input,
    limits: &Limits,
    stop: Arc<AtomicBool>,
    shared: &Shared,
    opened: oneshot::Sender<Result<(SourceInfo, Frames)>>,
) {
    let mut session = match Session::open(input, limits, stop) {
        Ok(session) => session,
        Err(error) => {
            // Nobody may be waiting any more; so it is with the sends below.
            let _ = opened.send(Err(error));
            return;
        }
    };
    let info = session.info();
    let frame_bytes = info.width as usize * info.height as usize * 3 / 2;
    let (sender, frames) = mpsc::channel((AHEAD_BYTES / frame_bytes.max(1)).clamp(1, AHEAD));
    let _ = opened.send(Ok((info, frames)));
    loop {
        let begun = Instant::now();
        let next = session.next();
        let busy = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        shared.busy_us.fetch_add(busy, Ordering::Relaxed);
        let findings = session.findings();
        shared.corrupt_packets.store(findings.corrupt_packets, Ordering::Relaxed);
        shared.truncated.store(findings.truncated, Ordering::Relaxed);
        let (message, is_last) = match next {
            Ok(Some(frame)) => (Ok(Arc::new(frame)), false),
            Ok(None) => {
                shared.complete.store(true, Ordering::Release);
                return;
            }
            Err(error) => (Err(error), true),
        };
        if sender.blocking_send(message).is_err() || is_last {
            return;
        }
    }
}

/// A source that decodes on a thread of its own.
pub(crate) struct DecodingThread {
    info: SourceInfo,
    frames: Frames,
    handed_out: u64,
    patience: Duration,
    guard: StopGuard,
}

impl FrameSource for DecodingThread {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Option<Arc<Frame>>>> {
        Box::pin(async {
            let received = tokio::time::timeout(self.patience, self.frames.recv()).await;
            let frame = match received {
                Ok(None) if !self.guard.has_ended_well() => Err(panicked()),
                Ok(received) => received.transpose(),
                Err(_) => Err(hanging("decoding", self.patience)),
            };
            match &frame {
                Ok(Some(_)) => self.handed_out += 1,
                Ok(None) => {}
                Err(_) => self.stop(),
            }
            frame
        })
    }

    fn stop(&mut self) {
        self.guard.stop();
        // Wakes the thread where it waits for room.
        self.frames.close();
        while self.frames.try_recv().is_ok() {}
    }

    fn report(&self) -> SourceReport {
        let shared = &self.guard.shared;
        SourceReport {
            frames: self.handed_out,
            corrupt_packets: shared.corrupt_packets.load(Ordering::Relaxed),
            truncated: shared.truncated.load(Ordering::Relaxed),
            busy: Duration::from_micros(shared.busy_us.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_do_not_end_are_counted_until_they_do() {
        let shared = Arc::new(Shared::default());
        let stop = Arc::new(AtomicBool::new(false));
        drop(StopGuard { stop: Arc::clone(&stop), shared: Arc::clone(&shared) });
        assert!(stop.load(Ordering::Relaxed));
        assert_eq!(abandoned(), 0, "it has 2 s");
        let long_ago = Instant::now().checked_sub(GRACE * 2).expect("a machine that runs for 4 s");
        STOPPING.lock().expect("no panic").iter_mut().for_each(|(since, _)| *since = long_ago);
        assert_eq!(abandoned(), 1);
        drop(EndGuard(Arc::clone(&shared)));
        assert_eq!(abandoned(), 0);
        // Nobody needs to ask for those that ended to be forgotten.
        for _ in 0..100 {
            let shared = Arc::new(Shared::default());
            drop(StopGuard { stop: Arc::default(), shared: Arc::clone(&shared) });
            drop(EndGuard(shared));
        }
        assert!(STOPPING.lock().expect("no panic").len() < 10);
    }
}
