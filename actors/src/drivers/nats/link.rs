//! How the connection is doing, as the client's events tell it, and when it is tried again.

use async_nats::{ClientError, Event, ServerError};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Messages that the client keeps for one subscription until they are taken to its own queue, which
/// happens at once.
pub(super) const BACKLOG: usize = 8192;

/// Longest wait between two attempts to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The wait after the first attempt.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// What a closed bus waits: as long as the process lives. The client cannot be told to give up.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// What is known of the connection and of what was lost.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// What keeps it from connecting, or what the server complained of.
    fault: Mutex<Option<String>>,
    /// Whether it was connected ever.
    met: AtomicBool,
    /// Grows whenever messages may have been missed that nobody could count.
    disturbed: watch::Sender<u64>,
    /// Nothing is sent any more.
    pub(super) closing: AtomicBool,
    /// The client has ended its connection.
    pub(super) ended: CancellationToken,
    /// Every subscription ends.
    pub(super) closed: CancellationToken,
    pub(super) subscriptions: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) refused: AtomicU64,
}

/// A subscription that is counted as long as it stands.
#[derive(Debug)]
pub(super) struct Counted(Arc<Link>);

impl Counted {
    pub(super) fn new(link: &Arc<Link>) -> Self {
        link.subscriptions.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(link))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.subscriptions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Link {
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Tells whenever messages may have been missed from now on.
    pub(super) fn disturbances(&self) -> watch::Receiver<u64> {
        self.disturbed.subscribe()
    }

    /// Takes note of what the client tells.
    pub(super) fn note(&self, event: Event) {
        match event {
            Event::Connected => {
                self.set_fault(None);
                if self.met.swap(true, Ordering::AcqRel) {
                    tracing::info!("bus: connected again");
                    self.disturb();
                } else {
                    tracing::info!("bus: connected");
                }
            }
            Event::Disconnected if !self.is_closing() => {
                tracing::warn!("bus: the connection was lost");
                self.set_fault(Some("the connection was lost".to_owned()));
                self.disturb();
            }
            Event::SlowConsumer(_) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                self.disturb();
            }
            Event::ServerError(error) => {
                let told = match error {
                    ServerError::Other(text) => text,
                    other => other.to_string(),
                };
                tracing::warn!("bus: the server says: {told}");
                self.refused.fetch_add(1, Ordering::Relaxed);
                self.set_fault(Some(told));
            }
            Event::ClientError(ClientError::Other(text)) => {
                // Once per attempt: only what is new is worth a line.
                if self.fault().as_ref() != Some(&text) {
                    tracing::warn!("bus: cannot connect: {text}");
                }
                self.set_fault(Some(text));
            }
            Event::Closed => self.ended.cancel(),
            _ => {}
        }
    }

    /// How long to wait before the `attempt`th try to connect, counted from 1.
    pub(super) fn wait(self: &Arc<Self>, attempt: usize) -> Duration {
        if self.is_closing() {
            return FOR_EVER;
        }
        // A hasher's random keys are all the randomness that this needs.
        backoff(attempt, RandomState::new().hash_one(attempt))
    }

    fn set_fault(&self, fault: Option<String>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn disturb(&self) {
        self.disturbed.send_modify(|count| *count += 1);
    }
}

/// The wait before the `attempt`th try: doubled each time up to [`LONGEST_WAIT`], and of that
/// between a half and the whole, so that those who lost the same server do not return at once.
fn backoff(attempt: usize, random: u64) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let wait = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    wait.mul_f64(0.5 + 0.5 * (random as f64 / u64::MAX as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_limit_and_differ() {
        let cases = [
            (0, 50),
            (1, 50),
            (2, 100),
            (3, 200),
            (6, 1600),
            (7, 2000),
            (1000, 2000),
            (usize::MAX, 2000),
        ];
        for (attempt, ms) in cases {
            assert_eq!(backoff(attempt, u64::MAX), Duration::from_millis(ms), "{attempt}");
            assert_eq!(backoff(attempt, 0), Duration::from_millis(ms) / 2, "{attempt}");
        }
        let link = Arc::new(Link::default());
        let waits: std::collections::BTreeSet<_> = (0..20).map(|_| link.wait(9)).collect();
        assert!(waits.len() > 10, "{waits:?}");
        assert!(waits.iter().all(|w| *w <= LONGEST_WAIT));
    }

    #[test]
    fn a_closed_bus_tries_no_more() {
        let link = Arc::new(Link::default());
        link.closing.store(true, Ordering::Release);
        assert_eq!(link.wait(1), FOR_EVER);
    }
}
