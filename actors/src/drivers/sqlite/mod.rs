//! The store and the queue in one SQLite file: the embedded default, for one node.
//!
//! A writer thread commits in groups (`writer`), reads run beside it on connections of their own
//! (`readers`); in memory, where there is one connection, reads go through the writer. The file
//! belongs to one server at a time, which holds its [`FolderLock`]; short-lived commands may open
//! it beside ([`Sqlite::attach`], [`Sqlite::open_read_only`]).

mod accounts;
mod check;
mod disk;
mod events;
mod fault;
mod folder;
mod jobs;
mod migrate;
mod queue;
mod readers;
mod row;
mod writer;

pub use disk::expect_local;
pub use folder::FolderLock;
pub use migrate::Migrated;

use fault::{Fault, Outcome};
use readers::Readers;
use rusqlite::{Connection, OpenFlags};
use schema::{Error, ErrorKind, Result};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use writer::{Outlives, Writer};

/// Reading connections.
const READERS: usize = 4;
/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements that each connection keeps prepared.
const STATEMENTS: usize = 64;

/// The store in SQLite. Dropping it finishes what was asked, and closes the file.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    writer: Option<Writer>,
    readers: Option<Readers>,
}

impl Sqlite {
    /// Opens the database in the file `path`, for the process that holds its folder: made where
    /// there is none, migrated where it is older.
    ///
    /// # Errors
    /// `STORAGE_ERROR` for one of a newer version or of another program, on a network file system,
    /// and where the file cannot be used; `NOT_READY` where another process writes to it all the time.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = make(path)?;
        migrate::migrate(&connection, path)?;
        Self::start(path, connection)
    }

    /// Opens the database in the file `path` beside the process that holds its folder: it must be
    /// there, and of this program's version.
    ///
    /// # Errors
    /// As [`Sqlite::open`]; `STORAGE_ERROR` where it is missing or older.
    pub fn attach(path: &Path) -> Result<Self> {
        expect_local_file(path)?;
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate::require_current(&connection, path)?;
        Self::start(path, connection)
    }

    /// Opens the database in the file `path` for reading alone, beside the process that holds its
    /// folder.
    ///
    /// # Errors
    /// As [`Sqlite::attach`].
    pub fn open_read_only(path: &Path) -> Result<Self> {
        expect_local_file(path)?;
        let readers = reading(path)?;
        migrate::require_current(&readers[0], path)?;
        let readers = Some(Readers::new(readers));
        Ok(Self { path: path.to_owned(), writer: None, readers })
    }

    /// A database in memory, which ends with this value.
    ///
    /// # Errors
    /// `SERVER_ERROR` where no thread can be started.
    pub fn memory() -> Result<Self> {
        let path = Path::new(":memory:");
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate::migrate(&connection, path)?;
        let writer = Some(Writer::start(connection)?);
        Ok(Self { path: path.to_owned(), writer, readers: None })
    }

    /// Brings the database in the file `path` to this program's version, for the process that
    /// holds its folder; made where there is none.
    ///
    /// # Errors
    /// As [`Sqlite::open`].
    pub fn migrate(path: &Path) -> Result<Migrated> {
        migrate::migrate(&make(path)?, path)
    }

    /// The file; `:memory:` where there is none.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of this very database, which its copies share; nothing where it is in memory.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn identity(&self) -> Result<Option<String>> {
        if self.readers.is_none() {
            return Ok(None);
        }
        let id = |c: &Connection| Ok(c.query_row("SELECT id FROM identity", [], |row| row.get(0))?);
        self.read("identity", id).await.map(Some)
    }

    /// Transactions that were committed; several operations share one.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.as_ref().map_or(0, Writer::commits)
    }

    fn start(path: &Path, connection: Connection) -> Result<Self> {
        let readers = Some(Readers::new(reading(path)?));
        let writer = Some(Writer::start(connection)?);
        Ok(Self { path: path.to_owned(), writer, readers })
    }

    /// Runs `work` in a transaction; answers once it is on the disk.
    async fn write<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        self.write_to_outlive(Outlives::Machine, what, work).await
    }

    /// Runs `work` in a transaction; answers once it outlives what it has to.
    async fn write_to_outlive<T: Send + 'static>(
        &self,
        outlives: Outlives,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        match &self.writer {
            Some(writer) => writer.write(what, outlives, work).await,
            None => {
                let message = format!("database: {what}: it is open for reading alone");
                Err(Error::new(ErrorKind::StorageError, message))
            }
        }
    }

    /// Runs `work`, which only reads, over one state of the database.
    async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        match &self.readers {
            Some(readers) => readers.read(what, work).await,
            None => self.write(what, work).await,
        }
    }
}

/// Makes sure that the file `path`, or the place where it will be, is on a disk of this machine.
fn expect_local_file(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let place = if path.exists() { path } else { folder.unwrap_or(Path::new(".")) };
    expect_local(place, "database")
}

/// The writing connection; the file is made, for its owner alone, where there is none.
fn make(path: &Path) -> Result<Connection> {
    expect_local_file(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(|e| Error::io(format_args!("database {}", path.display()), e))?;
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

fn reading(path: &Path) -> Result<Vec<Connection>> {
    (0..READERS).map(|_| connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)).collect()
}

/// A connection, set as all of them are.
fn connect(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let shown = path.display();
    let open = || -> Outcome<Connection> {
        let connection =
            Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    };
    let failed = |fault: Fault| fault.into_error(format_args!("open {shown}"));
    let connection = open().map_err(failed)?;
    if flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
        // The kind of journal stands in the file, which may be somebody else's.
        migrate::version(&connection, path)?;
        write_ahead(&connection).map_err(failed)?;
    }
    Ok(connection)
}

fn write_ahead(connection: &Connection) -> Outcome<()> {
    let begun = Instant::now();
    let mode: String = loop {
        let set = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0));
        match set {
            // SQLite does not wait here for others, as it does to begin a transaction.
            Err(error) if is_busy(&error) && begun.elapsed() < BUSY_TIMEOUT => {
                connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
            }
            set => break set?,
        }
    };
    if mode != "wal" && mode != "memory" {
        let message = format!("its journal is {mode:?}: write-ahead logging is not possible here");
        return Err(Fault::Told(
            Error::new(ErrorKind::StorageError, message)
                .with_hint("keep the data folder on a local disk"),
        ));
    }
    // The writer does it between groups, and cuts what a burst has left.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(())
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
}

#[cfg(test)]
pub(crate) mod tests;
