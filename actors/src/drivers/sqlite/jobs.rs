//! Jobs: submissions, changes, lists.

use super::fault::{Fault, Outcome};
use super::writer::Outlives;
use super::{Sqlite, events, row};
use crate::queue::transition::{self, Transition};
use crate::store::JobStore;
use crate::store::jobs::{Admission, Created, Idempotency, JobFilter, JobPage, Page};
use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use schema::account::Scope;
use schema::event::EventBody;
use schema::id::JobId;
use schema::job::record::Job;
use schema::time::WallTime;
use schema::{Error, ErrorKind, Result};

#[async_trait]
impl JobStore for Sqlite {
    async fn create_job(
        &self,
        job: Job,
        admission: Admission,
        idempotency: Option<Idempotency>,
    ) -> Result<Created> {
        self.write("create a job", move |c| create(c, job, admission, idempotency)).await
    }

    async fn job(&self, scope: &Scope, id: JobId) -> Result<Job> {
        let scope = *scope;
        self.read("read a job", move |c| visible(c, &scope, id)).await
    }

    async fn jobs(&self, scope: &Scope, filter: &JobFilter, page: Page) -> Result<JobPage> {
        let listing = Listing::new(scope, filter);
        self.read("list jobs", move |c| listing.page(c, page)).await
    }

    async fn change_job(
        &self,
        scope: &Scope,
        id: JobId,
        transition: Transition,
        now: WallTime,
    ) -> Result<Job> {
        let scope = *scope;
        let outlives = match transition {
            Transition::Extend { .. } => Outlives::Process,
            _ => Outlives::Machine,
        };
        self.write_to_outlive(outlives, "change a job", move |c| {
            let job = visible(c, &scope, id)?;
            change(c, job, transition, now)
        })
        .await
    }

    async fn remove_job(&self, scope: &Scope, id: JobId, now: WallTime) -> Result<()> {
        let scope = *scope;
        self.write("remove a job", move |c| remove(c, &visible(c, &scope, id)?, now)).await
    }

