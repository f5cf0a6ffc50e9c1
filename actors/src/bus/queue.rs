//! The queue of one subscriber: bounded, with a named drop policy; what it drops is counted, and
//! told before the next message.
//!
//! Any number of publishers push and none ever waits; one subscriber takes. Nothing is woken while
//! a lock is held. No engine is known here.

use super::{Delivery, DropPolicy, Message, Subscription};
use async_trait::async_trait;
use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Messages that wait for one subscriber.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// Told when an empty queue gets something, and when it closes.
    ready: Notify,
    capacity: usize,
    policy: DropPolicy,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<Arc<Message>>,
    /// How many messages have left the front: the number of the one that is there now.
    front: u64,
    /// The number of the message that waits, by its subject; kept for `Replace` only.
    numbers: HashMap<String, u64>,
    /// What was missed since it was last told, if anything.
    missed: Option<u64>,
    closed: bool,
}

impl Queue {
    /// A queue of `capacity` messages, 1 at least.
    pub(crate) fn new(capacity: usize, policy: DropPolicy) -> Self {
        let (waiting, ready) = (Mutex::default(), Notify::new());
        Self { waiting, ready, capacity: capacity.max(1), policy }
    }

    /// Adds a message; tells how many were dropped for it. A closed queue takes nothing.
    pub(crate) fn push(&self, message: Arc<Message>) -> u64 {
        let mut waiting = self.lock();
        if waiting.closed {
            return 0;
        }
        let was_empty = waiting.is_empty();
        let dropped = match self.policy {
            DropPolicy::Replace if waiting.replace(&message) => 1,
            policy => {
                let full = waiting.messages.len() >= self.capacity;
                if full {
                    waiting.pop();
                }
                waiting.append(message, policy);
                u64::from(full)
            }
        };
        if dropped > 0 {
            waiting.miss(dropped);
        }
        drop(waiting);
        // Who sees a queue that is not empty takes from it before waiting.
        if was_empty {
            self.ready.notify_one();
        }
        dropped
    }

    /// Notes that `count` messages never came here; 0 where their number is not known.
    pub(crate) fn miss(&self, count: u64) {
        self.lock().miss(count);
        self.ready.notify_one();
    }

    /// Ends the queue: what waits is still delivered.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
    }

    /// The next delivery; `None` once the queue is closed and empty. Safe to be cancelled.
    pub(crate) async fn next(&self) -> Option<Delivery> {
        loop {
            {
                let mut waiting = self.lock();
                if let Some(missed) = waiting.missed.take() {
                    return Some(Delivery::Gap(missed));
                }
                if let Some(message) = waiting.pop() {
                    drop(waiting);
                    return Some(Delivery::Message(Arc::unwrap_or_clone(message)));
                }
                if waiting.closed {
                    return None;
                }
            }
            self.ready.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.missed.is_none()
    }

    fn miss(&mut self, count: u64) {
        self.missed = Some(self.missed.unwrap_or(0).saturating_add(count));
    }

    /// Puts `message` in the place of the one of its subject, if one waits.
    fn replace(&mut self, message: &Arc<Message>) -> bool {
        let Some(number) = self.numbers.get(&message.subject) else { return false };
        let place = usize::try_from(number - self.front).ok();
        let Some(old) = place.and_then(|p| self.messages.get_mut(p)) else { return false };
        *old = Arc::clone(message);
        true
    }

    fn append(&mut self, message: Arc<Message>, policy: DropPolicy) {
        if policy == DropPolicy::Replace {
            let number = self.front + self.messages.len() as u64;
            self.numbers.insert(message.subject.clone(), number);
        }
        self.messages.push_back(message);
    }

    fn pop(&mut self) -> Option<Arc<Message>> {
        let message = self.messages.pop_front()?;
        self.front += 1;
        self.numbers.remove(&message.subject);
        Some(message)
    }
}

/// A subscription that takes from a queue; `guard` ends what fills it.
#[derive(Debug)]
pub(crate) struct Queued<G> {
    queue: Arc<Queue>,
    _guard: G,
}

impl<G> Queued<G> {
    /// Takes from `queue`; `guard` is dropped with the subscription.
    pub(crate) const fn new(queue: Arc<Queue>, guard: G) -> Self {
        Self { queue, _guard: guard }
    }
}

#[async_trait]
impl<G: Debug + Send + Sync> Subscription for Queued<G> {
    async fn next(&mut self) -> Option<Delivery> {
        self.queue.next().await
    }
}
