//! Jobs that are told to end: cancelled, deleted, given back, superseded.

use super::*;
use crate::queue::transition::Transition;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn cancelling_ends_a_job_soon_and_leaves_nothing() {
    let stage = Stage::new(&[(1, &[Act::Hold]), (2, &[Act::Deaf])]).await;
    for id in [stage.submit(1).await, stage.submit(2).await] {
        stage.under_way(id).await;
        let asked = Instant::now();
        let job = stage.node.cancel(&stage.ground.scope(), id).await.expect("may be cancelled");
        assert!(job.cancel_requested);
        let job = stage.until(id, |job| job.state.is_final()).await;
        assert_eq!(job.state, JobState::Cancelled);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
        assert_eq!(job.failure.expect("says so").code, ErrorKind::Cancelled);
    }
    // The second one still works, and is not waited for.
    stage.runner.let_go.add_permits(1);
    stage.node.0.sight.jobs.wait_for(|s| s.cancelled == 2).await;
    let kept = stage.ground.files().await.expect("a list");
    assert!(kept.iter().all(|file| file.starts_with("uploads/")), "{kept:?}");
    assert_eq!(kept.len(), 2);
    stage.end().await;
}

#[tokio::test]
async fn a_job_that_waits_is_cancelled_at_once_and_one_that_has_ended_is_not() {
    let stage = Stage::new(&[(1, &[Act::Hold])]).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(stage.submit(1).await);
        stage.runner.let_go.add_permits(1);
    }
    let done = stage.ended(ids[0]).await;
    let error = stage.node.cancel(&stage.ground.scope(), done.id).await.expect_err("has ended");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    stage.node.0.shop.draining.cancel();
    let late = stage.ground.submit(1).await.expect("is recorded");
    let job = stage.node.cancel(&stage.ground.scope(), late).await.expect("waits");
    assert_eq!((job.state, job.attempt), (JobState::Cancelled, 0));
    stage.end().await;
}

#[tokio::test]
async fn on_return_of_a_deletion_everything_is_gone() {
    let stage = Stage::new(&[(1, &[Act::Hold]), (2, &[Act::Deaf])]).await;
    let scope = stage.ground.scope();
    let (held, deaf, done) = (stage.submit(1).await, stage.submit(2).await, stage.submit(3).await);
    stage.ended(done).await;
    for id in [held, deaf] {
        stage.under_way(id).await;
    }
    for id in [done, held] {
        stage.node.delete(&scope, id).await.expect("may be deleted");
        let left = stage.ground.files().await.expect("a list");
        assert!(!left.iter().any(|file| file.contains(&id.to_string())), "{left:?}");
        let error = stage.ground.job(id).await.expect_err("its row is gone");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    let deleting = {
        let node = stage.node.clone();
        tokio::spawn(async move { node.delete(&scope, deaf).await })
    };
    let job = stage.until(deaf, |job| job.state.is_final()).await;
    assert!(!deleting.is_finished(), "what works on it may still write");
    for error in [
        stage.node.job(&scope, deaf).await.map(drop).expect_err("nobody sees it"),
        stage.node.media(&scope, &job.input.key).await.map(drop).expect_err("nor its files"),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    stage.runner.let_go.add_permits(1);
    deleting.await.expect("no panic").expect("it is gone");
    assert_eq!(stage.ground.files().await.expect("a list"), [""; 0]);
    assert!(matches!(
        stage.events(deaf).await.last().expect("its last word").body,
        EventBody::JobDeleted {}
    ));
    stage.end().await;
}

/// Takes the lease of `id` away from its worker; tells the token that it had.
async fn superseded(stage: &Stage, id: JobId) -> u64 {
    let token = stage.ground.job(id).await.expect("is there").last_token;
    let now = stage.node.clock().now();
    let taken = Transition::Abandon {
        token,
        progress: None,
        cause: "taken for dead".to_owned(),
        traceback: None,
        retry_at: now,
    };
    stage.ground.store().change_job(&Scope::System, id, taken, now).await.expect("may be taken");
    token
}

#[tokio::test]
async fn who_has_lost_its_lease_stores_nothing() {
    let stage = Stage::new(&[(1, &[Act::Deaf, Act::Panic(9)])]).await;
    let id = stage.submit(1).await;
    stage.under_way(id).await;
    let token = superseded(&stage, id).await;
    // The second attempt waits for the end of the first, whose results count for nothing.
    stage.until(id, |job| job.last_token > token).await;
    assert_eq!(stage.runner.begun.load(Ordering::SeqCst), 1);
    stage.runner.let_go.add_permits(1);
    let job = stage.ended(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Done, 3));
    assert_eq!(stage.runner.most.load(Ordering::SeqCst), 1, "never two at once");
    assert_eq!(stage.ground.files().await.expect("a list"), all_files(id));
    stage.end().await;
}

#[tokio::test]
async fn an_owner_has_so_many_running_and_a_node_too() {
    let ground = Ground::new().await.expect("engines");
    let runner = Arc::new(ScriptedRunner::new(&[(1, &[Act::Hold; 20])]));
    let mut config = quick();
    config.jobs.running_per_owner = 2;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(ground.submit(1).await.expect("is recorded"));
    }
    let node = ground.node(config, &runner).await.expect("starts");
    let stage = Stage { ground, runner, node };
    stage.node.0.sight.jobs.wait_for(|s| s.running.len() == 2).await;
    // One after the other is let go, whichever comes first to be.
    for done in 1..=ids.len() {
        stage.runner.let_go.add_permits(1);
        let all_done = async {
            let mut count = 0;
            while count < done {
                tokio::task::yield_now().await;
                count = 0;
                for id in &ids {
                    let job = stage.ground.job(*id).await.expect("is there");
                    count += usize::from(job.state == JobState::Done);
                }
            }
        };
        tokio::time::timeout(DEADLINE, all_done).await.expect("one more ends in time");
    }
    assert_eq!(stage.runner.most.load(Ordering::SeqCst), 2);
    stage.end().await;
}

