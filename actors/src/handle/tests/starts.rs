//! Ends and beginnings of the node itself.

use super::*;
use crate::drivers::memory::MemoryBus;
use crate::drivers::objects::FolderObjects;
use crate::queue::transition::Transition;
use crate::store::jobs::Admission;
use crate::testing::bus::{FlakyBus, Mood};
use crate::testing::objects::StuckObjects;
use schema::id::StartId;
use schema::time::WallTime;

#[tokio::test]
async fn an_orderly_end_gives_jobs_back_and_counts_nothing() {
    let stage = Stage::new(&[(1, &[Act::Hold, Act::Hold])]).await;
    let id = stage.submit(1).await;
    stage.under_way(id).await;
    let begun = Instant::now();
    let (runner, node) = (Arc::clone(&stage.runner), stage.node.clone());
    let ground = stage.end().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let job = ground.job(id).await.expect("is there");
    assert_eq!((job.state, job.lease), (JobState::Processing, None));
    assert_eq!((job.poison_strikes, job.transient_failures), (0, 0));
    assert!(ground.store().unpublished(10).await.expect("a list").is_empty(), "all was published");
    assert_eq!(ground.files().await.expect("a list"), [input(id)]);
    let refused = node.stage().await.map(drop).expect_err("nothing new is taken");
    assert_eq!(refused.kind(), ErrorKind::NotReady);
    assert!(node.ready().await.is_err());

    let next = ground.node(quick(), &runner).await.expect("starts");
    let stage = Stage { ground, runner, node: next };
    stage.runner.let_go.add_permits(1);
    assert_eq!(stage.ended(id).await.state, JobState::Done);
    stage.end().await;
}

#[tokio::test]
async fn what_a_killed_start_left_is_taken_up_at_once() {
    let ground = Ground::new().await.expect("engines");
    let (run, delete) =
        (ground.submit(1).await.expect("new"), ground.submit(1).await.expect("new"));
    let now = crate::clock::SystemClock.now();
    let killed = StartId::from_uuid(crate::clock::SystemClock.uuid());
    let store = ground.store();
    for id in [run, delete] {
        let expires_at = now.plus(Duration::from_secs(3600));
        let begin = Transition::Begin { holder: killed, expires_at };
        store.change_job(&Scope::System, id, begin, now).await.expect("leased");
    }
    let asked = Transition::RequestDelete;
    store.change_job(&Scope::System, delete, asked, now).await.expect("marked");
    let runner = Arc::new(ScriptedRunner::default());
    let node = ground.node(quick(), &runner).await.expect("starts");
    let stage = Stage { ground, runner, node };
    let job = stage.ended(run).await;
    stage.gone(delete).await;
    assert_eq!((job.state, job.attempt, job.poison_strikes), (JobState::Done, 2, 1));
    assert_eq!(stage.ground.files().await.expect("a list"), all_files(run));
    stage.end().await;
}

#[tokio::test]
async fn every_event_reaches_a_bus_that_was_away_in_order() {
    use Mood::{RefusesFlush, RefusesPublish, Works};
    let ground = Ground::new().await.expect("engines");
    let moods = [RefusesPublish, Works, RefusesFlush, RefusesPublish, Works, Works, RefusesFlush];
    let bus = Arc::new(FlakyBus::new(&moods));
    let runner = Arc::new(ScriptedRunner::default());
    let engines = ground.engines(Arc::clone(&bus) as _).expect("engines");
    let node = Platform::start_with(quick(), engines, Arc::clone(&runner) as _).await;
    let stage = Stage { ground, runner, node: node.expect("starts") };
    let ids = [stage.submit(1).await, stage.submit(1).await, stage.submit(1).await];
    for id in ids {
        assert_eq!(stage.ended(id).await.state, JobState::Done);
    }
    let mut expected = Vec::new();
    for id in ids {
        expected.push((id, stage.events(id).await));
    }
    let ground = stage.end().await;
    assert!(ground.store().unpublished(10).await.expect("a list").is_empty());
    let heard = bus.heard();
    for (id, events) in expected {
        let mut first: Vec<(String, Payload)> = Vec::new();
        for message in heard.iter().filter(|m| m.subject.contains(&id.to_string())) {
            let crate::bus::Numbering::Stored(key) = &message.numbering else { continue };
            match first.iter().find(|(known, _)| known == key) {
                Some((_, payload)) => assert_eq!(*payload, message.payload, "{key} said twice"),
                None => first.push((key.clone(), message.payload.clone())),
            }
        }
        let position = |e: &Event| e.position.expect("is stored").to_string();
        let keys: Vec<String> = first.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, events.iter().map(position).collect::<Vec<_>>(), "in order, none missing");
    }
}

