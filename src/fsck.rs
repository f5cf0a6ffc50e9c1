//! What must hold between the store, the files and the processes, whatever happened to the last
//! one: reading alone, also beside a running server. What must hold within the store is its own.

use actors::clock::Clock;
use actors::drivers::objects::FolderObjects;
use actors::drivers::sqlite::{DataFolder, Sqlite};
use actors::objects::Objects;
use actors::store::{Finding, JobStore};
use schema::account::Scope;
use schema::job::record::Job;
use schema::time::WallTime;
use schema::{ErrorKind, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// Files younger than this may be on their way to their row.
const YOUNG: Duration = Duration::from_secs(5 * 60);

/// What was looked at, and what was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether everything holds.
    pub(crate) clean: bool,
    /// Whether a server holds the data folder now.
    pub(crate) served: bool,
    /// Jobs there are.
    pub(crate) jobs: usize,
    /// Files there are.
    pub(crate) files: usize,
    /// What does not hold.
    pub(crate) findings: Vec<Finding>,
}

/// Looks at everything that is kept in `folder`.
///
/// # Errors
/// What opening store and files says.
pub(crate) async fn check(
    folder: &Path,
    store: &Sqlite,
    objects: &FolderObjects,
    clock: &dyn Clock,
) -> Result<Report> {
    // Held to the end, so that nobody begins to serve in between.
    let lock = match DataFolder::lock(folder) {
        Ok(lock) => Some(lock),
        Err(error) if error.kind() == ErrorKind::Conflict => None,
        Err(error) => return Err(error),
    };
    let mut findings = store.check().await?;
    let jobs = store.every_job().await?;
    let mut files = BTreeMap::new();
    for object in objects.list().await? {
        files.insert(object.key.to_string(), object.size);
    }
    for job in &jobs {
        let lost = missing(job, &files);
        // A server may have deleted it since.
        if !lost.is_empty() && exists(store, job).await? {
            findings.extend(lost);
        }
    }
    findings.extend(orphans(&jobs, &files, objects, clock.now()).await?);
    if lock.is_some() {
        findings.extend(jobs.iter().filter(|job| job.lease.is_some()).map(|job| Finding {
            invariant: "I10",
            message: format!("job {} is marked running, and nobody serves", job.id),
        }));
    }
    let (clean, served) = (findings.is_empty(), lock.is_none());
    Ok(Report { clean, served, jobs: jobs.len(), files: files.len(), findings })
}

/// Files that a job's row names and that are not there, or of another size.
fn missing(job: &Job, files: &BTreeMap<String, u64>) -> Vec<Finding> {
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

async fn exists(store: &Sqlite, job: &Job) -> Result<bool> {
    match store.job(&Scope::System, job.id).await {
        Ok(job) => Ok(!job.delete_requested),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Files that no row names, but those that may be on their way to one.
async fn orphans(
    jobs: &[Job],
    files: &BTreeMap<String, u64>,
    objects: &FolderObjects,
    now: WallTime,
) -> Result<Vec<Finding>> {
    let mut unnamed: BTreeMap<&str, u64> = files.iter().map(|(k, s)| (k.as_str(), *s)).collect();
    for file in jobs.iter().flat_map(Job::files) {
        unnamed.remove(file.key.as_str());
    }
    let mut findings = Vec::new();
    for (key, size) in unnamed {
        let path = match objects.to_path(&key.parse()?).await {
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

/// How long ago a file was written; nothing where it is gone.
fn age(path: &Path, now: WallTime) -> Option<Duration> {
    let written = std::fs::metadata(path).and_then(|m| m.modified()).ok()?;
    let written = written.duration_since(UNIX_EPOCH).ok()?;
    Some(now.since(WallTime(i64::try_from(written.as_micros()).ok()?)))
}
