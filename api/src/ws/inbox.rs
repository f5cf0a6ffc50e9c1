//! What waits for one connection: bounded, whatever it listens to and however slowly it reads.
//!
//! The hub puts in and never waits; the connection takes. A full inbox loses its oldest event, and
//! tells the subscription that it was for how many it missed. An event of which only the newest
//! matters takes the place of the one of its subject that still waits; nobody is told of that. What
//! the connection's user may not read does not come in. No socket and no bus here.

use super::hub::Live;
use schema::account::Scope;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Which pattern of which subscription of a connection something comes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    /// The subscription's number within the connection.
    pub serial: u64,
    /// The pattern's place in the subscription.
    pub pattern: usize,
}

/// What a connection takes from its inbox.
#[derive(Debug, Clone)]
pub(super) enum Delivery {
    /// An event.
    Event(Source, Arc<Live>),
    /// A subscription missed so many events; 0 where nobody could count them. What is stored is
    /// read again from the store.
    Gap {
        /// The subscription's number.
        serial: u64,
        /// Events that were missed.
        dropped: u64,
    },
}

/// Events that wait for one connection.
#[derive(Debug)]
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    /// Told when an empty inbox gets something.
    ready: Notify,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<(Source, Arc<Live>)>,
    /// What was missed since it was last told, by the subscription's number.
    missed: BTreeMap<u64, u64>,
    /// On whose behalf the connection reads; nobody's yet.
    reader: Option<Scope>,
}

impl Inbox {
    /// An inbox of `capacity` events, 1 at least, that nobody reads yet.
    pub(super) fn new(capacity: usize) -> Self {
        Self { waiting: Mutex::default(), ready: Notify::new(), capacity: capacity.max(1) }
    }

    /// From now on it is read on behalf of `reader`.
    pub(super) fn read_by(&self, reader: Scope) {
        self.lock().reader = Some(reader);
    }

    /// Puts `event` in, where the reader may read it.
    pub(super) fn push(&self, source: Source, event: &Arc<Live>) {
        let mut waiting = self.lock();
        let reader = waiting.reader.zip(event.owner);
        if !reader.is_some_and(|(reader, owner)| reader.may_access(owner)) {
            return;
        }
        let was_empty = waiting.is_empty();
        if event.newest && waiting.replace(source, event) {
            return;
        }
        if waiting.events.len() >= self.capacity
            && let Some((oldest, _)) = waiting.events.pop_front()
        {
            waiting.miss(oldest.serial, 1);
        }
        waiting.events.push_back((source, Arc::clone(event)));
        drop(waiting);
        // Who sees an inbox that is not empty takes from it before waiting.
        if was_empty {
            self.ready.notify_one();
        }
    }

    /// Notes that `dropped` events for the subscription `serial` never came here; 0 where their
    /// number is not known.
    pub(super) fn miss(&self, serial: u64, dropped: u64) {
        self.lock().miss(serial, dropped);
        self.ready.notify_one();
    }

    /// What waits next, but for the subscriptions `but`: gaps before events.
    pub(super) fn take(&self, but: &[u64]) -> Option<Delivery> {
        let mut waiting = self.lock();
        let gap = waiting.missed.keys().copied().find(|serial| !but.contains(serial));
        if let Some(serial) = gap {
            let dropped = waiting.missed.remove(&serial).unwrap_or_default();
            return Some(Delivery::Gap { serial, dropped });
        }
        let place = waiting.events.iter().position(|(source, _)| !but.contains(&source.serial))?;
        let (source, event) = waiting.events.remove(place)?;
        Some(Delivery::Event(source, event))
    }

