//! Jobs: submissions, changes, lists, removal.

use crate::support::{
    OPEN, Workshop, at, change, done, file, finish, job, job_id, lease, of, progress, start,
    submit, types, user,
};
use actors::queue::transition::{POISON_STRIKES, Transition};
use actors::store::events::Replay;
use actors::store::jobs::{Admission, Created, Idempotency, JobFilter, JobPage, Page};
use actors::store::{EventStore, JobStore};
use schema::ErrorKind;
use schema::account::{Role, Scope};
use schema::id::JobId;
use schema::job::JobKind;
use schema::job::record::{Job, JobFailure, JobOutputs, JobState, Lease, Priority};
use schema::time::WallTime;

/// A job with something in every field.
fn full() -> Job {
    let mut full = job(1, 1);
    full.kind = JobKind::EmergencyCount;
    full.params = serde_json::json!({ "a": [1, 2.5, null, "\u{e4}\u{0}"], "b": {} });
    full.priority = Priority::try_from(9).expect("in range");
    full.retry_of = Some(job_id(99));
    full.not_before = at(500);
    full.version = 3;
    full
}

pub(crate) async fn a_job_comes_back_as_it_was(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let full = submit(&store, full()).await;
    assert_eq!(store.job(&of(1), full.id).await.expect("it is there"), full);
    let leased = lease(&store, at(500)).await.expect("it is due");
    assert_eq!(store.job(&of(1), full.id).await.expect("it is there"), leased);
    let failure = Box::new(JobFailure {
        code: ErrorKind::CorruptMedia,
        message: "no index".to_owned(),
        hint: Some("send the whole file".to_owned()),
        traceback: Some("a: b".to_owned()),
    });
    let token = leased.last_token;
    let failed = Transition::Fail { token, failure, retry_at: None };
    let failed = change(&store, full.id, failed, at(501)).await.expect("it is held");
    assert!(failed.failure.is_some() && failed.finished_at == Some(at(501)));
    assert_eq!(store.job(&of(1), full.id).await.expect("it is there"), failed);

    let finished = done(&store, 2, 1).await;
    let outputs = finished.outputs.as_ref().map(JobOutputs::files);
    assert_eq!(outputs.map(Iterator::count), Some(3));
    assert_eq!(store.job(&of(1), finished.id).await.expect("it is there"), finished);
}

pub(crate) async fn others_jobs_do_not_exist(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let id = submit(&store, job(1, 1)).await.id;
    let admin = Scope::User { id: user(3), role: Role::Admin };
    for scope in [of(1), admin, Scope::System] {
        assert_eq!(store.job(&scope, id).await.expect("it may be seen").id, id);
    }
    let words = |scope: Scope, id: JobId| {
        let store = &store;
        async move { store.job(&scope, id).await.expect_err("it is not there") }
    };
    let (others, nobodys) = (words(of(2), id).await, words(of(2), job_id(7)).await);
    assert_eq!((others.kind(), nobodys.kind()), (ErrorKind::NotFound, ErrorKind::NotFound));
    let alike = nobodys.message().replace(&job_id(7).to_string(), &id.to_string());
    assert_eq!(others.message(), alike, "the words tell that it exists");

    let cancel = store.change_job(&of(2), id, Transition::RequestCancel, at(2)).await;
    assert_eq!(cancel.expect_err("not theirs").kind(), ErrorKind::NotFound);
    let delete = store.change_job(&of(1), id, Transition::RequestDelete, at(2)).await;
    assert_eq!(delete.expect("it is theirs").state, JobState::Cancelled);
    let remove = store.remove_job(&of(2), id, at(2)).await;
    assert_eq!(remove.expect_err("not theirs").kind(), ErrorKind::NotFound);
    let page = Page::Before { before: None, limit: 10 };
    let theirs = store.jobs(&of(2), &JobFilter::default(), page).await.expect("a list");
    assert_eq!((theirs.jobs.len(), theirs.total), (0, 0));
    let filter = JobFilter { owner: Some(user(1)), ..JobFilter::default() };
    submit(&store, job(2, 1)).await;
    let theirs = store.jobs(&of(2), &filter, page).await.expect("a list");
    assert_eq!((theirs.jobs.len(), theirs.total), (0, 0), "a filter widened the scope");
}

