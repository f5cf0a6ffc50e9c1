//! Hints from the bus: there is work, or a wish to cancel. Who misses one looks a little later.

use super::shop::Shop;
use crate::bus::{Bus, Delivery, DropPolicy, Message, Numbering, Payload};
use crate::supervise::worker::Service;
use ractor::ActorCell;
use schema::event::Wake;
use schema::subject::{Pattern, Subject};
use schema::{Error, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Hints that may wait.
const WAITING: usize = 256;
/// How long the bus may take for a hint.
const PATIENCE: Duration = Duration::from_millis(200);

/// Listens for hints.
#[derive(Clone)]
pub(crate) struct Listening(pub(crate) Arc<Shop>);

impl Service for Listening {
    async fn run(self, stop: CancellationToken, _: ActorCell) -> Result<()> {
        let pattern = Pattern::from(Subject::WakeJobs);
        let bus = &self.0.bus;
        let mut hints = bus.subscribe(&pattern, WAITING, DropPolicy::Oldest).await?;
        loop {
            let delivery = tokio::select! {
                delivery = hints.next() => delivery,
                () = stop.cancelled() => return Ok(()),
            };
            match delivery {
                Some(Delivery::Message(message)) => self.hear(&message),
                // Missed wishes to cancel are seen when leases are extended.
                Some(Delivery::Gap(_)) => self.0.wake.notify_one(),
                None => return Ok(()),
            }
        }
    }
}

impl Listening {
    fn hear(&self, message: &Message) {
        let Payload::Json(json) = &message.payload;
        match serde_json::from_slice::<Wake>(json) {
            Ok(wake) if wake.cancel => self.0.active.look(wake.job),
            Ok(_) => self.0.wake.notify_one(),
            Err(error) => tracing::debug!(%error, "a hint is not understood"),
        }
    }
}

/// Gives a hint to all nodes.
pub(crate) async fn hint(bus: &dyn Bus, wake: Wake) {
    let Ok(payload) = serde_json::to_vec(&wake) else { return };
    let message = Message {
        subject: Subject::WakeJobs.to_string(),
        payload: Payload::Json(payload.into()),
        numbering: Numbering::None,
        owner: None,
    };
    let told = tokio::time::timeout(PATIENCE, bus.publish(message)).await;
    let told = told.map_err(|e| Error::internal("hint", e)).and_then(|told| told);
    if let Err(error) = told {
        tracing::debug!(job = %wake.job, %error, "a hint did not go out");
    }
}
