//! The application: what serves, and the routes it serves.

use crate::asyncapi;
use crate::auth::Auth;
use crate::config::ApiConfig;
use crate::media::sign::MediaUrls;
use crate::middleware::limits::RequestLimits;
use crate::openapi::{self, Document};
use crate::page::page;
use crate::ws::{self, Hub};
use actors::handle::Platform;
use poem::endpoint::{BoxEndpoint, make_sync};
use poem::http::header;
use poem::web::Data;
use poem::{Endpoint, Request, Response, Route, get};
use schema::Result;
use std::sync::Arc;

/// Path of the WebSocket.
pub const WEB_SOCKET: &str = "/api/v1/ws";
const OPENAPI: &str = "/openapi.json";
const OPENAPI_LEGACY: &str = "/openapi-legacy.json";
const ASYNCAPI: &str = "/asyncapi.json";
const DOCS: &str = "/docs";
/// What is served beside the operations, to be asked for with GET.
pub(crate) const OWN_PATHS: [&str; 5] = [OPENAPI, OPENAPI_LEGACY, ASYNCAPI, DOCS, WEB_SOCKET];

/// Version of the API.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that handlers use.
#[derive(Debug)]
pub struct Services {
    /// What runs.
    pub platform: Platform,
    /// How it is configured.
    pub config: Arc<ApiConfig>,
    /// Who calls.
    pub auth: Auth,
    /// URLs of media.
    pub media: MediaUrls,
    /// What may be asked for.
    pub limits: RequestLimits,
    /// The description of all this.
    pub document: Document,
    /// The connections over WebSockets.
    pub hub: Hub,
}

/// The services as a handler takes them.
pub type State<'a> = Data<&'a Arc<Services>>;

impl Services {
    /// The services behind a request.
    ///
    /// # Panics
    /// On a request that did not come through an open [`Frame`](crate::middleware::Frame); nothing
    /// else makes them.
    #[must_use]
    pub fn of(request: &Request) -> &Arc<Self> {
        request.data().expect("the outermost middleware gives every request its services")
    }
}

/// The application, to be served.
pub struct App {
    services: Arc<Services>,
}

impl App {
    /// The API over `platform`.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the document cannot be made or the system gives no random bytes;
    /// `STORAGE_ERROR`.
    pub async fn new(platform: Platform, config: Arc<ApiConfig>) -> Result<Self> {
        let services = Services {
            auth: Auth::new(platform.clone(), config.clone()).await?,
            media: MediaUrls::new(&config),
            limits: RequestLimits::new(config.clone(), platform.config().max_upload_bytes),
            document: openapi::document()?,
            hub: Hub::new(ws::Limits {
                heartbeat: config.websocket_heartbeat,
                ..ws::Limits::default()
            }),
            config,
            platform,
        };
        Ok(Self { services: Arc::new(services) })
    }

    /// Everything that handlers use.
    #[must_use]
    pub const fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// What handlers use, and all routes.
    pub(crate) fn into_parts(self) -> (Arc<Services>, Routes) {
        let document = &self.services.document;
        let mut own = Route::new()
            .at(OPENAPI, get(text("application/json", None, &document.json)))
            .at(OPENAPI_LEGACY, get(text("application/json", None, &document.legacy_json)))
            .at(DOCS, get(text("text/html; charset=utf-8", Some(DOCS_POLICY), &document.page)));
        let asyncapi = asyncapi::document(VERSION, &self.services.config.nats_prefix).to_string();
        own = own.at(ASYNCAPI, get(text("application/json", None, &asyncapi.into())));
        if self.services.config.websocket_enabled {
            own = own.at(WEB_SOCKET, get(ws::connect));
        }
        (self.services, Routes { own, api: openapi::endpoint() })
    }
}

/// The routes, by where a path belongs.
pub(crate) struct Routes {
    own: Route,
    api: BoxEndpoint<'static>,
}

impl Endpoint for Routes {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let path = request.uri().path();
        match path {
            _ if OWN_PATHS.contains(&path) => self.own.call(request).await,
            "/health" | "/livez" | "/readyz" => self.api.call(request).await,
            _ if path == "/api" || path.starts_with("/api/") => self.api.call(request).await,
            _ => page.call(request).await,
        }
    }
}

/// The documentation's page is one file with its scripts in it; it calls the API it describes.
const DOCS_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src \
                           'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                           frame-ancestors 'none'";

/// Always the same text.
fn text(
    content_type: &'static str,
    policy: Option<&'static str>,
    text: &Arc<str>,
) -> impl Endpoint<Output = Response> + 'static {
    let text = bytes::Bytes::copy_from_slice(text.as_bytes());
    make_sync(move |_| {
        let mut response = Response::builder().content_type(content_type);
        if let Some(policy) = policy {
            response = response.header(header::CONTENT_SECURITY_POLICY, policy);
        }
        response.header(header::CACHE_CONTROL, "no-cache").body(text.clone())
    })
}