pub(crate) async fn the_same_key_makes_one_job(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let key = |fingerprint: &str| {
        let (key, fingerprint) = ("k".to_owned(), fingerprint.to_owned());
        Some(Idempotency { key, fingerprint, expires_at: at(1000) })
    };
    let none = Admission { waiting_per_owner: 1, waiting: 2 };
    let first = store.create_job(job(1, 1), none, key("a")).await.expect("it is admitted");
    assert!(matches!(&first, Created::New(j) if j.id == job_id(1)), "{first:?}");
    // Sent again it needs no place of its own.
    let again = store.create_job(job(2, 1), none, key("a")).await.expect("it is known");
    assert!(matches!(&again, Created::Again(j) if j.id == job_id(1)), "{again:?}");
    let other = store.create_job(job(3, 1), OPEN, key("b")).await.expect_err("another one");
    assert_eq!(other.kind(), ErrorKind::Conflict);
    // Keys count per owner, and until they expire.
    let theirs = store.create_job(job(4, 2), none, key("b")).await.expect("their own key");
    assert!(matches!(theirs, Created::New(_)));
    let later = store.create_job(job(1000, 1), OPEN, key("b")).await.expect("it has expired");
    assert!(matches!(later, Created::New(_)));
    assert!(store.job(&of(1), job_id(2)).await.is_err(), "a repeated submission was stored");
}

pub(crate) async fn the_key_of_a_job_that_is_being_deleted_is_free(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let key = |fingerprint: &str| {
        let (key, fingerprint) = ("k".to_owned(), fingerprint.to_owned());
        Some(Idempotency { key, fingerprint, expires_at: at(1000) })
    };
    store.create_job(job(1, 1), OPEN, key("a")).await.expect("it is admitted");
    let token = lease(&store, at(2)).await.expect("it is due").last_token;
    change(&store, job_id(1), Transition::RequestDelete, at(3)).await.expect("it runs");
    let second = store.create_job(job(4, 1), OPEN, key("a")).await.expect("it is admitted");
    assert!(matches!(&second, Created::New(j) if j.id == job_id(4)), "{second:?}");
    let confirm = Transition::ConfirmCancel { token };
    change(&store, job_id(1), confirm, at(5)).await.expect("it is held");
    store.remove_job(&Scope::System, job_id(1), at(6)).await.expect("it may go");
    let again = store.create_job(job(7, 1), OPEN, key("a")).await.expect("it is known");
    assert!(matches!(&again, Created::Again(j) if j.id == job_id(4)), "{again:?}");
    // Another submission may have the key as well: the first one is gone for its owner.
    change(&store, job_id(4), Transition::RequestDelete, at(8)).await.expect("it waits");
    let other = store.create_job(job(9, 1), OPEN, key("b")).await.expect("it is admitted");
    assert!(matches!(other, Created::New(_)), "{other:?}");
}

pub(crate) async fn who_has_too_many_waiting_is_refused(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let admission = Admission { waiting_per_owner: 2, waiting: 3 };
    let submit = |number, owner| store.create_job(job(number, owner), admission, None);
    submit(1, 1).await.expect("the first");
    submit(2, 1).await.expect("the second");
    let third = submit(3, 1).await.expect_err("the third");
    assert_eq!(third.kind(), ErrorKind::RateLimited);
    submit(4, 2).await.expect("another owner's");
    let fourth = submit(5, 2).await.expect_err("the fourth in all");
    assert_eq!(fourth.kind(), ErrorKind::QueueFull);
    // One that runs does not wait.
    lease(&store, at(10)).await.expect("it is due");
    submit(6, 1).await.expect("a place is free");
    let nothing = Admission { waiting_per_owner: 0, waiting: 0 };
    let refused = store.create_job(job(7, 3), nothing, None).await.expect_err("none may wait");
    assert_eq!(refused.kind(), ErrorKind::RateLimited);
    assert!(store.job(&Scope::System, job_id(3)).await.is_err(), "a refused job was stored");
}

fn ids(page: &JobPage) -> Vec<JobId> {
    page.jobs.iter().map(|j| j.id).collect()
}