#[tokio::test]
async fn who_waits_for_the_end_of_another_keeps_its_lease_and_hears() {
    let mut config = quick();
    config.jobs.lease = config.jobs.extend_every * 3;
    let stage = Stage::with(config, &[(1, &[Act::Deaf])]).await;
    let id = stage.submit(1).await;
    stage.under_way(id).await;
    let token = superseded(&stage, id).await;
    let begun = stage.until(id, |job| job.last_token > token).await;
    // Extended for longer than the lease lasts, and not given back meanwhile.
    let waits = stage.until(id, |job| job.version > begun.version + 4).await;
    assert_eq!((waits.state, waits.attempt), (JobState::Processing, 2));
    stage.node.cancel(&stage.ground.scope(), id).await.expect("may be cancelled");
    let job = stage.until(id, |job| job.state.is_final()).await;
    assert_eq!((job.state, job.attempt), (JobState::Cancelled, 2));
    assert!(stage.node.0.shop.active.contains(id), "the first one still works");
    stage.runner.let_go.add_permits(1);
    stage.node.0.shop.active.ended(id).await;
    assert_eq!(stage.runner.begun.load(Ordering::SeqCst), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_job_that_nobody_cancelled_is_not_cancelled_where_its_end_cannot_be_stored() {
    let ground = Ground::on_disk().await.expect("engines");
    beside(
        &ground,
        "CREATE TRIGGER no_end BEFORE UPDATE ON jobs WHEN NEW.state = 'done'
         BEGIN SELECT RAISE(ABORT, 'not now'); END",
    );
    let runner = Arc::new(ScriptedRunner::default());
    let mut config = quick();
    config.jobs.lease = config.jobs.extend_every * 3;
    let node = ground.node(config, &runner).await.expect("starts");
    let stage = Stage { ground, runner, node };
    let id = stage.submit(1).await;
    let ended = stage.node.0.sight.jobs.wait_for(|s| s.interrupted + s.cancelled > 0);
    tokio::time::timeout(DEADLINE, ended).await.expect("it outlasts its lease");
    let job = stage.ground.job(id).await.expect("is there");
    assert_eq!((job.state, job.cancel_requested), (JobState::Processing, false));
    beside(&stage.ground, "DROP TRIGGER no_end");
    let job = stage.ended(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Done, 2));
    assert_eq!(stage.ground.files().await.expect("a list"), all_files(id));
    stage.end().await;
}
