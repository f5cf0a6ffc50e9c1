//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.

use schema::{Error, Result};
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Listens for signals in the background: the first cancels the token, the second removes
/// `staging` and leaves.
///
/// # Errors
/// `SERVER_ERROR` where signals cannot be listened to.
pub(super) fn listen(staging: PathBuf) -> Result<CancellationToken> {
    let cancel = CancellationToken::new();
    let asked = cancel.clone();
    let failed = |e| Error::io("listening for signals", e);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::spawn(async move {
        for urgent in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if urgent {
                // Best effort: we leave either way.
                let _ = std::fs::remove_dir_all(&staging);
                std::process::exit(i32::from(super::exit::INTERRUPTED));
            }
            asked.cancel();
        }
    });
    Ok(cancel)
}