pub(crate) async fn lists_are_pages_newest_first(workshop: &impl Workshop) {
    let store = workshop.make().await;
    for number in 1..=5 {
        submit(&store, job(number, 1)).await;
    }
    let mut theirs = job(6, 2);
    theirs.kind = JobKind::EmergencyCount;
    submit(&store, theirs).await;
    let all = JobFilter::default();
    let list = |filter: JobFilter, page| {
        let store = &store;
        async move { store.jobs(&Scope::System, &filter, page).await.expect("a list") }
    };
    let mine = JobFilter { owner: Some(user(1)), ..all.clone() };

    let first = list(mine.clone(), Page::Before { before: None, limit: 2 }).await;
    assert_eq!(ids(&first), [job_id(5), job_id(4)]);
    assert_eq!((first.total, first.has_more), (5, true));
    let before = Some(job_id(4));
    let second = list(mine.clone(), Page::Before { before, limit: 3 }).await;
    assert_eq!(ids(&second), [job_id(3), job_id(2), job_id(1)]);
    assert_eq!((second.total, second.has_more), (5, false));
    let by_number = list(mine.clone(), Page::Offset { offset: 3, limit: 1 }).await;
    assert_eq!((ids(&by_number), by_number.has_more), (vec![job_id(2)], true));
    let beyond = list(mine, Page::Offset { offset: 9, limit: 3 }).await;
    assert_eq!((ids(&beyond), beyond.total, beyond.has_more), (vec![], 5, false));

    let page = Page::Before { before: None, limit: 10 };
    assert_eq!(ids(&list(all.clone(), page).await).len(), 6);
    let kind = JobFilter { kind: Some(JobKind::EmergencyCount), ..all.clone() };
    assert_eq!(ids(&list(kind, page).await), [job_id(6)]);
    let running = lease(&store, at(10)).await.expect("it is due").id;
    let state = JobFilter { state: Some(JobState::Processing), ..all.clone() };
    assert_eq!(ids(&list(state, page).await), [running]);
    change(&store, job_id(5), Transition::RequestDelete, at(11)).await.expect("it may go");
    let left = list(all, page).await;
    assert!(!ids(&left).contains(&job_id(5)) && left.total == 5, "{left:?}");
}

/// The types of all events of a job.
async fn told(store: &impl EventStore) -> Vec<String> {
    let replay = store.replay(&Scope::System, None, &[], 100).await.expect("a replay");
    let Replay::Events { events, .. } = replay else { panic!("{replay:?}") };
    types(&events)
}

pub(crate) async fn every_transition_is_stored(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let id = submit(&store, job(1, 1)).await.id;
    let stored = async |transition, now| {
        let changed = change(&store, id, transition, now).await.expect("it is allowed");
        assert_eq!(store.job(&of(1), id).await.expect("it is there"), changed);
        changed
    };
    let first = lease(&store, at(1)).await.expect("it is due");
    assert_eq!((first.state, first.attempt, first.last_token), (JobState::Processing, 1, 1));
    assert_eq!(first.started_at, Some(at(1)));
    let expires_at = at(90_000);
    let longer = Transition::Extend { token: 1, progress: progress(40), expires_at };
    let longer = stored(longer, at(2)).await;
    let lease_now = Lease { holder: start(1), token: 1, expires_at };
    assert_eq!((longer.lease, longer.progress), (Some(lease_now), progress(40)));
    assert_eq!(longer.version, first.version + 1);
    let released = stored(Transition::Release { token: 1 }, at(3)).await;
    assert_eq!((released.lease, released.poison_strikes), (None, 0));

    lease(&store, at(4)).await.expect("it is due again");
    let failure = Box::new(JobFailure {
        code: ErrorKind::ModelUnavailable,
        message: "busy".to_owned(),
        hint: None,
        traceback: None,
    });
    let retry_at = Some(at(50));
    let failed = stored(Transition::Fail { token: 2, failure, retry_at }, at(5)).await;
    assert_eq!((failed.state, failed.transient_failures), (JobState::Processing, 1));
    assert_eq!(failed.not_before, at(50));
    lease(&store, at(50)).await.expect("its time has come");
    let cause = "killed".to_owned();
    let abandon =
        Transition::Abandon { token: 3, progress: None, cause, traceback: None, retry_at: at(60) };
    assert_eq!(stored(abandon, at(51)).await.poison_strikes, 1);
    lease(&store, at(60)).await.expect("its time has come");
    let done = stored(finish(4), at(61)).await;
    assert_eq!((done.state, done.attempt, done.finished_at), (JobState::Done, 4, Some(at(61))));
    assert_eq!(told(&store).await, [["job_state"; 9].as_slice(), &["job_result"]].concat());
}

pub(crate) async fn a_superseded_worker_changes_nothing(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let id = submit(&store, job(1, 1)).await.id;
    let token = lease(&store, at(1)).await.expect("it is due").last_token;
    let cause = "lease ran out".to_owned();
    let abandon =
        Transition::Abandon { token, progress: None, cause, traceback: None, retry_at: at(1) };
    change(&store, id, abandon.clone(), at(2)).await.expect("it is held");
    let held = lease(&store, at(3)).await.expect("it is due again");
    assert!(held.last_token > token);
    let (progress, expires_at) = (progress(5), WallTime(i64::MAX));
    let failure = JobFailure {
        code: ErrorKind::ServerError,
        message: "late".to_owned(),
        hint: None,
        traceback: None,
    };
    for late in [
        Transition::Extend { token, progress, expires_at },
        finish(token),
        Transition::Fail { token, failure: Box::new(failure), retry_at: None },
        Transition::ConfirmCancel { token },
        Transition::Release { token },
        abandon,
    ] {
        let refused = change(&store, id, late.clone(), at(4)).await;
        assert_eq!(refused.expect_err("it is late").kind(), ErrorKind::Conflict, "{late:?}");
    }
    assert_eq!(store.job(&of(1), id).await.expect("it is there"), held);
    assert_eq!(told(&store).await.len(), 4, "a refused change was told");
}

