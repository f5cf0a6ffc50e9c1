//! Pools with scripted detectors: order, permits, panics, loading.

use super::*;
use crate::testing::{detector_info, frame};
use models::detect::{DetectOptions, Detections, Detector, DetectorInfo};
use models::picture::Frame;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Instant;

fn options() -> Arc<DetectOptions> {
    Arc::new(DetectOptions {
        classes: None,
        min_score: 0.1,
        nms_iou: 0.5,
        class_agnostic: true,
        top_k: 10,
    })
}

/// Panics on frame 13, fails on frame 14, and tells by `cut` how many frames it has seen.
struct Scripted {
    info: DetectorInfo,
    seen: u64,
}

impl Scripted {
    fn boxed() -> Box<dyn Detector> {
        Box::new(Self { info: detector_info(), seen: 0 })
    }
}

impl Detector for Scripted {
    fn info(&self) -> &DetectorInfo {
        &self.info
    }

    fn detect(&mut self, frames: &[Arc<Frame>], _: &DetectOptions) -> Result<Vec<Detections>> {
        let index = frames[0].meta().frame_index;
        assert_ne!(index, 13, "thirteen");
        if index == 14 {
            return Err(Error::new(ErrorKind::ModelUnavailable, "fourteen"));
        }
        self.seen += 1;
        Ok(vec![Detections { cut: self.seen, ..Detections::default() }])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_an_error_and_the_worker_is_made_anew() {
    let loads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&loads);
    let load: Loader = Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(Scripted::boxed())
    });
    let compute = Compute::start().expect("starts");
    let pool = compute.pool(1, load).expect("a pool");

    for seen in 1..=3 {
        let found = pool.detect(frame(0), options()).await.expect("works");
        assert_eq!(found.value.cut, seen);
    }
    let error = pool.detect(frame(13), options()).await.expect_err("panics");
    assert_eq!(error.kind(), ErrorKind::ServerError);
    assert!(error.message().contains("thirteen"), "{error}");
    let found = pool.detect(frame(0), options()).await.expect("a new worker works");
    assert_eq!((found.value.cut, loads.load(Ordering::SeqCst)), (1, 2));

    let error = pool.detect(frame(14), options()).await.expect_err("fails");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
    let found = pool.detect(frame(0), options()).await.expect("an error breaks nothing");
    assert_eq!((found.value.cut, loads.load(Ordering::SeqCst)), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detector_that_does_not_load_is_told_each_time() {
    let load: Loader = Arc::new(|| Err(Error::new(ErrorKind::ModelUnavailable, "no weights here")));
    let compute = Compute::start().expect("starts");
    let pool = compute.pool(2, load).expect("a pool");
    for _ in 0..2 {
        let error = pool.detect(frame(0), options()).await.expect_err("nothing to load");
        assert_eq!(error.message(), "no weights here");
    }
}

/// Tells how many of its kind are at work at once, at most.
struct Crowd {
    info: DetectorInfo,
    at_work: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    meeting: Arc<Barrier>,
}

impl Detector for Crowd {
    fn info(&self) -> &DetectorInfo {
        &self.info
    }

    fn detect(&mut self, _: &[Arc<Frame>], _: &DetectOptions) -> Result<Vec<Detections>> {
        let now = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        // Nobody leaves before all four are here: fewer workers would hang, more would be seen.
        self.meeting.wait();
        self.at_work.fetch_sub(1, Ordering::SeqCst);
        self.meeting.wait();
        Ok(vec![Detections::default()])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_find_four_workers_and_no_more() {
    let (at_work, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let meeting = Arc::new(Barrier::new(4));
    let counted = Arc::clone(&most);
    let load: Loader = Arc::new(move || {
        let (at_work, most) = (Arc::clone(&at_work), Arc::clone(&most));
        Ok(Box::new(Crowd { info: detector_info(), at_work, most, meeting: Arc::clone(&meeting) }))
    });
    let compute = Compute::start().expect("starts");
    let pool = compute.pool(4, load).expect("a pool");
    let all = (100..200).map(|i| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.detect(frame(i), options()).await })
    });
    let mut answers = 0;
    for one in all.collect::<Vec<_>>() {
        let answer = tokio::time::timeout(Duration::from_secs(60), one).await;
        answer.expect("four workers meet").expect("no panic").expect("an answer");
        answers += 1;
    }
    assert_eq!((answers, counted.load(Ordering::SeqCst), pool.workers()), (100, 4, 4));
}

/// Notes what it sees; is held up by its first frame until someone meets it.
struct HeldUp {
    info: DetectorInfo,
    meeting: Arc<Barrier>,
    seen: Arc<Mutex<Vec<u64>>>,
}

impl Detector for HeldUp {
    fn info(&self) -> &DetectorInfo {
        &self.info
    }

    fn detect(&mut self, frames: &[Arc<Frame>], _: &DetectOptions) -> Result<Vec<Detections>> {
        let index = frames[0].meta().frame_index;
        if index == 0 {
            self.meeting.wait();
        }
        self.seen.lock().expect("no panic holds it").push(index);
        Ok(vec![Detections::default()])
    }
}

// One thread: what is aborted is gone before this task goes on.
#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_begun() {
    let (meeting, seen) = (Arc::new(Barrier::new(2)), Arc::new(Mutex::new(Vec::new())));
    let (held_up, noted) = (Arc::clone(&meeting), Arc::clone(&seen));
    let load: Loader = Arc::new(move || {
        let (meeting, seen) = (Arc::clone(&held_up), Arc::clone(&noted));
        Ok(Box::new(HeldUp { info: detector_info(), meeting, seen }))
    });
    let compute = Compute::start().expect("starts");
    let pool = compute.pool(1, load).expect("a pool");
    let ask = |index| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.detect(frame(index), options()).await.map(drop) })
    };
    let first = ask(0);
    while pool.free() > 1 {
        tokio::task::yield_now().await;
    }
    let cancelled = ask(1);
    while pool.free() > 0 {
        tokio::task::yield_now().await;
    }
    cancelled.abort();
    assert!(cancelled.await.is_err_and(|e| e.is_cancelled()));
    tokio::task::yield_now().await;
    let third = ask(2);
    meeting.wait();
    for answer in [first, third] {
        answer.await.expect("no panic").expect("an answer");
    }
    assert_eq!(*seen.lock().expect("no panic holds it"), [0, 2]);
    assert_eq!(pool.free(), 2);
}

