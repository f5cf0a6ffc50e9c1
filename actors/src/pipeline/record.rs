//! The last stage: rows and pictures are written, on a thread of its own.
//!
//! The channel to it is bounded and awaited: a slow disk slows the run, nothing is dropped. It
//! only writes; where its files come to lie is the business of who opened them.

use super::Stage;
use super::progress::Meter;
use crate::media::overlay::{Annotation, Overlay};
use crate::media::{FrameWriter, SourceInfo};
use models::picture::Frame;
use schema::job::result::FrameRow;
use schema::{Error, ErrorKind, Result};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::mpsc;

/// Frames that may wait for the writer, of small ones.
const QUEUE: usize = 8;
/// Bytes of large ones; one frame may always wait.
const QUEUE_BYTES: u64 = 64 << 20;

/// Where a run leaves what it found.
#[derive(Default)]
pub struct Outputs {
    /// Takes one JSON line per frame.
    pub rows: Option<Box<dyn Write + Send>>,
    /// Takes the annotated pictures.
    pub pictures: Option<Box<dyn FrameWriter>>,
}

/// Room for one frame on its way to the writer.
pub(super) struct Slot(mpsc::OwnedPermit<Entry>);

impl Slot {
    /// Hands over one frame.
    pub(super) fn record(self, frame: Arc<Frame>, row: FrameRow, annotation: Option<Annotation>) {
        self.0.send(Entry { frame, row, annotation });
    }
}

struct Entry {
    frame: Arc<Frame>,
    row: FrameRow,
    annotation: Option<Annotation>,
}

/// A handle to the recording thread; dropping it leaves the outputs unfinished.
pub(super) struct Recorder {
    entries: mpsc::Sender<Entry>,
    /// Whether what is handed over is still to be written.
    wanted: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
    draws: bool,
}

impl Recorder {
    pub(super) fn start(outputs: Outputs, info: &SourceInfo, meter: Arc<Meter>) -> Result<Self> {
        let draws = outputs.pictures.is_some();
        let overlay = Overlay::new(info.width, info.height);
        let frame_bytes = u64::from(info.width) * u64::from(info.height) * 3 / 2;
        let fit = usize::try_from(QUEUE_BYTES / frame_bytes.max(1)).unwrap_or(QUEUE);
        let (entries, waiting) = mpsc::channel(fit.clamp(1, QUEUE));
        let wanted = Arc::new(AtomicBool::new(true));
        let is_wanted = Arc::clone(&wanted);
        let thread = std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || record(outputs, overlay, waiting, &is_wanted, &meter))
            .map_err(|e| Error::internal("start of the recording thread", e))?;
        Ok(Self { entries, wanted, thread: Some(thread), draws })
    }

    /// Whether annotations are wanted.
    pub(super) const fn draws(&self) -> bool {
        self.draws
    }

    /// Waits while the writer is behind.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the thread has ended; [`Recorder::abandon`] tells why.
    pub(super) async fn slot(&self) -> Result<Slot> {
        let ended = |_| Error::new(ErrorKind::ServerError, "the recording thread has ended");
        self.entries.clone().reserve_owned().await.map(Slot).map_err(ended)
    }

    /// Waits until everything is written and closed.
    ///
    /// # Errors
    /// What writing or closing failed with.
    pub(super) async fn finish(mut self) -> Result<()> {
        self.end().await
    }

    /// Ends without writing what still waits; nobody writes any more once this returns, and no
    /// output is finished.
    ///
    /// # Errors
    /// What writing had failed with before.
    pub(super) async fn abandon(mut self) -> Result<()> {
        self.wanted.store(false, Ordering::Release);
        self.end().await
    }

    async fn end(&mut self) -> Result<()> {
        let panicked = || Error::new(ErrorKind::ServerError, "the recording thread panicked");
        // The thread ends with the channel.
        self.entries = mpsc::channel(1).0;
        let thread = self.thread.take().ok_or_else(panicked)?;
        tokio::task::spawn_blocking(move || thread.join())
            .await
            .map_err(|_| panicked())?
            .map_err(|_| panicked())?
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.wanted.store(false, Ordering::Release);
        }
    }
}

fn record(
    mut outputs: Outputs,
    mut overlay: Overlay,
    mut waiting: mpsc::Receiver<Entry>,
    wanted: &AtomicBool,
    meter: &Meter,
) -> Result<()> {
    let failed = |e| Error::io("write of a row of tracks", e);
    while let Some(Entry { frame, row, annotation }) = waiting.blocking_recv() {
        if !wanted.load(Ordering::Acquire) {
            return Ok(());
        }
        if let (Some(pictures), Some(annotation)) = (&mut outputs.pictures, annotation) {
            let begun = Instant::now();
            let drawn = overlay.draw(&frame, &annotation)?;
            // Of a huge picture, two at a time are enough.
            drop(frame);
            let done = Instant::now();
            pictures.write(&drawn)?;
            meter.add(Stage::Draw, done - begun);
            meter.add(Stage::Write, done.elapsed());
        }
        if let Some(rows) = &mut outputs.rows {
            let begun = Instant::now();
            serde_json::to_writer(&mut *rows, &row).map_err(|e| failed(e.into()))?;
            rows.write_all(b"\n").map_err(failed)?;
            meter.add(Stage::Write, begun.elapsed());
        }
    }
    if !wanted.load(Ordering::Acquire) {
        return Ok(());
    }
    let begun = Instant::now();
    if let Some(rows) = &mut outputs.rows {
        rows.flush().map_err(failed)?;
    }
    if let Some(pictures) = outputs.pictures.take() {
        pictures.finish()?;
    }
    meter.add(Stage::Write, begun.elapsed());
    Ok(())
}