    /// The next delivery; never ends. Safe to be cancelled.
    pub(super) async fn next(&self) -> Delivery {
        loop {
            if let Some(delivery) = self.take(&[]) {
                return delivery;
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
        self.events.is_empty() && self.missed.is_empty()
    }

    fn miss(&mut self, serial: u64, dropped: u64) {
        let missed = self.missed.entry(serial).or_default();
        *missed = missed.saturating_add(dropped);
    }

    /// Puts `event` in the place of the one of its subject and source, if one waits. What waits
    /// longest is looked at last; whoever reads along has next to nothing waiting.
    fn replace(&mut self, source: Source, event: &Arc<Live>) -> bool {
        let same = |(from, other): &&mut (Source, Arc<Live>)| {
            *from == source && other.newest && other.subject == event.subject
        };
        match self.events.iter_mut().rev().find(same) {
            Some((_, old)) => *old = Arc::clone(event),
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actors::bus::{Message, Numbering, Payload};
    use schema::account::Role;
    use schema::id::{StartId, UserId};

    const SOURCE: Source = Source { serial: 7, pattern: 0 };
    const OTHER: Source = Source { serial: 8, pattern: 0 };

    fn owner() -> UserId {
        "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a UUIDv7")
    }

    fn live(subject: &str, text: &str, newest: bool, owner: Option<UserId>) -> Arc<Live> {
        let epoch = StartId::from_uuid(uuid::Uuid::now_v7());
        let message = Message {
            subject: subject.to_owned(),
            payload: Payload::Json(text.to_owned().into()),
            numbering: if newest { Numbering::Newest { epoch, seq: 1 } } else { Numbering::None },
            owner,
        };
        Arc::new(Live::new(message).expect("is text"))
    }

    fn inbox(capacity: usize, reader: Scope) -> Inbox {
        let inbox = Inbox::new(capacity);
        inbox.read_by(reader);
        inbox
    }

    fn said(inbox: &Inbox) -> Vec<String> {
        std::iter::from_fn(|| inbox.take(&[]))
            .map(|delivery| match delivery {
                Delivery::Event(source, event) => {
                    format!("{} {}", source.serial, event.event.text())
                }
                Delivery::Gap { serial, dropped } => format!("{serial} missed {dropped}"),
            })
            .collect()
    }

    #[test]
    fn a_full_inbox_loses_its_oldest_and_tells_whose_they_were() {
        let inbox = inbox(2, Scope::System);
        for (source, text) in [(SOURCE, "a"), (OTHER, "b"), (SOURCE, "c"), (SOURCE, "d")] {
            inbox.push(source, &live("s", text, false, Some(owner())));
        }
        inbox.miss(8, 0);
        inbox.miss(9, 0);
        assert_eq!(said(&inbox), ["7 missed 1", "8 missed 1", "9 missed 0", "7 c", "7 d"]);
        assert!(inbox.take(&[]).is_none());
    }

    #[test]
    fn what_is_left_waits_in_its_order() {
        let inbox = inbox(8, Scope::System);
        for (source, text) in [(SOURCE, "a"), (OTHER, "b"), (SOURCE, "c")] {
            inbox.push(source, &live("s", text, false, Some(owner())));
        }
        inbox.miss(7, 1);
        let others = || inbox.take(&[7]);
        assert!(matches!(others(), Some(Delivery::Event(OTHER, _))));
        assert!(others().is_none());
        assert_eq!(said(&inbox), ["7 missed 1", "7 a", "7 c"]);
    }

    #[test]
    fn the_newest_takes_the_place_of_what_waits_and_nobody_is_told() {
        let inbox = inbox(8, Scope::System);
        let push = |source, subject, text, newest| {
            inbox.push(source, &live(subject, text, newest, Some(owner())));
        };
        push(SOURCE, "s", "1", true);
        push(SOURCE, "t", "1", true);
        push(OTHER, "s", "1", true);
        push(SOURCE, "s", "stored", false);
        push(SOURCE, "s", "2", true);
        assert_eq!(said(&inbox), ["7 2", "7 1", "8 1", "7 stored"]);
    }

    #[test]
    fn what_the_reader_may_not_read_does_not_come_in() {
        let stranger = UserId::from_uuid(uuid::Uuid::now_v7());
        let inbox = inbox(8, Scope::User { id: owner(), role: Role::User });
        for of in [None, Some(stranger), Some(owner())] {
            inbox.push(SOURCE, &live("s", &format!("{}", of == Some(owner())), false, of));
        }
        assert_eq!(said(&inbox), ["7 true"]);
        inbox.read_by(Scope::User { id: stranger, role: Role::User });
        inbox.push(SOURCE, &live("s", "own no more", false, Some(owner())));
        assert!(inbox.take(&[]).is_none());
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let inbox = Arc::new(inbox(2, Scope::System));
        let waits = tokio::spawn({
            let inbox = Arc::clone(&inbox);
            async move { inbox.next().await }
        });
        tokio::task::yield_now().await;
        inbox.push(SOURCE, &live("s", "a", false, Some(owner())));
        assert!(matches!(waits.await, Ok(Delivery::Event(SOURCE, _))));
    }
}
