//! The composition root of the server: build, spawn, drain.
//!
//! [`build`] binds, takes and opens everything before any job runs, so that what is wrong is told
//! at once; whoever asks meanwhile is told that the server is starting. [`Built::spawn`] starts the
//! node and serves; [`Running::drain`] ends both in order.

use crate::claim::Claim;
use crate::config::{DataSettings, Settings};
use crate::telemetry::Metrics;
use crate::{notify, pairing, secret};
use actors::bus::Bus;
use actors::clock::SystemClock;
use actors::compute::ModelStore;
use actors::drivers::memory::MemoryBus;
use actors::drivers::nats::NatsBus;
use actors::drivers::objects::FolderObjects;
use actors::drivers::sqlite::Sqlite;
use actors::handle::{Engines, Platform};
use actors::job::run::Workshop;
use api::{App, Server};
use schema::{Error, Result};
use std::cell::OnceCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long an orderly end may take.
const DRAIN: Duration = Duration::from_secs(20);
/// How much of that the node has; the rest is for closing what it stood on.
const NODE_DRAIN: Duration = Duration::from_secs(17);

/// A server that has everything, and answers that it is starting.
#[derive(Debug)]
pub(crate) struct Built {
    settings: Settings,
    server: Server,
    metrics: Option<Metrics>,
    engines: Engines,
}

/// A server that serves.
#[derive(Debug)]
pub(crate) struct Running {
    platform: Platform,
    server: JoinHandle<Result<()>>,
    metrics: Option<Metrics>,
    address: SocketAddr,
    media: PathBuf,
}

/// Binds the ports, takes the folders, opens what is in them and connects the bus. The folders are
/// the server's as long as `claim` lives: whoever calls keeps it until the runtime has ended, since
/// its blocking threads may write until then.
///
/// # Errors
/// `STORAGE_ERROR` for a port that is taken; `CONFLICT` where another server has one of the folders,
/// and where the files are those of another database; what the engines say.
pub(crate) async fn build(mut settings: Settings, claim: &OnceCell<Arc<Claim>>) -> Result<Built> {
    let listener = bind(settings.listen, "HOST and PORT").await?;
    let metrics = match settings.metrics {
        Some(address) => Some(bind(address, "METRICS_ADDR").await?),
        None => None,
    };
    let taken = Arc::new(Claim::take(&settings.data)?);
    let claim = claim.get_or_init(|| taken);
    let metrics = metrics.map(Metrics::serve).transpose()?;
    Arc::make_mut(&mut settings.api).signing_keys = match settings.signing_keys.take() {
        Some(keys) => keys,
        None => secret::signing_keys(claim.data())?,
    };
    let server = Server::start(listener, settings.api.clone(), Arc::new(SystemClock))?;
    let engines = engines(&settings, claim).await?;
    Ok(Built { settings, server, metrics, engines })
}

async fn bind(address: SocketAddr, variables: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|e| {
        Error::io(format_args!("listening at {address}"), e)
            .with_hint(format!("choose another address with {variables}"))
    })
}

async fn engines(settings: &Settings, claim: &Arc<Claim>) -> Result<Engines> {
    let store = Arc::new(store(&settings.data, Arc::clone(claim)).await?);
    let objects = FolderObjects::open(&settings.data.media, settings.data.min_free_bytes).await?;
    pairing::expect_paired(&settings.data, &store, &objects).await?;
    let bus: Arc<dyn Bus> = match &settings.nats {
        Some(config) => Arc::new(NatsBus::connect(config).await?),
        None => Arc::new(MemoryBus::new()),
    };
    let models = ModelStore::start(settings.models.clone(), settings.model_workers)?;
    Ok(Engines {
        queue: Arc::clone(&store) as _,
        store,
        bus,
        objects: Arc::new(objects),
        clock: Arc::new(SystemClock),
        workshop: Arc::new(Workshop { models, limits: settings.media.clone() }),
    })
}

/// Opens the database, which may take as long as its migration. Where nobody waits for that any
/// more, `claim` is let go once it has been closed again.
async fn store(data: &DataSettings, claim: Arc<Claim>) -> Result<Sqlite> {
    let database = data.database.clone();
    let opening = tokio::task::spawn_blocking(move || {
        let opened = database.as_deref().map_or_else(Sqlite::memory, Sqlite::open);
        (opened, claim)
    });
    opening.await.map_err(|e| Error::internal("opening the database", e))?.0
}

impl Built {
    /// Starts the node, and takes requests from the return on.
    ///
    /// # Errors
    /// What the node and the API say.
    pub(crate) async fn spawn(self) -> Result<Running> {
        let platform = Platform::start(self.settings.platform, self.engines).await?;
        let app = App::new(platform.clone(), self.settings.api).await?;
        let address = self.server.address();
        let server = tokio::spawn(self.server.open(app).ended());
        notify::ready();
        Ok(Running {
            platform,
            server,
            metrics: self.metrics,
            address,
            media: self.settings.data.media,
        })
    }
}

impl Running {
    /// Where it can be reached from this machine.
    pub(crate) fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}")
    }

    /// The folder of the files of jobs.
    pub(crate) fn media(&self) -> &Path {
        &self.media
    }

    /// Serves until `stop`, or until it cannot any more.
    ///
    /// # Errors
    /// What serving says; `SERVER_ERROR` where the end took too long.
    pub(crate) async fn until(mut self, stop: &CancellationToken) -> Result<()> {
        let ended = tokio::select! {
            () = stop.cancelled() => None,
            ended = &mut self.server => Some(flatten(ended)),
        };
        match ended {
            None => self.drain().await,
            // It ends only with the platform; whatever else ends it is a fault.
            Some(fault) => {
                self.platform.shutdown(NODE_DRAIN).await;
                fault
            }
        }
    }

    /// Ends in order: takes nothing new, answers what is open, gives running jobs back, stores and
    /// publishes what is left.
    ///
    /// # Errors
    /// What serving says; `SERVER_ERROR` where it took longer than 20 s.
    async fn drain(self) -> Result<()> {
        tracing::info!("the server is ending");
        notify::stopping();
        let ending = async {
            let ((), served) = tokio::join!(self.platform.shutdown(NODE_DRAIN), self.server);
            // They are there to watch the end as well.
            drop(self.metrics);
            flatten(served)
        };
        let late = |_| {
            let message = format!("the server did not end within {} s", DRAIN.as_secs());
            Error::new(schema::ErrorKind::ServerError, message)
        };
        tokio::time::timeout(DRAIN, ending).await.map_err(late)?
    }
}

fn flatten(ended: Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    ended.map_err(|e| Error::internal("the server panicked", e))?
}
