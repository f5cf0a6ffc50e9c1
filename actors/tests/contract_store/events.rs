//! Streams of events, and the feeds over them.

use crate::support::{
    Workshop, at, change, done, job, job_id, lease, of, seqs, submit, types, user,
};
use actors::queue::transition::Transition;
use actors::store::events::{EventRetention, Replay};
use actors::store::{EventStore, JobStore};
use futures_util::future::join_all;
use schema::account::{Role, Scope};
use schema::event::{Cursor, Event, Position, StreamId};
use schema::subject::{Pattern, Subject};
use std::sync::Arc;

/// One page of a replay: events, cursor, whether there are more.
async fn page(
    store: &impl EventStore,
    scope: &Scope,
    since: Option<Cursor>,
    limit: u32,
) -> (Vec<Event>, Cursor, bool) {
    match store.replay(scope, since, &[], limit).await.expect("a replay") {
        Replay::Events { events, cursor, has_more } => (events, cursor, has_more),
        Replay::Gone { oldest } => panic!("gone, oldest is {oldest}"),
    }
}

async fn all(store: &impl EventStore) -> Vec<Event> {
    page(store, &Scope::System, None, 10_000).await.0
}

/// Everything from `ms` milliseconds after the beginning on.
fn since(ms: i64) -> EventRetention {
    EventRetention { since: at(ms), per_stream: u64::MAX >> 1 }
}

/// So many events of each stream.
fn newest(per_stream: u64) -> EventRetention {
    EventRetention { since: at(0), per_stream }
}

fn position(number: u64, seq: u64) -> Position {
    Position { stream: StreamId::Job(job_id(number)), seq }
}

pub(crate) async fn streams_are_numbered_without_a_gap(workshop: &impl Workshop) {
    let store = workshop.make().await;
    done(&store, 1, 1).await;
    submit(&store, job(2, 1)).await;
    change(&store, job_id(2), Transition::RequestDelete, at(3)).await.expect("it waits");
    // Nothing changed: nothing is told.
    change(&store, job_id(2), Transition::RequestCancel, at(4)).await.expect("it is already");
    change(&store, job_id(1), Transition::RequestCancel, at(4)).await.expect_err("it has ended");
    store.remove_job(&Scope::System, job_id(2), at(5)).await.expect("it has ended");
    let events = all(&store).await;
    let of_job = |number| {
        let stream = StreamId::Job(job_id(number));
        let of = |e: &&Event| e.position.is_some_and(|p| p.stream == stream);
        events.iter().filter(of).cloned().collect::<Vec<_>>()
    };
    assert_eq!(types(&of_job(1)), ["job_state", "job_state", "job_state", "job_result"]);
    assert_eq!(seqs(&of_job(1)), [1, 2, 3, 4]);
    assert_eq!(types(&of_job(2)), ["job_state", "job_state", "job_deleted"]);
    assert_eq!(seqs(&of_job(2)), [1, 2, 3]);
    assert_eq!(events[3].subject, Subject::JobResult(job_id(1)));
    assert_eq!(events[6].subject, Subject::JobState(job_id(2)));
}

pub(crate) async fn feeds_are_read_by_their_owners(workshop: &impl Workshop) {
    let store = workshop.make().await;
    done(&store, 1, 1).await;
    done(&store, 2, 2).await;
    let mine = page(&store, &of(1), None, 100).await.0;
    assert_eq!(mine.len(), 4);
    assert!(mine.iter().all(|e| e.position.is_some_and(|p| p.stream == StreamId::Job(job_id(1)))));
    let admin = Scope::User { id: user(9), role: Role::Admin };
    assert_eq!(page(&store, &admin, None, 100).await.0.len(), 8);
    assert_eq!(page(&store, &of(3), None, 100).await.0.len(), 0);
    // Also of what is not there any more.
    change(&store, job_id(1), Transition::RequestDelete, at(10)).await.expect("it has ended");
    store.remove_job(&of(1), job_id(1), at(11)).await.expect("it has ended");
    let last = page(&store, &of(1), None, 100).await.0.pop();
    assert_eq!(types(last.as_slice()), ["job_deleted"]);
    assert_eq!(page(&store, &of(2), None, 100).await.0.len(), 4);
}

pub(crate) async fn patterns_choose(workshop: &impl Workshop) {
    let store = workshop.make().await;
    done(&store, 1, 1).await;
    done(&store, 2, 1).await;
    let count = async |patterns: &[&str]| {
        let parsed: Vec<Pattern> = patterns.iter().map(|p| p.parse().expect("a pattern")).collect();
        let replay = store.replay(&of(1), None, &parsed, 100).await.expect("a replay");
        let Replay::Events { events, cursor, has_more } = replay else { panic!("{replay:?}") };
        assert_eq!((cursor, has_more), (store.head().await.expect("a cursor"), false));
        events.len()
    };
    let one = Subject::JobState(job_id(1)).to_string();
    assert_eq!(count(&[]).await, 8);
    assert_eq!(count(&[">"]).await, 8);
    assert_eq!(count(&["job.*.result"]).await, 2);
    assert_eq!(count(&[&one]).await, 3);
    assert_eq!(count(&[&one, "job.*.result"]).await, 5);
    assert_eq!(count(&["camera.>"]).await, 0);
}

