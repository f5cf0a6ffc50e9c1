//! How a node is put together: which actors there are, in which order they begin and end.

use super::{Engines, Inner};
use crate::config::PlatformConfig;
use crate::janitor::{Janitor, JanitorState};
use crate::job::active::Active;
use crate::job::lease::Leasing;
use crate::job::reclaim::Reclaim;
use crate::job::removal::Removal;
use crate::job::shop::{JobsState, Runner, Shop};
use crate::job::wake::Listening;
use crate::recorder::{Publisher, Recorder, RecorderState};
use crate::supervise::backtrace;
use crate::supervise::observe::Observed;
use crate::supervise::restart::{Backoff, Restart, RestartPolicy};
use crate::supervise::tree::{self, Arguments, ChildStatus, TreeState};
use crate::supervise::worker::child;
use rand_pcg::Pcg32;
use schema::Result;
use schema::id::StartId;
use serde::Serialize;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

/// Inputs that are looked into at the same time.
const PROBES: usize = 4;
/// How long one part may take to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// Parts of a node are begun again for ever.
const FOR_EVER: RestartPolicy = RestartPolicy {
    restart: Restart::Permanent,
    backoff: Backoff { first: Duration::from_millis(100), most: Duration::from_secs(10) },
    healthy_after: Duration::from_secs(60),
    tolerated: 5,
};

/// Name of the part that begins jobs.
const LEASING: &str = "leasing";
/// It ends by itself when the node begins to.
const UNTIL_DONE: RestartPolicy = RestartPolicy { restart: Restart::Transient, ..FOR_EVER };

/// What can be seen of a node: one state per actor.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NodeState {
    /// Its parts.
    pub node: TreeState,
    /// The actors of its jobs, and of those who lease and listen for them.
    pub job_actors: TreeState,
    /// Its jobs.
    pub jobs: JobsState,
    /// What is stored and published.
    pub recorder: RecorderState,
    /// What was removed.
    pub janitor: JanitorState,
}

impl NodeState {
    /// Names of parts that end too often.
    pub fn degraded(&self) -> impl Iterator<Item = &str> {
        let all = self.node.children.iter().chain(&self.job_actors.children);
        all.filter(|(_, c)| c.status == ChildStatus::Degraded).map(|(name, _)| name.as_str())
    }
}

/// Where the states of a node are seen.
#[derive(Clone)]
pub(super) struct Sight {
    node: Observed<TreeState>,
    job_actors: Observed<TreeState>,
    pub(super) jobs: Observed<JobsState>,
    pub(super) recorder: Observed<RecorderState>,
    pub(super) janitor: Observed<JanitorState>,
}

impl Sight {
    fn new() -> Self {
        Self {
            node: Observed::new(),
            job_actors: Observed::new(),
            jobs: Observed::new(),
            recorder: Observed::new(),
            janitor: Observed::new(),
        }
    }

    /// Waits until no job is begun any more, once the node is ending.
    pub(super) async fn leasing_ended(&self, deadline: Duration) {
        let ended = self.job_actors.wait_for(|seen| !seen.children.contains_key(LEASING));
        // Then leases that it takes at the last moment run out.
        let _ = tokio::time::timeout(deadline, ended).await;
    }

    pub(super) fn get(&self) -> NodeState {
        NodeState {
            node: self.node.get(),
            job_actors: self.job_actors.get(),
            jobs: self.jobs.get(),
            recorder: self.recorder.get(),
            janitor: self.janitor.get(),
        }
    }
}

/// Takes back the jobs of earlier starts, then begins all actors.
///
/// # Errors
/// `VALIDATION_ERROR` for the configuration; what the engines say.
pub(super) async fn begin(
    config: PlatformConfig,
    engines: Engines,
    runner: Arc<dyn Runner>,
) -> Result<Inner> {
    config.check()?;
    backtrace::install();
    let start = engines.clock.uuid();
    let seed = start.as_u64_pair().1;
    let sight = Sight::new();
    let shop = shop(&config, &engines, runner, StartId::from_uuid(start), seed, &sight);
    let removal = Removal {
        store: Arc::clone(&engines.store),
        objects: Arc::clone(&engines.objects),
        clock: Arc::clone(&engines.clock),
        active: shop.active.clone(),
    };
    let reclaim = Reclaim { shop: Arc::clone(&shop), removal: removal.clone() };
    reclaim.take_back().await?;
    let root = tree::begin(parts(&config, &engines, &shop, reclaim, &sight, seed)).await?;
    tracing::info!(start = %shop.start, jobs = config.jobs.concurrent, "node begins");
    Ok(Inner { config, engines, shop, removal, sight, root, probes: Semaphore::new(PROBES) })
}

fn shop(
    config: &PlatformConfig,
    engines: &Engines,
    runner: Arc<dyn Runner>,
    start: StartId,
    seed: u64,
    sight: &Sight,
) -> Arc<Shop> {
    let (store, clock) = (Arc::clone(&engines.store), Arc::clone(&engines.clock));
    Arc::new(Shop {
        config: config.jobs.clone(),
        start,
        queue: Arc::clone(&engines.queue),
        bus: Arc::clone(&engines.bus),
        objects: Arc::clone(&engines.objects),
        recorder: Recorder::new(Arc::clone(&store), Arc::clone(&clock), sight.recorder.clone()),
        store,
        clock,
        runner,
        active: Active::default(),
        observed: sight.jobs.clone(),
        draining: CancellationToken::new(),
        wake: Notify::new(),
        room: Arc::new(Semaphore::new(config.jobs.concurrent)),
        numbers: Mutex::default(),
        chance: Mutex::new(Pcg32::new(seed, 1)),
    })
}

/// The parts of a node, in the order in which they are begun; they end in the opposite one, so
/// that what a part still says is heard.
fn parts(
    config: &PlatformConfig,
    engines: &Engines,
    shop: &Arc<Shop>,
    reclaim: Reclaim,
    sight: &Sight,
    seed: u64,
) -> Arguments {
    let janitor = Janitor {
        config: config.clone(),
        store: Arc::clone(&engines.store),
        objects: Arc::clone(&engines.objects),
        clock: Arc::clone(&engines.clock),
        observed: sight.janitor.clone(),
    };
    let jobs = Arguments {
        children: vec![
            child("reclaim", FOR_EVER, reclaim),
            child("listening", FOR_EVER, Listening(Arc::clone(shop))),
            child(LEASING, UNTIL_DONE, Leasing(Arc::clone(shop))),
        ],
        observed: sight.job_actors.clone(),
        patience: PATIENCE,
        seed: seed.wrapping_add(1),
    };
    let publisher = Publisher::new(&shop.recorder, Arc::clone(&engines.bus));
    Arguments {
        children: vec![
            child("publisher", FOR_EVER, publisher),
            child("recorder", FOR_EVER, shop.recorder.clone()),
            child("janitor", FOR_EVER, janitor),
            tree::child("jobs", FOR_EVER, jobs),
        ],
        observed: sight.node.clone(),
        patience: PATIENCE,
        seed,
    }
}
