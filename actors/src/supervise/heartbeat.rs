//! Progress, not only life: a counter that stands still for too long. Pure; time is handed in.

use std::time::{Duration, Instant};

/// Watches one counter of frames.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat {
    stall: Duration,
    /// At most so much counts between two looks: who was not looked at for long (a stopped
    /// process, a machine that slept) did not stand still for so long.
    most_between: Duration,
    count: u64,
    stood: Duration,
    looked: Instant,
}

impl Heartbeat {
    /// Begins at `now`; looks come every `interval`, and `stall` without progress is too long.
    pub(crate) const fn new(stall: Duration, interval: Duration, now: Instant) -> Self {
        let most_between = interval.saturating_mul(3);
        Self { stall, most_between, count: 0, stood: Duration::ZERO, looked: now }
    }

    /// Looks at the counter at `now`; tells whether it has stood still for too long.
    pub(crate) fn has_stalled(&mut self, count: u64, now: Instant) -> bool {
        let between = now.saturating_duration_since(self.looked).min(self.most_between);
        self.looked = now;
        if count == self.count {
            self.stood += between;
        } else {
            (self.count, self.stood) = (count, Duration::ZERO);
        }
        self.stood >= self.stall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_stands_still_is_noticed_and_a_stopped_process_is_not_blamed() {
        let second = Duration::from_secs(1);
        let begun = Instant::now();
        let mut heart = Heartbeat::new(second * 10, second, begun);
        let mut check = |at: u32, count, expected| {
            assert_eq!(heart.has_stalled(count, begun + second * at), expected, "after {at} s");
        };
        for at in 1..=9 {
            check(at, 0, false);
        }
        check(10, 1, false);
        for at in 11..=19 {
            check(at, 1, false);
        }
        check(20, 1, true);
        check(21, 2, false);
        // Stopped for an hour: three seconds of it count.
        check(3621, 2, false);
        for at in 3622..=3627 {
            check(at, 2, false);
        }
        check(3628, 2, true);
    }
}
