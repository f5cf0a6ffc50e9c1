//! The one handle on everything that runs: what `api` and the composition root talk to.
//!
//! Types of `schema` and of the traits here go in and out, none of an engine or of an actor. Every
//! operation on behalf of somebody takes their [`Scope`]; what it may not see does not exist.

mod files;
mod health;
mod jobs;
mod node;
mod submit;
mod upload;

pub use health::{Component, ComponentState, Health, HealthStatus};
pub use jobs::JobTypeInfo;
pub use node::NodeState;
pub use submit::{CANONICAL_EXTENSIONS, FIRST_SEED_EXTENSIONS, Submission};
pub use upload::{StagedFile, Upload};

pub use crate::bus::{Delivery, DropPolicy, Message, Payload, Subscription};
pub use crate::store::accounts::{AccountStore, Credentials, NewUser, RefreshToken, Rotation};
pub use crate::store::events::Replay;
pub use crate::store::jobs::{Created, Idempotency, JobFilter, JobPage, Page};

use crate::bus::Bus;
use crate::clock::Clock;
use crate::config::PlatformConfig;
use crate::job::removal::Removal;
use crate::job::run::Workshop;
use crate::job::shop::{Runner, Shop};
use crate::objects::Objects;
use crate::queue::Queue;
use crate::store::Store;
use crate::supervise::tree::{self, Message as Supervise};
use ractor::ActorRef;
use schema::account::Scope;
use schema::event::Cursor;
use schema::subject::Pattern;
use schema::{Error, ErrorKind, Result};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// What a platform stands on.
#[derive(Debug, Clone)]
pub struct Engines {
    /// The record of everything.
    pub store: Arc<dyn Store>,
    /// Which job is next.
    pub queue: Arc<dyn Queue>,
    /// Copies for whoever watches.
    pub bus: Arc<dyn Bus>,
    /// Files.
    pub objects: Arc<dyn Objects>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Models and limits of inputs.
    pub workshop: Arc<Workshop>,
}

/// A running node. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub struct Platform(Arc<Inner>);

struct Inner {
    config: PlatformConfig,
    engines: Engines,
    shop: Arc<Shop>,
    removal: Removal,
    sight: node::Sight,
    root: ActorRef<Supervise>,
    probes: Semaphore,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platform").field("start", &self.shop.start).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Whoever forgot to shut down does not leave actors behind; leases run out.
        self.root.stop(None);
    }
}

impl Platform {
    /// Starts a node: takes up what earlier starts left, then works.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a configuration that does not fit together; what the engines say.
    pub async fn start(config: PlatformConfig, engines: Engines) -> Result<Self> {
        let runner: Arc<dyn Runner> = Arc::clone(&engines.workshop) as _;
        Self::start_with(config, engines, runner).await
    }

    /// As [`Platform::start`], with something else in place of the pipeline.
    pub(crate) async fn start_with(
        config: PlatformConfig,
        engines: Engines,
        runner: Arc<dyn Runner>,
    ) -> Result<Self> {
        Ok(Self(Arc::new(node::begin(config, engines, runner).await?)))
    }

    /// Ends the node in order, within `deadline`: takes nothing new, gives its jobs back, stores
    /// and publishes what is left, closes the bus.
    pub async fn shutdown(&self, deadline: Duration) {
        let begun = Instant::now();
        self.0.shop.draining.cancel();
        self.0.sight.leasing_ended(deadline).await;
        tree::stop(&self.0.root, deadline.saturating_sub(begun.elapsed())).await;
        let left = deadline.saturating_sub(begun.elapsed());
        self.0.engines.bus.close(left.max(Duration::from_millis(100))).await;
        tracing::info!(seconds = begun.elapsed().as_secs_f64(), "node has ended");
    }

    /// How all its actors are, for tests, pages and metrics.
    #[must_use]
    pub fn observe(&self) -> NodeState {
        self.0.sight.get()
    }

    /// Whether the end has begun: nothing new is taken.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.shop.draining.is_cancelled()
    }

    /// Waits until the end begins.
    pub async fn drain_begun(&self) {
        self.0.shop.draining.cancelled().await;
    }

    /// How the node is told to work.
    #[must_use]
    pub fn config(&self) -> &PlatformConfig {
        &self.0.config
    }

    /// Users and refresh tokens.
    #[must_use]
    pub fn accounts(&self) -> &dyn AccountStore {
        self.0.engines.store.as_ref()
    }

    /// The wall time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.engines.clock
    }

    /// Stored events after `since` (from the oldest where it is `None`) that the scope may read
    /// and a pattern matches (all where there is none), oldest first, `limit` at most.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn replay(
        &self,
        scope: &Scope,
        since: Option<Cursor>,
        patterns: &[Pattern],
        limit: u32,
    ) -> Result<Replay> {
        self.0.engines.store.replay(scope, since, patterns, limit).await
    }

    /// The place after every event that is stored.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn head(&self) -> Result<Cursor> {
        self.0.engines.store.head().await
    }

    /// Listens to the bus, with a queue of `capacity` messages. Messages of all owners come: who
    /// may read one is told by [`Message::owner`].
    ///
    /// # Errors
    /// `NOT_READY` where the bus is closed.
    pub async fn subscribe(
        &self,
        pattern: &Pattern,
        capacity: usize,
        policy: DropPolicy,
    ) -> Result<Box<dyn Subscription>> {
        self.0.engines.bus.subscribe(pattern, capacity, policy).await
    }

    /// # Errors
    /// `NOT_READY` once the end has begun.
    fn expect_open(&self) -> Result<()> {
        if self.is_draining() {
            return Err(Error::new(ErrorKind::NotReady, "the server is ending: try again soon"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
