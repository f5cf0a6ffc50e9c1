//! The bus on NATS core: one process publishes, any may listen.
//!
//! The client connects in the background and again whenever the connection is lost; meanwhile
//! nothing is kept, as the store is the record. A subscription is moved at once from the client to
//! its own bounded queue. JetStream is not used.

mod config;
mod link;
mod serve;
mod session;
mod wire;

pub use config::{NatsAuth, NatsConfig, NatsUrl};

use crate::bus::queue::{Queue, Queued};
use crate::bus::{
    Bus, BusState, DropPolicy, Message, Payload, Requests, Subscription, check_subject,
};
use async_nats::{RequestErrorKind, Subject, Subscriber};
use async_trait::async_trait;
use futures_util::StreamExt;
use link::{Counted, Link};
use schema::subject::Pattern;
use schema::{Error, ErrorKind, Result};
use serve::{Refusal, Served};
use session::Session;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// How long a requester waits before it asks a busy group again.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// The bus on a NATS server.
#[derive(Debug)]
pub struct NatsBus(Arc<Session>);

impl NatsBus {
    /// Begins to connect, and returns at once: whether it succeeded, [`Bus::state`] tells.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` where the configuration or a file that it names is wrong.
    pub async fn connect(config: &NatsConfig) -> Result<Self> {
        // As other crates may bring another provider, none would be chosen by itself. That one was
        // installed before is as good.
        let _ = async_nats::rustls::crypto::ring::default_provider().install_default();
        let (servers, options) = config.options().await?;
        let link = Arc::new(Link::default());
        let (events, waits) = (Arc::clone(&link), Arc::clone(&link));
        let options = options
            .event_callback(move |event| {
                events.note(event);
                std::future::ready(())
            })
            .reconnect_delay_callback(move |attempt| waits.wait(attempt));
        let client = options.connect(servers.as_slice()).await.map_err(|e| {
            Error::new(ErrorKind::ValidationError, format!("the bus cannot be used: {}", e.kind()))
        })?;
        let (prefix, patience) = (config.prefix.clone(), config.patience);
        Ok(Self(Arc::new(Session { client, link, prefix, patience })))
    }

    fn subject(&self, text: &str) -> Subject {
        format!("{}.{text}", self.0.prefix).into()
    }

    fn admit(&self, message: &Message) -> Result<Subject> {
        self.0.open()?;
        check_subject(&message.subject).inspect_err(|_| {
            self.0.link.refused.fetch_add(1, Ordering::Relaxed);
        })?;
        Ok(self.subject(&message.subject))
    }

    /// Listens on the server; from the return on where there is a connection.
    async fn listen(&self, pattern: &Pattern, group: Option<&str>) -> Result<Subscriber> {
        self.0.open()?;
        let subject = self.subject(pattern.as_str());
        let client = &self.0.client;
        let subscribing = async {
            match group {
                Some(group) => client.queue_subscribe(subject, group.to_owned()).await,
                None => client.subscribe(subject).await,
            }
        };
        let subscriber = tokio::time::timeout(self.0.patience, subscribing)
            .await
            .map_err(|_| Error::new(ErrorKind::NotReady, "the bus takes no subscriptions"))?
            .map_err(|e| {
                Error::new(ErrorKind::NotReady, format!("cannot listen to {pattern}: {}", e.kind()))
            })?;
        if self.0.is_connected() {
            // Without an answer it listens from the next connection on, and is told of a gap.
            let _ = self.0.echo().await;
        }
        Ok(subscriber)
    }

    /// Asks once; nothing where everybody is busy.
    async fn ask(&self, subject: &Subject, message: &Message) -> Result<Option<Payload>> {
        self.0.ready()?;
        let (headers, payload) = wire::encode(message);
        // With an inbox of its own: the client never forgets who waits at the shared one.
        let request = async_nats::Request::new()
            .headers(headers)
            .payload(payload)
            .inbox(self.0.client.new_inbox())
            .timeout(None);
        let not_ready = |text: String| Err(Error::new(ErrorKind::NotReady, text));
        let name = &message.subject;
        match self.0.client.send_request(subject.clone(), request).await {
            Ok(answer) => match Refusal::of(&answer) {
                None => Ok(Some(Payload::Json(answer.payload))),
                Some(Refusal::Busy) => Ok(None),
                Some(Refusal::Unanswered) => {
                    not_ready(format!("a request on {name} was not answered"))
                }
            },
            Err(e) => match e.kind() {
                RequestErrorKind::NoResponders => not_ready(format!("nobody serves {name}")),
                RequestErrorKind::MaxPayloadExceeded => {
                    let text = format!("{name}: a request larger than the server takes");
                    Err(Error::new(ErrorKind::ValidationError, text))
                }
                kind => not_ready(format!("a request on {name}: {kind}")),
            },
        }
    }
}

