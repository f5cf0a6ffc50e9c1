//! The pipeline with doubles: order, back-pressure, cancellation, errors.

use super::*;
use crate::compute::{Compute, Loader};
use crate::media::FrameWriter;
use crate::testing::{Ending, ScriptedSource, detector_info};
use models::detect::{DetectOptions, Detector, DetectorInfo, SourceDetector};
use schema::job::result::ObjectRow;
use schema::{Error, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Far more than any of these runs needs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Lets frame 0 be done only after frame 3.
#[derive(Default)]
struct Later {
    third_done: Mutex<bool>,
    changed: Condvar,
}

struct Uneven {
    info: DetectorInfo,
    later: Arc<Later>,
}

impl Detector for Uneven {
    fn info(&self) -> &DetectorInfo {
        &self.info
    }

    fn detect(&mut self, frames: &[Arc<Frame>], _: &DetectOptions) -> Result<Vec<Detections>> {
        let index = frames[0].meta().frame_index;
        let mut done = self.later.third_done.lock().expect("no panic holds it");
        if index == 3 {
            *done = true;
            self.later.changed.notify_all();
        }
        if index == 0 {
            let waited = self.later.changed.wait_timeout_while(done, DEADLINE, |done| !*done);
            assert!(!waited.expect("no panic holds it").1.timed_out(), "frame 3 never came");
        }
        assert_ne!(index, 66, "frame 66");
        Ok(vec![Detections { cut: 1, ..Detections::default() }])
    }
}

struct NoTracks;

impl Tracker for NoTracks {
    fn update(&mut self, _: &[schema::detection::Detection]) -> Vec<TrackedObject> {
        Vec::new()
    }
}

/// Notes which frames it saw, and cancels after one of them.
#[derive(Debug, Default)]
struct Probe {
    seen: Vec<u64>,
    cancel_after: Option<(u64, CancellationToken)>,
}

impl Processor for Probe {
    fn observe(&mut self, meta: &FrameMeta, _: &[TrackedObject]) -> FrameRow {
        self.seen.push(meta.frame_index);
        if let Some((frame, token)) = &self.cancel_after
            && *frame == meta.frame_index
        {
            token.cancel();
        }
        let objects: Vec<ObjectRow> = Vec::new();
        FrameRow { frame: meta.frame_index, seconds: 0.0, count: 0, objects, crossings: Vec::new() }
    }

    fn annotate(&self, _: &mut Annotation) {}
}

/// Counts what reaches it; fails at one frame if told to.
struct CountingWriter {
    written: Arc<AtomicUsize>,
    finished: Arc<AtomicUsize>,
    fails_at: Option<u64>,
}

impl FrameWriter for CountingWriter {
    fn write(&mut self, frame: &Frame) -> Result<()> {
        if self.fails_at == Some(frame.meta().frame_index) {
            return Err(Error::new(ErrorKind::InsufficientStorage, "the disk is full"));
        }
        self.written.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        if self.written.load(Ordering::SeqCst) == 0 {
            return Err(Error::new(ErrorKind::ServerError, "a video without a frame"));
        }
        self.finished.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

struct Bench {
    compute: Compute,
    written: Arc<AtomicUsize>,
    finished: Arc<AtomicUsize>,
    cancel: CancellationToken,
}

impl Bench {
    fn new() -> Self {
        Self {
            compute: Compute::start().expect("starts"),
            written: Arc::default(),
            finished: Arc::default(),
            cancel: CancellationToken::new(),
        }
    }

    fn writer(&self, fails_at: Option<u64>) -> Outputs {
        let (written, finished) = (Arc::clone(&self.written), Arc::clone(&self.finished));
        let writer = CountingWriter { written, finished, fails_at };
        Outputs { rows: None, pictures: Some(Box::new(writer)) }
    }

    fn plan(&self, frames: u64, ending: Ending, outputs: Outputs) -> Plan<Probe> {
        let later = Arc::new(Later::default());
        let load: Loader = Arc::new(move || {
            Ok(Box::new(Uneven { info: detector_info(), later: Arc::clone(&later) }))
        });
        let options = Arc::new(DetectOptions {
            classes: None,
            min_score: 0.1,
            nms_iou: 0.5,
            class_agnostic: true,
            top_k: 10,
        });
        let pool = self.compute.pool(4, load).expect("a pool");
        Plan {
            source: ScriptedSource::boxed(frames, ending),
            detect: DetectStage::Stateless { pool, options },
            tracker: Box::new(NoTracks),
            processor: Probe::default(),
            outputs,
        }
    }

    async fn run(&self, plan: Plan<Probe>) -> Result<Outcome<Probe>> {
        let (progress, watched) = watch::channel(Progress::default());
        let outcome = tokio::time::timeout(DEADLINE, run(plan, &progress, &self.cancel)).await;
        let outcome = outcome.expect("a run ends in time, whatever happens");
        if let Ok(outcome) = &outcome {
            assert_eq!(watched.borrow().frames_done, outcome.frames, "progress is behind");
        }
        outcome
    }

    fn counts(&self) -> (usize, usize) {
        (self.written.load(Ordering::SeqCst), self.finished.load(Ordering::SeqCst))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_is_restored_whatever_the_workers_do() {
    let bench = Bench::new();
    let outcome = bench.run(bench.plan(60, Ending::End, bench.writer(None))).await.expect("runs");
    assert_eq!(outcome.processor.seen, (0..60).collect::<Vec<_>>());
    assert_eq!((outcome.frames, outcome.cut, outcome.cancelled), (60, 60, false));
    assert_eq!(outcome.last_time, MediaTime(59 * 40_000));
    assert_eq!(bench.counts(), (60, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_source_does_not_keep_a_cancelled_run() {
    let bench = Bench::new();
    let mut plan = bench.plan(20, Ending::Stall, bench.writer(None));
    plan.processor.cancel_after = Some((19, bench.cancel.clone()));
    let outcome = bench.run(plan).await.expect("ends properly");
    assert_eq!((outcome.frames, outcome.cancelled), (20, true));
    assert_eq!(bench.counts(), (20, 1), "what was recorded is finished");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_before_the_first_frame_nothing_is_finished() {
    let bench = Bench::new();
    bench.cancel.cancel();
    let outcome = bench.run(bench.plan(20, Ending::End, bench.writer(None))).await.expect("ends");
    assert_eq!((outcome.frames, outcome.cancelled), (0, true));
    assert_eq!(bench.counts(), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_in_the_middle_the_rest_is_not_looked_at() {
    let bench = Bench::new();
    let mut plan = bench.plan(60, Ending::End, bench.writer(None));
    plan.processor.cancel_after = Some((9, bench.cancel.clone()));
    let outcome = bench.run(plan).await.expect("ends properly");
    assert_eq!((outcome.frames, outcome.cancelled), (10, true));
    assert_eq!(bench.counts(), (10, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_source_finishes_nothing() {
    let bench = Bench::new();
    let plan = bench.plan(10, Ending::Fail("bits are gone"), bench.writer(None));
    let error = bench.run(plan).await.expect_err("the source fails");
    assert_eq!((error.kind(), error.message()), (ErrorKind::CorruptMedia, "bits are gone"));
    assert_eq!(bench.counts().1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detector_that_panics_ends_the_run_with_its_words() {
    let bench = Bench::new();
    let plan = bench.plan(100, Ending::End, bench.writer(None));
    let error = bench.run(plan).await.expect_err("frame 66 panics");
    assert!(error.message().contains("frame 66"), "{error}");
    assert_eq!(bench.counts().1, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_the_error_that_is_told() {
    let bench = Bench::new();
    let plan = bench.plan(60, Ending::End, bench.writer(Some(5)));
    let error = bench.run(plan).await.expect_err("the writer fails");
    assert_eq!(error.kind(), ErrorKind::InsufficientStorage);
    assert_eq!(bench.counts(), (5, 0));
}

/// Fails unless it sees every frame, in order.
struct Ordered {
    info: DetectorInfo,
    next: u64,
}

impl SourceDetector for Ordered {
    fn info(&self) -> &DetectorInfo {
        &self.info
    }

    fn detect(&mut self, frame: &Frame) -> Result<Detections> {
        assert_eq!(frame.meta().frame_index, self.next);
        self.next += 1;
        Ok(Detections { cut: self.next, ..Detections::default() })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detector_of_the_source_sees_every_frame_in_order() {
    let bench = Bench::new();
    let mut plan = bench.plan(50, Ending::End, Outputs::default());
    let DetectStage::Stateless { pool, .. } = plan.detect else { unreachable!("it was made so") };
    let detector = Box::new(Ordered { info: detector_info(), next: 0 });
    plan.detect = DetectStage::InOrder { pool, detector };
    let outcome = bench.run(plan).await.expect("runs");
    assert_eq!((outcome.frames, outcome.cut), (50, 50 * 51 / 2));
}
