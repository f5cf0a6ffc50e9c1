//! The way of a frame: source, detect, track, count, record, as plain async code.
//!
//! No actor types here: actors and the command line supervise the same [`run`]. A window of frames
//! is in flight under compute permits and their order is restored before tracking, so the result
//! does not depend on the number of workers. Memory holds the window, the frames on their way to
//! the writer, and what the processor keeps (one row per track); it does not grow with the video.

mod annotate;
mod detect;
mod progress;
mod record;

use annotate::Trails;
pub use detect::DetectStage;
use progress::Meter;
pub use progress::{Progress, Stage, Timings};
pub use record::Outputs;
use record::{Recorder, Slot};

use crate::media::overlay::Annotation;
use crate::media::{FrameSource, SourceReport};
use detect::Window;
use models::detect::Detections;
use models::picture::Frame;
use models::track::Tracker;
use schema::Result;
use schema::frame::FrameMeta;
use schema::job::result::FrameRow;
use schema::time::MediaTime;
use schema::track::TrackedObject;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What a job kind adds to the pipeline: it counts, and says what to draw of its counts.
pub trait Processor: Send {
    /// Takes the objects that are seen in the next frame; gives the row to record.
    fn observe(&mut self, meta: &FrameMeta, objects: &[TrackedObject]) -> FrameRow;

    /// Adds its lines and counters to what is drawn over this frame.
    fn annotate(&self, annotation: &mut Annotation);
}

/// Everything a run needs.
pub struct Plan<P> {
    /// Where frames come from.
    pub source: Box<dyn FrameSource>,
    /// What finds objects in them.
    pub detect: DetectStage,
    /// What follows objects from frame to frame.
    pub tracker: Box<dyn Tracker>,
    /// What counts.
    pub processor: P,
    /// Where rows and pictures go.
    pub outputs: Outputs,
}

/// How a run ended; errors come as `Err`.
#[derive(Debug)]
pub struct Outcome<P> {
    /// The processor with all it counted.
    pub processor: P,
    /// What the source says of its data.
    pub report: SourceReport,
    /// Frames that went all the way through.
    pub frames: u64,
    /// Media time of the last of them.
    pub last_time: MediaTime,
    /// Whether it was cancelled before the source had ended.
    pub cancelled: bool,
    /// Candidates beyond the top k, over all frames.
    pub cut: u64,
    /// Candidates that were not finite or empty, over all frames.
    pub rejected: u64,
    /// Where the time went.
    pub timings: Timings,
}

/// Runs a plan to its end, or until `cancel`: then what is recorded so far is finished properly.
///
/// # Errors
/// What source, detector or outputs say; nothing is finished then.
pub async fn run<P: Processor>(
    plan: Plan<P>,
    progress: &watch::Sender<Progress>,
    cancel: &CancellationToken,
) -> Result<Outcome<P>> {
    let Plan { mut source, detect, tracker, processor, outputs } = plan;
    let meter = Arc::new(Meter::start());
    let mut tail = Tail {
        tracker,
        processor,
        trails: Trails::new(source.info().frame_rate),
        recorder: Recorder::start(outputs, source.info(), Arc::clone(&meter))?,
        meter: Arc::clone(&meter),
        frames: 0,
        last_time: MediaTime::default(),
        cut: 0,
        rejected: 0,
    };
    let driven = drive(source.as_mut(), Window::new(detect), &mut tail, progress, cancel).await;
    let report = source.report();
    source.stop();
    let Tail { processor, recorder, frames, last_time, cut, rejected, .. } = tail;
    let cancelled = match driven {
        Ok(cancelled) => cancelled,
        // Where the recorder has failed, that is the cause of what failed here.
        Err(error) => return Err(recorder.abandon().await.err().unwrap_or(error)),
    };
    // A file without a frame cannot be finished; who cancelled so early gets none.
    match cancelled && frames == 0 {
        true => recorder.abandon().await?,
        false => recorder.finish().await?,
    }
    let timings = meter.read(report.busy);
    Ok(Outcome { processor, report, frames, last_time, cancelled, cut, rejected, timings })
}

/// Moves frames through the stages until the source has ended, or until `cancel`; tells whether
/// it was the latter. Either way the window goes, so that no worker is kept from others.
async fn drive<P: Processor>(
    source: &mut dyn FrameSource,
    mut window: Window,
    tail: &mut Tail<P>,
    progress: &watch::Sender<Progress>,
    cancel: &CancellationToken,
) -> Result<bool> {
    let frames_total = source.info().frame_count;
    let mut ended = false;
    while !(ended && window.is_empty()) {
        tokio::select! {
            biased;
            () = cancel.cancelled() => return Ok(true),
            detected = window.next(), if !window.is_empty() => {
                let (frame, detections) = detected?;
                tail.meter.add(Stage::Detect, detections.busy);
                // A slow writer is waited for here, before the frame is looked at any further.
                let slot = tokio::select! {
                    biased;
                    () = cancel.cancelled() => return Ok(true),
                    slot = tail.recorder.slot() => slot?,
                };
                tail.take(frame, &detections.value, slot);
                tracing::debug!(frames = tail.frames, "frame recorded");
                let timings = tail.meter.read(source.report().busy);
                progress.send_replace(Progress::new(tail.frames, frames_total, timings));
            }
            frame = source.next(), if !ended && window.has_room() => match frame? {
                Some(frame) => window.push(frame),
                None => ended = true,
            },
        }
    }
    Ok(false)
}

/// The stages behind detection: they see frames in order, one at a time.
struct Tail<P> {
    tracker: Box<dyn Tracker>,
    processor: P,
    trails: Trails,
    recorder: Recorder,
    meter: Arc<Meter>,
    frames: u64,
    last_time: MediaTime,
    cut: u64,
    rejected: u64,
}

impl<P: Processor> Tail<P> {
    fn take(&mut self, frame: Arc<Frame>, detections: &Detections, slot: Slot) {
        self.cut += detections.cut;
        self.rejected += detections.rejected;
        let begun = Instant::now();
        let objects = self.tracker.update(&detections.objects);
        let tracked = Instant::now();
        let meta = *frame.meta();
        let row = self.processor.observe(&meta, &objects);
        let annotation = self.recorder.draws().then(|| {
            let mut annotation = self.trails.annotate(&meta, &objects);
            self.processor.annotate(&mut annotation);
            annotation
        });
        self.meter.add(Stage::Track, tracked - begun);
        self.meter.add(Stage::Count, tracked.elapsed());
        self.frames += 1;
        self.last_time = meta.media_time_us;
        slot.record(frame, row, annotation);
    }
}

#[cfg(test)]
mod tests;