#[async_trait]
impl Bus for NatsBus {
    async fn publish(&self, message: Message) -> Result<()> {
        let subject = self.admit(&message)?;
        let (headers, payload) = wire::encode(&message);
        self.0.send(&subject, Some(headers), payload).await
    }

    async fn flush(&self) -> Result<()> {
        self.0.ready()?;
        self.0.echo().await
    }

    async fn subscribe(
        &self,
        pattern: &Pattern,
        capacity: usize,
        policy: DropPolicy,
    ) -> Result<Box<dyn Subscription>> {
        let subscriber = self.listen(pattern, None).await?;
        let queue = Arc::new(Queue::new(capacity, policy));
        let pump = tokio::spawn(pump(Arc::clone(&self.0), subscriber, Arc::clone(&queue)));
        let guard = (AbortOnDropHandle::new(pump), Counted::new(&self.0.link));
        Ok(Box::new(Queued::new(queue, guard)))
    }

    async fn request(&self, message: Message, deadline: Duration) -> Result<Payload> {
        let subject = self.admit(&message)?;
        let asking = async {
            let mut again = tokio::time::interval(ASK_AGAIN);
            loop {
                again.tick().await;
                if let Some(answer) = self.ask(&subject, &message).await? {
                    return Ok(answer);
                }
            }
        };
        tokio::time::timeout(deadline, asking).await.unwrap_or_else(|_| {
            let ms = deadline.as_millis();
            let text = format!("no answer on {} within {ms} ms", message.subject);
            Err(Error::new(ErrorKind::NotReady, text))
        })
    }

    async fn serve(
        &self,
        pattern: &Pattern,
        group: &str,
        credits: usize,
    ) -> Result<Box<dyn Requests>> {
        let subscriber = self.listen(pattern, Some(group)).await?;
        Ok(Box::new(Served::new(Arc::clone(&self.0), subscriber, credits)))
    }

    fn state(&self) -> BusState {
        let link = &self.0.link;
        BusState {
            engine: "nats",
            connected: self.0.is_connected(),
            fault: link.fault(),
            reconnects: self.0.connections().saturating_sub(1),
            subscriptions: link.subscriptions.load(Ordering::Relaxed),
            dropped: link.dropped.load(Ordering::Relaxed),
            refused: link.refused.load(Ordering::Relaxed),
        }
    }

    async fn close(&self, deadline: Duration) {
        let session = &self.0;
        let end = Instant::now() + deadline;
        let connected = session.is_connected();
        if session.link.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        let draining = async {
            let _ = session.echo().await;
            if session.client.drain().await.is_ok() {
                session.link.ended.cancelled().await;
            }
        };
        // Drained, the client ends every subscription itself, after what has arrived.
        if !connected || tokio::time::timeout_at(end, draining).await.is_err() {
            session.link.closed.cancel();
        }
    }
}

impl Drop for NatsBus {
    fn drop(&mut self) {
        self.0.link.closing.store(true, Ordering::Release);
        self.0.link.closed.cancel();
    }
}

/// Moves what arrives to the subscription's queue, and notes what did not.
async fn pump(session: Arc<Session>, mut subscriber: Subscriber, queue: Arc<Queue>) {
    let link = &session.link;
    let mut disturbed = link.disturbances();
    let mut gaps = wire::Gaps::default();
    loop {
        let message = tokio::select! {
            // In this order: what has arrived is moved before the end is looked at.
            biased;
            Ok(()) = disturbed.changed() => {
                queue.miss(0);
                continue;
            }
            message = subscriber.next() => message,
            () = link.closed.cancelled() => None,
        };
        let Some(message) = message else { break };
        // Requests are for who serves them.
        if message.reply.is_some() {
            continue;
        }
        let Some(message) = wire::decode(&session.prefix, message) else {
            link.refused.fetch_add(1, Ordering::Relaxed);
            tracing::debug!("bus: a message that cannot be understood");
            continue;
        };
        let missing = gaps.before(&message);
        if missing > 0 {
            queue.miss(missing);
        }
        let dropped = queue.push(Arc::new(message)) + missing;
        link.dropped.fetch_add(dropped, Ordering::Relaxed);
    }
    queue.close();
}
