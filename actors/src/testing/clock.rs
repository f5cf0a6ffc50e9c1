//! A clock that stands still until it is told otherwise.

use crate::clock::{Clock, IdOrder};
use schema::time::WallTime;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use uuid::ContextV7;

/// Wall time that moves only by hand, forward or backward. Shared by `Arc`.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    order: IdOrder,
}

impl ManualClock {
    /// A clock that says `now`.
    #[must_use]
    pub const fn at(now: WallTime) -> Self {
        Self { now: AtomicI64::new(now.0), order: IdOrder::new(ContextV7::new()) }
    }

    /// Sets it, perhaps back.
    pub fn set(&self, now: WallTime) {
        self.now.store(now.0, Ordering::SeqCst);
    }

    /// Lets `span` go by.
    pub fn advance(&self, span: Duration) {
        self.set(self.now().plus(span));
    }
}

/// Begins on 21 November 2026.
impl Default for ManualClock {
    fn default() -> Self {
        Self::at(WallTime(1_795_258_401_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> WallTime {
        WallTime(self.now.load(Ordering::SeqCst))
    }

    fn order(&self) -> &IdOrder {
        &self.order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::id::JobId;

    #[test]
    fn it_moves_by_hand_and_ids_sort_by_it() {
        let clock = ManualClock::default();
        let early = JobId::from_uuid(clock.uuid());
        clock.advance(Duration::from_millis(1));
        assert_eq!(clock.now(), WallTime(1_795_258_401_001_000));
        assert!(early < JobId::from_uuid(clock.uuid()));
        let ids: Vec<_> = (0..1000).map(|_| clock.uuid()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "of one millisecond");
        clock.set(WallTime(5));
        assert!(clock.uuid() > ids[999], "the clock went back");
        assert_eq!(clock.now(), WallTime(5));
    }
}