pub(crate) async fn a_cursor_finds_what_came_after_it(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let nothing = store.head().await.expect("a cursor");
    assert_eq!(page(&store, &of(1), Some(nothing), 10).await, (vec![], nothing, false));
    for number in 1..=3 {
        done(&store, number, 1).await;
        done(&store, number + 10, 2).await;
    }
    let whole = page(&store, &of(1), None, 100).await.0;
    assert_eq!(whole.len(), 12);
    for limit in [1, 3, 5, 12] {
        let (mut pieces, mut cursor) = (Vec::new(), nothing);
        loop {
            let (events, next, has_more) = page(&store, &of(1), Some(cursor), limit).await;
            assert!(events.len() <= limit as usize);
            pieces.extend(events);
            cursor = next;
            if !has_more {
                break;
            }
        }
        assert_eq!(pieces, whole, "by {limit}");
        // Others' events are behind the cursor too.
        assert_eq!(cursor, store.head().await.expect("a cursor"));
    }
    // Streams that were born meanwhile are in it.
    let cursor = store.head().await.expect("a cursor");
    submit(&store, job(20, 1)).await;
    let (events, _, _) = page(&store, &of(1), Some(cursor), 10).await;
    assert_eq!(events.iter().map(|e| e.position).collect::<Vec<_>>(), [Some(position(20, 1))]);
}

pub(crate) async fn times_grow_whatever_the_clock_does(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let id = submit(&store, job(1, 1)).await.id;
    let token = lease(&store, at(5)).await.expect("it is due").last_token;
    // The clock goes back, and stands still.
    change(&store, id, Transition::Release { token }, at(-1000)).await.expect("it is held");
    lease(&store, at(5)).await.expect("it is due");
    done(&store, 2, 1).await;
    let times: Vec<_> = all(&store).await.iter().map(|e| e.time).collect();
    assert_eq!(times[..3], [at(1), at(5), schema::time::WallTime(at(5).0 + 1)]);
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    assert_eq!(store.head().await.expect("a cursor"), Cursor::after(times[times.len() - 1]));
}

pub(crate) async fn what_is_unpublished_is_told_until_it_is_marked(workshop: &impl Workshop) {
    let store = workshop.make().await;
    done(&store, 1, 1).await;
    submit(&store, job(2, 2)).await;
    let waiting = async |limit| {
        let events = store.unpublished(limit).await.expect("a list");
        events.iter().map(|e| e.event.position.expect("stored")).collect::<Vec<_>>()
    };
    let first: Vec<_> = (1..=4).map(|seq| position(1, seq)).collect();
    assert_eq!(waiting(100).await, [first.as_slice(), &[position(2, 1)]].concat());
    assert_eq!(waiting(2).await, first[..2]);
    let owners: Vec<_> =
        store.unpublished(100).await.expect("a list").iter().map(|e| e.owner).collect();
    assert_eq!(owners, [user(1), user(1), user(1), user(1), user(2)]);

    store.mark_published(&[position(1, 3)]).await.expect("it works");
    assert_eq!(waiting(100).await, [position(1, 4), position(2, 1)]);
    // A mark never goes back, nor beyond what is there, nor to what is not.
    let marks = [position(1, 1), position(2, 99), position(7, 1)];
    store.mark_published(&marks).await.expect("it works");
    assert_eq!(waiting(100).await, [position(1, 4)]);
    change(&store, job_id(2), Transition::RequestCancel, at(5)).await.expect("it waits");
    assert_eq!(waiting(100).await, [position(1, 4), position(2, 2)]);
}

pub(crate) async fn only_what_was_published_is_forgotten(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let start = store.head().await.expect("a cursor");
    done(&store, 1, 1).await;
    submit(&store, job(2, 1)).await;
    change(&store, job_id(1), Transition::RequestDelete, at(10)).await.expect("it has ended");
    store.remove_job(&Scope::System, job_id(1), at(11)).await.expect("it has ended");
    assert_eq!(store.prune_events(since(100)).await.expect("it works"), 0, "not published yet");
    assert_eq!(page(&store, &of(1), Some(start), 100).await.0.len(), 6);

    store.mark_published(&[position(1, 5)]).await.expect("it works");
    assert_eq!(store.prune_events(since(11)).await.expect("it works"), 4);
    let gone = store.replay(&of(1), Some(start), &[], 100).await.expect("an answer");
    let Replay::Gone { oldest } = gone else { panic!("{gone:?}") };
    // From the oldest on everything is kept; without a cursor all that is there is told.
    let (events, ..) = page(&store, &of(1), Some(oldest), 100).await;
    assert_eq!(types(&events), ["job_state", "job_deleted"]);
    let (events, ..) = page(&store, &of(1), None, 100).await;
    assert_eq!(
        events.iter().map(|e| e.position).collect::<Vec<_>>(),
        [Some(position(2, 1)), Some(position(1, 5)),]
    );
    assert_eq!(store.prune_events(since(100)).await.expect("it works"), 1);

    // The stream of a job that is there goes on where it was.
    store.mark_published(&[position(2, 1)]).await.expect("it works");
    assert_eq!(store.prune_events(since(100)).await.expect("it works"), 1);
    assert_eq!(all(&store).await, []);
    change(&store, job_id(2), Transition::RequestCancel, at(20)).await.expect("it waits");
    assert_eq!(
        all(&store).await.iter().map(|e| e.position).collect::<Vec<_>>(),
        [Some(position(2, 2))]
    );
    assert!(store.head().await.expect("a cursor") > oldest);
}

