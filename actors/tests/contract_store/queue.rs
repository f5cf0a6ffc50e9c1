//! The queue: which job is begun, by whom, when.

use crate::support::{
    Workshop, at, change, finish, job, job_id, lease, progress, request, start, submit,
};
use actors::queue::transition::Transition;
use actors::queue::{LeaseRequest, Queue, QueueDepth};
use futures_util::future::join_all;
use schema::job::record::Priority;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Barrier;

pub(crate) async fn the_most_urgent_and_oldest_goes_first(workshop: &impl Workshop) {
    let queue = workshop.make().await;
    assert!(lease(&queue, at(0)).await.is_none(), "there is nothing");
    for (number, priority) in [(1, 5), (2, 9), (3, 1), (4, 9), (5, 10)] {
        let mut job = job(number, 1);
        job.priority = Priority::try_from(priority).expect("in range");
        submit(&queue, job).await;
    }
    // Stored later, but waiting for longer.
    let mut older = job(6, 1);
    (older.created_at, older.not_before) = (at(0), at(0));
    submit(&queue, older).await;
    for number in [5, 2, 4, 6, 1, 3] {
        let leased = lease(&queue, at(100)).await.expect("it is due");
        assert_eq!(leased.id, job_id(number));
    }
    assert!(lease(&queue, at(100)).await.is_none(), "all are leased");
}

pub(crate) async fn owners_at_their_limit_are_skipped(workshop: &impl Workshop) {
    let queue = workshop.make().await;
    for (number, owner) in [(1, 1), (2, 1), (3, 1), (4, 2)] {
        submit(&queue, job(number, owner)).await;
    }
    let two = LeaseRequest { running_per_owner: 2, ..request(1, at(10)) };
    let mut leased = Vec::new();
    for _ in 0..4 {
        leased.extend(queue.lease(two).await.expect("leasing works"));
    }
    let ids: Vec<_> = leased.iter().map(|j| j.id).collect();
    assert_eq!(ids, [job_id(1), job_id(2), job_id(4)]);
    change(&queue, job_id(1), finish(leased[0].last_token), at(11)).await.expect("it is held");
    let next = queue.lease(two).await.expect("leasing works").expect("a place is free");
    assert_eq!(next.id, job_id(3));
    submit(&queue, job(5, 3)).await;
    let none = LeaseRequest { running_per_owner: 0, ..two };
    assert!(queue.lease(none).await.expect("leasing works").is_none());
}

pub(crate) async fn one_of_many_workers_gets_it(workshop: &impl Workshop) {
    let queue = Arc::new(workshop.make().await);
    for round in 1..=10 {
        submit(&*queue, job(round, 1)).await;
        let barrier = Arc::new(Barrier::new(8));
        let workers = (1..=8).map(|worker| {
            let (queue, barrier) = (Arc::clone(&queue), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                queue.lease(request(worker, at(100))).await.expect("leasing works")
            })
        });
        let won: Vec<_> =
            join_all(workers).await.into_iter().filter_map(|w| w.expect("no panic")).collect();
        assert_eq!(won.len(), 1, "round {round}: {won:?}");
        assert_eq!(won[0].attempt, 1);
    }
}

pub(crate) async fn every_job_is_leased_once(workshop: &impl Workshop) {
    let queue = Arc::new(workshop.make().await);
    for number in 1..=60 {
        submit(&*queue, job(number, number % 3)).await;
    }
    let workers = (1..=6).map(|worker| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move {
            let mut leased = Vec::new();
            while let Some(job) =
                queue.lease(request(worker, at(100))).await.expect("leasing works")
            {
                leased.push(job.id);
            }
            leased
        })
    });
    let leased: Vec<_> =
        join_all(workers).await.into_iter().flat_map(|w| w.expect("no panic")).collect();
    assert_eq!(leased.len(), 60);
    assert_eq!(leased.into_iter().collect::<BTreeSet<_>>().len(), 60, "one was leased twice");
}

