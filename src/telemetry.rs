//! Logs: to standard error, one line per event, as text or JSON. Metrics: as Prometheus reads them.

use crate::config::LogFormat;
use api::metrics::Render;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use schema::{Error, Result};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::str::FromStr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter};

/// Bounds of the buckets of what is measured in seconds: a millisecond per frame to a slow request.
const SECONDS: [f64; 12] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// How often histograms are tidied.
const UPKEEP: Duration = Duration::from_secs(5);
/// Commands that read no configuration tell only what is wrong.
const DEFAULT_LEVEL: &str = "warn";

/// Writes logs as `LOG_LEVEL` and `LOG_FORMAT` say, for commands that read no configuration.
pub(crate) fn start_from_environment() {
    // As everywhere, what is empty is not set.
    let level = std::env::var("LOG_LEVEL").ok().filter(|level| !level.is_empty());
    let level = level.unwrap_or_else(|| DEFAULT_LEVEL.to_owned());
    let is_json = std::env::var("LOG_FORMAT").is_ok_and(|f| f == "json");
    start(&level, if is_json { LogFormat::Json } else { LogFormat::Text }, false);
}

/// Writes logs of `level`, a filter of `tracing`; text `with_time` or without. The first call
/// counts.
pub(crate) fn start(level: &str, format: LogFormat, with_time: bool) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(level))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // It would tell on standard error that standard error is closed, and panic.
        .log_internal_errors(false);
    let begun = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text if with_time => builder.try_init(),
        LogFormat::Text => builder.without_time().try_init(),
    };
    // An error says that logs are written already.
    if begun.is_ok() && format == LogFormat::Json {
        // The lines that are printed otherwise are no JSON.
        std::panic::set_hook(Box::new(log_panic));
    }
}

/// What is logged: as `level` says, and panics always, as they are always printed otherwise.
fn filter(level: &str) -> EnvFilter {
    let panics = Directive::from_str("panic=error").expect("it is one");
    let asked = EnvFilter::builder().with_default_directive(LevelFilter::ERROR.into());
    asked.parse_lossy(level).add_directive(panics)
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let said = info.payload_as_str().unwrap_or("a panic without words");
    let place = info.location().map(tracing::field::display);
    // Where RUST_BACKTRACE asks for it.
    let stack = Backtrace::capture();
    let stack = (stack.status() == BacktraceStatus::Captured).then_some(stack);
    let thread = std::thread::current();
    let stack = stack.as_ref().map(tracing::field::display);
    tracing::error!(target: "panic", place, thread = thread.name(), stack, "panicked: {said}");
}

/// The metrics of this process, recorded and served; served no more when it is dropped.
#[derive(Debug)]
pub(crate) struct Metrics {
    _serving: AbortOnDropHandle<()>,
}

impl Metrics {
    /// Records metrics from now on, and serves them on `listener`.
    ///
    /// # Errors
    /// `SERVER_ERROR` where another recorder is there already.
    pub(crate) fn serve(listener: TcpListener) -> Result<Self> {
        let failed = |e| Error::internal("the recorder of metrics", e);
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(failed)?;
        actors::metrics::describe();
        api::metrics::describe();
        Ok(Self { _serving: AbortOnDropHandle::new(tokio::spawn(serve(listener, handle))) })
    }
}

async fn serve(listener: TcpListener, handle: PrometheusHandle) {
    let tidied = handle.clone();
    let upkeep = async move {
        let mut due = tokio::time::interval(UPKEEP);
        loop {
            due.tick().await;
            tidied.run_upkeep();
        }
    };
    let render = Render::new(move || handle.render());
    tokio::join!(api::metrics::serve(listener, render), upkeep);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic while writing").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_one_line_of_the_log_whatever_its_level() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter("off"))
            .json()
            .with_writer(move || writer.clone());
        // Those of other tests are printed as ever.
        let (before, here) = (std::panic::take_hook(), std::thread::current().id());
        std::panic::set_hook(Box::new(move |info| match std::thread::current().id() == here {
            true => log_panic(info),
            false => before(info),
        }));
        let panicked = tracing::subscriber::with_default(subscriber.finish(), || {
            std::panic::catch_unwind(|| panic!("scripted\nin two lines"))
        });
        assert!(panicked.is_err());
        let text = String::from_utf8(log.0.lock().expect("whole").clone()).expect("text");
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(line["fields"]["message"], "panicked: scripted\nin two lines", "{line:#}");
        let place = line["fields"]["place"].as_str().expect("where it was");
        assert!(place.starts_with("src/telemetry.rs:"), "{place}");
    }

    #[test]
    fn panics_are_added_to_what_is_asked_for() {
        for (asked, expected) in [
            ("", "error"),
            ("off", "off"),
            ("warn", "warn"),
            ("info,actors=debug", "actors=debug,info"),
        ] {
            let filter = filter(asked).to_string();
            let mut parts: Vec<&str> = filter.split(',').collect();
            parts.retain(|part| *part != "panic=error");
            assert_eq!(parts.join(","), expected, "{filter}");
            assert!(filter.contains("panic=error"), "{filter}");
        }
    }
}
