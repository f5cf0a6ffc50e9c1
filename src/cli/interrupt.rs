//! Ctrl-C, SIGTERM and SIGHUP: the first asks for an orderly end, the second ends at once.

use super::staging::Staging;
use schema::{Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Listens for signals in the background: the first cancels the token, the second removes what
/// `staging` would leave, and ends the program.
///
/// # Errors
/// `STORAGE_ERROR` where signals cannot be listened to.
pub(super) fn listen(staging: &Staging) -> Result<CancellationToken> {
    let leftovers = staging.leftovers();
    watch(move |_| {
        leftovers.remove();
        super::exit::INTERRUPTED
    })
}

/// Listens for signals in the background: the first cancels the token, the second ends the program
/// with the status that `at_once` makes of it.
///
/// # Errors
/// `STORAGE_ERROR` where signals cannot be listened to.
pub(super) fn watch(
    at_once: impl FnOnce(SignalKind) -> u8 + Send + 'static,
) -> Result<CancellationToken> {
    let cancel = CancellationToken::new();
    let asked = cancel.clone();
    let listen = |kind| signal(kind).map_err(|e| Error::io("listening for signals", e));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    // Whoever starts us under `nohup` wants us to outlive the terminal.
    let mut hangup = match ignores_hangup() {
        true => None,
        false => Some(listen(SignalKind::hangup())?),
    };
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = terminate.recv() => SignalKind::terminate(),
                () = arrived(hangup.as_mut()) => SignalKind::hangup(),
            }
        };
        next().await;
        asked.cancel();
        let kind = next().await;
        std::process::exit(i32::from(at_once(kind)));
    });
    Ok(cancel)
}

async fn arrived(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether this process was started with SIGHUP ignored; as far as the system tells.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signal 1 is the lowest bit.
    mask.is_some_and(|mask| mask & 1 == 1)
}