pub(crate) async fn a_stream_keeps_so_many_events(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let start = store.head().await.expect("a cursor");
    done(&store, 1, 1).await;
    done(&store, 2, 1).await;
    done(&store, 3, 2).await;
    submit(&store, job(4, 3)).await;
    let marks = [position(1, 4), position(2, 1), position(3, 2), position(4, 1)];
    store.mark_published(&marks).await.expect("it works");
    assert_eq!(store.prune_events(newest(4)).await.expect("it works"), 0);

    // Of the second stream one was published, of the third two.
    assert_eq!(store.prune_events(newest(1)).await.expect("it works"), 3 + 1 + 2);
    assert_eq!(store.prune_events(newest(1)).await.expect("it works"), 0);
    let left = |events: &[Event]| events.iter().filter_map(|e| e.position).collect::<Vec<_>>();
    let kept = [position(1, 4), position(2, 2), position(2, 3), position(2, 4)];
    for scope in [of(1), of(2), Scope::System] {
        let gone = store.replay(&scope, Some(start), &[], 100).await.expect("an answer");
        assert!(matches!(gone, Replay::Gone { .. }), "{gone:?}");
    }
    let Ok(Replay::Gone { oldest }) = store.replay(&of(1), Some(start), &[], 100).await else {
        panic!("events are missing, and nobody is told");
    };
    // Nothing is missing from there on, and those who read nothing of it are not held up.
    assert_eq!(left(&page(&store, &of(1), Some(oldest), 100).await.0), kept[1..]);
    let of_third = page(&store, &of(3), Some(start), 100).await.0;
    assert_eq!(left(&of_third), [position(4, 1)]);
    // Page by page from the oldest on: no cursor that was just given out is gone.
    let (mut pieces, mut cursor) = (Vec::new(), None);
    loop {
        let (events, next, has_more) = page(&store, &of(1), cursor, 1).await;
        pieces.extend(left(&events));
        cursor = Some(next);
        if !has_more {
            break;
        }
    }
    assert_eq!(pieces, kept[1..]);
    // The numbers go on.
    change(&store, job_id(2), Transition::RequestDelete, at(10)).await.expect("it has ended");
    store.remove_job(&of(1), job_id(2), at(11)).await.expect("it has ended");
    assert_eq!(left(&all(&store).await).last(), Some(&position(2, 5)));
}

pub(crate) async fn much_is_forgotten_step_by_step(workshop: &impl Workshop) {
    let store = workshop.make().await;
    let numbers = 1..=1100;
    join_all(numbers.clone().map(|number| submit(&store, job(number, 1)))).await;
    let cancel = Transition::RequestCancel;
    let cancelled = join_all(
        numbers.clone().map(|number| change(&store, job_id(number), cancel.clone(), at(2000))),
    );
    assert!(cancelled.await.iter().all(Result::is_ok));
    let marks: Vec<Position> = numbers.map(|number| position(number, 2)).collect();
    store.mark_published(&marks).await.expect("it works");
    assert_eq!(store.prune_events(newest(1)).await.expect("it works"), 1100);
    assert_eq!(seqs(&all(&store).await), [2; 1100]);
    assert_eq!(store.prune_events(newest(1)).await.expect("it works"), 0);
}

pub(crate) async fn a_feed_is_whole_while_it_is_written(workshop: &impl Workshop) {
    let store = Arc::new(workshop.make().await);
    let mut cursor = store.head().await.expect("a cursor");
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for number in 0..25 {
                    submit(&*store, job(writer * 100 + number, 1)).await;
                }
            })
        })
        .collect();
    // Whoever reads on from its cursor misses nothing that is stored meanwhile.
    let mut seen = Vec::new();
    while seen.len() < 100 {
        let (events, next, _) = page(&*store, &of(1), Some(cursor), 7).await;
        seen.extend(events);
        cursor = next;
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.expect("no panic");
    }
    assert_eq!(seen, all(&*store).await);
}
