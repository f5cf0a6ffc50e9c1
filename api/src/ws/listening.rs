//! What one connection listens to: its subscriptions, what was sent lately, and how far it is.
//!
//! No socket here. An event is sent once per connection, however many of its patterns match: by the
//! first one. Live events come from the hub in one bounded inbox; whatever that loses is read again
//! from the store.

use super::hub::{Hub, Live, Membership};
use super::inbox::{Delivery, Inbox, Source};
use super::protocol::{EventText, Filter};
use actors::handle::Platform;
use schema::Result;
use schema::account::Scope;
use schema::event::{Cursor, Position};
use schema::subject::Pattern;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Events that wait for a connection.
const INBOX: usize = 1024;
/// Events that are remembered, so that what was replayed is not sent again live.
const RECENT: usize = 1024;

/// Whether a subscription reads the store now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replaying {
    /// It is live.
    No,
    /// It looks whether anything was missed; nobody is told.
    Quietly,
    /// The client waits for `caught_up`; what it was sent before is left out.
    Told,
    /// The client asked for all of it, and waits for `caught_up`.
    Asked,
}

/// One subscription of a connection.
#[derive(Debug)]
pub(super) struct Subscription {
    serial: u64,
    /// The client's name for it.
    pub id: String,
    /// What is listened to.
    pub patterns: Vec<Pattern>,
    /// What is left out.
    pub filter: Filter,
    /// Everything up to here has been sent.
    pub cursor: Cursor,
    /// Whether it reads the store now.
    pub replaying: Replaying,
    _places: Vec<Membership>,
}

/// Everything that one connection listens to.
#[derive(Debug)]
pub(super) struct Listening {
    subscriptions: Vec<Subscription>,
    inbox: Arc<Inbox>,
    recent: Recent,
    serials: u64,
}

impl Listening {
    /// Nothing yet, on behalf of nobody.
    pub(super) fn new() -> Self {
        let inbox = Arc::new(Inbox::new(INBOX));
        Self { subscriptions: Vec::new(), inbox, recent: Recent::default(), serials: 0 }
    }

    /// From now on it is on behalf of `reader`.
    pub(super) fn read_by(&self, reader: Scope) {
        self.inbox.read_by(reader);
    }

    /// Begins to listen, in place of a subscription of the same id; it is live from now on.
    ///
    /// # Errors
    /// `NOT_READY` where the bus is closed.
    pub(super) async fn add(
        &mut self,
        hub: &Hub,
        platform: &Platform,
        id: &str,
        patterns: Vec<Pattern>,
        filter: Filter,
    ) -> Result<()> {
        self.serials += 1;
        let serial = self.serials;
        let mut places = Vec::with_capacity(patterns.len());
        for (index, pattern) in patterns.iter().enumerate() {
            let source = Source { serial, pattern: index };
            places.push(hub.join(platform, pattern, &self.inbox, source).await?);
        }
        // The place is taken after listening began: nothing can fall between.
        let cursor = platform.head().await?;
        self.remove(id);
        self.subscriptions.push(Subscription {
            serial,
            id: id.to_owned(),
            patterns,
            filter,
            cursor,
            replaying: Replaying::No,
            _places: places,
        });
        Ok(())
    }

    /// Listens no more; says whether there was such a subscription.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|subscription| subscription.id != id);
        before != self.subscriptions.len()
    }

    /// How many subscriptions there are.
    pub(super) const fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// The subscription of this name.
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|subscription| subscription.id == id)
    }

    /// All subscriptions.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Subscription> {
        self.subscriptions.iter_mut()
    }

    /// A subscription that reads the store now.
    pub(super) fn replaying(&self) -> Option<&Subscription> {
        self.subscriptions.iter().find(|s| s.replaying != Replaying::No)
    }

    /// The place up to which everything of every subscription was sent.
    pub(super) fn cursor(&self) -> Option<Cursor> {
        self.subscriptions.iter().map(|subscription| subscription.cursor).min()
    }

    /// The next live delivery; never ends. Safe to be cancelled.
    pub(super) async fn next(&self) -> Delivery {
        self.inbox.next().await
    }

    /// A live delivery that waits, but for those of subscriptions that read the store now.
    pub(super) fn take(&self) -> Option<Delivery> {
        let reads = |s: &Subscription| s.replaying != Replaying::No;
        let reading: Vec<u64> =
            self.subscriptions.iter().filter(|s| reads(s)).map(|s| s.serial).collect();
        self.inbox.take(&reading)
    }

    /// The subscription of this number; `None` where it has ended meanwhile.
    pub(super) fn numbered(&mut self, serial: u64) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|subscription| subscription.serial == serial)
    }

    /// Whether the live event is to be sent for `source`: it is wanted there, by no earlier
    /// pattern, and was not sent before.
    pub(super) fn is_due(&mut self, source: Source, live: &Live) -> bool {
        let first = self.first_that_wants(&live.subject, &live.event);
        first == Some(source) && live.position.is_none_or(|position| self.recent.insert(position))
    }

    /// Whether the stored event at `position` was not sent before; it counts as sent then.
    pub(super) fn is_new(&mut self, position: Position) -> bool {
        self.recent.insert(position)
    }

    fn first_that_wants(&self, subject: &str, event: &EventText) -> Option<Source> {
        self.subscriptions.iter().find_map(|subscription| {
            let pattern = subscription.patterns.iter().position(|p| p.matches(subject))?;
            let source = Source { serial: subscription.serial, pattern };
            subscription.filter.wants(event).then_some(source)
        })
    }
}

/// The last events that were sent.
#[derive(Debug, Default)]
struct Recent {
    order: VecDeque<Position>,
    known: BTreeSet<Position>,
}

impl Recent {
    /// Whether `position` was not known; it is from now on.
    fn insert(&mut self, position: Position) -> bool {
        if !self.known.insert(position) {
            return false;
        }
        self.order.push_back(position);
        if self.order.len() > RECENT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::event::StreamId;

    #[test]
    fn what_was_sent_lately_is_known_and_bounded() {
        let job = "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a UUIDv7");
        let at = |seq| Position { stream: StreamId::Job(job), seq };
        let mut recent = Recent::default();
        assert!(recent.insert(at(1)));
        assert!(!recent.insert(at(1)));
        for seq in 2..=RECENT as u64 + 1 {
            assert!(recent.insert(at(seq)));
        }
        assert_eq!((recent.order.len(), recent.known.len()), (RECENT, RECENT));
        assert!(recent.insert(at(1)), "the oldest was not forgotten");
    }
}
