//! The runtime that a server runs on, and its end: within a bound, whatever still runs.

use schema::{Error, Result};
use std::time::Duration;

/// How long threads that are blocked may keep the process, once its work has ended. What they hold
/// on to was stored before, or begins anew with the next start.
const LINGER: Duration = Duration::from_secs(2);

/// Runs `work` on a runtime of its own, and ends that.
///
/// # Errors
/// What `work` says; `STORAGE_ERROR` where no runtime can be had.
pub(crate) fn run<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::io("start of the runtime", e))?;
    let ended = runtime.block_on(work);
    runtime.shutdown_timeout(LINGER);
    ended
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_blocked_thread_does_not_keep_the_process() {
        let (release, blocked) = mpsc::sync_channel::<()>(0);
        let (tell, told) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let (begin, begun) = tokio::sync::oneshot::channel();
            let ended = run(async move {
                tokio::task::spawn_blocking(move || {
                    begin.send(()).expect("it is waited for");
                    blocked.recv()
                });
                begun.await.map_err(|e| Error::internal("the blocked thread", e))
            });
            tell.send(ended.is_ok()).expect("it is waited for");
        });
        // Far more than it may take; without a bound it would wait for `release`.
        assert_eq!(told.recv_timeout(LINGER * 5), Ok(true));
        drop(release);
    }
}
