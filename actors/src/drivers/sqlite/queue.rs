//! The queue: the jobs table itself. A lease is an update of the row in the writer's transaction,
//! so no two workers can have one.

use super::fault::Outcome;
use super::{Sqlite, jobs, row};
use crate::queue::transition::{CLOCK_WENT_BACK, Transition};
use crate::queue::{LeaseRequest, Queue, QueueDepth};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use schema::Result;
use schema::id::StartId;
use schema::job::record::Job;
use schema::time::WallTime;

/// Walks the index in its order, up to the first row that fits. Left to itself the planner takes
/// another one, and sorts.
pub(super) const NEXT: &str = "
    SELECT * FROM jobs INDEXED BY jobs_waiting
    WHERE finished_at IS NULL AND lease_token IS NULL
        AND cancel_requested = 0 AND (not_before <= ?1 OR updated_at > ?3)
        AND owner_id NOT IN (SELECT owner_id FROM jobs WHERE lease_token IS NOT NULL
            GROUP BY owner_id HAVING count(*) >= ?2)
    ORDER BY priority DESC, created_at, id LIMIT 1";

#[async_trait]
impl Queue for Sqlite {
    async fn lease(&self, request: LeaseRequest) -> Result<Option<Job>> {
        self.write("lease a job", move |c| lease(c, request)).await
    }

    async fn stale(&self, holder: StartId, now: WallTime) -> Result<Vec<Job>> {
        self.read("list stale leases", move |c| {
            // Who serves holds the lock of the database's folder, so no earlier start is alive:
            // its leases are void at once, not only when they run out.
            let sql = "SELECT * FROM jobs WHERE lease_token IS NOT NULL
                           AND (lease_expires_at <= ?1 OR lease_holder <> ?2)
                       ORDER BY id";
            let mut statement = c.prepare_cached(sql)?;
            let jobs = statement.query_map(params![now.0, holder.to_string()], row::job)?;
            Ok(jobs.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn next_due(&self, now: WallTime) -> Result<Option<WallTime>> {
        self.read("find the next job due", move |c| {
            let sql = "SELECT min(not_before) FROM jobs INDEXED BY jobs_waiting_by_time
                       WHERE finished_at IS NULL AND lease_token IS NULL AND not_before > ?1";
            let due = c.prepare_cached(sql)?.query_row([now.0], |row| row.get(0));
            Ok(due.map(|time: Option<i64>| time.map(WallTime))?)
        })
        .await
    }

    async fn depth(&self) -> Result<QueueDepth> {
        self.read("measure the queue", depth).await
    }
}

fn lease(connection: &Connection, request: LeaseRequest) -> Outcome<Option<Job>> {
    let LeaseRequest { holder, now, expires_at, running_per_owner } = request;
    if running_per_owner == 0 {
        return Ok(None);
    }
    let set_back = now.plus(CLOCK_WENT_BACK);
    let next = connection
        .prepare_cached(NEXT)?
        .query_row(params![now.0, running_per_owner, set_back.0], row::job)
        .optional()?;
    next.map(|job| jobs::change(connection, job, Transition::Begin { holder, expires_at }, now))
        .transpose()
}

fn depth(connection: &Connection) -> Outcome<QueueDepth> {
    let sql = "SELECT count(*), min(created_at) FROM jobs INDEXED BY jobs_waiting
               WHERE finished_at IS NULL AND lease_token IS NULL";
    let (waiting, oldest) = connection
        .prepare_cached(sql)?
        .query_row([], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.map(WallTime))))?;
    let sql = "SELECT count(*) FROM jobs WHERE lease_token IS NOT NULL";
    let running = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(QueueDepth { waiting, running, oldest })
}
