//! The bus: copies of what happens, for whoever watches.
//!
//! What must be kept is in the store before it comes here. Nothing waits for a slow subscriber:
//! each has a bounded queue with a named drop policy (`queue`), and is told what it missed. Engines
//! are in `drivers`, and each must pass the contract suite.

pub(crate) mod queue;

use async_trait::async_trait;
use bytes::Bytes;
use schema::id::{StartId, UserId};
use schema::subject::Pattern;
use schema::{Error, ErrorKind, Result};
use std::fmt::Debug;
use std::time::Duration;

/// How receivers notice that they missed something or got it twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Numbering {
    /// A stored event: its id, `{stream}:{seq}` (`Nats-Msg-Id`).
    Stored(String),
    /// A message of which only the newest matters, numbered per subject from the start of its
    /// publisher (`Sightline-Epoch`, `Sightline-Seq`).
    Newest {
        /// The publisher's start.
        epoch: StartId,
        /// 1, 2, 3 ... per subject.
        seq: u64,
    },
    /// A hint: neither.
    None,
}

/// What a message carries. The first case of several: frames and vectors join with live cameras.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payload {
    /// A JSON document.
    Json(Bytes),
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it is published, without the prefix: tokens of `[A-Za-z0-9_-]` between dots.
    pub subject: String,
    /// What it carries.
    pub payload: Payload,
    /// How gaps and repetitions are noticed.
    pub numbering: Numbering,
    /// Whose it is; `None` for what everybody on the bus may read.
    pub owner: Option<UserId>,
}

/// What a subscriber's full queue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropPolicy {
    /// The oldest message goes, and the gap is told.
    Oldest,
    /// A message takes the place of the one of its subject that still waits, and the gap is told;
    /// where none waits and the queue is full, the oldest goes.
    Replace,
}

/// What a subscriber gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A message.
    Message(Message),
    /// This many were missed, told before the messages that wait; 0 where nobody could count them,
    /// as the connection was lost. What is stored is read again from the store.
    Gap(u64),
}

/// One subscription; it ends when it is dropped.
#[async_trait]
pub trait Subscription: Debug + Send {
    /// The next delivery; `None` once the bus is closed. Safe to be cancelled.
    async fn next(&mut self) -> Option<Delivery>;
}

/// A request that waits for an answer. Dropped unanswered, the requester is told so.
#[derive(Debug)]
pub struct Request {
    /// What is asked.
    pub message: Message,
    /// Where the answer goes.
    pub reply: Box<dyn Reply>,
}

/// Where an answer goes.
#[async_trait]
pub trait Reply: Debug + Send {
    /// Answers.
    ///
    /// # Errors
    /// `NOT_READY` where the bus is away; the answer is lost then.
    async fn answer(self: Box<Self>, payload: Payload) -> Result<()>;
}

/// Requests of one pattern, shared with the other members of the group; ends when it is dropped.
#[async_trait]
pub trait Requests: Debug + Send {
    /// The next request; `None` once the bus is closed. Safe to be cancelled.
    async fn next(&mut self) -> Option<Request>;
}

/// How the bus is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BusState {
    /// `memory` or `nats`.
    pub engine: &'static str,
    /// Whether messages go out now.
    pub connected: bool,
    /// What keeps it from connecting, without secrets.
    pub fault: Option<String>,
    /// Connections after the first.
    pub reconnects: u64,
    /// Subscriptions of this process.
    pub subscriptions: u64,
    /// Messages that subscribers of this process missed.
    pub dropped: u64,
    /// Messages that were too large, or could not be sent.
    pub refused: u64,
}

/// The bus.
#[async_trait]
pub trait Bus: Debug + Send + Sync {
    /// Publishes; messages of one publisher arrive in order.
    ///
    /// # Errors
    /// `NOT_READY` where the bus is away: nothing is kept for later, the store is the record.
    /// `VALIDATION_ERROR` for a payload larger than the bus takes, and for what is no subject.
    async fn publish(&self, message: Message) -> Result<()>;

    /// Waits until what was published over the present connection has reached the server.
    ///
    /// # Errors
    /// `NOT_READY` where the bus is away or goes away meanwhile.
    async fn flush(&self) -> Result<()>;

    /// Publishes `messages` in order and waits until all have reached the server: after `Ok` the
    /// mark may move. One that the bus will never take is left out, counted and logged: it would
    /// hold up the others for ever, and is in the store.
    ///
    /// # Errors
    /// `NOT_READY` where the bus is or goes away: some may have arrived; publish again from the
    /// mark.
    async fn publish_all(&self, messages: Vec<Message>) -> Result<()> {
        let reconnects = self.state().reconnects;
        for message in messages {
            match self.publish(message).await {
                Err(error) if error.kind() == ErrorKind::ValidationError => {
                    tracing::error!(%error, "a message is not taken by the bus");
                }
                published => published?,
            }
        }
        self.flush().await?;
        // What went out before the connection changed may be lost, whatever came after.
        if self.state().reconnects != reconnects {
            return Err(Error::new(ErrorKind::NotReady, "the bus went away while publishing"));
        }
        Ok(())
    }

    /// Listens, with a queue of `capacity` messages; from its return on where the bus is
    /// connected, else from the next connection on.
    ///
    /// # Errors
    /// `NOT_READY` where the bus is closed.
    async fn subscribe(
        &self,
        pattern: &Pattern,
        capacity: usize,
        policy: DropPolicy,
    ) -> Result<Box<dyn Subscription>>;

    /// Asks, and waits for one answer; also for a server with a credit left. Of several groups
    /// that serve the subject, each gets it and the first answer counts.
    ///
    /// # Errors
    /// `NOT_READY` where nobody serves the subject, the server dropped the request, or no answer
    /// came within `deadline`; else as [`Bus::publish`].
    async fn request(&self, message: Message, deadline: Duration) -> Result<Payload>;

    /// Serves requests; each goes to one member of `group`, in turn. At most `credits` of them
    /// wait unanswered here; the requesters of more wait within their deadlines.
    ///
    /// # Errors
    /// `NOT_READY` where the bus is closed.
    async fn serve(
        &self,
        pattern: &Pattern,
        group: &str,
        credits: usize,
    ) -> Result<Box<dyn Requests>>;

    /// How it is doing.
    fn state(&self) -> BusState;

    /// Sends what is left, within `deadline`, and ends every subscription.
    async fn close(&self, deadline: Duration);
}

/// Refuses what is no subject, as a subscriber's wildcards would not be met by it.
///
/// # Errors
/// `VALIDATION_ERROR`.
pub(crate) fn check_subject(subject: &str) -> Result<()> {
    let token = |t: &str| {
        !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if subject.len() <= MAX_SUBJECT && subject.split('.').all(token) {
        return Ok(());
    }
    let shown: String = subject.chars().take(MAX_SUBJECT).collect();
    let message = format!("subject {shown:?}: expected tokens of a-z, 0-9, _ and - between dots");
    Err(Error::new(ErrorKind::ValidationError, message))
}

/// Longest subject, in bytes.
const MAX_SUBJECT: usize = 256;

#[cfg(test)]
mod tests;
