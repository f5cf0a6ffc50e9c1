//! The WebSocket `/api/v1/ws`: events, live and replayed, to whoever may read them.
//!
//! Who calls is told by the header `Authorization`, by a ticket (`?ticket=`, single use), or by a
//! first message of op `auth`; never by a token in the URL. What is said is in `protocol`, and in
//! the AsyncAPI document.

mod hub;
mod inbox;
mod listening;
pub(crate) mod protocol;
mod session;

use crate::app::Services;
use crate::auth::Principal;
use crate::auth::scheme::bearer_token;
use crate::context::Context;
use crate::failure::Failure;
use poem::http::header::ORIGIN;
use poem::web::Query;
use poem::web::websocket::{WebSocket, WebSocketConfig};
use poem::{FromRequest, IntoResponse, Request, Response, handler};
use schema::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

pub use hub::Hub;
pub(crate) use protocol::{ClientMessage, ServerMessage};

/// What connections may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Subscriptions of one connection.
    pub subscriptions: usize,
    /// Messages of one client per second.
    pub messages_per_second: NonZeroU32,
    /// How often the server says that it lives (`WEBSOCKET_HEARTBEAT_INTERVAL`).
    pub heartbeat: Duration,
    /// How long the first message may take, where it must say who calls.
    pub introduction: Duration,
    /// How long a client may not read before it is let go.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            subscriptions: 64,
            messages_per_second: NonZeroU32::new(100).expect("100 is not 0"),
            heartbeat: Duration::from_secs(30),
            introduction: Duration::from_secs(5),
            patience: Duration::from_secs(30),
        }
    }
}

/// What a connection begins with.
struct Opening {
    services: Arc<Services>,
    /// Who calls; nobody yet where the first message will say so.
    principal: Option<Principal>,
    place: hub::Place,
}

#[derive(Deserialize)]
struct Parameters {
    ticket: Option<String>,
}

/// Takes a client in.
#[handler]
pub(crate) async fn connect(request: &Request) -> poem::Result<Response> {
    Ok(open(request).await?)
}

async fn open(request: &Request) -> Result<Response, Failure> {
    let services = Services::of(request);
    expect_origin(request, services)?;
    let principal = caller(request, services).await?;
    let place = services.hub.place().ok_or_else(|| {
        Failure::wait(
            ErrorKind::NotReady,
            "there are as many connections as the server takes",
            Duration::from_secs(5),
        )
    })?;
    let socket = WebSocket::from_request_without_body(request).await.map_err(|_| {
        let message = "this is a WebSocket: ask for an upgrade, version 13";
        Failure::new(ErrorKind::ValidationError, message)
    })?;
    let opening = Opening { services: Arc::clone(services), principal, place };
    let config = WebSocketConfig::default()
        .max_message_size(Some(protocol::MAX_MESSAGE))
        .max_frame_size(Some(protocol::MAX_MESSAGE))
        // What clients say is short; the default would take 128 KiB of each connection.
        .read_buffer_size(4 << 10)
        .write_buffer_size(32 << 10)
        .max_write_buffer_size(1 << 20);
    let upgraded = socket.config(config).on_upgrade(|socket| session::serve(socket, opening));
    Ok(upgraded.into_response())
}

/// Whom the header or the ticket stands for; `None` where there is neither.
async fn caller(request: &Request, services: &Services) -> Result<Option<Principal>> {
    let auth = &services.auth;
    if let Some(anybody) = auth.anybody() {
        return Ok(Some(anybody));
    }
    if let Some(token) = bearer_token(request) {
        return auth.bearer(token).await.map(Some);
    }
    let Ok(Query(parameters)) = Query::<Parameters>::from_request_without_body(request).await
    else {
        return Ok(None);
    };
    parameters.ticket.map(|ticket| auth.redeem_ticket(&ticket)).transpose()
}

/// A browser says which page opens the connection: it must be the server's own or on the list.
fn expect_origin(request: &Request, services: &Services) -> Result<()> {
    let Some(origin) = request.headers().get(ORIGIN) else { return Ok(()) };
    let own = Context::of(request);
    let allowed = origin.to_str().is_ok_and(|origin| {
        origin == own.base_url || services.config.allowed_origins.iter().any(|o| o == origin)
    });
    if allowed {
        return Ok(());
    }
    let message = "pages of this origin may not connect";
    Err(Error::new(ErrorKind::Forbidden, message).with_hint("ALLOWED_ORIGINS lists those that may"))
}
