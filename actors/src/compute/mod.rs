//! Compute pools: CPU-heavy work on threads of its own, one model session per worker.
//!
//! Each pool is an actix `SyncArbiter`; the actix `System` runs on one thread, started and stopped
//! here, and nothing outside this folder knows of it. Work is admitted by permits (workers + 1),
//! so that the arbiter's own queue, which is unbounded, holds one task at most. A panic is caught,
//! answered as an error, and its worker is made anew.
//!
//! `store` keeps one pool for each model of the process.

mod pool;
mod store;
mod worker;

pub use pool::{Computed, Loader, Pool};
pub use store::{Model, ModelFiles, ModelStore};

use schema::{Error, ErrorKind, Result};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the end of the system waits for workers to end: as long as one inference may take.
const GRACE: Duration = Duration::from_secs(5);

/// The compute system.
///
/// Dropping it ends its pools, whose handles then give errors, and waits for the workers: a session
/// that still computes while the process tears its library down may crash.
#[derive(Debug)]
pub struct Compute {
    system: actix::System,
    thread: Option<JoinHandle<()>>,
    /// Held by every worker; gone when the last of them is.
    alive: Option<SyncSender<()>>,
    all_gone: Mutex<Receiver<()>>,
}

impl Compute {
    /// Starts the system on its own thread.
    ///
    /// # Errors
    /// `SERVER_ERROR` where no thread can be had.
    pub fn start() -> Result<Self> {
        let failed = |e: std::io::Error| Error::internal("start of the compute system", e);
        let (started, system) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("compute".to_owned())
            .spawn(move || {
                let runner = actix::System::new();
                // The receiver waits below: it cannot be gone.
                let _ = started.send(actix::System::current());
                if let Err(error) = runner.run() {
                    tracing::error!(%error, "compute system ended with an error");
                }
            })
            .map_err(failed)?;
        let system = system.recv().map_err(|_| {
            Error::new(ErrorKind::ServerError, "compute system ended before it had started")
        })?;
        let (alive, all_gone) = sync_channel(0);
        Ok(Self {
            system,
            thread: Some(thread),
            alive: Some(alive),
            all_gone: Mutex::new(all_gone),
        })
    }

    /// A pool of `workers` threads (at least one); each loads its detector on first use.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the system has ended.
    pub fn pool(&self, workers: usize, load: Loader) -> Result<Pool> {
        let alive = self.alive.clone().expect("it is taken only when the system is dropped");
        Pool::start(&self.system, workers.max(1), load, alive)
    }
}

impl Drop for Compute {
    fn drop(&mut self) {
        self.alive = None;
        // The system holds the other end of every pool's queue: without it workers finish what
        // they have and end, whoever still has a handle to a pool.
        self.system.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("compute system panicked");
        }
        // Nobody sends: the channel ends with the last worker.
        let all_gone = self.all_gone.get_mut().unwrap_or_else(PoisonError::into_inner);
        if all_gone.recv_timeout(GRACE) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("workers still compute at the end");
        }
    }
}

#[cfg(test)]
mod tests;