/// Stores a file at `key`.
async fn put(ground: &Ground, key: &str) {
    let staging = ground.objects.stage().await.expect("a folder");
    let path = staging.path().join("file");
    std::fs::write(&path, "left").expect("writable");
    ground.objects.adopt(&path, &key.parse().expect("a key")).await.expect("adopted");
}

#[tokio::test]
async fn files_without_a_job_go_and_others_stay() {
    let ground = Ground::new().await.expect("engines");
    put(&ground, "uploads/people-count_01890a5d-ac96-774b-bcce-b302099a8057.mp4").await;
    let young = JobId::from_uuid(crate::clock::Clock::uuid(&crate::clock::SystemClock));
    for stays in ["readme.txt", &input(young)] {
        put(&ground, stays).await;
    }
    let node = ground.node(quick(), &Arc::default()).await.expect("starts");
    let state = node.0.sight.janitor.wait_for(|s| s.rounds > 0).await;
    assert_eq!((state.orphans, state.fault), (1, None));
    assert_eq!(ground.files().await.expect("a list"), ["readme.txt".to_owned(), input(young)]);
    node.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn a_file_that_will_not_go_does_not_keep_the_others() {
    let ground = Ground::new().await.expect("engines");
    for digit in 1..4 {
        let key = format!("uploads/people-count_01890a5d-ac96-774b-bcce-b302099a805{digit}.mp4");
        put(&ground, &key).await;
    }
    // The first that is come to.
    let within = Arc::clone(&ground.objects);
    let stuck = within.list().await.expect("a list").swap_remove(0).key;
    let mut engines = ground.engines(Arc::new(MemoryBus::new())).expect("engines");
    engines.objects = Arc::new(StuckObjects { within, stuck: stuck.clone() });
    let runner = Arc::new(ScriptedRunner::default());
    let node = Platform::start_with(quick(), engines, runner as _).await.expect("starts");
    let janitor = node.0.sight.janitor.wait_for(|s| s.rounds > 0);
    let state = tokio::time::timeout(DEADLINE, janitor).await.expect("it makes a round");
    assert_eq!(state.orphans, 2);
    assert!(state.fault.is_some_and(|fault| fault.contains(stuck.as_str())));
    assert_eq!(ground.files().await.expect("a list"), [stuck.to_string()]);
    node.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn a_stream_keeps_so_many_events() {
    let mut config = quick();
    config.janitor_every = Duration::from_millis(10);
    config.events_per_stream = 1;
    let stage = Stage::with(config, &[]).await;
    let id = stage.submit(1).await;
    stage.ended(id).await;
    let janitor = stage.node.0.sight.janitor.wait_for(|s| s.events == 3);
    tokio::time::timeout(DEADLINE, janitor).await.expect("all were published");
    let kept = stage.events(id).await;
    assert!(matches!(kept[..], [Event { body: EventBody::JobResult { .. }, .. }]), "{kept:?}");
    stage.end().await;
}

#[tokio::test]
async fn health_is_told_part_by_part() {
    let ground = Ground::new().await.expect("engines");
    let node = ground.node(quick(), &Arc::default()).await.expect("starts");
    node.ready().await.expect("takes work");
    let health = node.health().await;
    assert_eq!(health.status, HealthStatus::Healthy);
    let names: Vec<&str> = health.components.keys().copied().collect();
    assert_eq!(names, ["bus", "detector", "homography", "objects", "reid", "store"]);
    assert_eq!(health.components["detector"].message.as_deref(), Some("motion"));
    node.shutdown(DEADLINE).await;
    assert_eq!(node.health().await.status, HealthStatus::Degraded, "its bus is closed");

    let lost = ground.engines(Arc::new(MemoryBus::new())).expect("engines");
    let mut config = quick();
    config.jobs.concurrent = 0;
    assert!(Platform::start(config, lost).await.is_err(), "what does not fit is refused");
}

#[tokio::test]
async fn a_full_disk_holds_the_queue_up_and_fails_nothing() {
    let mut ground = Ground::new().await.expect("engines");
    let id = ground.submit(1).await.expect("is recorded");
    let media = ground.folder.path().join("media");
    let full = FolderObjects::open_beside(&media, u64::MAX).await.expect("opens");
    let roomy = std::mem::replace(&mut ground.objects, Arc::new(full));
    let runner = Arc::new(ScriptedRunner::default());
    let node = ground.node(quick(), &runner).await.expect("starts");
    let jobs = node.0.sight.jobs.wait_for(|s| s.held_up.is_some());
    let jobs = tokio::time::timeout(DEADLINE, jobs).await.expect("it is noticed");
    assert_eq!(jobs.held_up.as_deref(), Some("the disk is full"));
    let job = ground.job(id).await.expect("is there");
    assert_eq!((job.state, job.attempt), (JobState::Pending, 0));
    let error = node.ready().await.expect_err("no work is begun");
    assert!(error.message().contains("objects: the disk is full"), "{error}");
    node.shutdown(DEADLINE).await;

    ground.objects = roomy;
    let node = ground.node(quick(), &runner).await.expect("starts");
    let stage = Stage { ground, runner, node };
    let job = stage.ended(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Done, 1));
    stage.end().await;
}

#[tokio::test]
async fn a_job_that_cannot_be_removed_stands_in_nobodys_way() {
    let ground = Ground::on_disk().await.expect("engines");
    let (stuck, other) =
        (ground.submit(1).await.expect("new"), ground.submit(1).await.expect("new"));
    let now = crate::clock::SystemClock.now();
    for id in [stuck, other] {
        let asked = Transition::RequestDelete;
        ground.store().change_job(&Scope::System, id, asked, now).await.expect("marked");
    }
    let refuse = format!(
        "CREATE TRIGGER stuck BEFORE DELETE ON jobs WHEN OLD.id = '{stuck}'
         BEGIN SELECT RAISE(ABORT, 'it is stuck'); END"
    );
    beside(&ground, &refuse);
    let runner = Arc::new(ScriptedRunner::default());
    let node = ground.node(quick(), &runner).await.expect("starts nevertheless");
    let stage = Stage { ground, runner, node };
    stage.gone(other).await;
    assert!(stage.ground.job(stuck).await.expect("is there").delete_requested);
    beside(&stage.ground, "DROP TRIGGER stuck");
    stage.gone(stuck).await;
    stage.end().await;
}

/// A job that ended on 1 January 2025, `number` milliseconds after midnight.
async fn long_ended(ground: &Ground, number: u64) -> JobId {
    let milliseconds = 1_735_689_600_000 + number;
    let time = WallTime(i64::try_from(milliseconds).expect("small") * 1000);
    let id = uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid();
    let like = ground.submit(1).await.expect("is recorded");
    let job = Job { id: JobId::from_uuid(id), ..ground.job(like).await.expect("is there") };
    let (id, admission) = (job.id, Admission { waiting_per_owner: 10, waiting: 10 });
    let store = ground.store();
    store.create_job(job, admission, None).await.expect("is recorded");
    let cancel = Transition::RequestCancel;
    store.change_job(&Scope::System, id, cancel, time).await.expect("it waits");
    id
}

#[tokio::test]
async fn a_job_that_somebody_deletes_meanwhile_does_not_stop_the_janitor() {
    let ground = Ground::on_disk().await.expect("engines");
    // Newest first: the other two are on the page already when the last is marked.
    let (first, vanishes, last) =
        (long_ended(&ground, 0).await, long_ended(&ground, 1).await, long_ended(&ground, 2).await);
    let meanwhile = format!(
        "CREATE TRIGGER meanwhile AFTER UPDATE ON jobs WHEN NEW.id = '{last}'
         BEGIN DELETE FROM jobs WHERE id = '{vanishes}'; END"
    );
    beside(&ground, &meanwhile);
    let node = ground.node(quick(), &Arc::default()).await.expect("starts");
    let janitor = node.0.sight.janitor.wait_for(|s| s.rounds > 0);
    let state = tokio::time::timeout(DEADLINE, janitor).await.expect("it makes a round");
    assert_eq!((state.jobs, state.fault), (2, None));
    let runner = Arc::new(ScriptedRunner::default());
    let stage = Stage { ground, runner, node };
    for id in [first, last] {
        stage.gone(id).await;
    }
    stage.end().await;
}
