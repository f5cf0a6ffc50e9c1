//! One observable state per actor: what tests wait for, `/health` tells and metrics count is the
//! same value.

use serde::Serialize;
use std::fmt::Debug;
use std::sync::Arc;
use tokio::sync::watch;

/// The state of one actor, which outlives it: whoever takes its place goes on with it.
#[derive(Debug)]
pub(crate) struct Observed<T>(Arc<watch::Sender<T>>);

impl<T> Clone for Observed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Debug + Serialize + Clone + Default + Send + Sync + 'static> Observed<T> {
    /// The state of an actor that has done nothing yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(T::default())))
    }

    /// Changes it.
    pub(crate) fn update(&self, change: impl FnOnce(&mut T)) {
        self.0.send_modify(change);
    }

    /// How it is now.
    pub(crate) fn get(&self) -> T {
        self.0.borrow().clone()
    }

    /// Waits until `holds`, and gives the state in which it did.
    pub(crate) async fn wait_for(&self, holds: impl FnMut(&T) -> bool) -> T {
        let mut changes = self.0.subscribe();
        let state = changes.wait_for(holds).await;
        state.expect("the sender lives as long as this value").clone()
    }
}
