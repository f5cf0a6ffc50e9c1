//! Wall time as something that is handed in: nothing else of Sightline asks the machine for it.

use schema::time::WallTime;
use std::fmt::Debug;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::{ContextV7, Timestamp, Uuid};

/// What keeps the ids of one clock in order: those of one millisecond are counted, and while the
/// time goes back they stay at the latest one (RFC 9562, section 6.2).
pub type IdOrder = Mutex<ContextV7>;

/// Says what time it is, and makes ids that sort by it.
pub trait Clock: Debug + Send + Sync {
    /// The wall time, UTC. It may go backward; durations are measured with `Instant`.
    fn now(&self) -> WallTime;

    /// The order of the ids that this clock makes.
    fn order(&self) -> &IdOrder;

    /// A new UUIDv7 of this time, greater than every one that this clock has made before.
    fn uuid(&self) -> Uuid {
        let us = u64::try_from(self.now().0).unwrap_or(0);
        let nanos = u32::try_from(us % 1_000_000 * 1000).unwrap_or(0);
        Uuid::new_v7(Timestamp::from_unix(self.order(), us / 1_000_000, nanos))
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The machine has one clock, however many values stand for it.
static ORDER: IdOrder = Mutex::new(ContextV7::new());

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> WallTime {
        // Before 1970 there are no cameras: a clock that says so is not set.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallTime(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn order(&self) -> &IdOrder {
        &ORDER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Barrier;

    #[test]
    fn ids_of_one_moment_are_in_the_order_of_their_making() {
        let barrier = Barrier::new(4);
        let make = || {
            barrier.wait();
            (0..10_000).map(|_| SystemClock.uuid()).collect::<Vec<_>>()
        };
        let made: Vec<Vec<Uuid>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        for ids in &made {
            assert!(ids.is_sorted_by(|a, b| a < b));
        }
        let all: BTreeSet<Uuid> = made.into_iter().flatten().collect();
        assert_eq!(all.len(), 40_000, "two are equal");
    }
}
