//! One connection, from its first message to its close.
//!
//! One task reads, replays, and sends: while a client does not read, its live events wait in its
//! bounded inbox and are dropped there, at no cost to others. It is told (`lagged`) and
//! what is stored is replayed from its cursor. A subscription is either replaying from the store,
//! page by page, or live; between two pages the live ones go on. With every heartbeat it looks at the store again: that finds what a bus
//! lost, and moves the cursor on, which so never passes an event that was not sent.

use super::inbox::Delivery;
use super::listening::{Listening, Replaying};
use super::protocol::{self, ClientMessage, EventText, Filter, ServerMessage};
use super::{Limits, Opening};
use crate::app::Services;
use crate::auth::Principal;
use crate::listener::expect_readable;
use actors::handle::{Platform, Replay};
use futures_util::{SinkExt, StreamExt};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use poem::web::websocket::{CloseCode, Message, WebSocketStream};
use schema::event::{Cursor, Event};
use schema::subject::Pattern;
use schema::{Error, ErrorKind, Result};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

/// Close code of a connection whose caller is not, or no longer, known.
const UNAUTHENTICATED: u16 = 4401;
/// Close code of a server that cannot serve the client now (RFC 6455 registry).
const TRY_AGAIN_LATER: u16 = 1013;
/// How long a client may take to close in its turn.
const FAREWELL: Duration = Duration::from_secs(1);
/// Stored events that are read at a time.
const PAGE: u32 = 256;
/// Live messages that are sent before the socket is flushed.
const BATCH: usize = 64;

/// Why a connection ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client left, or cannot be reached.
    Gone,
    /// The server closes, with this code and these words.
    Close(u16, String),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Unauthenticated | ErrorKind::TokenExpired => {
                Self::Close(UNAUTHENTICATED, error.message().to_owned())
            }
            _ => Self::Close(CloseCode::Error.into(), error.message().to_owned()),
        }
    }
}

/// What a step ends with: the connection goes on, or not.
type Step<T = ()> = std::result::Result<T, End>;

/// Serves one connection until it ends.
pub(super) async fn serve(socket: WebSocketStream, opening: Opening) {
    let Opening { services, principal, place: _place } = opening;
    let limits = services.hub.limits;
    let mut session = Session {
        socket,
        platform: services.platform.clone(),
        services,
        inbound: RateLimiter::direct(Quota::per_second(limits.messages_per_second)),
        limits,
        listening: Listening::new(),
        heard: Instant::now(),
        unflushed: 0,
    };
    let end = match session.run(principal).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    if let End::Close(code, reason) = end {
        tracing::debug!(code, reason, "websocket closed");
        // Read to the end, or what the client still sends would take the close away with it. Whoever
        // does not take it is gone.
        let farewell = async {
            if session.socket.send(Message::close_with(code, reason)).await.is_ok() {
                while let Some(Ok(_)) = session.socket.next().await {}
            }
        };
        let _ = timeout(FAREWELL, farewell).await;
    }
}

struct Session {
    socket: WebSocketStream,
    platform: Platform,
    services: Arc<Services>,
    limits: Limits,
    inbound: DefaultDirectRateLimiter,
    listening: Listening,
    heard: Instant,
    unflushed: usize,
}

