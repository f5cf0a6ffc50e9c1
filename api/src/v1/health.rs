//! Whether the server is there, works, and takes work. Open to everybody: they tell no secrets.

use crate::app::{Services, State};
use crate::failure::Failure;
use crate::openapi::Tag;
use actors::handle::{ComponentState, HealthStatus};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};
use schema::ErrorKind;
use std::collections::BTreeMap;

/// How the server is doing, in one word.
#[derive(Enum)]
#[oai(rename = "HealthStatus", rename_all = "lowercase")]
enum StatusName {
    /// Everything that is there works.
    Healthy,
    /// It works, but a part does not.
    Degraded,
    /// It opens what it stands on, and takes no other requests yet.
    Starting,
}

/// Whether a part works.
#[derive(Enum)]
#[oai(rename = "HealthComponentStatus", rename_all = "lowercase")]
enum ComponentStatusName {
    /// It does.
    Up,
    /// It does not.
    Down,
    /// This version has none.
    Absent,
}

/// How a part is doing.
#[derive(Object)]
#[oai(rename = "HealthComponent")]
struct ComponentView {
    /// Whether it works.
    status: ComponentStatusName,
    /// What is to be known of it.
    message: Option<String>,
}

/// How the server is doing.
#[derive(Object)]
#[oai(rename = "Health")]
struct HealthView {
    /// In one word.
    status: StatusName,
    /// Its parts by name.
    components: BTreeMap<String, ComponentView>,
    /// The version of Sightline.
    version: String,
}

#[derive(ApiResponse)]
enum Reported {
    /// It answers requests, if perhaps not all of its parts work.
    #[oai(status = 200)]
    Up(Json<HealthView>),
    /// It is starting.
    #[oai(status = 503)]
    Starting(
        Json<HealthView>,
        /// When to ask again, in seconds.
        #[oai(header = "Retry-After")]
        u64,
    ),
}

/// That it is so.
#[derive(Object)]
#[oai(rename = "Status")]
struct StatusView {
    /// `ok`.
    status: String,
}

/// The parts of a node, by name.
const COMPONENTS: [&str; 6] = ["bus", "detector", "homography", "objects", "reid", "store"];

pub(crate) struct HealthApi;

#[OpenApi(tag = "Tag::Health")]
impl HealthApi {
    /// How the server is doing, part by part.
    #[oai(path = "/api/v1/health", method = "get", operation_id = "health")]
    async fn canonical_health(&self, services: State<'_>) -> Result<Reported, Failure> {
        Ok(report(&services).await)
    }

    /// How the server is doing, part by part.
    #[oai(path = "/health", method = "get", operation_id = "health_unversioned")]
    async fn health(&self, services: State<'_>) -> Result<Reported, Failure> {
        Ok(report(&services).await)
    }

    /// Whether the process is alive. Where this fails, start it anew.
    #[oai(path = "/livez", method = "get", operation_id = "livez")]
    async fn livez(&self) -> Result<Json<StatusView>, Failure> {
        Ok(ok())
    }

    /// Whether the server takes work; 503 while it is starting or ending.
    #[oai(path = "/readyz", method = "get", operation_id = "readyz")]
    async fn readyz(&self, services: State<'_>) -> Result<Json<StatusView>, Failure> {
        services.platform.ready().await?;
        Ok(ok())
    }
}

/// What is answered at `path` before there are services.
///
/// # Errors
/// `NOT_READY` where the answer needs them.
pub(crate) fn starting(path: &str) -> Result<Response, Failure> {
    let not_ready = || Failure::new(ErrorKind::NotReady, "the server is starting");
    match path {
        "/livez" => Ok(ok().into_response()),
        "/health" | "/api/v1/health" => {
            let not_yet = |name: &str| {
                let message = Some("the server is starting".to_owned());
                (name.to_owned(), ComponentView { status: ComponentStatusName::Down, message })
            };
            let status = StatusName::Starting;
            let components = COMPONENTS.map(not_yet).into();
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let view = Json(HealthView { status, components, version });
            let soon = not_ready().retry_after_seconds();
            let soon = soon.expect("who finds no server ready is told when to come again");
            Ok(Reported::Starting(view, soon).into_response())
        }
        _ => Err(not_ready()),
    }
}

fn ok() -> Json<StatusView> {
    Json(StatusView { status: "ok".to_owned() })
}

async fn report(services: &Services) -> Reported {
    let health = services.platform.health().await;
    let components = health.components.into_iter().map(|(name, component)| {
        let status = match component.status {
            ComponentState::Up => ComponentStatusName::Up,
            ComponentState::Down => ComponentStatusName::Down,
            ComponentState::Absent => ComponentStatusName::Absent,
        };
        (name.to_owned(), ComponentView { status, message: component.message })
    });
    Reported::Up(Json(HealthView {
        status: match health.status {
            HealthStatus::Healthy => StatusName::Healthy,
            HealthStatus::Degraded => StatusName::Degraded,
        },
        components: components.collect(),
        version: health.version.to_owned(),
    }))
}
