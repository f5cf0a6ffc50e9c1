//! Compute pools: CPU-heavy work on threads of its own, one model session per worker.
//!
//! Each pool is an actix `SyncArbiter`; the actix `System` runs on one thread, started and stopped
//! here, and nothing outside this folder knows of it. Work is admitted by permits (workers + 1),
//! so that the arbiter's own queue, which is unbounded, stays empty. A panic is caught, answered
//! as an error, and its worker is made anew.

mod pool;
mod worker;

pub use pool::{Computed, Loader, Pool};

use schema::{Error, ErrorKind, Result};
use std::thread::JoinHandle;

/// The compute system; pools live as long as it does.
#[derive(Debug)]
pub struct Compute {
    system: actix::System,
    thread: Option<JoinHandle<()>>,
}

impl Compute {
    /// Starts the system on its own thread.
    ///
    /// # Errors
    /// `SERVER_ERROR` where no thread can be had.
    pub fn start() -> Result<Self> {
        let failed = |e: std::io::Error| Error::io("start of the compute system", e);
        let (started, system) = std::sync::mpsc::sync_channel(1);
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
        Ok(Self { system, thread: Some(thread) })
    }

    /// A pool of `workers` threads (at least one); each loads its detector on first use.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the system has ended.
    pub fn pool(&self, workers: usize, load: Loader) -> Result<Pool> {
        Pool::start(&self.system, workers.max(1), load)
    }
}

impl Drop for Compute {
    fn drop(&mut self) {
        self.system.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("compute system panicked");
        }
    }
}

#[cfg(test)]
mod tests;