pub(crate) async fn a_job_is_removed_only_when_it_may(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let id = submit(&store, job(1, 1)).await.id;
    let refused = store.remove_job(&Scope::System, id, at(1)).await.expect_err("it waits");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let token = lease(&store, at(1)).await.expect("it is due").last_token;
    let asked = change(&store, id, Transition::RequestDelete, at(2)).await.expect("it may");
    assert!(asked.delete_requested && asked.cancel_requested && asked.lease.is_some());
    assert_eq!(store.jobs_to_delete().await.expect("a list"), []);
    let refused = store.remove_job(&Scope::System, id, at(2)).await.expect_err("it runs");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let late = change(&store, id, finish(token), at(3)).await.expect_err("it is cancelled");
    assert_eq!(late.kind(), ErrorKind::Cancelled);
    let ended = change(&store, id, Transition::ConfirmCancel { token }, at(3)).await;
    let ended = ended.expect("it is held");
    assert_eq!(store.jobs_to_delete().await.expect("a list"), [ended]);

    store.remove_job(&Scope::System, id, at(4)).await.expect("it has ended");
    for gone in [
        store.remove_job(&Scope::System, id, at(5)).await.expect_err("it is gone"),
        store.job(&Scope::System, id).await.expect_err("it is gone"),
        change(&store, id, Transition::RequestCancel, at(5)).await.expect_err("it is gone"),
    ] {
        assert_eq!(gone.kind(), ErrorKind::NotFound);
    }
    assert_eq!(told(&store).await, ["job_state", "job_state", "job_state", "job_deleted"]);

    let kept = done(&store, 2, 1).await.id;
    let refused = store.remove_job(&Scope::System, kept, at(6)).await.expect_err("nobody asked");
    assert_eq!(refused.kind(), ErrorKind::Conflict);
}

pub(crate) async fn poison_is_a_dead_letter(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let id = submit(&store, job(1, 1)).await.id;
    for strike in 1..=POISON_STRIKES {
        let leased = lease(&store, at(10)).await.expect("it is tried again");
        let (cause, retry_at) = (format!("killed {strike}"), at(10));
        let token = leased.last_token;
        let abandon =
            Transition::Abandon { token, progress: None, cause, traceback: None, retry_at };
        change(&store, id, abandon, at(11)).await.expect("it is held");
    }
    assert!(lease(&store, at(99)).await.is_none(), "it is begun once more");
    done(&store, 20, 1).await;
    let letters = store.dead_letters(&of(1), 10).await.expect("a list");
    assert_eq!(letters.iter().map(|j| j.id).collect::<Vec<_>>(), [id]);
    assert_eq!(letters[0].state, JobState::Failed);
    assert_eq!(store.dead_letters(&of(2), 10).await.expect("a list"), []);
    assert_eq!(store.dead_letters(&Scope::System, 0).await.expect("a list"), []);
    assert_eq!(told(&store).await[5..8], ["job_state", "job_dead_lettered", "job_state"]);
    change(&store, id, Transition::RequestDelete, at(30)).await.expect("it has ended");
    store.remove_job(&Scope::System, id, at(31)).await.expect("it has ended");
    assert_eq!(store.dead_letters(&Scope::System, 10).await.expect("a list"), []);
}

pub(crate) async fn acknowledged_work_is_there_for_another_process(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let mut expected = Vec::new();
    for number in 1..=20 {
        expected.insert(0, submit(&store, job(number, 1)).await);
    }
    expected.pop();
    expected.push(lease(&store, at(99)).await.expect("it is due"));
    let mut other = job(30, 1);
    other.input = file("uploads/30.mp4");
    expected.insert(0, submit(&store, other).await);
    let Some(another) = workshop.another(&store).await else { return };
    let page = Page::Before { before: None, limit: 100 };
    let found = another.jobs(&of(1), &JobFilter::default(), page).await.expect("a list");
    assert_eq!(found.jobs, expected);
    assert_eq!(told(&another).await.len(), 22);
    assert_eq!(another.head().await.expect("a cursor"), store.head().await.expect("a cursor"));
}
