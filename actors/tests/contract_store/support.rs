//! What the cases share: an engine to be tested, users, jobs, times.

use actors::queue::transition::Transition;
use actors::queue::{LeaseRequest, Queue};
use actors::store::jobs::{Admission, Created};
use actors::store::{JobStore, Store};
use async_trait::async_trait;
use schema::account::{Role, Scope};
use schema::event::Event;
use schema::id::{JobId, StartId, UserId};
use schema::job::JobKind;
use schema::job::record::{AttemptProgress, Job, JobOutputs, JobState, MediaFile, Priority};
use schema::time::WallTime;
use std::time::Duration;
use uuid::{NoContext, Timestamp, Uuid};

/// What is tested: a store with its queue.
pub(crate) trait Engine: Store + Queue + 'static {}

impl<T: Store + Queue + 'static> Engine for T {}

/// Makes engines of one sort.
#[async_trait]
pub(crate) trait Workshop: Send + Sync {
    /// The sort.
    type Engine: Engine;

    /// An empty one.
    async fn make(&self) -> Self::Engine;

    /// What another process finds that opens it now; `None` where it ends with the process.
    async fn another(&self, engine: &Self::Engine) -> Option<Self::Engine>;
}

/// The time at which each case begins.
pub(crate) const NOW: WallTime = WallTime(1_795_258_401_000_000);

/// Admits everything.
pub(crate) const OPEN: Admission = Admission { waiting_per_owner: 100_000, waiting: 100_000 };

/// `ms` milliseconds after the beginning.
pub(crate) fn at(ms: i64) -> WallTime {
    WallTime(NOW.0 + ms * 1000)
}

/// A UUIDv7; equal numbers give equal ids, greater ones greater ids.
pub(crate) fn uuid(number: u64) -> Uuid {
    let head = Uuid::new_v7(Timestamp::from_unix(NoContext, 1_795_000_000 + number, 0));
    let (high, _) = head.as_u64_pair();
    Uuid::from_u64_pair(high & !0xfff, 0x8000_0000_0000_0000)
}

pub(crate) fn user(number: u64) -> UserId {
    UserId::from_uuid(uuid(number))
}

pub(crate) fn job_id(number: u64) -> JobId {
    JobId::from_uuid(uuid(number))
}

pub(crate) fn start(number: u64) -> StartId {
    StartId::from_uuid(uuid(number))
}

/// The scope of an ordinary user.
pub(crate) fn of(number: u64) -> Scope {
    Scope::User { id: user(number), role: Role::User }
}

pub(crate) fn file(key: &str) -> MediaFile {
    MediaFile {
        key: key.to_owned(),
        size: 7,
        sha256: "ab".repeat(32),
        content_type: "video/mp4".to_owned(),
        file_name: "walk.mp4".to_owned(),
    }
}

/// Job `number` of owner `owner`, submitted `number` milliseconds after the beginning.
pub(crate) fn job(number: u64, owner: u64) -> Job {
    let time = at(i64::try_from(number).expect("small"));
    Job {
        id: job_id(number),
        owner: user(owner),
        kind: JobKind::PeopleCount,
        params: serde_json::json!({ "classes": ["person"] }),
        input: file("uploads/a.mp4"),
        priority: Priority::default(),
        retry_of: None,
        state: JobState::Pending,
        cancel_requested: false,
        delete_requested: false,
        attempt: 0,
        transient_failures: 0,
        poison_strikes: 0,
        furthest_frame: 0,
        progress: AttemptProgress::default(),
        lease: None,
        last_token: 0,
        not_before: time,
        outputs: None,
        failure: None,
        created_at: time,
        updated_at: time,
        started_at: None,
        finished_at: None,
        version: 1,
    }
}

/// Stores a job that is admitted.
pub(crate) async fn submit(store: &impl JobStore, job: Job) -> Job {
    match store.create_job(job, OPEN, None).await.expect("it is admitted") {
        Created::New(job) => job,
        Created::Again(job) => panic!("{} is there already", job.id),
    }
}

pub(crate) fn request(holder: u64, now: WallTime) -> LeaseRequest {
    let expires_at = now.plus(Duration::from_secs(10));
    LeaseRequest { holder: start(holder), now, expires_at, running_per_owner: 100 }
}

/// Leases the next job for worker 1, where one is due.
pub(crate) async fn lease(queue: &impl Queue, now: WallTime) -> Option<Job> {
    queue.lease(request(1, now)).await.expect("leasing works")
}

/// Changes a job on behalf of the system.
pub(crate) async fn change(
    store: &impl JobStore,
    id: JobId,
    transition: Transition,
    now: WallTime,
) -> schema::Result<Job> {
    store.change_job(&Scope::System, id, transition, now).await
}

pub(crate) fn progress(frames_done: u64) -> AttemptProgress {
    AttemptProgress { frames_done, frames_total: Some(100) }
}

/// The end of a job with all its results.
pub(crate) fn finish(token: u64) -> Transition {
    let outputs = JobOutputs {
        results: file("results/r.json"),
        tracks: file("outputs/t.jsonl"),
        image: None,
        video: Some(file("outputs/o.mp4")),
        processing_us: 1_500_000,
        frames: 100,
    };
    Transition::Finish { token, outputs: Box::new(outputs), progress: progress(100) }
}

/// Stores a job of `owner` and brings it to its end. `number` must be the only one that waits.
pub(crate) async fn done(engine: &impl Engine, number: u64, owner: u64) -> Job {
    let id = submit(engine, job(number, owner)).await.id;
    let now = at(i64::try_from(number).expect("small"));
    let leased = lease(engine, now).await.expect("it is due");
    assert_eq!(leased.id, id, "another job was waiting");
    change(engine, id, finish(leased.last_token), now).await.expect("it is held")
}

/// `type` of each event.
pub(crate) fn types(events: &[Event]) -> Vec<String> {
    let name = |event: &Event| {
        let json = serde_json::to_value(event).expect("events are JSON");
        json["type"].as_str().expect("a name").to_owned()
    };
    events.iter().map(name).collect()
}

/// Number in its stream of each event.
pub(crate) fn seqs(events: &[Event]) -> Vec<u64> {
    events.iter().map(|e| e.position.expect("it is stored").seq).collect()
}
