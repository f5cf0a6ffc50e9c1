//! Taking a job away: its files first, then its row, once nothing writes any more.

use super::active::Active;
use super::outputs;
use crate::clock::Clock;
use crate::objects::Objects;
use crate::store::Store;
use schema::account::Scope;
use schema::job::record::Job;
use schema::{ErrorKind, Result};
use std::sync::Arc;

/// Takes jobs away that have ended and are to be deleted.
#[derive(Clone)]
pub(crate) struct Removal {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) active: Active,
}

impl Removal {
    /// Takes `job`, which has ended, and everything of it away; broken off, it is done again by
    /// whoever comes next.
    ///
    /// # Errors
    /// `CONFLICT` where it has not ended; `STORAGE_ERROR`.
    pub(crate) async fn remove(&self, job: &Job) -> Result<()> {
        self.active.ended(job.id).await;
        for key in job.files().filter_map(|file| file.key.parse().ok()).chain(outputs::keys(job.id))
        {
            self.objects.remove(&key).await?;
        }
        match self.store.remove_job(&Scope::System, job.id, self.clock.now()).await {
            // Somebody else did the same.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => {
                tracing::info!(job = %job.id, "job deleted");
                removed
            }
        }
    }
}
