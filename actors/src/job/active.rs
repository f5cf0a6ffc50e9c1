//! The jobs that this process works on: who must be told of a wish to cancel, and when nothing of
//! a job writes any more.

use schema::id::JobId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// The table of them. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Active(Arc<Mutex<BTreeMap<JobId, Entry>>>);

#[derive(Debug)]
struct Entry {
    look: Arc<Notify>,
    /// Closed when the work has ended.
    ended: watch::Sender<()>,
}

/// Stands for work on a job: it is over when this is dropped, whatever ended it.
#[derive(Debug)]
pub(crate) struct Working {
    id: JobId,
    active: Active,
    /// Told when it is worth looking at the store.
    pub(crate) look: Arc<Notify>,
}

impl Active {
    /// Work on `id` begins; `None` where it is worked on already.
    pub(crate) fn begin(&self, id: JobId) -> Option<Working> {
        let mut table = self.table();
        if table.contains_key(&id) {
            return None;
        }
        let look = Arc::new(Notify::new());
        let entry = Entry { look: Arc::clone(&look), ended: watch::Sender::new(()) };
        table.insert(id, entry);
        Some(Working { id, active: self.clone(), look })
    }

    /// Whether this process works on `id`.
    pub(crate) fn contains(&self, id: JobId) -> bool {
        self.table().contains_key(&id)
    }

    /// Tells who works on `id` to look at the store now.
    pub(crate) fn look(&self, id: JobId) {
        if let Some(entry) = self.table().get(&id) {
            entry.look.notify_one();
        }
    }

    /// Waits until this process does not work on `id`.
    pub(crate) async fn ended(&self, id: JobId) {
        let ended = self.table().get(&id).map(|entry| entry.ended.subscribe());
        if let Some(mut ended) = ended {
            // Nothing is ever sent: an error tells that the sender is gone, and the work with it.
            while ended.changed().await.is_ok() {}
        }
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<JobId, Entry>> {
        // Each change of the table is one call: it is whole whatever its holder died of.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.active.table().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn who_waits_for_the_end_gets_it_and_one_works_at_a_time() {
        let active = Active::default();
        let id: JobId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("an id");
        active.ended(id).await;
        let working = active.begin(id).expect("nobody works on it");
        assert!(active.begin(id).is_none() && active.contains(id));
        active.look(id);
        working.look.notified().await;
        let mut ended = Box::pin(active.ended(id));
        assert!((&mut ended).now_or_never().is_none());
        drop(working);
        ended.await;
        assert!(!active.contains(id));
    }
}
