//! When something that ended is begun again: pure functions of what happened. Time and chance are
//! handed in; nothing here waits.

use std::time::Duration;

/// How far a delay is moved by chance, as a part of it.
const JITTER: f64 = 0.2;

/// Capped exponential backoff: the first delay, doubled each time, up to the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// At most.
    pub most: Duration,
}

impl Backoff {
    /// The delay after failure number `failures` (from 1; 0 is none), moved by `chance` (-1 to 1)
    /// times 20 %, so that those who failed together do not come back together.
    #[must_use]
    pub fn delay(&self, failures: u32, chance: f64) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 2_f64.powi(i32::try_from(doublings).unwrap_or(i32::MAX));
        let capped = (self.first.as_secs_f64() * factor).min(self.most.as_secs_f64());
        Duration::from_secs_f64(capped * (1.0 + JITTER * chance.clamp(-1.0, 1.0)))
    }
}

/// Which ends are followed by a new beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    /// All of them.
    Permanent,
    /// Abnormal ones.
    Transient,
    /// None.
    Temporary,
}

/// How something that ended is begun again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RestartPolicy {
    /// After which ends.
    pub(crate) restart: Restart,
    /// How soon.
    pub(crate) backoff: Backoff,
    /// Who ran for so long has its failures forgotten.
    pub(crate) healthy_after: Duration,
    /// More ends than this, without having run well in between, and it counts as degraded until it
    /// has; it is begun again nevertheless. No window of time: the greatest delay may be as long.
    pub(crate) tolerated: u32,
}

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Normal,
    /// By an error or a panic.
    Abnormal,
}

/// What is to be done after an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Begin it again after this delay.
    Restart(Duration),
    /// It is over.
    Remove,
}

/// What is remembered of one child.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    /// Ends since it ran well.
    failures: u32,
}

impl History {
    /// Takes note of an end after it had run for `ran`, and says what is to be done.
    pub(crate) fn after(
        &mut self,
        policy: &RestartPolicy,
        end: End,
        ran: Duration,
        chance: f64,
    ) -> Verdict {
        let again = match policy.restart {
            Restart::Permanent => true,
            Restart::Transient => end == End::Abnormal,
            Restart::Temporary => false,
        };
        if !again {
            return Verdict::Remove;
        }
        if ran >= policy.healthy_after {
            self.ran_well();
        }
        self.failures = self.failures.saturating_add(1);
        Verdict::Restart(policy.backoff.delay(self.failures, chance))
    }

    /// Takes note that it has run for as long as [`RestartPolicy::healthy_after`].
    pub(crate) const fn ran_well(&mut self) {
        self.failures = 0;
    }

    /// Whether it ends too often to be called well.
    pub(crate) const fn is_degraded(&self, policy: &RestartPolicy) -> bool {
        self.failures > policy.tolerated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    const CAMERA: RestartPolicy = RestartPolicy {
        restart: Restart::Permanent,
        backoff: Backoff { first: Duration::from_millis(500), most: seconds(30) },
        healthy_after: seconds(60),
        tolerated: 5,
    };

    #[test]
    fn delays_double_up_to_the_cap_and_move_by_a_fifth() {
        let check = |failures, chance, milliseconds: u64| {
            let delay = CAMERA.backoff.delay(failures, chance).as_secs_f64() * 1e3;
            assert!((delay - milliseconds as f64).abs() < 0.5, "{failures} {chance}: {delay}");
        };
        for (failures, milliseconds) in
            [(0, 0), (1, 500), (2, 1000), (3, 2000), (6, 16_000), (7, 30_000), (8, 30_000)]
        {
            check(failures, 0.0, milliseconds);
            check(failures, 1.0, milliseconds * 6 / 5);
            check(failures, -1.0, milliseconds * 4 / 5);
        }
        check(u32::MAX, 0.0, 30_000);
        check(1, 7.0, 600);
    }

    #[test]
    fn a_policy_says_which_ends_are_followed_by_a_beginning() {
        let check = |restart, end, expected: bool| {
            let policy = RestartPolicy { restart, ..CAMERA };
            let verdict = History::default().after(&policy, end, seconds(1), 0.0);
            assert_eq!(verdict != Verdict::Remove, expected, "{restart:?} {end:?}");
        };
        check(Restart::Permanent, End::Normal, true);
        check(Restart::Permanent, End::Abnormal, true);
        check(Restart::Transient, End::Normal, false);
        check(Restart::Transient, End::Abnormal, true);
        check(Restart::Temporary, End::Normal, false);
        check(Restart::Temporary, End::Abnormal, false);
    }

    #[test]
    fn who_ran_well_begins_anew_and_who_does_not_is_degraded() {
        let mut history = History::default();
        let fail = |history: &mut History, ran: Duration| {
            let verdict = history.after(&CAMERA, End::Abnormal, ran, 0.0);
            (verdict, history.is_degraded(&CAMERA))
        };
        let restart = |ms| Verdict::Restart(Duration::from_millis(ms));
        assert_eq!(fail(&mut history, seconds(1)), (restart(500), false));
        assert_eq!(fail(&mut history, seconds(1)), (restart(1000), false));
        assert_eq!(fail(&mut history, seconds(60)), (restart(500), false));
        for _ in 0..4 {
            fail(&mut history, seconds(1));
        }
        assert!(fail(&mut history, seconds(59)).1, "six ends in a row");
        assert!(!fail(&mut history, seconds(60)).1, "it has run well");
    }

    #[test]
    fn a_child_that_dies_at_its_start_begins_seldom() {
        let (mut history, mut waited, mut starts) = (History::default(), Duration::ZERO, 0);
        while waited < seconds(600) {
            if waited < seconds(300) {
                starts += 1;
            }
            match history.after(&CAMERA, End::Abnormal, Duration::ZERO, -1.0) {
                Verdict::Restart(delay) => waited += delay,
                Verdict::Remove => panic!("it is permanent"),
            }
            assert_eq!(history.is_degraded(&CAMERA), waited > seconds(15), "after {waited:?}");
        }
        assert!(starts <= 19, "{starts} in five minutes, with the least jitter");
    }
}
