//! Streams of events, and the feeds over them.
//!
//! Events are appended by the operations that change something, in the same transaction; here they
//! are read, published and pruned. The time of an event is given by the store when it commits, and
//! grows strictly from event to event: a [`Cursor`] is such a time.

use async_trait::async_trait;
use schema::Result;
use schema::account::Scope;
use schema::event::{Cursor, Event, Position};
use schema::id::UserId;
use schema::subject::Pattern;
use schema::time::WallTime;
use std::fmt::Debug;

/// An event with its owner, by whom it is decided who may read it.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedEvent {
    /// Whose it is.
    pub owner: UserId,
    /// What happened; its position is there.
    pub event: Event,
}

/// What a feed says after a cursor.
#[derive(Debug, Clone, PartialEq)]
pub enum Replay {
    /// The events after the cursor, oldest first.
    Events {
        /// Those that match.
        events: Vec<Event>,
        /// Everything up to here has been looked at.
        cursor: Cursor,
        /// Whether there are more.
        has_more: bool,
    },
    /// The cursor points before what is kept.
    Gone {
        /// From here on everything is kept.
        oldest: Cursor,
    },
}

/// Which events are kept; of the others, those that were published may be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRetention {
    /// Those of this time and later ...
    pub since: WallTime,
    /// ... and of each stream so many at most, the newest.
    pub per_stream: u64,
}

/// Streams of events.
#[async_trait]
pub trait EventStore: Debug + Send + Sync {
    /// Events after `since` (from the oldest where it is `None`) that the scope may read and a
    /// pattern matches (all where there is none), oldest first, `limit` at most.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn replay(
        &self,
        scope: &Scope,
        since: Option<Cursor>,
        patterns: &[Pattern],
        limit: u32,
    ) -> Result<Replay>;

    /// The place after everything that is stored.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn head(&self) -> Result<Cursor>;

    /// Events beyond the published marks of their streams, in the order in which they were stored.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn unpublished(&self, limit: u32) -> Result<Vec<OwnedEvent>>;

    /// Moves the published marks up to `positions`; a mark never goes back.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn mark_published(&self, positions: &[Position]) -> Result<()>;

    /// Forgets published events that are not to be kept, from the beginning of each stream on; says
    /// how many. A cursor before one of them is answered with [`Replay::Gone`]: where a stream had
    /// too many, only to those who may read it.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn prune_events(&self, kept: EventRetention) -> Result<u64>;
}
