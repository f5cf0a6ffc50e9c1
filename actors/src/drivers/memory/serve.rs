//! Requests in process: groups whose members take turns, each with its credits.

use crate::bus::{Message, Payload, Reply, Request, Requests};
use async_trait::async_trait;
use schema::subject::Pattern;
use schema::{Error, ErrorKind, Result};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

/// Everybody who serves.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: Mutex<Vec<Group>>,
    /// Told when a credit is free again, and when members come and go.
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct Group {
    pattern: Pattern,
    name: String,
    members: Vec<Member>,
    /// Whose turn it is.
    turn: usize,
}

#[derive(Debug)]
struct Member {
    /// Has room for as many as there are credits.
    requests: mpsc::Sender<Request>,
    credits: Arc<Semaphore>,
}

/// Where an answer goes, shared by the groups that were asked: the first counts.
type Asker = Arc<Mutex<Option<oneshot::Sender<Payload>>>>;

enum Placed {
    /// With one group at least.
    At(oneshot::Receiver<Payload>),
    /// Nobody has a credit left.
    Busy,
    /// Nobody serves it.
    Nowhere,
}

impl Groups {
    /// Joins `group`.
    pub(super) fn join(
        self: &Arc<Self>,
        pattern: &Pattern,
        group: &str,
        credits: usize,
    ) -> Box<dyn Requests> {
        let credits = credits.clamp(1, Semaphore::MAX_PERMITS);
        let (sender, receiver) = mpsc::channel(credits);
        let member = Member { requests: sender, credits: Arc::new(Semaphore::new(credits)) };
        let mut groups = self.lock();
        match groups.iter_mut().find(|g| g.pattern == *pattern && g.name == group) {
            Some(group) => group.members.push(member),
            None => groups.push(Group {
                pattern: pattern.clone(),
                name: group.to_owned(),
                members: vec![member],
                turn: 0,
            }),
        }
        drop(groups);
        self.changed.notify_waiters();
        Box::new(Served { receiver, groups: Arc::clone(self) })
    }

    /// Asks, without a deadline of its own.
    pub(super) async fn ask(&self, message: &Message) -> Result<Payload> {
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on nothing that changes is missed, also before the wait below.
            changed.as_mut().enable();
            match self.place(message) {
                Placed::At(answer) => return answer.await.map_err(|_| unanswered(message)),
                Placed::Busy => changed.await,
                Placed::Nowhere => {
                    let text = format!("nobody serves {}", message.subject);
                    return Err(Error::new(ErrorKind::NotReady, text));
                }
            }
        }
    }

    /// Ends everybody's requests: what was placed is still served.
    pub(super) fn close(&self) {
        self.lock().clear();
        self.changed.notify_waiters();
    }

    fn place(&self, message: &Message) -> Placed {
        let (sender, receiver) = oneshot::channel();
        let asker: Asker = Arc::new(Mutex::new(Some(sender)));
        let (mut served, mut placed) = (false, false);
        for group in self.lock().iter_mut().filter(|g| g.pattern.matches(&message.subject)) {
            served = true;
            placed |= group.place(message, &asker, &self.changed);
        }
        match (placed, served) {
            (true, _) => Placed::At(receiver),
            (false, true) => Placed::Busy,
            (false, false) => Placed::Nowhere,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    /// Hands the request to the next member that has a credit.
    fn place(&mut self, message: &Message, asker: &Asker, changed: &Arc<Notify>) -> bool {
        let count = self.members.len();
        for offset in 0..count {
            let at = (self.turn + offset) % count;
            let member = &self.members[at];
            // Room first: a reply that is dropped again would wake the requesters that wait.
            let Ok(room) = member.requests.try_reserve() else { continue };
            let Ok(credit) = Arc::clone(&member.credits).try_acquire_owned() else { continue };
            let reply = MemoryReply {
                asker: Arc::clone(asker),
                credit: Some(credit),
                changed: Arc::clone(changed),
            };
            room.send(Request { message: message.clone(), reply: Box::new(reply) });
            self.turn = at + 1;
            return true;
        }
        false
    }
}

fn unanswered(message: &Message) -> Error {
    Error::new(ErrorKind::NotReady, format!("a request on {} was not answered", message.subject))
}

/// One member's requests.
#[derive(Debug)]
struct Served {
    receiver: mpsc::Receiver<Request>,
    groups: Arc<Groups>,
}

#[async_trait]
impl Requests for Served {
    async fn next(&mut self) -> Option<Request> {
        self.receiver.recv().await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.receiver.close();
        let mut groups = self.groups.lock();
        for group in groups.iter_mut() {
            group.members.retain(|member| !member.requests.is_closed());
        }
        groups.retain(|group| !group.members.is_empty());
        drop(groups);
        self.groups.changed.notify_waiters();
    }
}

/// Where the answer to one request goes; dropped, it gives its credit back.
#[derive(Debug)]
struct MemoryReply {
    asker: Asker,
    credit: Option<OwnedSemaphorePermit>,
    changed: Arc<Notify>,
}

#[async_trait]
impl Reply for MemoryReply {
    async fn answer(self: Box<Self>, payload: Payload) -> Result<()> {
        let asker = self.asker.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Who does not wait any more needs no answer.
        let _ = asker.map(|asker| asker.send(payload));
        Ok(())
    }
}

impl Drop for MemoryReply {
    fn drop(&mut self) {
        self.credit = None;
        self.changed.notify_waiters();
    }
}
