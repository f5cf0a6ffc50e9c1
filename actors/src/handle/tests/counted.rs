//! Every end of a job is counted once, whoever ended it.

use super::*;
use crate::queue::transition::Transition;
use crate::supervise::restart::Backoff;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use schema::id::StartId;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keeps how often jobs ended, by state.
#[derive(Debug, Default)]
struct Ends(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Ends {
    fn of(&self, state: JobState) -> u64 {
        let counted = self.0.lock().expect("no panic holds it");
        counted.get(state.name()).map_or(0, |count| count.load(Ordering::SeqCst))
    }
}

impl Recorder for Ends {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let Some(state) = key.labels().find(|l| l.key() == "state") else { return Counter::noop() };
        let mut counted = self.0.lock().expect("no panic holds it");
        Counter::from_arc(Arc::clone(counted.entry(state.value().to_owned()).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn jobs_that_end_while_they_wait_are_counted_and_forgotten() {
    let ends = Ends::default();
    // All tasks of this test are on its thread.
    let _counting = metrics::set_default_local_recorder(&ends);
    let mut config = quick();
    let minute = Duration::from_secs(60);
    config.jobs.backoff = Backoff { first: minute, most: minute };
    let stage = Stage::with(config, &[(1, &[Act::Panic(1)]), (2, &[Act::Panic(1)])]).await;
    let (cancel, delete, done) =
        (stage.submit(1).await, stage.submit(2).await, stage.submit(3).await);
    stage.ended(done).await;
    for id in [cancel, delete] {
        stage.until(id, |job| job.attempt == 1 && job.lease.is_none()).await;
        stage.node.0.shop.active.ended(id).await;
    }
    assert_eq!((ends.of(JobState::Done), ends.of(JobState::Cancelled)), (1, 0));
    let scope = stage.ground.scope();
    for _ in 0..2 {
        stage.node.cancel(&scope, cancel).await.expect("it waits, or is cancelled already");
    }
    assert_eq!(ends.of(JobState::Cancelled), 1);
    for id in [delete, cancel, done] {
        stage.node.delete(&scope, id).await.expect("may be deleted");
    }
    assert_eq!((ends.of(JobState::Done), ends.of(JobState::Cancelled)), (1, 2));
    let numbers = stage.node.0.shop.numbers.lock().expect("no panic holds it").clone();
    assert_eq!(numbers, BTreeMap::new(), "they say nothing any more");
    stage.end().await;
}

#[tokio::test]
async fn a_job_that_is_given_up_for_its_process_is_counted() {
    let ends = Ends::default();
    let _counting = metrics::set_default_local_recorder(&ends);
    let ground = Ground::new().await.expect("engines");
    let id = ground.submit(1).await.expect("is recorded");
    let (store, now) = (ground.store(), crate::clock::SystemClock.now());
    let killed = StartId::from_uuid(crate::clock::SystemClock.uuid());
    for token in 1..=3 {
        let begin = Transition::Begin { holder: killed, expires_at: now };
        store.change_job(&Scope::System, id, begin, now).await.expect("leased");
        let (progress, cause, traceback) = (None, "killed".to_owned(), None);
        let abandon = Transition::Abandon { token, progress, cause, traceback, retry_at: now };
        if token < 3 {
            store.change_job(&Scope::System, id, abandon, now).await.expect("taken back");
        }
    }
    let node = ground.node(quick(), &Arc::default()).await.expect("starts");
    assert_eq!(ground.job(id).await.expect("is there").state, JobState::Failed);
    assert_eq!(ends.of(JobState::Failed), 1);
    node.shutdown(DEADLINE).await;
}
