//! A supervisor: one table of children, from which they are begun, observed and stopped.
//!
//! The death of a child never stops its supervisor: what follows is what the child's policy says
//! of it. A supervisor is stopped by a message, so that what was asked of it before is done; then
//! its children are: those that were added later first and together, then those that it began
//! with, the last one first.

use super::observe::Observed;
use super::restart::{End, History, RestartPolicy, Verdict};
use futures_util::future::{BoxFuture, join_all};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use rand::RngExt;
use rand_pcg::Pcg32;
use schema::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Begins an actor that is linked to the supervisor.
pub(crate) type Begin =
    Arc<dyn Fn(ActorCell) -> BoxFuture<'static, Result<ActorCell, SpawnErr>> + Send + Sync>;

/// What a supervisor has to know of a child.
#[derive(Clone)]
pub(crate) struct ChildSpec {
    /// Its name, unique among its siblings.
    pub(crate) name: String,
    /// What follows its end.
    pub(crate) policy: RestartPolicy,
    /// How it is begun.
    pub(crate) begin: Begin,
    /// Whether it is a supervisor, which ends as such.
    pub(crate) is_supervisor: bool,
}

/// How a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChildStatus {
    /// It runs.
    Running,
    /// It ended and is begun again soon.
    Waiting,
    /// It ends too often, or did until a short while ago.
    Degraded,
}

/// What can be seen of a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChildState {
    /// How it is.
    pub status: ChildStatus,
    /// How often it was begun again.
    pub restarts: u64,
    /// Why it ended last, where that was not as it should.
    pub cause: Option<String>,
}

/// What can be seen of a supervisor: its children by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TreeState {
    /// The children that there are.
    pub children: BTreeMap<String, ChildState>,
}

/// What a supervisor begins with.
#[derive(Clone)]
pub(crate) struct Arguments {
    /// The children that it begins with, in the order in which they are begun.
    pub(crate) children: Vec<ChildSpec>,
    /// Where what can be seen of it is seen.
    pub(crate) observed: Observed<TreeState>,
    /// How long each of its children may take to end.
    pub(crate) patience: Duration,
    /// Where the chance in delays comes from.
    pub(crate) seed: u64,
}

/// What a supervisor is told.
pub(crate) enum Message {
    /// Takes one more child.
    Add(ChildSpec),
    /// Begins a child again whose delay is over.
    Begin(String),
    /// Looks whether a child runs as it did when it had been begun again so many times.
    Settle(String, u64),
    /// Stops all children, then itself.
    Stop,
}

/// The actor.
pub(crate) struct Supervisor;

pub(crate) struct State {
    children: BTreeMap<String, Child>,
    observed: Observed<TreeState>,
    patience: Duration,
    chance: Pcg32,
}

struct Child {
    spec: ChildSpec,
    /// Children of the beginning have the numbers of their order; those that came later `None`.
    rank: Option<u64>,
    cell: Option<ActorCell>,
    begun: Instant,
    history: History,
    seen: ChildState,
}

/// Begins a supervisor that has none itself.
///
/// # Errors
/// `SERVER_ERROR` where it cannot be begun.
pub(crate) async fn begin(arguments: Arguments) -> Result<ActorRef<Message>> {
    let spawned = Actor::spawn(None, Supervisor, arguments).await;
    spawned.map(|(actor, _)| actor).map_err(|e| Error::internal("start of a supervisor", e))
}

/// The specification of a child that is a supervisor.
pub(crate) fn child(name: &str, policy: RestartPolicy, arguments: Arguments) -> ChildSpec {
    let begin: Begin = Arc::new(move |parent| {
        let arguments = arguments.clone();
        Box::pin(async move {
            let (actor, _) = Actor::spawn_linked(None, Supervisor, arguments, parent).await?;
            Ok(actor.get_cell())
        })
    });
    ChildSpec { name: name.to_owned(), policy, begin, is_supervisor: true }
}

impl Actor for Supervisor {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        arguments: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let Arguments { children, observed, patience, seed } = arguments;
        observed.update(|seen| seen.children.clear());
        let child =
            |(rank, spec): (u64, &ChildSpec)| (spec.name.clone(), Child::new(spec, Some(rank)));
        let children = (0..).zip(&children).map(child).collect();
        Ok(State { children, observed, patience, chance: Pcg32::new(seed, 0) })
    }

    async fn post_start(
        &self,
        myself: ActorRef<Message>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        for name in state.in_order() {
            state.begin(&myself, &name).await;
        }
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Add(spec) if state.children.contains_key(&spec.name) => {
                tracing::error!(child = spec.name, "there is a child of this name already");
            }
            Message::Add(spec) => {
                let name = spec.name.clone();
                state.children.insert(name.clone(), Child::new(&spec, None));
                state.begin(&myself, &name).await;
            }
            Message::Begin(name) => state.begin(&myself, &name).await,
            Message::Settle(name, restarts) => state.settle(&name, restarts),
            Message::Stop => {
                state.stop().await;
                myself.stop(None);
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (who, cause) = match event {
            SupervisionEvent::ActorTerminated(who, Some(_), _) => (who, None),
            SupervisionEvent::ActorTerminated(who, None, _) => (who, Some("killed".to_owned())),
            SupervisionEvent::ActorFailed(who, error) => (who, Some(error.to_string())),
            _ => return Ok(()),
        };
        let is_it = |c: &&mut Child| c.cell.as_ref().is_some_and(|c| c.get_id() == who.get_id());
        let name = state.children.values_mut().find(is_it).map(|c| c.spec.name.clone());
        if let Some(name) = name {
            state.ended(&myself, &name, cause);
        }
        Ok(())
    }
}

