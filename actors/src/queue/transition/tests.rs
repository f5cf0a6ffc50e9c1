//! Every transition in every situation, the rules of poison and retries, and random lives of jobs.

use super::*;
use proptest::prelude::*;
use schema::id::{JobId, UserId};
use schema::job::JobKind;
use schema::job::record::{MediaFile, Priority};

const NOW: WallTime = WallTime(1_795_258_401_000_000);
const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn file() -> MediaFile {
    let text = |t: &str| t.to_owned();
    let (key, sha256) = (text("uploads/a.mp4"), "ab".repeat(32));
    let (content_type, file_name) = (text("video/mp4"), text("a.mp4"));
    MediaFile { key, size: 7, sha256, content_type, file_name }
}

fn pending() -> Job {
    Job {
        id: ID.parse::<JobId>().expect("a UUIDv7"),
        owner: ID.parse::<UserId>().expect("a UUIDv7"),
        kind: JobKind::PeopleCount,
        params: serde_json::json!({}),
        input: file(),
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
        not_before: NOW,
        outputs: None,
        failure: None,
        created_at: NOW,
        updated_at: NOW,
        started_at: None,
        finished_at: None,
        version: 1,
    }
}

fn frames(frames_done: u64) -> AttemptProgress {
    AttemptProgress { frames_done, frames_total: Some(100) }
}

fn begin_at(expires_at: WallTime) -> Transition {
    Transition::Begin { holder: ID.parse().expect("a UUIDv7"), expires_at }
}

fn finish(token: u64) -> Transition {
    let (image, video) = (None, None);
    let outputs =
        JobOutputs { results: file(), tracks: file(), image, video, processing_us: 1, frames: 100 };
    Transition::Finish { token, outputs: Box::new(outputs), progress: frames(100) }
}

fn fail(token: u64, retry_at: Option<WallTime>) -> Transition {
    let failure = JobFailure {
        code: ErrorKind::CorruptMedia,
        message: "no index".to_owned(),
        hint: None,
        traceback: None,
    };
    Transition::Fail { token, failure: Box::new(failure), retry_at }
}

fn abandon(token: u64, reached: Option<u64>) -> Transition {
    let (progress, cause) = (reached.map(frames), "killed".to_owned());
    Transition::Abandon { token, progress, cause, traceback: None, retry_at: NOW }
}

fn extend(token: u64, reached: u64) -> Transition {
    let expires_at = NOW.plus(Duration::from_secs(10));
    Transition::Extend { token, progress: frames(reached), expires_at }
}

fn done(job: &mut Job, transition: Transition) -> Vec<EventBody> {
    apply(job, transition, NOW).expect("the transition is allowed")
}

/// Where a job is, as far as transitions tell it apart: one letter.
fn situation(job: &Job) -> char {
    match (job.state, &job.lease, job.cancel_requested) {
        (JobState::Pending, None, false) => 'p',
        (JobState::Processing, Some(_), false) => 'r',
        (JobState::Processing, Some(_), true) => 'c',
        (JobState::Processing, None, false) => 'w',
        (JobState::Done, None, false) => 'D',
        (JobState::Failed, None, false) => 'F',
        (JobState::Cancelled, None, _) => 'C',
        _ => panic!("no job may be like this: {job:?}"),
    }
}

/// A job in each situation: pending, running, running and to be cancelled, waiting to be tried
/// again, done, failed, cancelled.
fn in_situation(letter: char) -> Job {
    let mut job = pending();
    let path: &[Transition] = match letter {
        'p' => &[],
        'r' => &[begin_at(NOW)],
        'c' => &[begin_at(NOW), Transition::RequestCancel],
        'w' => &[begin_at(NOW), Transition::Release { token: 1 }],
        'D' => &[begin_at(NOW), finish(1)],
        'F' => &[begin_at(NOW), fail(1, None)],
        'C' => &[Transition::RequestCancel],
        _ => panic!("unknown situation {letter}"),
    };
    for transition in path {
        done(&mut job, transition.clone());
    }
    assert_eq!(situation(&job), letter);
    job
}

