//! The one writer: a thread that owns the writing connection and commits in groups.
//!
//! Pieces of work wait in a bounded queue. Whatever is there when the thread gets to it runs in one
//! transaction, each piece in a savepoint of its own, so one that fails leaves the others alone;
//! callers are answered after the commit, which is on the disk then (`synchronous=FULL`), unless
//! nobody in the group needs that. While the disk is busy with one group the next one gathers: no
//! timer is needed.

use super::fault::{Fault, Outcome};
use rusqlite::Connection;
use schema::{Error, ErrorKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Pieces of work that may wait; callers beyond wait for a place.
const QUEUE: usize = 1024;
/// Pieces of work in one transaction: bounds what one failed commit takes with it.
const GROUP: usize = 256;
/// Pieces of work after which the write-ahead log is carried over into the database.
const CHECKPOINT_AFTER: usize = 512;

/// What a committed piece of work outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlives {
    /// The end of the process and of the machine.
    Machine,
    /// The end of the process, however it ends. A power cut may undo it: for what is told again, as
    /// how far a worker is, or may be done again, as publishing.
    Process,
}

/// The writer's thread, and the queue before it. Ends, with all work done, when it is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Work>>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread on `connection`.
    ///
    /// # Errors
    /// `SERVER_ERROR` where no thread can be started.
    pub(super) fn start(connection: Connection) -> Result<Self> {
        let (queue, work) = mpsc::channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&commits);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || run(&connection, work, &counter))
            .map_err(|e| Error::internal("thread sqlite-writer", e))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), commits })
    }

    /// Runs `work` in a transaction and answers once that is committed. It runs also where nobody
    /// waits for the answer any more.
    ///
    /// # Errors
    /// What `work` refuses with, its changes undone; else as [`Fault::into_error`].
    pub(super) async fn write<T: Send + 'static>(
        &self,
        what: &'static str,
        outlives: Outlives,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let piece = Piece { what, outlives, work: Some(work), result: None, answer };
        let queue = self.queue.as_ref().ok_or_else(|| ended(what))?;
        queue.send(Box::new(piece)).await.map_err(|_| ended(what))?;
        answered.await.map_err(|_| ended(what))?
    }

    /// Pieces of work that wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| QUEUE - queue.capacity())
    }

    /// Transactions that were committed.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("database: the writer ended with a panic");
        }
    }
}

fn ended(what: &str) -> Error {
    Error::new(ErrorKind::StorageError, format!("database: {what}: the writer has ended"))
}

/// A piece of work whose type of answer is forgotten.
trait Work: Send {
    /// What it must outlive once it is committed.
    fn outlives(&self) -> Outlives;

    /// Does it and keeps the result; says why its changes are to be undone.
    fn run(&mut self, connection: &Connection) -> Result<(), &Error>;

    /// Hands out the result, or why it was not committed.
    fn answer(self: Box<Self>, committed: Result<(), &Error>);
}

struct Piece<T, F> {
    what: &'static str,
    outlives: Outlives,
    work: Option<F>,
    result: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, F> Work for Piece<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Outcome<T> + Send,
{
    fn outlives(&self) -> Outlives {
        self.outlives
    }

    fn run(&mut self, connection: &Connection) -> Result<(), &Error> {
        let work = self.work.take().expect("a piece of work is run once");
        // A panic must not take the writer, and with it everybody's work, along.
        let result = catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or_else(|_| {
            let message = format!("database: {}: panicked", self.what);
            Err(Fault::Told(Error::new(ErrorKind::ServerError, message)))
        });
        let result = self.result.insert(result.map_err(|fault| fault.into_error(self.what)));
        result.as_ref().map(|_| ())
    }

    fn answer(self: Box<Self>, committed: Result<(), &Error>) {
        let result = match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            (Err(why), _) => Err(again(why)),
            (Ok(()), None) => Err(ended(self.what)),
        };
        // Nobody may be waiting any more; the work is done all the same.
        let _ = self.answer.send(result);
    }
}

/// The same error for one more caller.
fn again(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.message());
    match error.hint() {
        Some(hint) => copy.with_hint(hint),
        None => copy,
    }
}

fn run(connection: &Connection, mut queue: mpsc::Receiver<Box<dyn Work>>, commits: &AtomicU64) {
    let mut group = Vec::with_capacity(GROUP);
    let mut since_checkpoint = 0;
    while queue.blocking_recv_many(&mut group, GROUP) > 0 {
        since_checkpoint += group.len();
        let committed = commit(connection, &mut group);
        if committed.is_ok() {
            commits.fetch_add(1, Ordering::Relaxed);
        }
        for work in group.drain(..) {
            work.answer(committed.as_ref().copied());
        }
        // After the answers, so that nobody waits for it.
        if since_checkpoint >= CHECKPOINT_AFTER {
            since_checkpoint = 0;
            checkpoint(connection, "PASSIVE");
        }
    }
    checkpoint(connection, "TRUNCATE");
}

/// Runs the group in one transaction.
fn commit(connection: &Connection, group: &mut [Box<dyn Work>]) -> Result<()> {
    let done = run_all(connection, group);
    if done.is_err()
        && !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "database: a failed transaction could not be rolled back");
    }
    done
}

fn run_all(connection: &Connection, group: &mut [Box<dyn Work>]) -> Result<()> {
    let sql = |statement: &str| {
        let done = connection.prepare_cached(statement).and_then(|mut s| s.execute([]));
        done.map(|_| ()).map_err(|e| Fault::from(e).into_error("commit"))
    };
    // It cannot be changed within a transaction. A commit that is synced takes those before along.
    let machine = group.iter().any(|work| work.outlives() == Outlives::Machine);
    sql(if machine { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" })?;
    sql("BEGIN IMMEDIATE")?;
    for work in group {
        sql("SAVEPOINT piece")?;
        if let Err(why) = work.run(connection) {
            // A full disk undoes the whole transaction: what ran before is lost as well.
            if connection.is_autocommit() {
                return Err(again(why));
            }
            sql("ROLLBACK TO piece")?;
        }
        sql("RELEASE piece")?;
    }
    sql("COMMIT")
}

/// Carries the write-ahead log over into the database, as far as no reader still needs it.
fn checkpoint(connection: &Connection, mode: &str) {
    let pragma = format!("PRAGMA wal_checkpoint({mode})");
    if let Err(error) = connection.query_row(&pragma, [], |_| Ok(())) {
        tracing::warn!(%error, "database: the write-ahead log could not be carried over");
    }
}