impl Child {
    fn new(spec: &ChildSpec, rank: Option<u64>) -> Self {
        let seen = ChildState { status: ChildStatus::Waiting, restarts: 0, cause: None };
        let (spec, history) = (spec.clone(), History::default());
        Self { spec, rank, cell: None, begun: Instant::now(), history, seen }
    }

    /// Ends it; kills it if that takes longer than `patience`.
    async fn end(&self, patience: Duration) {
        let Some(cell) = &self.cell else { return };
        if self.spec.is_supervisor {
            Box::pin(stop(&ActorRef::from(cell.clone()), patience)).await;
        } else if cell.stop_and_wait(None, Some(patience)).await.is_err() {
            tracing::error!(child = self.spec.name, "an actor did not end in time");
            cell.kill();
        }
    }
}

impl State {
    /// The children of the beginning, the first one first.
    fn in_order(&self) -> Vec<String> {
        let mut first: Vec<_> =
            self.children.values().filter_map(|c| Some((c.rank?, &c.spec.name))).collect();
        first.sort();
        first.into_iter().map(|(_, name)| name.clone()).collect()
    }

    async fn begin(&mut self, myself: &ActorRef<Message>, name: &str) {
        let Some(child) = self.children.get_mut(name) else { return };
        child.begun = Instant::now();
        match (child.spec.begin)(myself.get_cell()).await {
            Ok(cell) => {
                child.cell = Some(cell);
                let policy = &child.spec.policy;
                if child.history.is_degraded(policy) {
                    let settle = Message::Settle(name.to_owned(), child.seen.restarts);
                    drop(myself.send_after(policy.healthy_after, move || settle));
                } else {
                    child.seen.status = ChildStatus::Running;
                }
                self.show(name);
            }
            Err(error) => self.ended(myself, name, Some(error.to_string())),
        }
    }

    /// Calls a child well again that has not ended since it was begun for the time `restarts`.
    fn settle(&mut self, name: &str, restarts: u64) {
        let Some(child) = self.children.get_mut(name) else { return };
        if child.cell.is_some() && child.seen.restarts == restarts {
            child.history.ran_well();
            child.seen.status = ChildStatus::Running;
            self.show(name);
        }
    }

    /// Does what the policy of a child says of its end.
    fn ended(&mut self, myself: &ActorRef<Message>, name: &str, cause: Option<String>) {
        let Some(child) = self.children.get_mut(name) else { return };
        child.cell = None;
        let end = if cause.is_none() { End::Normal } else { End::Abnormal };
        if let Some(cause) = &cause {
            tracing::error!(child = name, cause, "an actor ended abnormally");
        }
        let chance = self.chance.random_range(-1.0..=1.0);
        let policy = child.spec.policy;
        match child.history.after(&policy, end, child.begun.elapsed(), chance) {
            Verdict::Remove => {
                self.children.remove(name);
                self.observed.update(|seen| drop(seen.children.remove(name)));
            }
            Verdict::Restart(delay) => {
                let degraded = child.history.is_degraded(&policy);
                child.seen.status =
                    if degraded { ChildStatus::Degraded } else { ChildStatus::Waiting };
                child.seen.restarts += 1;
                child.seen.cause = cause.or(child.seen.cause.take());
                let again = name.to_owned();
                // Where it cannot be told any more, the supervisor itself is ending.
                drop(myself.send_after(delay, move || Message::Begin(again)));
                self.show(name);
            }
        }
    }

    fn show(&self, name: &str) {
        if let Some(child) = self.children.get(name) {
            let (name, seen) = (name.to_owned(), child.seen.clone());
            self.observed.update(|state| drop(state.children.insert(name, seen)));
        }
    }

    async fn stop(&mut self) {
        let late = self.children.values().filter(|c| c.rank.is_none());
        join_all(late.map(|c| c.end(self.patience))).await;
        for name in self.in_order().into_iter().rev() {
            if let Some(child) = self.children.get(&name) {
                child.end(self.patience).await;
            }
        }
        self.observed.update(|seen| seen.children.clear());
    }
}

/// Stops a supervisor and all below it; kills it if that takes longer than `patience`.
pub(crate) async fn stop(supervisor: &ActorRef<Message>, patience: Duration) {
    // Where it cannot be told, it has ended already.
    let _ = supervisor.cast(Message::Stop);
    if supervisor.wait(Some(patience)).await.is_err() {
        tracing::error!("a supervisor did not end within {} s", patience.as_secs());
        supervisor.kill();
    }
}

#[cfg(test)]
mod tests;
