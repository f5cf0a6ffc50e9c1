//! What is measured of HTTP, and `/metrics` on an address of its own: for the machine that scrapes,
//! not for clients.

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::Response;
use poem::http::{Method, Request, StatusCode, header};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// The type of the text that Prometheus reads.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long a head may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait where no more connections can be accepted.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// How many clients are connected.
pub(crate) const WEBSOCKET_CLIENTS: &str = "sightline_websocket_clients";

/// Tells the recorder what is measured here.
pub fn describe() {
    metrics::describe_gauge!(WEBSOCKET_CLIENTS, "clients that are connected over a WebSocket");
    // Until somebody has connected there would be no line of it.
    metrics::gauge!(WEBSOCKET_CLIENTS).set(0.0);
}

/// Makes the text of all metrics as they are now.
#[derive(Clone)]
pub struct Render(Arc<dyn Fn() -> String + Send + Sync>);

impl Render {
    /// What `render` says.
    pub fn new(render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(render))
    }
}

impl fmt::Debug for Render {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Render(..)")
    }
}

/// Serves what `render` says at `/metrics` until it is dropped. What a client does wrong ends its
/// own connection.
pub async fn serve(listener: TcpListener, render: Render) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, render.clone()))),
            Err(error) => {
                tracing::warn!(%error, "a scraper could not be let in");
                // Where descriptors are short, the next try is as well.
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, render: Render) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &render);
        std::future::ready(Ok::<poem::http::Response<_>, Infallible>(answer.into()))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a scraper went away");
    }
}

fn answer(method: &Method, path: &str, render: &Render) -> Response {
    match (method, path) {
        (&Method::GET, "/metrics") => {
            Response::builder().content_type(CONTENT_TYPE).body((render.0)())
        }
        (_, "/metrics") => Response::builder()
            .status(StatusCode::METHOD_NOT_ALLOWED)
            .header(header::ALLOW, "GET")
            .finish(),
        _ => StatusCode::NOT_FOUND.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn metrics_are_at_their_path_alone() {
        let render = Render::new(|| "up 1\n".to_owned());
        let found = answer(&Method::GET, "/metrics", &render);
        assert_eq!(found.content_type(), Some(CONTENT_TYPE));
        assert_eq!(found.into_body().into_string().await.expect("text"), "up 1\n");
        assert_eq!(answer(&Method::POST, "/metrics", &render).status(), 405);
        assert_eq!(answer(&Method::GET, "/", &render).status(), 404);
    }
}
