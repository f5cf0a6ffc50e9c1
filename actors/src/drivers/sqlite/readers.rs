//! A few reading connections, used on blocking threads. Each read sees one state of the database,
//! and never waits for the writer.

use super::fault::Outcome;
use rusqlite::Connection;
use schema::{Error, Result};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// The pool.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("idle", &self.permits.available_permits()).finish()
    }
}

/// A connection that goes back to the pool, also after a panic.
struct Lent {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Deref for Lent {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a lent connection is there until it is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.connection.take());
    }
}

impl Readers {
    /// A pool of these connections.
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let permits = Arc::new(Semaphore::new(connections.len()));
        Self { idle: Arc::new(Mutex::new(connections)), permits }
    }

    /// Runs `work` on a connection, in a transaction of its own.
    ///
    /// # Errors
    /// What `work` refuses with; else as [`super::fault::Fault::into_error`].
    pub(super) async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|e| Error::internal(format_args!("database: {what}"), e))?;
        let idle = Arc::clone(&self.idle);
        let reading = tokio::task::spawn_blocking(move || {
            let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let lent = Lent { connection, idle };
            let result = in_transaction(&lent, work).map_err(|fault| fault.into_error(what));
            drop(lent);
            drop(permit);
            result
        });
        reading.await.map_err(|e| Error::internal(format_args!("database: {what}"), e))?
    }
}

fn in_transaction<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Outcome<T>,
) -> Outcome<T> {
    let snapshot = connection.unchecked_transaction()?;
    let result = work(&snapshot)?;
    snapshot.commit()?;
    Ok(result)
}
