//! What every request passes through, the outermost first: context and request id, cross-origin
//! rules, limits, the path without its last slash; on the way back: every failure in the form of
//! its door, security headers, one line in the log.

pub mod body;
pub mod client;
pub mod cors;
pub mod limits;
pub mod security;
pub mod shares;

use crate::app::Services;
use crate::config::{ApiConfig, Environment};
use crate::context::Context;
use crate::door::Door;
use crate::failure::{Failure, from_poem};
use crate::v1::health::starting;
use actors::clock::Clock;
use futures_util::FutureExt;
use poem::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use poem::{Endpoint, Request, Response};
use schema::ErrorKind;
use std::fmt::{Debug, Formatter};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

/// Carries the request's id, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// All of the middleware, around routes that may come later: until then requests are answered that
/// the server is starting.
pub struct Frame<E> {
    config: Arc<ApiConfig>,
    clock: Arc<dyn Clock>,
    within: OnceLock<Within<E>>,
}

struct Within<E> {
    services: Arc<Services>,
    routes: E,
}

impl<E> Frame<E> {
    /// The middleware, with nothing within yet.
    #[must_use]
    pub const fn new(config: Arc<ApiConfig>, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock, within: OnceLock::new() }
    }

    /// Lets `routes` answer with `services` from now on; the first call counts.
    pub fn open(&self, services: Arc<Services>, routes: E) {
        self.within.get_or_init(|| Within { services, routes });
    }
}

impl<E> Debug for Frame<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let is_open = self.within.get().is_some();
        f.debug_struct("Frame").field("is_open", &is_open).finish_non_exhaustive()
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Frame<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let config = &self.config;
        let context = Arc::new(self.context(&request));
        request.set_data(context.clone());
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let origin = cors::allowed_origin(&request, &config.allowed_origins);
        let preflight = cors::preflight(&request);
        let is_preflight = preflight.is_some();
        let mut response = match preflight {
            Some(response) => response,
            None => self.answer(request, &context, &path).await,
        };
        let headers = response.headers_mut();
        cors::apply(headers, origin, is_preflight);
        security::apply(headers, context.base_url.starts_with("https:"));
        if let Ok(id) = HeaderValue::from_str(&context.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        // The path without its query: that may hold tickets and signatures.
        tracing::info!(
            request = %context.request_id,
            client = %context.client,
            user = context.caller().map(|(id, _)| tracing::field::display(id)),
            %method,
            path,
            status = response.status().as_u16(),
            ms = (context.elapsed_seconds() * 1000.0) as u64,
            "request"
        );
        Ok(response)
    }
}

impl<E: Endpoint<Output = Response>> Frame<E> {
    fn context(&self, request: &Request) -> Context {
        let config = &self.config;
        let (peer, headers) = (client::peer(request), request.headers());
        let client = client::address(peer, headers, &config.trusted_proxies);
        let said = || client::base_url(peer, headers, &config.trusted_proxies);
        let base_url = config.public_base_url.clone().unwrap_or_else(said);
        let given = request.header(REQUEST_ID).filter(|id| is_request_id(id));
        let made = || self.clock.uuid().to_string();
        let request_id = given.map_or_else(made, str::to_owned);
        let door = Door::of(request.uri().path());
        Context::new(request_id, client, door, base_url, self.clock.now())
    }

    /// The answer to a request, whatever happens.
    async fn answer(&self, mut request: Request, context: &Context, path: &str) -> Response {
        let within = self.within.get();
        let result = async {
            let Some(Within { services, routes }) = within else {
                trim_slash(&mut request);
                return Ok(starting(request.uri().path())?);
            };
            request.set_data(services.clone());
            let _permit = services.limits.admit(&mut request, services, context)?;
            trim_slash(&mut request);
            let answer = AssertUnwindSafe(routes.call(request)).catch_unwind().await;
            answer.unwrap_or_else(|_| {
                tracing::error!(request = %context.request_id, "a handler panicked");
                Err(Failure::new(ErrorKind::ServerError, "the server failed").into())
            })
        };
        let error = match result.await {
            Ok(response) => return response,
            // Whoever made a whole response of it meant that one.
            Err(error) if error.is_from_response() => return error.into_response(),
            Err(error) => error,
        };
        let mut failure = from_poem(error);
        let status = context.door.status(failure.error.kind());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            // Nothing is wrong with a server that is starting.
            if within.is_some() {
                tracing::warn!(request = %context.request_id, error = ?failure.error, "refused for now");
            }
        } else if status.is_server_error() {
            tracing::error!(request = %context.request_id, error = ?failure.error, "request failed");
        }
        let verbose = self.config.environment != Environment::Production;
        if status == 500 && !verbose {
            // What is ours is in the log, by the request's id.
            failure = Failure::new(failure.error.kind(), "the server failed");
        }
        let mut response = context.door.render(&failure, context, path, verbose);
        if within.is_none()
            && let Some(soon) = response.headers().get(header::RETRY_AFTER).cloned()
        {
            // For people who look at it in a browser.
            response.headers_mut().insert(header::REFRESH, soon);
        }
        if failure.error.kind() == ErrorKind::MethodNotAllowed
            && let Some(within) = within
            && let Some(allowed) = within.services.document.allowed_methods(path)
            && let Ok(allowed) = HeaderValue::from_str(&allowed)
        {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        response
    }
}

/// 1 to 128 letters that are safe in a log.
fn is_request_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

/// `/api/jobs/` is `/api/jobs`, for every method and without a redirect.
fn trim_slash(request: &mut Request) {
    let uri = request.uri();
    let path = uri.path();
    let Some(trimmed) = path.strip_suffix('/').filter(|p| !p.is_empty()) else { return };
    let target = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    if let Ok(target) = target.parse::<Uri>() {
        *request.uri_mut() = target;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slash_at_the_end_is_trimmed() {
        for (path, expected) in [
            ("/api/jobs/", "/api/jobs"),
            ("/api/jobs/?page=2", "/api/jobs?page=2"),
            ("/api/jobs", "/api/jobs"),
            ("/", "/"),
            ("/a//", "/a/"),
        ] {
            let mut request = Request::builder().uri_str(path).finish();
            trim_slash(&mut request);
            assert_eq!(request.uri().to_string(), expected);
        }
    }

    #[test]
    fn request_ids_of_clients_are_looked_at() {
        for good in ["a", "01890a5d-ac96-774b-bcce-b302099a8057", "x_1.2:3"] {
            assert!(is_request_id(good), "{good}");
        }
        for bad in ["", "a b", "a\nb", "ä", "<script>", &"x".repeat(129)] {
            assert!(!is_request_id(bad), "{bad:?}");
        }
    }
}