/// Rows: the situation before. Columns: the situation after, or `x` refused with CONFLICT, `!`
/// refused with CANCELLED, `-` nothing to change.
const TABLE: &str = "
      begin extend finish fail retry confirm release abandon cancel delete
    p   r     x      x     x     x      x       x       x      C      C
    r   x     r      D     F     w      x       w       w      c      c
    c   x     c      !     C     C      C       C       C      -      c
    w   r     x      x     x     x      x       x       x      C      C
    D   x     x      x     x     x      x       x       x      x      D
    F   x     x      x     x     x      x       x       x      x      F
    C   x     x      x     x     x      x       x       x      -      C";

fn transition(name: &str, token: u64) -> Transition {
    match name {
        "begin" => begin_at(NOW.plus(Duration::from_secs(10))),
        "extend" => extend(token, 5),
        "finish" => finish(token),
        "fail" => fail(token, None),
        "retry" => fail(token, Some(NOW.plus(Duration::from_secs(1)))),
        "confirm" => Transition::ConfirmCancel { token },
        "release" => Transition::Release { token },
        "abandon" => abandon(token, None),
        "cancel" => Transition::RequestCancel,
        "delete" => Transition::RequestDelete,
        _ => panic!("unknown transition {name}"),
    }
}

/// What must hold after any transition.
fn check_told(before: &Job, after: &Job, events: &[EventBody]) {
    let told = events.iter().rev().find_map(|event| match event {
        EventBody::JobState { status, attempt, error, .. } => Some((*status, *attempt, error)),
        _ => None,
    });
    let moved = situation(before) != situation(after) && situation(after) != 'c';
    assert_eq!(told.is_some(), moved, "{events:?}");
    if let Some((status, attempt, error)) = told {
        assert_eq!((status, attempt), (after.state, after.attempt));
        assert_eq!(error.as_ref().map(|e| e.code), after.failure.as_ref().map(|f| f.code));
    }
    assert_eq!(after.finished_at.is_some(), after.state.is_final());
    assert_eq!(after.outputs.is_some(), after.state == JobState::Done);
    let failed = matches!(after.state, JobState::Failed | JobState::Cancelled);
    assert_eq!(after.failure.is_some(), failed);
}

#[test]
fn every_transition_in_every_situation() {
    let mut rows = TABLE.trim().lines();
    let names: Vec<&str> = rows.next().expect("a head").split_whitespace().collect();
    for row in rows {
        let cells: Vec<char> = row.split_whitespace().flat_map(str::chars).collect();
        assert_eq!(cells.len(), names.len() + 1, "{row}");
        for (name, expected) in names.iter().zip(&cells[1..]) {
            let before = in_situation(cells[0]);
            let mut after = before.clone();
            let later = NOW.plus(Duration::from_secs(2));
            let result = apply(&mut after, transition(name, before.last_token), later);
            let cell = format!("{name} of {}: {result:?}", cells[0]);
            match (expected, result) {
                ('x' | '!', Err(error)) => {
                    let cancelled = error.kind() == ErrorKind::Cancelled;
                    assert_eq!(cancelled, *expected == '!', "{cell}");
                    assert!(cancelled || error.kind() == ErrorKind::Conflict, "{cell}");
                    assert_eq!(after, before, "{cell}: refused, and yet changed");
                }
                ('-', Ok(events)) => {
                    assert!(events.is_empty() && after == before, "{cell}");
                }
                (expected, Ok(events)) => {
                    assert_eq!(situation(&after), *expected, "{cell}");
                    assert_eq!((after.version, after.updated_at), (before.version + 1, later));
                    assert_eq!(after.delete_requested, *name == "delete", "{cell}");
                    check_told(&before, &after, &events);
                }
                _ => panic!("{cell}, expected {expected}"),
            }
        }
    }
}

#[test]
fn deleting_twice_changes_once() {
    for letter in ['p', 'r', 'c', 'w', 'D', 'F', 'C'] {
        let mut job = in_situation(letter);
        done(&mut job, Transition::RequestDelete);
        let once = job.clone();
        assert_eq!(done(&mut job, Transition::RequestDelete), []);
        assert_eq!(job, once);
    }
}

