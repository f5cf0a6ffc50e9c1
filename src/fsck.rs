//! What must hold between the store, the files and the processes, whatever happened to the last
//! one: reading alone, also beside a running server. What must hold within the store is its own.

use crate::claim::Seen;
use crate::config::DataSettings;
use actors::clock::Clock;
use actors::drivers::objects::FolderObjects;
use actors::drivers::sqlite::{FolderLock, Sqlite};
use actors::objects::{ObjectInfo, Objects, sha256};
use actors::store::{Finding, JobStore};
use schema::account::Scope;
use schema::job::record::{Job, MediaFile};
use schema::time::WallTime;
use schema::{ErrorKind, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Files younger than this may be on their way to their row.
const YOUNG: Duration = Duration::from_secs(5 * 60);

/// What is looked at.
pub(crate) struct Kept<'a> {
    /// Where it is.
    pub(crate) data: &'a DataSettings,
    /// Jobs, accounts, events.
    pub(crate) store: &'a Sqlite,
    /// Files.
    pub(crate) objects: &'a FolderObjects,
    /// How old they are, it says.
    pub(crate) clock: &'a dyn Clock,
}

/// Is told of progress: bytes that were read, bytes there are.
pub(crate) type Tell<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// What was looked at, and what was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether everything holds.
    pub(crate) clean: bool,
    /// Whether a server ran meanwhile.
    pub(crate) served: bool,
    /// Jobs there are.
    pub(crate) jobs: usize,
    /// Files there are.
    pub(crate) files: usize,
    /// Files that were read and compared with their digest.
    pub(crate) hashed: usize,
    /// What does not hold.
    pub(crate) findings: Vec<Finding>,
}

/// The files there are: sizes by key.
type Files = BTreeMap<String, u64>;

