//! A node on the embedded engines in a temporary folder, whose jobs follow scripts.

use super::runner::ScriptedRunner;
use crate::bus::Bus;
use crate::clock::{Clock, SystemClock};
use crate::compute::{ModelFiles, ModelStore};
use crate::config::PlatformConfig;
use crate::drivers::memory::MemoryBus;
use crate::drivers::objects::FolderObjects;
use crate::drivers::sqlite::Sqlite;
use crate::handle::{Engines, Platform};
use crate::job::run::Workshop;
use crate::media::Limits;
use crate::objects::Objects;
use crate::store::jobs::Admission;
use crate::store::{JobStore, Store};
use crate::supervise::restart::Backoff;
use schema::account::{Role, Scope};
use schema::id::{JobId, UserId};
use schema::job::JobKind;
use schema::job::record::{Job, MediaFile};
use schema::{Error, Result};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Everything that a node stands on, and that outlives it: another can be started on it.
#[derive(Debug)]
pub struct Ground {
    /// Where everything lies.
    pub folder: TempDir,
    /// The store, which is the queue as well.
    pub store: Arc<Sqlite>,
    /// Files.
    pub objects: Arc<FolderObjects>,
    /// Whose jobs they are.
    pub owner: UserId,
}

impl Ground {
    /// An empty one, whose store is in memory.
    ///
    /// # Errors
    /// What the engines say.
    pub async fn new() -> Result<Self> {
        Self::with(tempfile::tempdir(), |_| Sqlite::memory()).await
    }

    /// An empty one, whose store is on disk.
    ///
    /// # Errors
    /// What the engines say.
    pub async fn on_disk() -> Result<Self> {
        Self::with(tempfile::tempdir(), |folder| Sqlite::open(&folder.join("sightline.db"))).await
    }

    async fn with(
        folder: std::io::Result<TempDir>,
        open: impl FnOnce(&Path) -> Result<Sqlite>,
    ) -> Result<Self> {
        let folder = folder.map_err(|e| Error::io("temporary folder", e))?;
        let objects = FolderObjects::open(&folder.path().join("media"), 0).await?;
        Ok(Self {
            store: Arc::new(open(folder.path())?),
            objects: Arc::new(objects),
            owner: UserId::from_uuid(SystemClock.uuid()),
            folder,
        })
    }

    /// On behalf of the owner.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        Scope::User { id: self.owner, role: Role::User }
    }

    /// Engines on this ground, with `bus`, and no model but motion.
    ///
    /// # Errors
    /// What the compute system says.
    pub fn engines(&self, bus: Arc<dyn Bus>) -> Result<Engines> {
        let files = ModelFiles { folder: self.folder.path().join("models"), library: None };
        let models = ModelStore::start(files, 1)?;
        Ok(Engines {
            store: Arc::clone(&self.store) as _,
            queue: Arc::clone(&self.store) as _,
            bus,
            objects: Arc::clone(&self.objects) as _,
            clock: Arc::new(SystemClock),
            workshop: Arc::new(Workshop { models, limits: Limits::default() }),
        })
    }

    /// Starts a node whose jobs follow `runner`.
    ///
    /// # Errors
    /// What the node says.
    pub async fn node(
        &self,
        config: PlatformConfig,
        runner: &Arc<ScriptedRunner>,
    ) -> Result<Platform> {
        let engines = self.engines(Arc::new(MemoryBus::new()))?;
        Platform::start_with(config, engines, Arc::clone(runner) as _).await
    }

    /// Records a job that follows `script`, as a submission would.
    ///
    /// # Errors
    /// What the engines say.
    pub async fn submit(&self, script: u64) -> Result<JobId> {
        self.submit_bytes(script, b"frames").await
    }

    /// The same with these bytes as its input.
    ///
    /// # Errors
    /// What the engines say.
    pub async fn submit_bytes(&self, script: u64, bytes: &[u8]) -> Result<JobId> {
        let id = JobId::from_uuid(SystemClock.uuid());
        let key = format!("uploads/people-count_{id}.mp4");
        let staging = self.objects.stage().await?;
        let path = staging.path().join("upload");
        std::fs::write(&path, bytes).map_err(|e| Error::io("upload", e))?;
        self.objects.adopt(&path, &key.parse()?).await?;
        let admission = Admission { waiting_per_owner: u32::MAX, waiting: u32::MAX };
        let created = self.store.create_job(job(id, self.owner, key, script), admission, None);
        created.await.map(|created| created.job().id)
    }

    /// Names of all files, staging included, in order.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn files(&self) -> Result<Vec<String>> {
        let objects = self.objects.list().await?;
        let mut names: Vec<String> = objects.into_iter().map(|o| o.key.to_string()).collect();
        let staging = self.folder.path().join("media/.staging");
        let entries = std::fs::read_dir(staging).into_iter().flatten().flatten();
        names.extend(entries.map(|e| format!(".staging/{}", e.file_name().to_string_lossy())));
        names.sort();
        Ok(names)
    }

    /// The job as it is stored.
    ///
    /// # Errors
    /// What the store says.
    pub async fn job(&self, id: JobId) -> Result<Job> {
        self.store.job(&Scope::System, id).await
    }

    /// The store as everybody sees it.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as _
    }
}

/// A configuration in which everything comes soon.
#[must_use]
pub fn quick() -> PlatformConfig {
    let mut config = PlatformConfig::default();
    config.jobs.concurrent = 4;
    config.jobs.running_per_owner = 4;
    config.jobs.extend_every = Duration::from_millis(50);
    config.jobs.lease = Duration::from_secs(5);
    config.jobs.grace = Duration::from_millis(200);
    let millisecond = Duration::from_millis(1);
    config.jobs.backoff = Backoff { first: millisecond, most: millisecond * 2 };
    config
}

fn job(id: JobId, owner: UserId, key: String, script: u64) -> Job {
    let input = MediaFile {
        key,
        size: 6,
        sha256: "0".repeat(64),
        content_type: "video/mp4".to_owned(),
        file_name: "clip.mp4".to_owned(),
    };
    let params = json!({"track_buffer": script});
    Job::new(id, owner, (JobKind::PeopleCount, params), input, SystemClock.now())
}