#[test]
fn a_superseded_worker_is_refused() {
    for name in ["extend", "finish", "fail", "retry", "confirm", "release", "abandon"] {
        let mut job = in_situation('r');
        done(&mut job, abandon(1, None));
        done(&mut job, begin_at(NOW));
        let before = job.clone();
        for token in [0, 1, 3] {
            let refused = apply(&mut job, transition(name, token), NOW);
            assert_eq!(refused.expect_err(name).kind(), ErrorKind::Conflict);
            assert_eq!(job, before, "{name} with token {token}");
        }
    }
}

#[test]
fn a_job_is_not_begun_before_its_time() {
    let mut job = pending();
    job.not_before = WallTime(NOW.0 + 1);
    assert!(apply(&mut job, begin_at(NOW), NOW).is_err());
    let on_time = job.not_before;
    assert!(apply(&mut job, begin_at(NOW), on_time).is_ok());
    // Given back, it is due at once, whatever the clock says.
    done(&mut job, Transition::Release { token: 1 });
    assert_eq!(job.not_before, on_time);
}

#[test]
fn a_time_that_was_set_before_the_clock_went_back_is_void() {
    let check = |goes_back: Duration, is_due: bool| {
        let mut job = pending();
        done(&mut job, begin_at(NOW));
        done(&mut job, fail(1, Some(NOW.plus(Duration::from_secs(1)))));
        let begun = apply(&mut job, begin_at(NOW), NOW.minus(goes_back));
        assert_eq!(begun.is_ok(), is_due, "{goes_back:?}");
    };
    check(Duration::ZERO, false);
    // Who leases may have looked at the clock before the failure was stored.
    check(CLOCK_WENT_BACK, false);
    check(CLOCK_WENT_BACK + Duration::from_micros(1), true);
    check(Duration::from_secs(7200), true);
}

/// Attempts that end abnormally at these frames: strikes, and whether it is given up, after each.
fn check_poison(reached: &[u64], expected: &[(u32, bool)]) {
    let mut job = pending();
    for (number, (frame, expected)) in reached.iter().zip(expected).enumerate() {
        done(&mut job, begin_at(NOW));
        let token = job.last_token;
        // Known from the last extension, or told with the end.
        let end = if number % 2 == 0 {
            done(&mut job, extend(token, *frame));
            abandon(token, None)
        } else {
            abandon(token, Some(*frame))
        };
        let events = done(&mut job, end);
        let letter = events.iter().any(|e| matches!(e, EventBody::JobDeadLettered { .. }));
        assert_eq!(letter, job.state == JobState::Failed);
        assert_eq!((job.poison_strikes, letter), *expected, "{reached:?}[{number}]");
    }
}

#[test]
fn poison_is_what_ends_its_worker_without_getting_further() {
    // Three deaths at the same frame, whichever it is, and however the job came there.
    for frame in [0, 1, 17, 100] {
        check_poison(&[frame; 3], &[(1, false), (2, false), (3, true)]);
    }
    check_poison(&[9, 17, 17, 17], &[(1, false), (1, false), (2, false), (3, true)]);
    check_poison(&[50, 20, 30], &[(1, false), (2, false), (3, true)]);
    check_poison(&[50, 20, 51, 30], &[(1, false), (2, false), (2, false), (3, true)]);
    check_poison(
        &[10, 20, 20, 30, 40],
        &[(1, false), (1, false), (2, false), (2, false), (2, false)],
    );
    let further: Vec<u64> = (1..=10).map(|n| n * 9).collect();
    check_poison(&further, &[(1, false); 10]);
}

#[test]
fn a_job_that_was_killed_on_its_way_finishes() {
    let mut job = pending();
    for frame in 1..=10 {
        done(&mut job, begin_at(NOW));
        let token = job.last_token;
        done(&mut job, abandon(token, Some(frame)));
    }
    done(&mut job, begin_at(NOW));
    let token = job.last_token;
    let events = done(&mut job, finish(token));
    let url = format!("/api/v1/jobs/{ID}/results");
    assert!(matches!(&events[1], EventBody::JobResult { results_url } if *results_url == url));
    assert_eq!((job.state, job.attempt, job.fraction()), (JobState::Done, 11, 1.0));
}

