//! Requests over NATS: a queue group per group, credits here, and a word for who asked in vain.

use super::Session;
use super::wire::{self, SERVICE_ERROR, SERVICE_ERROR_CODE};
use crate::bus::{Payload, Reply, Request, Requests};
use async_nats::{HeaderMap, Subject, Subscriber};
use async_trait::async_trait;
use futures_util::StreamExt;
use schema::Result;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::task::AbortOnDropHandle;

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Every credit is taken: ask again.
    Busy,
    /// It was dropped.
    Unanswered,
}

impl Refusal {
    fn headers(self) -> HeaderMap {
        let (code, text) = match self {
            Self::Busy => ("429", "busy"),
            Self::Unanswered => ("503", "unanswered"),
        };
        let mut headers = HeaderMap::new();
        headers.insert(SERVICE_ERROR_CODE, code);
        headers.insert(SERVICE_ERROR, text);
        headers
    }

    /// The refusal that an answer is, if it is one.
    pub(super) fn of(answer: &async_nats::Message) -> Option<Self> {
        let code = answer.headers.as_ref()?.get(SERVICE_ERROR_CODE)?;
        Some(if code.as_str() == "429" { Self::Busy } else { Self::Unanswered })
    }
}

/// One member's requests.
#[derive(Debug)]
pub(super) struct Served {
    receiver: mpsc::Receiver<Request>,
    _pump: AbortOnDropHandle<()>,
}

impl Served {
    pub(super) fn new(session: Arc<Session>, subscriber: Subscriber, credits: usize) -> Self {
        let credits = credits.clamp(1, Semaphore::MAX_PERMITS);
        let (sender, receiver) = mpsc::channel(credits);
        let credits = Arc::new(Semaphore::new(credits));
        let pump = tokio::spawn(pump(session, subscriber, sender, credits));
        Self { receiver, _pump: AbortOnDropHandle::new(pump) }
    }
}

#[async_trait]
impl Requests for Served {
    async fn next(&mut self) -> Option<Request> {
        self.receiver.recv().await
    }
}

/// Hands requests on, no more of them than there are credits.
async fn pump(
    session: Arc<Session>,
    mut subscriber: Subscriber,
    requests: mpsc::Sender<Request>,
    credits: Arc<Semaphore>,
) {
    loop {
        let message = tokio::select! {
            biased;
            message = subscriber.next() => message,
            () = session.link.closed.cancelled() => None,
        };
        let Some(mut message) = message else { break };
        let Some(to) = message.reply.take() else { continue };
        let Ok(credit) = Arc::clone(&credits).try_acquire_owned() else {
            session.refuse(to, Refusal::Busy);
            continue;
        };
        let reply = NatsReply { session: Arc::clone(&session), to: Some(to), _credit: credit };
        // What cannot be understood is dropped with its reply, which tells the requester.
        let Some(message) = wire::decode(&session.prefix, message) else { continue };
        if requests.try_send(Request { message, reply: Box::new(reply) }).is_err() {
            break;
        }
    }
}

/// Where the answer to one request goes.
#[derive(Debug)]
struct NatsReply {
    session: Arc<Session>,
    /// Taken by the answer.
    to: Option<Subject>,
    _credit: OwnedSemaphorePermit,
}

#[async_trait]
impl Reply for NatsReply {
    async fn answer(mut self: Box<Self>, payload: Payload) -> Result<()> {
        let Some(to) = &self.to else { return Ok(()) };
        let Payload::Json(bytes) = payload;
        self.session.send(to, None, bytes).await?;
        self.to = None;
        Ok(())
    }
}

impl Drop for NatsReply {
    fn drop(&mut self) {
        if let Some(to) = self.to.take() {
            self.session.refuse(to, Refusal::Unanswered);
        }
    }
}

impl Session {
    /// Tells a requester that it gets no answer, as well as that can be done.
    fn refuse(self: &Arc<Self>, to: Subject, refusal: Refusal) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let session = Arc::clone(self);
        runtime.spawn(async move {
            let told = session.send(&to, Some(refusal.headers()), bytes::Bytes::new()).await;
            if let Err(e) = told {
                tracing::debug!("bus: a requester was not told that nobody answers: {e}");
            }
        });
    }
}
