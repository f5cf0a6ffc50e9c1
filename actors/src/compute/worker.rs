//! One thread of a pool: it holds a detector and runs what is sent to it.

use super::pool::Loader;
use actix::{Actor, ActorContext, Handler, Message, SyncContext};
use models::detect::Detector;
use schema::Result;
use std::sync::mpsc::SyncSender;

/// A unit of work. It answers its caller itself; what it returns concerns the worker only.
pub(super) struct Task(pub(super) Box<dyn FnOnce(&mut Slot) -> Health + Send>);

impl Message for Task {
    type Result = ();
}

/// Whether a worker can go on after a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It can.
    Sound,
    /// The task panicked: what the worker holds may be in any state.
    Broken,
}

/// A detector that is loaded on first use.
pub(super) struct Slot {
    load: Loader,
    detector: Option<Box<dyn Detector>>,
}

impl Slot {
    /// The detector, loaded now if it was not yet.
    pub(super) fn detector(&mut self) -> Result<&mut dyn Detector> {
        if self.detector.is_none() {
            self.detector = Some((self.load)()?);
        }
        Ok(self.detector.as_mut().expect("it was loaded just now").as_mut())
    }
}

pub(super) struct Worker {
    slot: Slot,
    /// Tells the system, by being dropped after the slot, that this worker has ended.
    _alive: SyncSender<()>,
}

impl Worker {
    /// Never loads: actix calls this where nobody waits for an error.
    pub(super) fn new(load: Loader, alive: SyncSender<()>) -> Self {
        Self { slot: Slot { load, detector: None }, _alive: alive }
    }
}

impl Actor for Worker {
    type Context = SyncContext<Self>;
}

impl Handler<Task> for Worker {
    type Result = ();

    fn handle(&mut self, task: Task, context: &mut Self::Context) {
        if (task.0)(&mut self.slot) == Health::Broken {
            // The arbiter makes a new worker in place of one that stops.
            context.stop();
        }
    }
}
