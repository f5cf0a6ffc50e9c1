//! The pipeline with doubles: order, back-pressure, cancellation, errors.

use super::*;
use crate::compute::{Compute, Loader, Pool};
use crate::media::FrameWriter;
use crate::testing::{Ending, ScriptedSource, detector_info};
use models::detect::{DetectOptions, Detector, DetectorInfo, SourceDetector};
use schema::job::result::ObjectRow;
use schema::{Error, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Barrier, Condvar, Mutex};
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
        assert_ne!(index, 66, "frame 66");
        let mut done = self.later.third_done.lock().expect("no panic holds it");
        if index == 3 {
            *done = true;
            self.later.changed.notify_all();
        }
        if index == 0 {
            let waited = self.later.changed.wait_timeout_while(done, DEADLINE, |done| !*done);
            assert!(!waited.expect("no panic holds it").1.timed_out(), "frame 3 never came");
        }
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

    /// Four workers of whom the first to come waits for another.
    fn pool(&self) -> Pool {
        let later = Arc::new(Later::default());
        let load: Loader = Arc::new(move || {
            Ok(Box::new(Uneven { info: detector_info(), later: Arc::clone(&later) }))
        });
        self.compute.pool(4, load).expect("a pool")
    }

    fn plan(&self, frames: u64, ending: Ending, outputs: Outputs) -> Plan<Probe> {
        Self::plan_on(self.pool(), frames, ending, outputs)
    }

    fn plan_on(pool: Pool, frames: u64, ending: Ending, outputs: Outputs) -> Plan<Probe> {
        let options = Arc::new(DetectOptions {
            classes: None,
            min_score: 0.1,
            nms_iou: 0.5,
            class_agnostic: true,
            top_k: 10,
        });
        Plan {
            source: ScriptedSource::boxed(frames, ending),
            detect: DetectStage::Stateless { pool, options },
            tracker: Box::new(NoTracks),
            processor: Probe::default(),
            outputs,
        }
    }

    async fn run(&self, plan: Plan<Probe>) -> Result<Outcome<Probe>> {
        self.run_until(plan, &self.cancel).await
    }

    async fn run_until(
        &self,
        plan: Plan<Probe>,
        cancel: &CancellationToken,
    ) -> Result<Outcome<Probe>> {
        let (progress, watched) = watch::channel(Progress::default());
        let outcome = tokio::time::timeout(DEADLINE, run(plan, &progress, cancel)).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn progress_tells_where_the_time_goes() {
    let bench = Bench::new();
    let (progress, watched) = watch::channel(Progress::default());
    let plan = bench.plan(60, Ending::End, bench.writer(None));
    let outcome = run(plan, &progress, &bench.cancel).await.expect("runs");
    let last = *watched.borrow();
    assert_eq!((last.frames_done, last.frames_total), (60, Some(60)));
    assert!(last.frames_per_second > 0.0 && last.timings.wall <= outcome.timings.wall);
    for stage in [Stage::Detect, Stage::Track, Stage::Count, Stage::Draw] {
        assert!(!last.timings.busy(stage).is_zero(), "{stage:?}: {last:?}");
        assert!(last.timings.busy(stage) <= outcome.timings.busy(stage), "{stage:?}: {last:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_one_run_is_no_concern_of_another() {
    let bench = Bench::new();
    let pool = bench.pool();
    let plan = |frames| Bench::plan_on(pool.clone(), frames, Ending::End, Outputs::default());
    let (sound, broken) = tokio::join!(bench.run(plan(60)), bench.run(plan(100)));
    assert_eq!(sound.expect("runs").processor.seen, (0..60).collect::<Vec<_>>());
    assert!(broken.expect_err("frame 66 panics").message().contains("frame 66"));
    assert_eq!(bench.run(plan(60)).await.expect("runs").frames, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_one_run_leaves_the_other_alone() {
    let bench = Bench::new();
    let (pool, token) = (bench.pool(), CancellationToken::new());
    let plan = |frames| Bench::plan_on(pool.clone(), frames, Ending::End, Outputs::default());
    let mut stopped = plan(60);
    stopped.processor.cancel_after = Some((9, token.clone()));
    let (stopped, whole) = tokio::join!(bench.run_until(stopped, &token), bench.run(plan(60)));
    let (stopped, whole) = (stopped.expect("ends properly"), whole.expect("runs"));
    assert_eq!((stopped.frames, stopped.cancelled), (10, true));
    assert_eq!((whole.frames, whole.cancelled), (60, false));
    assert_eq!(whole.processor.seen, (0..60).collect::<Vec<_>>());
}

/// Takes nothing until it is told to; says when it was first asked.
struct StuckWriter {
    asked: SyncSender<()>,
    go_on: Arc<Barrier>,
    is_first: bool,
}

impl FrameWriter for StuckWriter {
    fn write(&mut self, _: &Frame) -> Result<()> {
        if std::mem::take(&mut self.is_first) {
            self.asked.send(()).expect("the test waits");
            self.go_on.wait();
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_with_stuck_writers_keep_no_worker_from_another() {
    const STUCK: usize = 3;
    let bench = Arc::new(Bench::new());
    let pool = bench.pool();
    let (asked, stuck) = sync_channel(STUCK);
    let go_on = Arc::new(Barrier::new(STUCK + 1));
    let waiting: Vec<_> = (0..STUCK)
        .map(|_| {
            let (asked, go_on) = (asked.clone(), Arc::clone(&go_on));
            let writer = StuckWriter { asked, go_on, is_first: true };
            let outputs = Outputs { rows: None, pictures: Some(Box::new(writer)) };
            let plan = Bench::plan_on(pool.clone(), 60, Ending::End, outputs);
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.run(plan).await })
        })
        .collect();
    for _ in 0..STUCK {
        let stuck = tokio::task::block_in_place(|| stuck.recv_timeout(DEADLINE));
        stuck.expect("each writer gets its first frame");
    }
    let free = Bench::plan_on(pool, 60, Ending::End, Outputs::default());
    let free = bench.run(free).await;
    tokio::task::block_in_place(|| go_on.wait());
    assert_eq!(free.expect("runs").frames, 60);
    for run in waiting {
        assert_eq!(run.await.expect("no panic").expect("runs").frames, 60);
    }
}
