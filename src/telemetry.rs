//! Logs: to standard error, one line per event, as text or JSON.

use crate::config::LogFormat;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Commands that read no configuration tell only what is wrong.
const DEFAULT_LEVEL: &str = "warn";

/// Writes logs as `LOG_LEVEL` and `LOG_FORMAT` say, for commands that read no configuration.
pub(crate) fn start_from_environment() {
    let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| DEFAULT_LEVEL.to_owned());
    let is_json = std::env::var("LOG_FORMAT").is_ok_and(|f| f == "json");
    start(&level, if is_json { LogFormat::Json } else { LogFormat::Text }, false);
}

/// Writes logs of `level`, a filter of `tracing`; text `with_time` or without. The first call
/// counts.
pub(crate) fn start(level: &str, format: LogFormat, with_time: bool) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // It would tell on standard error that standard error is closed, and panic.
        .log_internal_errors(false);
    // An error says that logs are written already.
    let _ = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text if with_time => builder.try_init(),
        LogFormat::Text => builder.without_time().try_init(),
    };
}