impl Kept<'_> {
    /// Looks at everything; at the bytes of the files only where somebody is to be told how far
    /// that is.
    ///
    /// # Errors
    /// What opening store and files says.
    pub(crate) async fn check(&self, hash: Option<Tell<'_>>) -> Result<Report> {
        let before = Seen::now(self.data)?;
        let mut findings = self.store.check().await?;
        let jobs = self.store.every_job().await?;
        let files: Files =
            self.objects.list().await?.into_iter().map(|o| (o.key.to_string(), o.size)).collect();
        for job in &jobs {
            let lost = missing(job, &files);
            // A server may have deleted it since.
            if !lost.is_empty() && self.exists(job).await? {
                findings.extend(lost);
            }
        }
        findings.extend(self.orphans(&jobs, &files).await?);
        let staged = self.objects.staged().await?;
        // Nobody is kept from beginning to serve meanwhile: then this is a look beside a server.
        let served = before.served_since(self.data)?;
        findings.extend(self.leftovers(staged, served));
        if !served {
            findings.extend(jobs.iter().filter(|job| job.lease.is_some()).map(|job| Finding {
                invariant: "I10",
                message: format!("job {} is marked running, and nobody serves", job.id),
            }));
        }
        let mut hashed = 0;
        if let Some(tell) = hash {
            let damaged;
            (hashed, damaged) = self.damaged(&jobs, &files, tell).await?;
            findings.extend(damaged);
        }
        let clean = findings.is_empty();
        Ok(Report { clean, served, jobs: jobs.len(), files: files.len(), hashed, findings })
    }

    async fn exists(&self, job: &Job) -> Result<bool> {
        match self.store.job(&Scope::System, job.id).await {
            Ok(job) => Ok(!job.delete_requested),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Files that no row names, but those that may be on their way to one.
    async fn orphans(&self, jobs: &[Job], files: &Files) -> Result<Vec<Finding>> {
        let mut unnamed: BTreeMap<&str, u64> =
            files.iter().map(|(k, s)| (k.as_str(), *s)).collect();
        for file in jobs.iter().flat_map(Job::files) {
            unnamed.remove(file.key.as_str());
        }
        let now = self.clock.now();
        let mut findings = Vec::new();
        for (key, size) in unnamed {
            let path = match self.objects.to_path(&key.parse()?).await {
                Ok(path) => path,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if age(&path, now).is_some_and(|age| age >= YOUNG) {
                let message = format!("file {key} of {size} bytes belongs to no job");
                findings.push(Finding { invariant: "I6", message });
            }
        }
        Ok(findings)
    }

    /// What lies in staging and nobody uses: written before the server that runs took the folder;
    /// all of it where none runs.
    fn leftovers(&self, staged: Vec<(String, SystemTime)>, served: bool) -> Vec<Finding> {
        let began = FolderLock::taken_at(&self.data.media);
        let in_use = |written| served && began.is_none_or(|began| written >= began);
        let left = staged.into_iter().filter(|(_, written)| !in_use(*written));
        let told = |(name, _)| {
            let message = format!("{name} is left over in staging, and nobody uses it");
            Finding { invariant: "I10", message }
        };
        left.map(told).collect()
    }

    /// Reads every file that a row names and that is there in its size; how many, and those whose
    /// bytes are others than those on record.
    async fn damaged(
        &self,
        jobs: &[Job],
        files: &Files,
        tell: Tell<'_>,
    ) -> Result<(usize, Vec<Finding>)> {
        let is_there = |file: &&MediaFile| files.get(&file.key) == Some(&file.size);
        let known = |job| Job::files(job).filter(is_there).map(move |file| (job, file));
        let named: Vec<_> = jobs.iter().filter(|j| !j.delete_requested).flat_map(known).collect();
        let all = named.iter().map(|(_, file)| file.size).sum();
        let (mut read, mut hashed, mut findings) = (0, 0, Vec::new());
        for (job, file) in named {
            let object = ObjectInfo { key: file.key.parse()?, size: file.size };
            let digest = sha256(self.objects, &object, |bytes| {
                read += bytes;
                tell(read, all);
            });
            let message = match digest.await {
                Ok(digest) if digest == file.sha256 => None,
                Ok(digest) => Some(format!("it has digest {digest}, its row says {}", file.sha256)),
                Err(error) => Some(error.message().to_owned()),
            };
            hashed += 1;
            if let Some(message) = message
                && self.exists(job).await?
            {
                let message = format!("job {}: its file {}: {message}", job.id, file.key);
                findings.push(Finding { invariant: "I2", message });
            }
        }
        Ok((hashed, findings))
    }
}

/// Files that a job's row names and that are not there, or of another size.
fn missing(job: &Job, files: &Files) -> Vec<Finding> {
    if job.delete_requested {
        return Vec::new();
    }
    let told = |message| Finding { invariant: "I6", message };
    let wrong = job.files().filter_map(|file| match files.get(&file.key) {
        None => Some(told(format!("job {}: its file {} is missing", job.id, file.key))),
        Some(size) if *size != file.size => Some(told(format!(
            "job {}: its file {} has {size} bytes, its row says {}",
            job.id, file.key, file.size
        ))),
        Some(_) => None,
    });
    wrong.collect()
}

/// How long ago a file was written; nothing where it is gone.
fn age(path: &Path, now: WallTime) -> Option<Duration> {
    let written = std::fs::metadata(path).and_then(|m| m.modified()).ok()?;
    let written = written.duration_since(UNIX_EPOCH).ok()?;
    Some(now.since(WallTime(i64::try_from(written.as_micros()).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::Claim;
    use crate::testing::{Home, submit};
    use actors::clock::SystemClock;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test]
    async fn a_server_may_begin_while_files_are_read() {
        let home = Home::new();
        let (data, store, objects) = (home.data(), home.database("a.db"), home.objects().await);
        home.file(&submit(&store).await).await;
        let began = AtomicBool::new(false);
        let tell = |_, _| began.store(Claim::take(&data).is_ok(), Ordering::SeqCst);
        let kept = Kept { data: &data, store: &store, objects: &objects, clock: &SystemClock };
        let report = kept.check(Some(&tell)).await.expect("it can be read");
        assert_eq!((report.hashed, report.served), (1, false));
        assert!(began.load(Ordering::SeqCst), "the claim is held while files are read");
    }
}
