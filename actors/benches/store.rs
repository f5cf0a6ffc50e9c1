//! What the store costs: changes of jobs by several writers at once, pages of the feed, leases.
//!
//! `cargo bench -p sightline-actors --bench store [-- SECONDS]`: each beside SQLite as one would use
//! it without a store (same file format, same tables and indexes, write-ahead log, synced commits,
//! same disk), in turn, five times; medians, and ours over the plain one.

use actors::drivers::sqlite::Sqlite;
use actors::queue::transition::Transition;
use actors::queue::{LeaseRequest, Queue};
use actors::store::events::Replay;
use actors::store::jobs::Admission;
use actors::store::{EventStore, JobStore};
use futures_util::future::join_all;
use rusqlite::{Connection, params};
use schema::account::{Role, Scope};
use schema::id::{JobId, StartId, UserId};
use schema::job::JobKind;
use schema::job::record::{Job, MediaFile};
use schema::time::WallTime;
use std::path::Path;
use std::time::{Duration, Instant};
use uuid::{ContextV7, Timestamp, Uuid};

const NOW: WallTime = WallTime(1_795_258_401_000_000);
const ROUNDS: usize = 5;
/// Jobs whose events make the feed that is read, and that are leased.
const JOBS: u64 = 2_000;
const PAGE: u32 = 100;

/// Rates by name, one of each round.
#[derive(Default)]
struct Rates(Vec<(String, Vec<f64>)>);

impl Rates {
    fn note(&mut self, name: &str, rate: f64) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, rates)) => rates.push(rate),
            None => self.0.push((name.to_owned(), vec![rate])),
        }
    }

    /// Medians, and each over that of the last ones, which are the plain ones.
    fn print(mut self, what: &str, plain: usize) {
        for (_, rates) in &mut self.0 {
            rates.sort_by(f64::total_cmp);
        }
        let medians: Vec<f64> = self.0.iter().map(|(_, rates)| rates[rates.len() / 2]).collect();
        println!("{what} a second: median of {ROUNDS} (least to most)");
        let peers = self.0.len() - plain..self.0.len();
        for ((name, rates), median) in self.0.iter().zip(&medians) {
            let over = peers
                .clone()
                .map(|peer| format!("{:6.2} x {}", median / medians[peer], self.0[peer].0));
            let over = over.collect::<Vec<_>>().join(", ");
            let (least, most) = (rates[0], rates[rates.len() - 1]);
            println!("  {name:<32} {median:>9.0} ({least:.0} to {most:.0}) {over}");
        }
    }
}

fn main() -> schema::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let seconds = arguments.next().and_then(|a| a.parse().ok()).unwrap_or(1.0);
    let span = Duration::from_secs_f64(seconds);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| schema::Error::io("runtime", e))?;
    runtime.block_on(async {
        let (mut appended, mut read, mut leased) = Default::default();
        for _ in 0..ROUNDS {
            append(span, &mut appended).await?;
            feed_and_leases(&mut read, &mut leased).await?;
        }
        Rates::print(appended, "events stored", 2);
        Rates::print(read, "events read from the feed", 1);
        Rates::print(leased, "leases", 1);
        Ok(())
    })
}

fn id() -> Uuid {
    Uuid::new_v7(Timestamp::now(ContextV7::new()))
}

fn job(owner: UserId) -> Job {
    let input = MediaFile {
        key: "uploads/a.mp4".to_owned(),
        size: 7,
        sha256: "ab".repeat(32),
        content_type: "video/mp4".to_owned(),
        file_name: "a.mp4".to_owned(),
    };
    let params = serde_json::json!({ "classes": ["person"] });
    Job::new(JobId::from_uuid(id()), owner, (JobKind::PeopleCount, params), input, NOW)
}

async fn submit(store: &Sqlite, job: Job) -> schema::Result<JobId> {
    let admission = Admission { waiting_per_owner: u32::MAX, waiting: u32::MAX };
    let id = job.id;
    store.create_job(job, admission, None).await.map(|_| id)
}

fn folder() -> schema::Result<tempfile::TempDir> {
    tempfile::tempdir().map_err(|e| schema::Error::io("temporary folder", e))
}

/// Jobs are begun and given back, each time a row and its event; so many writers at once.
async fn append(span: Duration, rates: &mut Rates) -> schema::Result<()> {
    for writers in [1, 8, 64] {
        let folder = folder()?;
        let store = Sqlite::open(&folder.path().join("sightline.db"))?;
        let owner = UserId::from_uuid(id());
        let jobs = join_all((0..writers).map(|_| submit(&store, job(owner)))).await;
        let begun = Instant::now();
        let stored = join_all(jobs.into_iter().map(async |job| {
            let (job, mut stored) = (job?, 0_u64);
            while begun.elapsed() < span {
                let token = stored / 2 + 1;
                let holder = StartId::from_uuid(id());
                let transition = match stored % 2 {
                    0 => Transition::Begin { holder, expires_at: NOW },
                    _ => Transition::Release { token },
                };
                store.change_job(&Scope::System, job, transition, NOW).await?;
                stored += 1;
            }
            Ok(stored)
        }));
        let stored: schema::Result<Vec<u64>> = stored.await.into_iter().collect();
        let rate = stored?.iter().sum::<u64>() as f64 / begun.elapsed().as_secs_f64();
        rates.note(&format!("changes of jobs, {writers} writers"), rate);
    }
    for (name, together) in [("plain, one a transaction", 1), ("plain, 100 a transaction", 100)] {
        let folder = folder()?;
        let plain = plain(&folder.path().join("sightline.db"))?;
        rates.note(name, plain_inserts(&plain, span, together).expect("plain SQLite works"));
    }
    Ok(())
}

