//! Connections: accepted, bounded in number and time, ended in order.
//!
//! poem's own server is not used: it sets no limit on how long a head may take and none on
//! connections, and at its idle timeout it still waits for the client. HTTP/1.1 alone is spoken
//! here, since browsers speak HTTP/2 only over TLS, which a proxy in front ends; with it go the
//! floods of resets and continuations.

use crate::app::{App, Routes, Services};
use crate::auth::throttle::client_key;
use crate::config::ApiConfig;
use crate::middleware::Frame;
use crate::middleware::client::is_trusted;
use crate::middleware::shares::{Share, Shares};
use actors::clock::Clock;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::endpoint::{DynEndpoint, ToDynEndpoint};
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Response};
use schema::{Error, ErrorKind, Result};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Largest head of a request, in bytes.
const HEAD_BYTES: usize = 64 * 1024;
/// Most headers of a request.
const HEADERS: usize = 100;
/// How long a client that was refused may go on sending, so that it reads why.
const LINGER: Duration = Duration::from_secs(2);
/// How long open answers may take once the server ends.
const DRAIN: Duration = Duration::from_secs(15);
/// How long WebSockets may take to say farewell after that.
const FAREWELL: Duration = Duration::from_secs(2);
/// One address's part of the connections; trusted proxies, which stand for many, may have all.
const SHARE: usize = 2;
/// How long to wait where no more connections can be accepted for want of descriptors.
const EXHAUSTED: Duration = Duration::from_millis(100);

type AnyEndpoint = Arc<dyn DynEndpoint<Output = Response>>;

/// Serves `app` on `listener` until its platform begins to end; then answers what is open.
///
/// # Errors
/// As [`Server::start`] and [`Serving::ended`].
pub async fn serve(listener: TcpListener, app: App) -> Result<()> {
    let Services { config, platform, .. } = &**app.services();
    let server = Server::start(listener, config.clone(), platform.clock().clone())?;
    server.open(app).ended().await
}

/// A server that has no application yet: it answers every request that it is starting, so that
/// whoever watches it can tell a long start from a dead process. It ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    frame: Arc<Frame<Routes>>,
    connections: TaskTracker,
    closing: DropGuard,
    accepting: JoinHandle<()>,
}

/// A server with its application.
#[derive(Debug)]
pub struct Serving {
    server: Server,
    services: Arc<Services>,
}

impl Server {
    /// Begins to answer on `listener`.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the listener has no address.
    pub fn start(
        listener: TcpListener,
        config: Arc<ApiConfig>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let local = listener.local_addr().map_err(|e| Error::internal("the listener", e))?;
        let closing = CancellationToken::new();
        let connections = TaskTracker::new();
        let frame = Arc::new(Frame::new(config.clone(), clock));
        let acceptor = Acceptor {
            listener,
            local,
            endpoint: Arc::new(ToDynEndpoint(frame.clone())),
            places: Arc::new(Semaphore::new(config.max_connections)),
            shares: Shares::new(config.max_connections / SHARE),
            connections: connections.clone(),
            closing: closing.clone(),
            config,
        };
        let accepting = tokio::spawn(acceptor.run());
        Ok(Self { address: local, frame, connections, closing: closing.drop_guard(), accepting })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets `app` answer from now on, also on connections that are open already.
    pub fn open(self, app: App) -> Serving {
        let (services, routes) = app.into_parts();
        self.frame.open(services.clone(), routes);
        tracing::info!(address = %self.address, "listening");
        Serving { server: self, services }
    }
}

impl Serving {
    /// Returns once the platform has begun to end and what was open then is answered.
    ///
    /// # Errors
    /// `SERVER_ERROR` where connections are not accepted any more.
    pub async fn ended(self) -> Result<()> {
        let Server { connections, closing, mut accepting, .. } = self.server;
        let early = tokio::select! {
            () = self.services.platform.drain_begun() => None,
            ended = &mut accepting => Some(ended),
        };
        drop(closing);
        // What it is about to let in is answered as well.
        let ended = match early {
            Some(ended) => ended,
            None => accepting.await,
        };
        ended.map_err(|e| Error::internal("accepting connections", e))?;
        connections.close();
        if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
            tracing::warn!(open = connections.len(), "connections are cut");
        }
        let hub = &self.services.hub;
        if tokio::time::timeout(FAREWELL, hub.ended()).await.is_err() {
            tracing::warn!(open = hub.connections(), "WebSockets are cut");
        }
        Ok(())
    }
}

