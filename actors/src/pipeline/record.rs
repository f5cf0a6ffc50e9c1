//! The last stage: rows and pictures are written, on a thread of its own.
//!
//! The channel to it is bounded and awaited: a slow disk slows the run, nothing is dropped. It
//! only writes; where its files come to lie is the business of who opened them.

use super::{Stage, Timings};
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

/// Frames that may wait for the writer.
const QUEUE: usize = 8;

/// Where a run leaves what it found.
#[derive(Default)]
pub struct Outputs {
    /// Takes one JSON line per frame.
    pub rows: Option<Box<dyn Write + Send>>,
    /// Takes the annotated pictures.
    pub pictures: Option<Box<dyn FrameWriter>>,
}

struct Entry {
    frame: Arc<Frame>,
    row: FrameRow,
    annotation: Option<Annotation>,
}

/// A handle to the recording thread; dropping it leaves the outputs unfinished.
pub(super) struct Recorder {
    entries: mpsc::Sender<Entry>,
    complete: Arc<AtomicBool>,
    thread: JoinHandle<Result<Timings>>,
    draws: bool,
}

impl Recorder {
    pub(super) fn start(outputs: Outputs, info: &SourceInfo) -> Result<Self> {
        let draws = outputs.pictures.is_some();
        let overlay = Overlay::new(info.width, info.height);
        let (entries, waiting) = mpsc::channel(QUEUE);
        let complete = Arc::new(AtomicBool::new(false));
        let wanted = Arc::clone(&complete);
        let thread = std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || record(outputs, overlay, waiting, &wanted))
            .map_err(|e| Error::io("start of the recording thread", e))?;
        Ok(Self { entries, complete, thread, draws })
    }

    /// Whether annotations are wanted.
    pub(super) const fn draws(&self) -> bool {
        self.draws
    }

    /// Hands over one frame; waits while the writer is behind.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the thread has ended; [`Recorder::abandon`] tells why.
    pub(super) async fn record(
        &self,
        frame: Arc<Frame>,
        row: FrameRow,
        annotation: Option<Annotation>,
    ) -> Result<()> {
        let entry = Entry { frame, row, annotation };
        let ended = |_| Error::new(ErrorKind::ServerError, "the recording thread has ended");
        self.entries.send(entry).await.map_err(ended)
    }

    /// Waits until everything is written and closed.
    ///
    /// # Errors
    /// What writing or closing failed with.
    pub(super) async fn finish(self) -> Result<Timings> {
        self.complete.store(true, Ordering::Release);
        self.end().await
    }

    /// Ends without finishing the outputs; nobody writes to them any more once this returns.
    ///
    /// # Errors
    /// What writing had failed with before.
    pub(super) async fn abandon(self) -> Result<()> {
        self.end().await.map(drop)
    }

    async fn end(self) -> Result<Timings> {
        let Self { entries, thread, .. } = self;
        drop(entries);
        let panicked = || Error::new(ErrorKind::ServerError, "the recording thread panicked");
        tokio::task::spawn_blocking(move || thread.join())
            .await
            .map_err(|_| panicked())?
            .map_err(|_| panicked())?
    }
}

fn record(
    mut outputs: Outputs,
    mut overlay: Overlay,
    mut waiting: mpsc::Receiver<Entry>,
    complete: &AtomicBool,
) -> Result<Timings> {
    let mut timings = Timings::default();
    let failed = |e| Error::io("write of a row of tracks", e);
    while let Some(Entry { frame, row, annotation }) = waiting.blocking_recv() {
        if let (Some(pictures), Some(annotation)) = (&mut outputs.pictures, annotation) {
            let begun = Instant::now();
            let drawn = overlay.draw(&frame, &annotation)?;
            let done = Instant::now();
            pictures.write(&drawn)?;
            timings.add(Stage::Draw, done - begun);
            timings.add(Stage::Write, done.elapsed());
        }
        if let Some(rows) = &mut outputs.rows {
            let begun = Instant::now();
            serde_json::to_writer(&mut *rows, &row).map_err(|e| failed(e.into()))?;
            rows.write_all(b"\n").map_err(failed)?;
            timings.add(Stage::Write, begun.elapsed());
        }
    }
    if !complete.load(Ordering::Acquire) {
        return Ok(timings);
    }
    let begun = Instant::now();
    if let Some(rows) = &mut outputs.rows {
        rows.flush().map_err(failed)?;
    }
    if let Some(pictures) = outputs.pictures.take() {
        pictures.finish()?;
    }
    timings.add(Stage::Write, begun.elapsed());
    Ok(timings)
}