impl Session {
    async fn run(&mut self, principal: Option<Principal>) -> Step<std::convert::Infallible> {
        let mut principal = match principal {
            Some(principal) => principal,
            None => self.introduction().await?,
        };
        self.listening.read_by(principal.scope());
        let mut heartbeat = interval(self.limits.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        let platform = self.platform.clone();
        let mut draining = pin!(platform.drain_begun());
        let mut expiry = pin!(sleep_until(until_expiry(&platform, &principal)));
        loop {
            if principal.expires_at <= platform.clock().now() {
                return Err(End::Close(UNAUTHENTICATED, "the token has expired".to_owned()));
            }
            let replay = self.listening.replaying().map(|s| (s.id.clone(), s.cursor));
            let live = replay.is_none();
            tokio::select! {
                biased;
                () = &mut draining => {
                    let words = "the server is ending: connect again".to_owned();
                    return Err(End::Close(CloseCode::Away.into(), words));
                }
                // It is looked at above.
                () = &mut expiry => expiry.set(sleep_until(until_expiry(&platform, &principal))),
                message = self.socket.next() => {
                    self.hear(message, &mut principal).await?;
                    expiry.set(sleep_until(until_expiry(&platform, &principal)));
                }
                _ = heartbeat.tick() => self.beat(&mut principal).await?,
                () = std::future::ready(()), if !live => {
                    if let Some((id, cursor)) = replay {
                        self.replay(&id, cursor, &principal).await?;
                        self.send_ready(&principal).await?;
                    }
                }
                delivery = self.listening.next(), if live => {
                    self.deliver(delivery, &principal).await?;
                    self.send_ready(&principal).await?;
                }
            }
        }
    }

    /// Waits for the first message, which must say who it is.
    async fn introduction(&mut self) -> Step<Principal> {
        let unknown = |why: &str| End::Close(UNAUTHENTICATED, why.to_owned());
        let first = timeout(self.limits.introduction, self.socket.next()).await;
        let Ok(first) = first else {
            return Err(unknown("no token came in time: send it in a first message of op auth"));
        };
        let Some(Ok(Message::Text(text))) = first else { return Err(End::Gone) };
        let Ok(ClientMessage::Auth { token }) = protocol::parse(&text) else {
            return Err(unknown("the first message must be of op auth"));
        };
        let principal = self.services.auth.bearer(&token).await?;
        self.say(&ServerMessage::Authenticated { expires_at: principal.expires_at }).await?;
        Ok(principal)
    }

    async fn hear(
        &mut self,
        message: Option<std::io::Result<Message>>,
        principal: &mut Principal,
    ) -> Step {
        self.heard = Instant::now();
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(_)) | None => return Err(End::Gone),
        };
        if self.inbound.check().is_err() {
            return Err(End::Close(CloseCode::Policy.into(), "too many messages".to_owned()));
        }
        match message {
            Message::Text(text) => match protocol::parse(&text) {
                Ok(message) => self.obey(message, principal).await,
                Err(error) => self.refuse(None, &error).await,
            },
            Message::Binary(_) => {
                let words = "messages are text".to_owned();
                Err(End::Close(CloseCode::Unsupported.into(), words))
            }
            Message::Close(_) => Err(End::Gone),
            // Pings are answered by the protocol itself.
            Message::Ping(_) | Message::Pong(_) => Ok(()),
        }
    }

    async fn obey(&mut self, message: ClientMessage, principal: &mut Principal) -> Step {
        match message {
            ClientMessage::Auth { token } => {
                let newer = self.services.auth.bearer(&token).await?;
                if newer.user.id != principal.user.id {
                    let words = "the token is another user's: connect again".to_owned();
                    return Err(End::Close(UNAUTHENTICATED, words));
                }
                *principal = newer;
                self.listening.read_by(principal.scope());
                self.say(&ServerMessage::Authenticated { expires_at: principal.expires_at }).await
            }
            ClientMessage::Subscribe { id, subjects, filter, since } => {
                match self.subscribe(&id, subjects, filter, since, principal).await {
                    Ok(cursor) => self.say(&ServerMessage::Subscribed { id: &id, cursor }).await,
                    Err(error) => self.refuse(Some(&id), &error).await,
                }
            }
            ClientMessage::Unsubscribe { id } => match self.listening.remove(&id) {
                true => self.say(&ServerMessage::Unsubscribed { id: &id }).await,
                false => {
                    let message = format!("there is no subscription {id:?}");
                    self.refuse(Some(&id), &Error::new(ErrorKind::NotFound, message)).await
                }
            },
            ClientMessage::Ping {} => self.say_heartbeat().await,
        }
    }

    /// Listens; says from where on.
    async fn subscribe(
        &mut self,
        id: &str,
        subjects: Vec<Pattern>,
        filter: Filter,
        since: Option<Cursor>,
        principal: &Principal,
    ) -> Result<Cursor> {
        let replaces = self.listening.get_mut(id).is_some();
        if self.listening.len() >= self.limits.subscriptions && !replaces {
            let message = format!("more than {} subscriptions", self.limits.subscriptions);
            return Err(Error::new(ErrorKind::RateLimited, message));
        }
        for pattern in &subjects {
            expect_readable(&self.platform, &principal.scope(), pattern).await?;
        }
        let hub = &self.services.hub;
        self.listening.add(hub, &self.platform, id, subjects, filter).await?;
        let Some(subscription) = self.listening.get_mut(id) else {
            return Err(Error::new(ErrorKind::ServerError, "the subscription is gone"));
        };
        // Without a place to begin from it is caught up at once; it says so all the same.
        subscription.replaying = Replaying::Told;
        if let Some(since) = since {
            subscription.cursor = since;
            subscription.replaying = Replaying::Asked;
        }
        Ok(subscription.cursor)
    }

    /// One page of the store for one subscription.
    async fn replay(&mut self, id: &str, since: Cursor, principal: &Principal) -> Step {
        let Some(subscription) = self.listening.get_mut(id) else { return Ok(()) };
        let patterns = subscription.patterns.clone();
        let scope = principal.scope();
        match self.platform.replay(&scope, Some(since), &patterns, PAGE).await? {
            Replay::Events { events, cursor, has_more } => {
                for event in &events {
                    self.send_stored(id, event).await?;
                }
                let Some(subscription) = self.listening.get_mut(id) else { return Ok(()) };
                subscription.cursor = cursor;
                if !has_more {
                    let was = std::mem::replace(&mut subscription.replaying, Replaying::No);
                    if was != Replaying::Quietly {
                        self.say(&ServerMessage::CaughtUp { id, cursor }).await?;
                    }
                }
                self.flush().await
            }
            Replay::Gone { oldest } => {
                if let Some(subscription) = self.listening.get_mut(id) {
                    subscription.cursor = oldest;
                }
                self.say(&ServerMessage::Gone { id, oldest }).await
            }
        }
    }

    async fn send_stored(&mut self, id: &str, event: &Event) -> Step {
        let text = EventText::new(event.to_message()?)?;
        let Some(subscription) = self.listening.get_mut(id) else { return Ok(()) };
        if !subscription.filter.wants(&text) {
            return Ok(());
        }
        let asked = subscription.replaying == Replaying::Asked;
        // It counts as sent either way.
        if event.position.is_none_or(|position| self.listening.is_new(position)) || asked {
            self.feed(&text).await?;
        }
        Ok(())
    }

    async fn deliver(&mut self, delivery: Delivery, by: &Principal) -> Step {
        match delivery {
            Delivery::Event(source, live) => {
                // What waits may have come in for a reader that may read more.
                let readable = live.owner.is_some_and(|owner| by.scope().may_access(owner));
                if readable && self.listening.is_due(source, &live) {
                    self.feed(&live.event).await?;
                }
                Ok(())
            }
            Delivery::Gap { serial, dropped } => {
                let Some(subscription) = self.listening.numbered(serial) else { return Ok(()) };
                subscription.replaying = Replaying::Told;
                let (id, cursor) = (subscription.id.clone(), subscription.cursor);
                self.say(&ServerMessage::Lagged { id: &id, dropped, cursor }).await
            }
        }
    }

    /// Sends what waits, up to a batch, then flushes.
    async fn send_ready(&mut self, by: &Principal) -> Step {
        while self.unflushed < BATCH {
            let Some(delivery) = self.listening.take() else { break };
            self.deliver(delivery, by).await?;
        }
        self.flush().await
    }

    /// Looks whether the client is still there and still who it was, and says so.
    async fn beat(&mut self, principal: &mut Principal) -> Step {
        if self.heard.elapsed() > self.limits.heartbeat * 3 {
            return Err(End::Gone);
        }
        let user = self.platform.accounts().user(principal.user.id).await;
        match user {
            Ok(user) => {
                principal.user = user;
                self.listening.read_by(principal.scope());
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(End::Close(UNAUTHENTICATED, "the user is gone".to_owned()));
            }
            Err(error) => tracing::warn!(%error, "a connection's user cannot be checked"),
        }
        for subscription in self.listening.iter_mut() {
            if subscription.replaying == Replaying::No {
                subscription.replaying = Replaying::Quietly;
            }
        }
        self.send(Message::Ping(Vec::new())).await?;
        self.say_heartbeat().await
    }

    async fn say_heartbeat(&mut self) -> Step {
        let (cursor, time) = (self.listening.cursor(), self.platform.clock().now());
        self.say(&ServerMessage::Heartbeat { cursor, time }).await
    }

    async fn refuse(&mut self, id: Option<&str>, error: &Error) -> Step {
        let (code, message) = (error.kind(), error.message());
        self.say(&ServerMessage::Error { id, code, message }).await
    }

    async fn say(&mut self, message: &ServerMessage<'_>) -> Step {
        let text = serde_json::to_string(message).map_err(|e| Error::internal("a message", e))?;
        self.send(Message::Text(text)).await
    }

    async fn send(&mut self, message: Message) -> Step {
        self.unflushed += 1;
        let sent = timeout(self.limits.patience, self.socket.feed(message)).await;
        reached(sent)?;
        self.flush().await
    }

    /// Sends an event without flushing.
    async fn feed(&mut self, event: &EventText) -> Step {
        self.unflushed += 1;
        let message = Message::text(event.text());
        reached(timeout(self.limits.patience, self.socket.feed(message)).await)
    }

    async fn flush(&mut self) -> Step {
        if self.unflushed == 0 {
            return Ok(());
        }
        self.unflushed = 0;
        reached(timeout(self.limits.patience, self.socket.flush()).await)
    }
}

/// When the principal's proof ends; what is further away than a day is looked at again then.
fn until_expiry(platform: &Platform, principal: &Principal) -> Instant {
    let left = principal.expires_at.since(platform.clock().now());
    Instant::now() + left.min(Duration::from_secs(24 * 3600))
}

/// Whether the client took what was sent, in time.
fn reached(sent: std::result::Result<std::io::Result<()>, tokio::time::error::Elapsed>) -> Step {
    let late = |_| End::Close(TRY_AGAIN_LATER, "the client does not read".to_owned());
    sent.map_err(late)?.map_err(|_| End::Gone)
}
