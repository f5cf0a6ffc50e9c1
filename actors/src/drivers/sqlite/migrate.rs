//! From any earlier version of the tables to this one, and no further.

use super::fault::{Fault, Outcome};
use rusqlite::Connection;
use schema::{Error, ErrorKind, Result, sql::SQLITE};
use std::path::Path;

/// Says in the file's header whose database it is: "SLDB".
pub(super) const APPLICATION_ID: i64 = 0x534c_4442;

/// What a migration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version before; 0 of a new database.
    pub from: usize,
    /// The version now.
    pub to: usize,
}

/// The version that this program works with.
pub(super) const VERSION: usize = SQLITE.len();

/// Brings the database to [`VERSION`], one transaction per step. Nothing happens where it is there
/// already.
pub(super) fn migrate(connection: &Connection, path: &Path) -> Result<Migrated> {
    let failed = |fault: Fault| fault.into_error(format_args!("{}: migration", path.display()));
    let from = version(connection, path)?;
    if (1..VERSION).contains(&from) {
        // It may take a while, and nothing else is told meanwhile.
        tracing::info!(database = %path.display(), from, to = VERSION, "migration");
    }
    for (number, script) in SQLITE.iter().enumerate().skip(from) {
        step(connection, number, script).map_err(failed)?;
    }
    Ok(Migrated { from, to: VERSION })
}

/// Refuses a database that is not of [`VERSION`].
pub(super) fn require_current(connection: &Connection, path: &Path) -> Result<()> {
    let found = version(connection, path)?;
    if found == VERSION {
        return Ok(());
    }
    let shown = path.display();
    let message = format!("database {shown} is of version {found}, this program needs {VERSION}");
    Err(Error::new(ErrorKind::StorageError, message).with_hint("run `sightline migrate` first"))
}

/// The version of the tables; refuses a newer one, and a database of somebody else.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<usize> {
    let shown = path.display();
    // All three of one state: another process may be in the middle of making the tables.
    let read = || -> Outcome<_> {
        let snapshot = connection.unchecked_transaction()?;
        let read = header(&snapshot)?;
        snapshot.commit()?;
        Ok(read)
    };
    let (application, tables, version) =
        read().map_err(|fault| fault.into_error(format_args!("{shown}: reading its version")))?;
    if application != APPLICATION_ID && (application, tables, version) != (0, 0, 0) {
        let message = format!("{shown} is a database of another program");
        return Err(Error::new(ErrorKind::StorageError, message)
            .with_hint("name another file in DATABASE_URL"));
    }
    usize::try_from(version).ok().filter(|v| *v <= VERSION).ok_or_else(|| {
        let message = format!(
            "database {shown} is of version {version}, this program knows versions up to {VERSION}"
        );
        Error::new(ErrorKind::StorageError, message)
            .with_hint("run the newer program that wrote it, or restore a backup made before")
    })
}

fn header(connection: &Connection) -> Outcome<(i64, i64, i64)> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok((pragma("application_id")?, tables, pragma("user_version")?))
}

/// One step, unless another process has taken it meanwhile.
fn step(connection: &Connection, number: usize, script: &str) -> Outcome<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let stepped = (|| {
        if header(connection)?.2 == i64::try_from(number).unwrap_or(i64::MAX) {
            connection.execute_batch(script)?;
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.pragma_update(None, "user_version", number + 1)?;
        }
        Ok(connection.execute_batch("COMMIT")?)
    })();
    if stepped.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    stepped
}
