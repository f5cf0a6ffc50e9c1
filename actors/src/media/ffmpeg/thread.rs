//! The thread of a source: everything of libav stays on it, frames leave through a bounded channel.

use super::session::Session;
use crate::media::{BoxFuture, FrameSource, Input, Limits, SourceInfo, SourceReport};
use models::picture::Frame;
use schema::{Error, ErrorKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Frames decoded ahead of the one who takes them.
const AHEAD: usize = 4;
/// A thread that has not ended this long after it was told to is abandoned.
const GRACE: Duration = Duration::from_secs(2);
/// A libav call that takes longer, on data that is all there, is taken for a hang.
const HANG: Duration = Duration::from_secs(30);

/// What source and thread share.
#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
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
    fn stop(&self) {
        if !self.stop.swap(true, Ordering::Relaxed) && !self.shared.ended.load(Ordering::Acquire) {
            let mut stopping = STOPPING.lock().unwrap_or_else(PoisonError::into_inner);
            stopping.push((Instant::now(), Arc::clone(&self.shared)));
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

/// How many threads were told to end more than 2 s ago and still hang in libav.
pub(crate) fn abandoned() -> usize {
    let mut stopping = STOPPING.lock().unwrap_or_else(PoisonError::into_inner);
    stopping.retain(|(_, shared)| !shared.ended.load(Ordering::Acquire));
    stopping.iter().filter(|(since, _)| since.elapsed() > GRACE).count()
}

/// Opens `input` on a thread of its own. Dropping the future stops the attempt.
pub(crate) async fn open(input: &Input, limits: &Limits) -> Result<DecodingThread> {
    super::init();
    let stop = Arc::new(AtomicBool::new(false));
    let shared = Arc::new(Shared::default());
    let guard = StopGuard { stop: Arc::clone(&stop), shared: Arc::clone(&shared) };
    let (opened, info) = oneshot::channel();
    let (sender, frames) = mpsc::channel(AHEAD);
    let (input, limits) = (input.clone(), limits.clone());
    let work = move || {
        let ended = EndGuard(Arc::clone(&shared));
        let run = AssertUnwindSafe(|| run(&input, &limits, stop, &shared, opened, &sender));
        if catch_unwind(run).is_err() {
            let message = "the decoder panicked";
            // Nobody may be listening any more.
            let _ = sender.blocking_send(Err(Error::new(ErrorKind::ServerError, message)));
        }
        drop(ended);
    };
    std::thread::Builder::new()
        .name("decode".into())
        .spawn(work)
        .map_err(|e| Error::io("starting a decoder thread", e))?;
    let info = match tokio::time::timeout(HANG, info).await {
        Ok(Ok(info)) => info?,
        Ok(Err(_)) => return Err(Error::new(ErrorKind::ServerError, "the decoder panicked")),
        Err(_) => return Err(hanging("opening")),
    };
    Ok(DecodingThread { info, frames, handed_out: 0, guard })
}

struct EndGuard(Arc<Shared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
    }
}

fn hanging(what: &str) -> Error {
    let message = format!("{what} made no progress for {} s", HANG.as_secs());
    Error::new(ErrorKind::CorruptMedia, message)
}

/// The body of the thread.
fn run(
    input: &Input,
    limits: &Limits,
    stop: Arc<AtomicBool>,
    shared: &Shared,
    opened: oneshot::Sender<Result<SourceInfo>>,
    sender: &mpsc::Sender<Result<Arc<Frame>>>,
) {
    let mut session = match Session::open(input, limits, stop) {
        Ok(session) => session,
        Err(error) => {
            // Nobody may be waiting any more; so it is with the sends below.
            let _ = opened.send(Err(error));
            return;
        }
    };
    let _ = opened.send(Ok(session.info()));
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
            Ok(None) => return,
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
    frames: mpsc::Receiver<Result<Arc<Frame>>>,
    handed_out: u64,
    guard: StopGuard,
}

impl FrameSource for DecodingThread {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Option<Arc<Frame>>>> {
        Box::pin(async {
            let received = tokio::time::timeout(HANG, self.frames.recv()).await;
            let frame = match received {
                Ok(received) => received.transpose(),
                Err(_) => Err(hanging("decoding")),
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
