//! How jobs end by themselves: with results, errors, panics, or by standing still.

use super::*;
use crate::testing::Ending;

#[tokio::test]
async fn a_job_runs_to_its_results_and_everybody_is_told() {
    let stage = Stage::new(&[]).await;
    let pattern = "job.>".parse().expect("a pattern");
    let mut heard = stage.node.subscribe(&pattern, 100, DropPolicy::Oldest).await.expect("listens");
    let id = stage.submit(1).await;
    let job = stage.ended(id).await;
    assert_eq!((job.state, job.attempt, job.progress.frames_done), (JobState::Done, 1, 3));
    let outputs = job.outputs.clone().expect("it is done");
    let kept = std::fs::read(stage.ground.folder.path().join("media").join(&outputs.results.key));
    let kept = kept.expect("in its place");
    let (file, bytes) = stage.node.results(&stage.ground.scope(), id).await.expect("done");
    assert_eq!((&file, &bytes[..]), (&outputs.results, &kept[..]));
    assert_eq!(file.size, kept.len() as u64);
    assert_eq!(stage.ground.files().await.expect("a list"), all_files(id));
    let expected = [JobState::Pending, JobState::Processing, JobState::Done];
    assert_eq!(stage.states(id).await, expected);

    let (mut stored, mut progress) = (Vec::new(), Vec::new());
    while stored.len() < 4 {
        let delivery = tokio::time::timeout(DEADLINE, heard.next()).await.expect("in time");
        let Some(Delivery::Message(message)) = delivery else { panic!("{delivery:?}") };
        assert_eq!(message.owner, Some(stage.ground.owner));
        match message.numbering {
            crate::bus::Numbering::Stored(id) => stored.push(id),
            crate::bus::Numbering::Newest { seq, .. } => progress.push((seq, message.payload)),
            crate::bus::Numbering::None => panic!("every message has a number"),
        }
    }
    let ids: Vec<String> = (1..=4).map(|seq| format!("job/{id}:{seq}")).collect();
    assert_eq!(stored, ids);
    let numbers: Vec<u64> = progress.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let Some((_, Payload::Json(last))) = progress.last() else { panic!("progress was told") };
    let last: serde_json::Value = serde_json::from_slice(last).expect("JSON");
    assert_eq!(last["data"]["frames_done"], 3, "the last one always: {last}");
    stage.end().await;
}

#[tokio::test]
async fn bad_input_fails_at_once_and_tells_why() {
    let stage = Stage::new(&[(1, &[Act::Fail(ErrorKind::CorruptMedia)])]).await;
    let id = stage.submit(1).await;
    let job = stage.ended(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Failed, 1));
    let failure = job.failure.expect("it failed");
    assert_eq!(failure.code, ErrorKind::CorruptMedia);
    assert_eq!(failure.traceback.as_deref(), Some("CORRUPT_MEDIA: failed, as scripted"));
    assert_eq!(stage.ground.files().await.expect("a list"), [input(id)]);
    let error = stage.node.results(&stage.ground.scope(), id).await.expect_err("none");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    stage.end().await;
}

#[tokio::test]
async fn what_may_pass_is_tried_three_times() {
    let passing = Act::Fail(ErrorKind::StorageError);
    let stage = Stage::new(&[(1, &[passing; 2]), (2, &[passing; 3])]).await;
    let (passes, stays) = (stage.submit(1).await, stage.submit(2).await);
    let job = stage.ended(passes).await;
    assert_eq!((job.state, job.attempt, job.transient_failures), (JobState::Done, 3, 2));
    let job = stage.ended(stays).await;
    assert_eq!((job.state, job.attempt, job.transient_failures), (JobState::Failed, 3, 3));
    let told = stage.states(stays).await;
    assert_eq!(told.iter().filter(|s| **s == JobState::Failed).count(), 1);
    assert!(!told[1..told.len() - 1].iter().any(|s| *s != JobState::Processing), "{told:?}");
    stage.end().await;
}

#[tokio::test]
async fn poison_is_given_up_and_the_others_live_on() {
    let poison = [Act::Panic(5); 5];
    let further = [Act::Panic(1), Act::Panic(2), Act::Panic(3), Act::Panic(4)];
    let stage = Stage::new(&[(1, &poison), (2, &further)]).await;
    let (bad, moving) = (stage.submit(1).await, stage.submit(2).await);
    let good: Vec<JobId> = vec![stage.submit(3).await, stage.submit(3).await];
    let job = stage.ended(bad).await;
    assert_eq!((job.state, job.attempt), (JobState::Failed, 3), "three deaths at frame 5");
    assert_eq!((job.furthest_frame, job.poison_strikes), (5, 3));
    let failure = job.failure.expect("it failed");
    assert_eq!(failure.code, ErrorKind::ServerError);
    assert!(failure.message.contains("frame 5 is poison"), "{}", failure.message);
    let traceback = failure.traceback.expect("a panic has one");
    assert!(traceback.contains("runner.rs"), "{traceback}");
    let dead = stage.node.dead_letters(&stage.ground.scope(), 10).await.expect("a list");
    assert_eq!(dead.iter().map(|job| job.id).collect::<Vec<_>>(), [bad]);
    let given_up = |e: &Event| matches!(e.body, EventBody::JobDeadLettered { attempt: 3, .. });
    assert!(stage.events(bad).await.iter().any(given_up));
    let job = stage.ended(moving).await;
    assert_eq!((job.state, job.attempt), (JobState::Done, 5), "each came further than before");
    for id in good {
        let job = stage.ended(id).await;
        assert_eq!((job.state, job.attempt), (JobState::Done, 1));
    }
    let children = stage.node.observe().node.children;
    assert!(children.values().all(|c| c.restarts == 0), "nothing but the jobs ended: {children:?}");
    stage.end().await;
}

#[tokio::test]
async fn a_source_that_stalls_and_one_that_loops_are_noticed() {
    let stalls = [Act::Frames(2, Ending::Stall)];
    let loops = [Act::Frames(2, Ending::Loop)];
    let mut config = quick();
    config.jobs.stall = Duration::from_millis(300);
    let stage = Stage::with(config, &[(1, &stalls), (2, &loops)]).await;
    for id in [stage.submit(1).await, stage.submit(2).await] {
        let job = stage.ended(id).await;
        assert_eq!((job.state, job.attempt, job.furthest_frame), (JobState::Done, 2, 2));
        assert_eq!(job.poison_strikes, 1, "the first of three that it may have");
    }
    assert_eq!(stage.node.observe().jobs.interrupted, 2);
    stage.end().await;
}
