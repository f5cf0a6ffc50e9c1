//! What must hold in the database whatever happened to the process: each rule is a query that
//! tells what breaks it. Reading alone, also beside a running server.

use super::fault::Outcome;
use super::{Sqlite, row};
use crate::store::Finding;
use rusqlite::Connection;
use schema::Result;
use schema::job::record::Job;

/// Findings that one rule tells: the first ones say enough.
const MOST: usize = 100;

/// Each state that a stream tells, with the two before it.
const STEPS: &str = "
    WITH states AS (
        SELECT stream, seq, data ->> 'status' AS state, data ->> 'attempt' AS attempt
        FROM events WHERE type = 'job_state'),
    ranked AS (
        SELECT *, CASE state WHEN 'pending' THEN 0 WHEN 'processing' THEN 1 ELSE 2 END AS rank
        FROM states),
    steps AS (
        SELECT *, lag(state) OVER w AS earlier, lag(rank) OVER w AS earlier_rank,
            lag(attempt) OVER w AS attempt_1, lag(attempt, 2) OVER w AS attempt_2,
            lead(seq) OVER w AS next
        FROM ranked WINDOW w AS (PARTITION BY stream ORDER BY seq)) ";

/// Invariant, whether the query goes on from [`STEPS`], and the query.
const RULES: &[(&str, bool, &str)] = &[
    // States go pending, processing, ended, and never back; only processing is told again.
    ("I4", true, "SELECT format('stream %s: event %d says %s after %s',
            stream, seq, state, earlier)
        FROM steps WHERE earlier_rank = 2 OR rank < earlier_rank OR (rank = 0 AND earlier_rank = 0)"),
    // The end of an attempt is told before the next one begins: else two workers had the job.
    ("I4", true, "SELECT format('stream %s: event %d begins attempt %d while attempt %d is on',
            stream, seq, attempt, attempt_1)
        FROM steps WHERE attempt > attempt_1 AND attempt_1 > 0 AND attempt_2 <> attempt_1"),
    ("I4", true, "SELECT format('stream %s: event %d is of attempt %d after attempt %d',
            stream, seq, attempt, attempt_1)
        FROM steps WHERE attempt < attempt_1 OR attempt > attempt_1 + 1"),
    ("I4", true, "SELECT format('job %s is %s in attempt %d, its stream says %s in attempt %d',
            id, jobs.state, jobs.attempt, steps.state, steps.attempt)
        FROM steps JOIN jobs ON id = substr(stream, 5)
        WHERE next IS NULL AND (jobs.state <> steps.state OR jobs.attempt <> steps.attempt)"),
    ("I4", false, "SELECT format('job %s: lease %d is in force, %d was given out last',
            id, lease_token, last_token)
        FROM jobs WHERE lease_token <> last_token"),
    // A connection that only reads does not know the CHECKs of the tables: these are the ones that
    // all else stands on.
    ("I4", false, "SELECT format('job %s is %s %s an end and %s a lease', id, state,
            iif(finished_at IS NULL, 'without', 'with'),
            iif(lease_token IS NULL, 'without', 'with'))
        FROM jobs WHERE (finished_at IS NOT NULL) <> (state IN ('done', 'failed', 'cancelled'))
            OR (lease_token IS NOT NULL AND state <> 'processing')"),
    ("I11", false, "SELECT format('stream %s: event %d is published, its head is %d',
            stream, published, head)
        FROM streams WHERE published > head"),
    ("I4", false, "SELECT format('job %s is a dead letter, and %s', id, state)
        FROM dead_letters JOIN jobs ON id = job_id WHERE state <> 'failed'"),
    ("I7", false, "SELECT format('refresh tokens: family %s has %d live branches',
            family_id, count(*))
        FROM refresh_tokens WHERE used_at IS NULL AND revoked = 0
        GROUP BY family_id HAVING count(*) > 1"),
    ("I11", false, "SELECT format('stream %s: event %d follows event %d', stream, seq, earlier)
        FROM (SELECT stream, seq, lag(seq) OVER (PARTITION BY stream ORDER BY seq) AS earlier
            FROM events) WHERE seq <> earlier + 1"),
    ("I11", false, "SELECT format('stream %s: event %d is older than the one before it',
            stream, seq)
        FROM (SELECT stream, seq, time, lag(time) OVER (PARTITION BY stream ORDER BY seq) AS earlier
            FROM events) WHERE time <= earlier"),
    ("I11", false, "SELECT format('stream %s: its head is %d, its last event %d',
            streams.stream, head, max(seq))
        FROM streams JOIN events USING (stream) GROUP BY stream HAVING head <> max(seq)"),
    // Only what was published may have been forgotten.
    ("I11", false, "SELECT format('stream %s: events up to %d are gone, published are %d',
            stream, first - 1, published)
        FROM (SELECT stream, published,
                (SELECT coalesce(min(seq), head + 1) FROM events
                    WHERE events.stream = streams.stream) AS first FROM streams)
        WHERE first - 1 > published"),
    ("I11", false, "SELECT format('the feed ends at %d, an event is of %d', head, time)
        FROM feed, events WHERE time > head"),
    ("I11", false, "SELECT format('job %s has no stream, or one that has ended', id) FROM jobs
        WHERE NOT EXISTS (SELECT 1 FROM streams WHERE stream = 'job/' || id AND ended = 0)"),
    ("I11", false, "SELECT format('stream %s goes on without its job', stream) FROM streams
        WHERE ended = 0 AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = substr(stream, 5))"),
    ("I11", false, "SELECT format('stream %s: event %d follows job_deleted',
            later.stream, later.seq)
        FROM events JOIN events AS later USING (stream)
        WHERE events.type = 'job_deleted' AND later.seq > events.seq"),
    ("database", false, "SELECT format('row %s of %s refers to nothing in %s',
            rowid, \"table\", parent)
        FROM pragma_foreign_key_check"),
    ("database", false, "PRAGMA integrity_check"),
];

impl Sqlite {
    /// What does not hold: I4 (states only go forward, never two leases), I7 (one live refresh
    /// token per family), I11 (streams without gaps), and the file's own structures. Empty where
    /// all is well.
    ///
    /// # Errors
    /// `STORAGE_ERROR` where the database cannot be read at all.
    pub async fn check(&self) -> Result<Vec<Finding>> {
        self.read("check", |c| {
            let broken = RULES.iter().flat_map(|(invariant, steps, query)| {
                let sql = if *steps { [STEPS, query].concat() } else { (*query).to_owned() };
                // What cannot be read is a finding too: the other rules still tell theirs.
                let (invariant, messages) = match tell(c, &sql) {
                    Ok(messages) => (*invariant, messages),
                    Err(fault) => {
                        ("database", vec![fault.into_error("check").message().to_owned()])
                    }
                };
                messages.into_iter().map(move |message| Finding { invariant, message })
            });
            Ok(broken.collect())
        })
        .await
    }

    /// Every job, also those that are to be deleted, oldest first.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn every_job(&self) -> Result<Vec<Job>> {
        self.read("list every job", |c| {
            let mut statement = c.prepare_cached("SELECT * FROM jobs ORDER BY id")?;
            Ok(statement.query_map([], row::job)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

fn tell(connection: &Connection, sql: &str) -> Outcome<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let messages = statement.query_map([], |row| row.get::<_, String>(0))?;
    // What the engine says of a file that is whole.
    let messages = messages.filter(|message| message.as_ref().is_ok_and(|text| text != "ok"));
    Ok(messages.take(MOST).collect::<rusqlite::Result<_>>()?)
}
