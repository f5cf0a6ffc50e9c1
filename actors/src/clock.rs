//! Wall time as something that is handed in: nothing else of Sightline asks the machine for it.

use schema::time::WallTime;
use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::{ContextV7, Timestamp, Uuid};

/// Says what time it is, and makes ids that sort by it.
pub trait Clock: Debug + Send + Sync {
    /// The wall time, UTC. It may go backward; durations are measured with `Instant`.
    fn now(&self) -> WallTime;

    /// A new UUIDv7 of this time.
    fn uuid(&self) -> Uuid {
        let us = u64::try_from(self.now().0).unwrap_or(0);
        let nanos = u32::try_from(us % 1_000_000 * 1000).unwrap_or(0);
        Uuid::new_v7(Timestamp::from_unix(ContextV7::new(), us / 1_000_000, nanos))
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> WallTime {
        // Before 1970 there are no cameras: a clock that says so is not set.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallTime(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}
