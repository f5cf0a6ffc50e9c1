//! What all connections share: their number, and one subscription of the bus per pattern.
//!
//! A pump per pattern takes what the bus delivers, makes each message ready once, and puts it into
//! the inbox of every connection that listens; it waits for nobody. What is shared is the message,
//! never the answer to who may read it: each inbox decides that for its own reader. Whoever comes
//! first to a pattern brings the bus subscription, whoever leaves last takes it away.

use super::Limits;
use super::inbox::{Inbox, Source};
use super::protocol::EventText;
use crate::metrics::WEBSOCKET_CLIENTS;
use actors::bus::Numbering;
use actors::handle::{Delivery, DropPolicy, Message, Payload, Platform, Subscription};
use schema::event::Position;
use schema::id::UserId;
use schema::subject::Pattern;
use schema::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Messages of one pattern that wait for its pump.
const QUEUE: usize = 4096;

/// What all connections share.
#[derive(Debug)]
pub struct Hub {
    pub(super) limits: Limits,
    places: Arc<Semaphore>,
    topics: Arc<Topics>,
    sessions: TaskTracker,
}

/// One connection's place; where the server ends, it is waited for.
#[derive(Debug)]
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    _open: TaskTrackerToken,
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!(WEBSOCKET_CLIENTS).decrement(1.0);
    }
}

/// A message of the bus, made ready for whoever listens.
#[derive(Debug)]
pub(super) struct Live {
    /// Where it was published.
    pub subject: String,
    /// Whose it is; nobody reads what is nobody's.
    pub owner: Option<UserId>,
    /// Where it stands in its stream; nothing for what is not stored.
    pub position: Option<Position>,
    /// Whether only the newest of its subject matters.
    pub newest: bool,
    /// What is sent.
    pub event: EventText,
}

/// A place at a pattern; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Membership {
    topic: Arc<Topic>,
    member: Member,
}

/// Patterns that are listened to.
#[derive(Debug, Default)]
struct Topics(Mutex<HashMap<Pattern, Weak<Topic>>>);

/// One pattern, as long as somebody listens to it.
#[derive(Debug)]
struct Topic {
    pattern: Pattern,
    members: Arc<Members>,
    /// Whoever comes first starts it; the others wait for that.
    pump: OnceCell<AbortOnDropHandle<()>>,
    topics: Arc<Topics>,
}

/// Who listens to a pattern. The pump takes the list with it and lets go of the lock; the list is
/// copied only where it changes meanwhile.
#[derive(Debug, Default)]
struct Members(Mutex<Arc<Vec<Member>>>);

#[derive(Debug, Clone)]
struct Member {
    inbox: Arc<Inbox>,
    source: Source,
}

impl Hub {
    /// A hub with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let places = Arc::new(Semaphore::new(limits.connections));
        Self { limits, places, topics: Arc::default(), sessions: TaskTracker::new() }
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.limits.connections - self.places.available_permits()
    }

    /// How many patterns are listened to: as many subscriptions of the bus there are.
    #[must_use]
    pub fn patterns(&self) -> usize {
        lock(&self.topics.0).len()
    }

    /// A place for a connection; `None` where there are as many as there may be.
    pub(super) fn place(&self) -> Option<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        metrics::gauge!(WEBSOCKET_CLIENTS).increment(1.0);
        Some(Place { _place: place, _open: self.sessions.token() })
    }

    /// Waits until no connection is open; there will be none that is new.
    pub(crate) async fn ended(&self) {
        self.sessions.close();
        self.sessions.wait().await;
    }

    /// Puts what `pattern` matches into `inbox`, from the return on.
    ///
    /// # Errors
    /// `NOT_READY` where the bus is closed.
    pub(super) async fn join(
        &self,
        platform: &Platform,
        pattern: &Pattern,
        inbox: &Arc<Inbox>,
        source: Source,
    ) -> Result<Membership> {
        let topic = Topics::find(&self.topics, pattern);
        let member = Member { inbox: Arc::clone(inbox), source };
        // A member before the bus is asked: what comes right after is not lost.
        topic.members.add(member.clone());
        let membership = Membership { topic, member };
        membership.topic.listen(platform).await?;
        Ok(membership)
    }
}

impl Live {
    /// Makes `message` ready.
    ///
    /// # Errors
    /// `SERVER_ERROR` for what is not UTF-8.
    pub(super) fn new(message: Message) -> Result<Self> {
        let Payload::Json(bytes) = message.payload else {
            return Err(Error::new(ErrorKind::ServerError, "a message that is not JSON"));
        };
        Ok(Self {
            position: match &message.numbering {
                Numbering::Stored(id) => id.parse().ok(),
                _ => None,
            },
            newest: matches!(message.numbering, Numbering::Newest { .. }),
            subject: message.subject,
            owner: message.owner,
            event: EventText::new(bytes.into())?,
        })
    }
}

impl Topics {
    /// The topic of `pattern`, a new one where nobody listens to it.
    fn find(this: &Arc<Self>, pattern: &Pattern) -> Arc<Topic> {
        let mut topics = lock(&this.0);
        if let Some(topic) = topics.get(pattern).and_then(Weak::upgrade) {
            return topic;
        }
        let topic = Arc::new(Topic {
            pattern: pattern.clone(),
            members: Arc::default(),
            pump: OnceCell::new(),
            topics: Arc::clone(this),
        });
        topics.insert(pattern.clone(), Arc::downgrade(&topic));
        topic
    }
}

impl Topic {
    /// Waits until the bus is listened to.
    async fn listen(&self, platform: &Platform) -> Result<()> {
        let pump = self.pump.get_or_try_init(|| async {
            let subscription = platform.subscribe(&self.pattern, QUEUE, DropPolicy::Oldest).await?;
            let members = Arc::clone(&self.members);
            Ok::<_, Error>(AbortOnDropHandle::new(tokio::spawn(pump(subscription, members))))
        });
        if pump.await?.is_finished() {
            return Err(Error::new(ErrorKind::NotReady, "the bus is closed"));
        }
        Ok(())
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        let mut topics = lock(&self.topics.0);
        // Another may have come to the pattern meanwhile, with a topic of its own.
        if topics.get(&self.pattern).is_some_and(|topic| topic.strong_count() == 0) {
            topics.remove(&self.pattern);
        }
    }
}

impl Members {
    fn add(&self, member: Member) {
        Arc::make_mut(&mut *lock(&self.0)).push(member);
    }

    fn remove(&self, member: &Member) {
        let mut members = lock(&self.0);
        let same = |m: &Member| m.source == member.source && Arc::ptr_eq(&m.inbox, &member.inbox);
        if let Some(place) = members.iter().position(same) {
            Arc::make_mut(&mut *members).swap_remove(place);
        }
    }

    fn now(&self) -> Arc<Vec<Member>> {
        Arc::clone(&*lock(&self.0))
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.topic.members.remove(&self.member);
    }
}

/// Puts what the bus delivers into the inboxes of all members until the bus is closed.
async fn pump(mut subscription: Box<dyn Subscription>, members: Arc<Members>) {
    while let Some(delivery) = subscription.next().await {
        let live = match delivery {
            Delivery::Message(message) => Live::new(message).map(Arc::new),
            Delivery::Gap(dropped) => {
                members.now().iter().for_each(|m| m.inbox.miss(m.source.serial, dropped));
                continue;
            }
        };
        match live {
            Ok(live) => members.now().iter().for_each(|m| m.inbox.push(m.source, &live)),
            Err(error) => tracing::debug!(%error, "a message that cannot be sent to clients"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