/// A connection to a new database with our tables, set as ours are for what must be kept.
fn plain(path: &Path) -> schema::Result<Connection> {
    drop(Sqlite::open(path)?);
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(connection)
    };
    Ok(open().expect("a database that was just made can be opened"))
}

fn plain_inserts(connection: &Connection, span: Duration, together: u64) -> rusqlite::Result<f64> {
    let (stream, owner) = (format!("job/{}", id()), id().to_string());
    connection.execute("INSERT INTO streams VALUES (?1, 0, 0, 0)", [&stream])?;
    let sql = "INSERT INTO events (time, stream, seq, owner_id, subject, type, data)
               VALUES (?1, ?2, ?1, ?3, ?4, 'job_state', ?5)";
    let mut insert = connection.prepare(sql)?;
    let (subject, data) = (format!("job.{}.state", id()), r#"{"status":"processing","attempt":1}"#);
    let begun = Instant::now();
    let mut seq = 0_u64;
    while begun.elapsed() < span {
        let transaction = connection.unchecked_transaction()?;
        for _ in 0..together {
            seq += 1;
            insert.execute(params![seq, stream, owner, subject, data])?;
        }
        transaction.commit()?;
    }
    Ok(seq as f64 / begun.elapsed().as_secs_f64())
}

/// A feed read to its end page by page, then all its jobs leased one after the other.
async fn feed_and_leases(read: &mut Rates, leased: &mut Rates) -> schema::Result<()> {
    let folder = folder()?;
    let path = folder.path().join("sightline.db");
    let store = Sqlite::open(&path)?;
    let owner = UserId::from_uuid(id());
    let submitted = join_all((0..JOBS).map(|_| submit(&store, job(owner)))).await;
    submitted.into_iter().collect::<schema::Result<Vec<_>>>()?;

    let plain = plain(&path)?;
    let scope = Scope::User { id: owner, role: Role::User };
    read.note("feed, pages of 100", pages(&store, &scope).await?);
    let rate = plain_pages(&plain, &owner.to_string()).expect("plain SQLite works");
    read.note("plain, pages of 100", rate);

    let request = LeaseRequest {
        holder: StartId::from_uuid(id()),
        now: NOW,
        expires_at: NOW,
        running_per_owner: u32::MAX,
    };
    for workers in [1, 8] {
        let begun = Instant::now();
        let each = JOBS / 4 / workers;
        let leases = join_all((0..workers).map(async |_| {
            for _ in 0..each {
                store.lease(request).await?.expect("enough wait");
            }
            Ok(())
        }));
        leases.await.into_iter().collect::<schema::Result<Vec<()>>>()?;
        let rate = (each * workers) as f64 / begun.elapsed().as_secs_f64();
        leased.note(&format!("leases, {workers} workers"), rate);
    }
    drop(store);
    leased.note("plain, one a transaction", plain_leases(&plain).expect("plain SQLite works"));
    Ok(())
}

async fn pages(store: &Sqlite, scope: &Scope) -> schema::Result<f64> {
    let (begun, mut count, mut since) = (Instant::now(), 0, None);
    loop {
        match store.replay(scope, since, &[], PAGE).await? {
            Replay::Events { events, cursor, has_more } => {
                count += events.len();
                since = Some(cursor);
                if !has_more {
                    return Ok(count as f64 / begun.elapsed().as_secs_f64());
                }
            }
            Replay::Gone { .. } => since = None,
        }
    }
}

fn plain_pages(connection: &Connection, owner: &str) -> rusqlite::Result<f64> {
    let sql = "SELECT time, stream, seq, subject, type, data FROM events
               WHERE owner_id = ?1 AND time > ?2 ORDER BY time LIMIT ?3";
    let mut page = connection.prepare(sql)?;
    let (begun, mut count, mut since) = (Instant::now(), 0, 0_i64);
    loop {
        let rows = page.query_map(params![owner, since, PAGE], |row| {
            let texts = [1, 3, 4, 5].map(|column| row.get::<_, String>(column));
            Ok((row.get::<_, i64>(0)?, texts))
        })?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let Some((last, _)) = rows.last() else {
            return Ok(count as f64 / begun.elapsed().as_secs_f64());
        };
        (since, count) = (*last, count + rows.len());
    }
}

/// The job that is most urgent, marked as taken: what a queue in a table does at the least.
fn plain_leases(connection: &Connection) -> rusqlite::Result<f64> {
    let sql = "UPDATE jobs SET state = 'processing', lease_token = 1, lease_holder = 'x',
                   lease_expires_at = 1
               WHERE id = (SELECT id FROM jobs INDEXED BY jobs_waiting
                   WHERE finished_at IS NULL AND lease_token IS NULL
                   ORDER BY priority DESC, created_at, id LIMIT 1)
               RETURNING id";
    let mut lease = connection.prepare(sql)?;
    let begun = Instant::now();
    let count = JOBS / 4;
    for _ in 0..count {
        lease.query_row([], |row| row.get::<_, String>(0))?;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}