#[test]
fn the_dead_letter_tells_what_happened() {
    let mut job = pending();
    let mut events = Vec::new();
    for frame in [3, 8, 3, 8] {
        done(&mut job, begin_at(NOW));
        let token = job.last_token;
        events = done(&mut job, abandon(token, Some(frame)));
    }
    let cause = "killed".to_owned();
    let letter = EventBody::JobDeadLettered { attempt: 4, furthest_frame: 8, cause };
    assert_eq!(events[0], letter);
    let failure = job.failure.expect("it failed");
    assert_eq!(failure.code, ErrorKind::ServerError);
    assert!(failure.message.ends_with("beyond frame 8: killed"), "{}", failure.message);
}

#[test]
fn an_orderly_stop_counts_nothing() {
    let mut job = pending();
    for _ in 0..20 {
        done(&mut job, begin_at(NOW));
        let token = job.last_token;
        done(&mut job, extend(token, 5));
        done(&mut job, Transition::Release { token });
    }
    assert_eq!((job.poison_strikes, job.transient_failures, job.furthest_frame), (0, 0, 0));
    assert_eq!(job.progress, AttemptProgress::default());
}

#[test]
fn transient_errors_are_tried_three_times() {
    let mut job = pending();
    let retry_at = NOW.plus(Duration::from_secs(3));
    for attempt in 1..=TRANSIENT_ATTEMPTS {
        assert!(!job.state.is_final());
        apply(&mut job, begin_at(retry_at), retry_at).expect("it is due");
        done(&mut job, fail(u64::from(attempt), Some(retry_at)));
        assert_eq!(job.transient_failures, attempt);
        assert_eq!(job.not_before, retry_at);
    }
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(job.failure.expect("it failed").code, ErrorKind::CorruptMedia);
}

#[test]
fn what_is_to_be_cancelled_ends_cancelled_however_it_ends() {
    for name in ["fail", "retry", "confirm", "release", "abandon"] {
        let mut job = in_situation('c');
        job.poison_strikes = POISON_STRIKES - 1;
        done(&mut job, transition(name, 1));
        assert_eq!(job.state, JobState::Cancelled, "{name}");
        assert_eq!(job.failure.expect("it has a reason").code, ErrorKind::Cancelled);
    }
}

const NAMES: [&str; 10] = [
    "begin", "extend", "finish", "fail", "retry", "confirm", "release", "abandon", "cancel",
    "delete",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A random life: workers hold their token or an older one, the clock jumps, and ends are rare
    /// enough that lives are long.
    #[test]
    fn any_life_keeps_the_rules(
        steps in prop::collection::vec((0..40_usize, 0..4_u64, -2000..2000_i64), 1..60),
    ) {
        let mut job = pending();
        let mut time = NOW;
        let mut leases = 0;
        for (choice, behind, jump) in steps {
            let name = match choice {
                0..10 => NAMES[choice],
                10..25 => "begin",
                25..30 => "extend",
                _ => ["release", "abandon", "retry"][choice % 3],
            };
            time = WallTime(time.0 + jump * 1000);
            let before = job.clone();
            let token = before.last_token.saturating_sub(behind);
            let superseded = before.lease.is_none_or(|lease| lease.token != token);
            let by_worker = !["begin", "cancel", "delete"].contains(&name);
            match apply(&mut job, transition(name, token), time) {
                Err(_) => prop_assert_eq!(&job, &before),
                Ok(events) => {
                    prop_assert!(!(by_worker && superseded), "{} was let through", name);
                    check_told(&before, &job, &events);
                }
            }
            prop_assert!(!before.state.is_final() || job.state == before.state);
            prop_assert!(before.state == JobState::Pending || job.state != JobState::Pending);
            prop_assert_eq!(job.version, before.version + u64::from(job != before));
            prop_assert!(job.furthest_frame >= before.furthest_frame);
            prop_assert!(job.poison_strikes <= POISON_STRIKES);
            match (before.lease, job.lease) {
                (None, Some(lease)) => {
                    leases += 1;
                    prop_assert_eq!(lease.token, leases);
                    let set_back = time.plus(CLOCK_WENT_BACK) < before.updated_at;
                    prop_assert!(time >= before.not_before || set_back);
                }
                (Some(old), Some(new)) => prop_assert_eq!(old.token, new.token),
                _ => {}
            }
            prop_assert_eq!(job.last_token, leases);
            prop_assert_eq!(u64::from(job.attempt), leases);
        }
    }
}