    async fn jobs_to_delete(&self) -> Result<Vec<Job>> {
        self.read("list jobs to delete", |c| {
            let sql = "SELECT * FROM jobs
                       WHERE delete_requested = 1 AND finished_at IS NOT NULL ORDER BY id";
            Ok(c.prepare_cached(sql)?.query_map([], row::job)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn dead_letters(&self, scope: &Scope, limit: u32) -> Result<Vec<Job>> {
        let owner = scope.only_owner().map(String::from);
        self.read("list dead letters", move |c| {
            let sql = "SELECT jobs.* FROM dead_letters JOIN jobs ON jobs.id = dead_letters.job_id
                       WHERE (?1 IS NULL OR jobs.owner_id = ?1) AND jobs.delete_requested = 0
                       ORDER BY dead_letters.job_id DESC LIMIT ?2";
            let mut statement = c.prepare_cached(sql)?;
            let jobs = statement.query_map(params![owner, limit], row::job)?;
            Ok(jobs.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

/// The job `id`; one that the scope may not see is not there.
fn visible(connection: &Connection, scope: &Scope, id: JobId) -> Outcome<Job> {
    let found = row::find(connection, id)?.filter(|job| scope.may_access(job.owner));
    found.ok_or_else(|| {
        Fault::Told(Error::new(ErrorKind::NotFound, format!("job {id} does not exist")))
    })
}

/// Applies a transition and writes job, events and dead letter.
pub(super) fn change(
    connection: &Connection,
    mut job: Job,
    transition: Transition,
    now: WallTime,
) -> Outcome<Job> {
    let before = job.version;
    let happened = transition::apply(&mut job, transition, now)?;
    if job.version == before {
        return Ok(job);
    }
    row::update(connection, &job)?;
    for event in &happened {
        if let EventBody::JobDeadLettered { attempt, furthest_frame, cause } = event {
            let sql = "INSERT INTO dead_letters
                       (job_id, owner_id, attempt, furthest_frame, cause, created_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let (id, owner) = (job.id.to_string(), job.owner.to_string());
            connection.prepare_cached(sql)?.execute(params![
                id,
                owner,
                attempt,
                furthest_frame,
                cause,
                now.0
            ])?;
        }
    }
    events::append(connection, &job, &happened, now)?;
    Ok(job)
}

fn create(
    connection: &Connection,
    job: Job,
    admission: Admission,
    idempotency: Option<Idempotency>,
) -> Outcome<Created> {
    let now = job.created_at;
    if let Some(key) = &idempotency
        && let Some(earlier) = submitted_before(connection, &job, key)?
    {
        return Ok(Created::Again(earlier));
    }
    admit(connection, &job, admission)?;
    row::insert(connection, &job)?;
    if let Some(key) = idempotency {
        let sql = "INSERT INTO idempotency_keys (owner_id, key, fingerprint, job_id, expires_at)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let (owner, id) = (job.owner.to_string(), job.id.to_string());
        connection.prepare_cached(sql)?.execute(params![
            owner,
            key.key,
            key.fingerprint,
            id,
            key.expires_at.0
        ])?;
    }
    events::begin(connection, &job)?;
    events::append(connection, &job, &[transition::state_event(&job)], now)?;
    Ok(Created::New(job))
}

/// The job that the same key made before. Keys that have expired are forgotten on the way, and so
/// is that of a job that is being deleted: for its owner it is gone.
fn submitted_before(
    connection: &Connection,
    job: &Job,
    idempotency: &Idempotency,
) -> Outcome<Option<Job>> {
    connection
        .prepare_cached("DELETE FROM idempotency_keys WHERE expires_at <= ?1")?
        .execute([job.created_at.0])?;
    let sql = "SELECT fingerprint, job_id FROM idempotency_keys WHERE owner_id = ?1 AND key = ?2";
    let known = connection
        .prepare_cached(sql)?
        .query_row(params![job.owner.to_string(), idempotency.key], |row| {
            Ok((row.get::<_, String>(0)?, row::parsed::<JobId>(row, "job_id")?))
        })
        .optional()?;
    let Some((fingerprint, id)) = known else { return Ok(None) };
    let earlier = row::find(connection, id)?;
    if earlier.as_ref().is_none_or(|earlier| earlier.delete_requested) {
        let sql = "DELETE FROM idempotency_keys WHERE owner_id = ?1 AND key = ?2";
        connection.prepare_cached(sql)?.execute(params![job.owner.to_string(), idempotency.key])?;
        return Ok(None);
    }
    if fingerprint != idempotency.fingerprint {
        let key = &idempotency.key;
        let message = format!("idempotency key {key:?} was used for another submission");
        return Err(Fault::Told(
            Error::new(ErrorKind::Conflict, message)
                .with_hint("send a new key with a new submission"),
        ));
    }
    Ok(earlier)
}

/// Refuses a job where as many wait as may.
fn admit(connection: &Connection, job: &Job, admission: Admission) -> Outcome<()> {
    let count = |index: &str, owner: &[&str], most: u32| -> Outcome<u32> {
        let only = if owner.is_empty() { "" } else { "AND owner_id = ?1" };
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY {index}
                WHERE finished_at IS NULL AND lease_token IS NULL {only} LIMIT {most})"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        Ok(statement.query_row(params_from_iter(owner), |row| row.get(0))?)
    };
    let most = admission.waiting_per_owner;
    if count("jobs_waiting_by_owner", &[&job.owner.to_string()], most)? >= most {
        let message = format!("{most} jobs of yours wait already, as many as may");
        return Err(Fault::Told(
            Error::new(ErrorKind::RateLimited, message)
                .with_hint("wait until some have been done, or cancel them"),
        ));
    }
    let most = admission.waiting;
    if count("jobs_waiting_by_time", &[], most)? >= most {
        let message = format!("{most} jobs wait already, as many as may");
        return Err(Fault::Told(
            Error::new(ErrorKind::QueueFull, message).with_hint("try again later"),
        ));
    }
    Ok(())
}

fn remove(connection: &Connection, job: &Job, now: WallTime) -> Outcome<()> {
    let id = job.id;
    if !job.state.is_final() || !job.delete_requested {
        let why = if job.state.is_final() { "nobody asked for it" } else { "it has not ended" };
        let message = format!("job {id} cannot be removed: {why}");
        return Err(Fault::Told(Error::new(ErrorKind::Conflict, message)));
    }
    events::append(connection, job, &[EventBody::JobDeleted {}], now)?;
    events::end(connection, job)?;
    connection.prepare_cached("DELETE FROM jobs WHERE id = ?1")?.execute([id.to_string()])?;
    Ok(())
}

/// Which rows a list is made of.
struct Listing {
    condition: String,
    values: Vec<Value>,
}

impl Listing {
    fn new(scope: &Scope, filter: &JobFilter) -> Self {
        let mut listing = Self { condition: "delete_requested = 0".to_owned(), values: Vec::new() };
        listing.only("owner_id =", scope.only_owner());
        listing.only("owner_id =", filter.owner);
        listing.only("state =", filter.state);
        listing.only("kind =", filter.kind);
        listing
    }

    fn only(&mut self, test: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.values.push(Value::Text(value.to_string()));
            self.condition.push_str(&format!(" AND {test} ?{}", self.values.len()));
        }
    }

    fn page(mut self, connection: &Connection, page: Page) -> Outcome<JobPage> {
        let sql = format!("SELECT count(*) FROM jobs WHERE {}", self.condition);
        let total = connection
            .prepare_cached(&sql)?
            .query_row(params_from_iter(&self.values), |row| row.get(0))?;
        let (limit, offset) = match page {
            Page::Before { before, limit } => {
                self.only("id <", before);
                (limit, 0)
            }
            Page::Offset { offset, limit } => (limit, offset),
        };
        // One more than asked for tells whether more follow.
        let sql = format!(
            "SELECT * FROM jobs WHERE {} ORDER BY id DESC LIMIT {} OFFSET {}",
            self.condition,
            u64::from(limit) + 1,
            offset.min(i64::MAX as u64),
        );
        // The numbers in the text make it another statement each time: it is not worth keeping.
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(&self.values), row::job)?;
        let mut jobs = rows.collect::<rusqlite::Result<Vec<Job>>>()?;
        let has_more = jobs.len() > limit as usize;
        jobs.truncate(limit as usize);
        Ok(JobPage { jobs, total, has_more })
    }
}