/// Accepts connections.
struct Acceptor {
    listener: TcpListener,
    local: SocketAddr,
    endpoint: AnyEndpoint,
    places: Arc<Semaphore>,
    shares: Shares<IpAddr>,
    connections: TaskTracker,
    closing: CancellationToken,
    config: Arc<ApiConfig>,
}

impl Acceptor {
    /// Accepts until the server closes.
    async fn run(self) {
        let closing = self.closing.clone();
        // Between two connections, so that none is lost.
        while let Some(()) = closing.run_until_cancelled(self.accept()).await {}
    }

    async fn accept(&self) {
        // Beyond the limit connections wait in the listener's queue.
        let Ok(place) = self.places.clone().acquire_owned().await else { return };
        let (stream, peer) = match self.listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Some may be free again by then.
                return tokio::time::sleep(EXHAUSTED).await;
            }
        };
        let Ok(share) = share_of(&self.shares, peer.ip(), &self.config) else {
            tracing::debug!(%peer, "an address has too many connections");
            return;
        };
        let endpoint = self.endpoint.clone();
        let connection = Connection { endpoint, local: self.local, peer, idle: self.config.idle };
        let closing = self.closing.clone();
        self.connections.spawn(async move {
            connection.serve(stream, closing).await;
            drop((place, share));
        });
    }
}

/// A share for one more connection of `peer`, where it needs one.
///
/// # Errors
/// Nothing to say: it has as many connections as it may.
fn share_of(
    shares: &Shares<IpAddr>,
    peer: IpAddr,
    config: &ApiConfig,
) -> std::result::Result<Option<Share<IpAddr>>, ()> {
    let peer = peer.to_canonical();
    if is_trusted(peer, &config.trusted_proxies) {
        return Ok(None);
    }
    shares.take(client_key(peer)).map(Some).ok_or(())
}

struct Connection {
    endpoint: AnyEndpoint,
    local: SocketAddr,
    peer: SocketAddr,
    /// How long a head may take, the first as any other.
    idle: Duration,
}

impl Connection {
    async fn serve(self, stream: TcpStream, ending: CancellationToken) {
        // Small answers go out at once; who reads nothing for too long is gone. A connection that
        // takes neither ends soon anyway.
        let _ = stream.set_nodelay(true);
        let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(self.idle));
        let service = hyper::service::service_fn(|request: poem::http::Request<Incoming>| {
            let local = LocalAddr(Addr::SocketAddr(self.local));
            let remote = RemoteAddr(Addr::SocketAddr(self.peer));
            let endpoint = self.endpoint.clone();
            async move {
                let request = (request, local, remote, Scheme::HTTP).into();
                let response = endpoint.get_response(request).await;
                Ok::<poem::http::Response<_>, Infallible>(response.into())
            }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.idle)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEADERS)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = ending.cancelled() => {
                std::pin::Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        };
        let Some(parts) = connection.into_parts() else { return };
        let timed_out = ended.is_err_and(|error| error.is_timeout());
        let begun = !parts.read_buf.is_empty();
        close(parts.io.into_inner(), timed_out && begun).await;
    }
}

/// Says what nobody has said, and lets the client read it: who closes while the other end still
/// sends takes back what it said last.
async fn close(mut stream: TcpStream, head_was_late: bool) {
    let lingering = async {
        if head_was_late {
            stream.write_all(late_head().as_bytes()).await?;
            stream.shutdown().await?;
        }
        let mut ignored = [0; 4096];
        while stream.read(&mut ignored).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    // Whatever comes of it, the connection ends here.
    let _ = tokio::time::timeout(LINGER, lingering).await;
}

/// hyper ends such connections without a word.
fn late_head() -> String {
    let error = ErrorKind::RequestTimeout;
    let body = format!(
        r#"{{"error":{{"code":"{error}","message":"the head came too slowly","error_type":"validation","request_id":""}}}}"#
    );
    format!(
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json; \
         charset=utf-8\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