/// Is at work until it is told to end; tells when it is gone.
struct Busy {
    info: DetectorInfo,
    meeting: Arc<Barrier>,
    gone: Arc<AtomicUsize>,
}

impl Detector for Busy {
    fn info(&self) -> &DetectorInfo {
        &self.info
    }

    fn detect(&mut self, _: &[Arc<Frame>], _: &DetectOptions) -> Result<Vec<Detections>> {
        self.meeting.wait();
        self.meeting.wait();
        Ok(vec![Detections::default()])
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.gone.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_waits_for_workers_and_not_for_handles() {
    let (meeting, gone) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
    let (met, counted) = (Arc::clone(&meeting), Arc::clone(&gone));
    let load: Loader = Arc::new(move || {
        let (meeting, gone) = (Arc::clone(&met), Arc::clone(&counted));
        Ok(Box::new(Busy { info: detector_info(), meeting, gone }))
    });
    let compute = Compute::start().expect("starts");
    let pool = compute.pool(1, load).expect("a pool");
    let handle = pool.clone();
    let last = tokio::spawn(async move { handle.detect(frame(0), options()).await });
    tokio::task::block_in_place(|| meeting.wait());
    let released = std::thread::spawn(move || meeting.wait());
    let begun = Instant::now();
    tokio::task::block_in_place(|| drop(compute));
    assert!(begun.elapsed() < GRACE, "a handle kept the end waiting");
    assert_eq!(gone.load(Ordering::SeqCst), 1, "a worker outlived the end");
    released.join().expect("no panic");
    last.await.expect("no panic").expect("what was begun is answered");
    let error = pool.detect(frame(1), options()).await.expect_err("it has ended");
    assert_eq!(error.message(), "compute pool has ended");
}

#[test]
fn it_may_be_shared_by_threads() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Compute>();
    is_shared::<Pool>();
}
