//! Logs: to standard error, one line per event, as text or JSON. Metrics: as Prometheus reads them.

use crate::config::LogFormat;
use api::metrics::Render;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use schema::{Error, Result};
use std::io::IsTerminal;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Bounds of the buckets of what is measured in seconds: a millisecond per frame to a slow request.
const SECONDS: [f64; 12] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// How often histograms are tidied.
const UPKEEP: Duration = Duration::from_secs(5);
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

/// The recorder of all metrics of this process.
#[derive(Debug)]
pub(crate) struct Metrics(PrometheusHandle);

impl Metrics {
    /// Records metrics from now on.
    ///
    /// # Errors
    /// `SERVER_ERROR` where another recorder is there already.
    pub(crate) fn install() -> Result<Self> {
        let failed = |e| Error::internal("the recorder of metrics", e);
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(failed)?;
        actors::metrics::describe();
        Ok(Self(handle))
    }

    /// Serves them on `listener` until `stop`.
    pub(crate) async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let handle = self.0.clone();
        let upkeep = async move {
            let mut due = tokio::time::interval(UPKEEP);
            loop {
                due.tick().await;
                handle.run_upkeep();
            }
        };
        let render = Render::new(move || self.0.render());
        tokio::select! {
            () = api::metrics::serve(listener, render, stop) => {}
            () = upkeep => {}
        }
    }
}
