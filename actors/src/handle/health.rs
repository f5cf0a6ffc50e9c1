//! How the node is doing.

use super::Platform;
use crate::job::model::choose;
use crate::media::{self, ABANDONED_DECODERS};
use schema::job::parameters::Counting;
use schema::{Error, ErrorKind, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a component may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How the node is doing, as `/health` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// In one word.
    pub status: HealthStatus,
    /// Its parts by name: `detector`, `store`, `bus`, `objects`, and those that are not built yet.
    pub components: BTreeMap<&'static str, Component>,
    /// The version of Sightline.
    pub version: &'static str,
}

/// How a node is doing, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Everything that is there works.
    Healthy,
    /// It works, but a part does not.
    Degraded,
}

/// One part of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Component {
    /// Whether it works.
    pub status: ComponentState,
    /// What is to be known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Whether a part works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ComponentState {
    /// It does.
    Up,
    /// It does not.
    Down,
    /// This version has none.
    Absent,
}

impl Component {
    fn up(message: impl Into<Option<String>>) -> Self {
        Self { status: ComponentState::Up, message: message.into() }
    }

    fn down(message: impl Into<String>) -> Self {
        Self { status: ComponentState::Down, message: Some(message.into()) }
    }

    const fn absent() -> Self {
        Self { status: ComponentState::Absent, message: None }
    }
}

impl Platform {
    /// How the node is doing, part by part.
    pub async fn health(&self) -> Health {
        let (detector, store, objects) =
            tokio::join!(self.detector(), self.store(), self.objects());
        let components = BTreeMap::from([
            ("bus", self.bus()),
            ("detector", detector),
            ("homography", Component::absent()),
            ("objects", objects),
            ("reid", Component::absent()),
            ("store", store),
        ]);
        let sound = components.values().all(|c| c.status != ComponentState::Down)
            && self.observe().degraded().next().is_none();
        let status = if sound { HealthStatus::Healthy } else { HealthStatus::Degraded };
        Health { status, components, version: env!("CARGO_PKG_VERSION") }
    }

    /// Whether the node takes work.
    ///
    /// # Errors
    /// `NOT_READY` that gives every reason why not.
    pub async fn ready(&self) -> Result<()> {
        let mut reasons = Vec::new();
        if self.is_draining() {
            reasons.push("the server is ending".to_owned());
        }
        let abandoned = media::abandoned();
        if abandoned >= ABANDONED_DECODERS {
            reasons.push(format!("{abandoned} decoders hang: no more work is begun"));
        }
        for (name, component) in [("store", self.store().await), ("objects", self.objects().await)]
        {
            if component.status == ComponentState::Down {
                reasons.push(format!("{name}: {}", component.message.unwrap_or_default()));
            }
        }
        match reasons.is_empty() {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::NotReady, reasons.join("; "))),
        }
    }

    async fn detector(&self) -> Component {
        let abandoned = media::abandoned();
        if abandoned >= ABANDONED_DECODERS {
            return Component::down(format!("{abandoned} decoders hang"));
        }
        let models = &self.0.engines.workshop.models;
        match choose(models, &Counting::default()).await {
            Ok(chosen) => Component::up(Some(chosen.model.info.model)),
            Err(error) => Component::down(error.to_string()),
        }
    }

    async fn store(&self) -> Component {
        in_time(async { self.0.engines.store.head().await.map(drop) }).await
    }

    async fn objects(&self) -> Component {
        in_time(async {
            match self.0.engines.objects.free_bytes().await? {
                Some(0) => Err(Error::new(ErrorKind::InsufficientStorage, "the disk is full")),
                _ => Ok(()),
            }
        })
        .await
    }

    fn bus(&self) -> Component {
        let state = self.0.engines.bus.state();
        match state.connected {
            true => Component::up(Some(state.engine.to_owned())),
            false => Component::down(format!("{} is away", state.engine)),
        }
    }
}

/// Whether an answer comes, and in time.
async fn in_time(answer: impl Future<Output = Result<()>>) -> Component {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(())) => Component::up(None),
        Ok(Err(error)) => Component::down(error.to_string()),
        Err(_) => Component::down(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}
