//! What is old goes: events, tokens, files that belong to no job. Jobs past their time are marked
//! to be deleted; whoever deletes jobs does the rest.

use crate::clock::Clock;
use crate::config::PlatformConfig;
use crate::job::job_of;
use crate::objects::{ObjectKey, Objects};
use crate::queue::transition::Transition;
use crate::store::Store;
use crate::store::events::EventRetention;
use crate::store::jobs::{JobFilter, Page};
use crate::supervise::observe::Observed;
use crate::supervise::worker::Service;
use ractor::ActorCell;
use schema::account::Scope;
use schema::id::JobId;
use schema::job::record::Job;
use schema::time::WallTime;
use schema::{ErrorKind, Result};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A file without a job is left alone for so long: its job may be on its way.
const UNBORN: Duration = Duration::from_secs(300);
/// Jobs that are looked at together.
const PAGE: u32 = 100;

/// What can be seen of the janitor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JanitorState {
    /// Rounds that were made.
    pub rounds: u64,
    /// Events that were forgotten.
    pub events: u64,
    /// Tokens that were forgotten.
    pub tokens: u64,
    /// Jobs past their time, which were marked to be deleted.
    pub jobs: u64,
    /// Files that belonged to no job.
    pub orphans: u64,
    /// What went wrong in the last round.
    pub fault: Option<String>,
}

/// Removes what is old.
#[derive(Clone)]
pub(crate) struct Janitor {
    pub(crate) config: PlatformConfig,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observed: Observed<JanitorState>,
}

impl Service for Janitor {
    async fn run(self, stop: CancellationToken, _: ActorCell) -> Result<()> {
        while !stop.is_cancelled() {
            let round = tokio::select! {
                round = self.round() => round,
                () = stop.cancelled() => break,
            };
            let fault = round.err().map(|e| e.to_string());
            if let Some(fault) = &fault {
                tracing::warn!(fault, "the janitor could not do everything");
            }
            self.observed.update(|seen| {
                seen.rounds += 1;
                seen.fault = fault;
            });
            tokio::select! {
                () = tokio::time::sleep(self.config.janitor_every) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }
}

impl Janitor {
    async fn round(&self) -> Result<()> {
        let now = self.clock.now();
        let kept = EventRetention {
            since: now.minus(self.config.event_retention),
            per_stream: self.config.events_per_stream,
        };
        let events = self.store.prune_events(kept).await?;
        let tokens = self.store.prune_tokens(now).await?;
        self.observed.update(|seen| {
            seen.events += events;
            seen.tokens += tokens;
        });
        if let Some(kept) = self.config.job_retention {
            self.expire_jobs(now.minus(kept), now).await?;
        }
        self.remove_orphans(now).await
    }

    /// Marks jobs that ended before `before` as to be deleted.
    async fn expire_jobs(&self, before: WallTime, now: WallTime) -> Result<()> {
        // Ids sort by time: older jobs stand behind the first id of that moment.
        let mut page = Some(first_id(before));
        while let Some(before_id) = page {
            let wanted = Page::Before { before: Some(before_id), limit: PAGE };
            let found = self.store.jobs(&Scope::System, &JobFilter::default(), wanted).await?;
            for job in &found.jobs {
                if job.finished_at.is_some_and(|at| at < before) {
                    let delete = Transition::RequestDelete;
                    match self.store.change_job(&Scope::System, job.id, delete, now).await {
                        Ok(_) => self.observed.update(|seen| seen.jobs += 1),
                        // Somebody deleted it meanwhile.
                        Err(error) if error.kind() == ErrorKind::NotFound => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            page = found.jobs.last().map(|j| j.id).filter(|_| found.has_more);
        }
        Ok(())
    }

    /// Removes files whose job is gone, or ended without them; tells of one that would not go once
    /// the others have.
    async fn remove_orphans(&self, now: WallTime) -> Result<()> {
        let mut done = Ok(());
        for object in self.objects.list().await? {
            let Some(id) = job_of(&object.key) else { continue };
            let is_orphan = match self.store.job(&Scope::System, id).await {
                Ok(job) => is_left_over(&job, &object.key),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    born(id).is_some_and(|born| now.since(born) > UNBORN)
                }
                Err(error) => return Err(error),
            };
            if is_orphan {
                tracing::info!(key = %object.key, "a file that belongs to no job is removed");
                match self.objects.remove(&object.key).await {
                    Ok(()) => self.observed.update(|seen| seen.orphans += 1),
                    Err(error) => done = Err(error),
                }
            }
        }
        done
    }
}

/// Whether `job` has ended without the file `key`.
fn is_left_over(job: &Job, key: &ObjectKey) -> bool {
    job.state.is_final() && job.files().all(|file| file.key != key.as_str())
}

/// When an id was made.
fn born(id: JobId) -> Option<WallTime> {
    let (seconds, nanos) = Uuid::parse_str(&id.to_string()).ok()?.get_timestamp()?.to_unix();
    let us = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    Some(WallTime(us.checked_add(i64::from(nanos / 1000))?))
}

/// The smallest id of the millisecond `time`.
fn first_id(time: WallTime) -> JobId {
    let milliseconds = u64::try_from(time.0 / 1000).unwrap_or(0);
    JobId::from_uuid(uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_when_they_were_made() {
        let time = WallTime(1_795_258_401_123_456);
        let id = first_id(time);
        assert_eq!(born(id), Some(WallTime(1_795_258_401_123_000)));
        assert!(id < first_id(time.plus(Duration::from_millis(1))));
        assert_eq!(id.to_string().parse::<JobId>().expect("of version 7"), id);
    }
}
