//! One client's connection: what is sent over it, and whether that arrived.

use super::link::Link;
use async_nats::connection::State;
use async_nats::{Client, HeaderMap, PublishErrorKind, Subject};
use bytes::Bytes;
use futures_util::StreamExt;
use schema::{Error, ErrorKind, Result};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A connection and what is known of it.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) link: Arc<Link>,
    pub(super) prefix: String,
    pub(super) patience: Duration,
}

/// Names no server: its address may be nobody's business.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("prefix", &self.prefix).field("link", &self.link).finish()
    }
}

impl Session {
    pub(super) fn is_connected(&self) -> bool {
        !self.link.is_closing() && self.client.connection_state() == State::Connected
    }

    /// How many connections there have been.
    pub(super) fn connections(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// `NOT_READY` once the bus is closed.
    pub(super) fn open(&self) -> Result<()> {
        if self.link.is_closing() {
            return Err(Error::new(ErrorKind::NotReady, "the bus is closed"));
        }
        Ok(())
    }

    /// `NOT_READY` while there is no connection.
    pub(super) fn ready(&self) -> Result<()> {
        self.open()?;
        if self.is_connected() {
            return Ok(());
        }
        let why = self.link.fault().unwrap_or_else(|| "no connection yet".to_owned());
        Err(Error::new(ErrorKind::NotReady, format!("the bus is away: {why}")))
    }

    /// Hands a message to the connection, and waits no longer than patience for room.
    ///
    /// # Errors
    /// `NOT_READY`, `VALIDATION_ERROR` as of [`crate::bus::Bus::publish`].
    pub(super) async fn send(
        &self,
        subject: &Subject,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<()> {
        let sent = self.try_send(subject, headers, payload).await;
        if sent.is_err() {
            self.link.refused.fetch_add(1, Ordering::Relaxed);
        }
        sent
    }

    async fn try_send(
        &self,
        subject: &Subject,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<()> {
        self.ready()?;
        let size = payload.len();
        let sending = async {
            match headers {
                Some(headers) => {
                    self.client.publish_with_headers(subject.clone(), headers, payload).await
                }
                None => self.client.publish(subject.clone(), payload).await,
            }
        };
        let Ok(sent) = tokio::time::timeout(self.patience, sending).await else {
            return Err(Error::new(
                ErrorKind::NotReady,
                "the bus takes nothing: its server stalls",
            ));
        };
        sent.map_err(|e| match e.kind() {
            PublishErrorKind::MaxPayloadExceeded => {
                let most = self.client.max_payload();
                let text = format!("{subject}: {size} bytes with their headers are too many");
                Error::new(ErrorKind::ValidationError, text)
                    .with_hint(format!("the server's max_payload is {most} bytes"))
            }
            PublishErrorKind::InvalidSubject => {
                Error::new(ErrorKind::ValidationError, format!("{subject}: not a subject"))
            }
            PublishErrorKind::Send => Error::new(ErrorKind::NotReady, "the bus is closed"),
        })
    }

    /// Sends a message to oneself: a server deals with a connection's messages in their order, so
    /// that it has seen all that were sent over this one before.
    ///
    /// # Errors
    /// `NOT_READY` where it does not come back, or the connection is lost meanwhile.
    pub(super) async fn echo(&self) -> Result<()> {
        let mut disturbed = self.link.disturbances();
        let connection = self.connections();
        let there_and_back = async {
            let inbox = self.client.new_inbox();
            let mut echo = self.client.subscribe(inbox.clone()).await.ok()?;
            self.client.publish(inbox, Bytes::new()).await.ok()?;
            echo.next().await
        };
        let gone = async {
            while disturbed.changed().await.is_ok() {
                if !self.is_connected() || self.connections() != connection {
                    return;
                }
            }
        };
        tokio::select! {
            back = tokio::time::timeout(self.patience, there_and_back) => match back {
                Ok(Some(_)) if self.connections() == connection => Ok(()),
                Ok(_) => Err(lost()),
                Err(_) => {
                    let ms = self.patience.as_millis();
                    let text = format!("the bus did not answer within {ms} ms");
                    Err(Error::new(ErrorKind::NotReady, text))
                }
            },
            () = gone => Err(lost()),
        }
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::NotReady, "the bus went away: what was published may be lost")
}