pub(crate) async fn leases_of_the_gone_are_found(workshop: &impl Workshop) {
    let queue = workshop.make().await;
    for number in 1..=3 {
        submit(&queue, job(number, 1)).await;
    }
    let earlier = queue.lease(request(1, at(10))).await.expect("leasing works").expect("due");
    let now = queue.lease(request(2, at(10))).await.expect("leasing works").expect("due");
    let stale = async |holder, time| {
        let jobs = queue.stale(start(holder), time).await.expect("a list");
        jobs.into_iter().map(|j| j.id).collect::<Vec<_>>()
    };
    // Leases hold for ten seconds.
    assert_eq!(stale(2, at(11)).await, [earlier.id]);
    assert_eq!(stale(2, at(10_010)).await, [earlier.id, now.id]);
    let token = now.last_token;
    let extend = Transition::Extend { token, progress: progress(1), expires_at: at(20_000) };
    change(&queue, now.id, extend, at(5000)).await.expect("it is held");
    assert_eq!(stale(2, at(10_010)).await, [earlier.id]);
    let (cause, retry_at) = ("its process is gone".to_owned(), at(11));
    let token = earlier.last_token;
    let abandon = Transition::Abandon { token, progress: None, cause, traceback: None, retry_at };
    change(&queue, earlier.id, abandon, at(11)).await.expect("it is held");
    assert!(stale(2, at(11)).await.is_empty());
}

pub(crate) async fn what_waits_for_its_time_is_told(workshop: &impl Workshop) {
    let queue = workshop.make().await;
    assert_eq!(queue.next_due(at(0)).await.expect("works"), None);
    for (number, due) in [(1, 700), (2, 300), (3, 500)] {
        let mut job = job(number, 1);
        job.not_before = at(due);
        submit(&queue, job).await;
    }
    let mut cancelled = job(4, 1);
    cancelled.not_before = at(200);
    submit(&queue, cancelled).await;
    change(&queue, job_id(4), Transition::RequestCancel, at(5)).await.expect("it waits");
    assert!(lease(&queue, at(299)).await.is_none(), "begun before its time");
    assert_eq!(queue.next_due(at(10)).await.expect("works"), Some(at(300)));
    assert_eq!(queue.next_due(at(300)).await.expect("works"), Some(at(500)));
    assert_eq!(lease(&queue, at(300)).await.expect("its time has come").id, job_id(2));
    assert_eq!(queue.next_due(at(700)).await.expect("works"), None);
}

pub(crate) async fn a_clock_that_goes_back_delays_nothing(workshop: &impl Workshop) {
    const TWO_HOURS: i64 = 7_200_000;
    let queue = workshop.make().await;
    submit(&queue, job(1, 1)).await;
    let token = lease(&queue, at(10)).await.expect("it is due").last_token;
    let release = Transition::Release { token };
    change(&queue, job_id(1), release, at(11)).await.expect("it is held");
    assert!(lease(&queue, at(0)).await.is_none(), "a moment is none");
    let leased = lease(&queue, at(-TWO_HOURS)).await.expect("it was due already");
    let (token, retry_at) = (leased.last_token, at(1000 - TWO_HOURS));
    let (progress, cause, traceback) = (None, "killed".to_owned(), None);
    let abandon = Transition::Abandon { token, progress, cause, traceback, retry_at };
    change(&queue, job_id(1), abandon, at(-TWO_HOURS)).await.expect("it is held");
    assert!(lease(&queue, at(999 - TWO_HOURS)).await.is_none(), "begun before its time");
    let leased = lease(&queue, at(-2 * TWO_HOURS)).await.expect("it went back once more");
    assert_eq!((leased.id, leased.attempt), (job_id(1), 3));
}

pub(crate) async fn the_depth_is_told(workshop: &impl Workshop) {
    let queue = workshop.make().await;
    assert_eq!(queue.depth().await.expect("works"), QueueDepth::default());
    for number in 1..=4 {
        submit(&queue, job(number, 1)).await;
    }
    let token = lease(&queue, at(10)).await.expect("it is due").last_token;
    let depth = queue.depth().await.expect("works");
    assert_eq!(depth, QueueDepth { waiting: 3, running: 1, oldest: Some(at(2)) });
    change(&queue, job_id(1), finish(token), at(11)).await.expect("it is held");
    change(&queue, job_id(2), Transition::RequestCancel, at(11)).await.expect("it waits");
    let depth = queue.depth().await.expect("works");
    assert_eq!(depth, QueueDepth { waiting: 2, running: 0, oldest: Some(at(3)) });
}
