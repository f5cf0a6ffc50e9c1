//! `serve`: the server, until a signal ends it.

use super::config::ConfigFlags;
use super::{interrupt, stdout};
use crate::config::Flag;
use crate::{app, runtime};
use clap::Args;
use schema::Result;
use std::cell::OnceCell;
use tokio::signal::unix::SignalKind;

/// Serve the API, the WebSocket and the page, and work on jobs
///
/// Prints one line with its address once it takes requests. SIGTERM, SIGINT or SIGHUP end it in
/// order within 20 seconds: running jobs are given back and begun again by the next start; exit
/// status 0. A second signal ends it at once; exit status 128 and the signal's number.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    flags: ConfigFlags,
    /// Address to listen at [default: $HOST, else 127.0.0.1 in development]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Port to listen at; 0 takes a free one [default: $PORT, else 8000]
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
}

impl ServeArgs {
    fn settings(&self) -> Vec<Flag> {
        let flag = |variable, name, value: &Option<String>| {
            value.clone().map(|value| Flag { variable, name, value })
        };
        let given = [flag("HOST", "--host", &self.host), flag("PORT", "--port", &self.port)];
        given.into_iter().flatten().collect()
    }
}

/// Runs the command.
///
/// # Errors
/// What the configuration, the engines and serving say.
pub(super) fn run(args: &ServeArgs) -> Result<()> {
    let settings = args.flags.load(args.settings())?.settings;
    // Until nothing of the server runs any more.
    let claim = OnceCell::new();
    runtime::run(async {
        let stop = interrupt::watch(status_of)?;
        let Some(built) = stop.run_until_cancelled(app::build(settings, &claim)).await else {
            tracing::info!("the server ends before it was ready");
            return Ok(());
        };
        let running = built?.spawn().await?;
        let version = env!("CARGO_PKG_VERSION");
        stdout::print(format!("sightline {version} is ready at {}/\n", running.url()))?;
        running.until(&stop).await
    })
}

/// What a shell tells of a process that a signal ended.
fn status_of(signal: SignalKind) -> u8 {
    u8::try_from(128 + signal.as_raw_value()).unwrap_or(u8::MAX)
}
