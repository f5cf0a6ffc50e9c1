//! What all requests together, and those of one client, may ask for.

use crate::app::Services;
use crate::auth::scheme::bearer_token;
use crate::auth::throttle::{Limiter, client_key};
use crate::config::{ApiConfig, Rate};
use crate::context::Context;
use crate::failure::Failure;
use crate::middleware::body::{self, BodyFault, BodyLimits, FORM_BYTES};
use crate::middleware::shares::{Share, Shares};
use crate::upload::essence;
use poem::Request;
use poem::http::Uri;
use poem::http::header::CONTENT_LENGTH;
use schema::ErrorKind;
use schema::id::UserId;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One client's part of the requests that are worked on at once.
const SHARE: usize = 8;
/// Bytes a second that an upload comes with at least.
const UPLOAD_RATE: u64 = 16 << 10;
/// How soon whoever has too many requests open may come again.
const BUSY: Duration = Duration::from_secs(1);
/// Whether the process lives and may be sent work is told however much is going on.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Client {
    User(UserId),
    Address(IpAddr),
}

/// Lets one request be worked on.
#[derive(Debug)]
pub struct Permit {
    _place: OwnedSemaphorePermit,
    _share: Share<Client>,
}

/// Bounds on requests.
#[derive(Debug)]
pub struct RequestLimits {
    rate: Limiter<Client>,
    in_flight: Arc<Semaphore>,
    shares: Shares<Client>,
    config: Arc<ApiConfig>,
    upload_bytes: u64,
}

impl RequestLimits {
    /// Bounds as configured; `upload_bytes` is the largest file.
    #[must_use]
    pub fn new(config: Arc<ApiConfig>, upload_bytes: u64) -> Self {
        let rate: Rate = config.rate_limit_requests;
        let in_flight = Arc::new(Semaphore::new(config.max_in_flight));
        let shares = Shares::new(config.max_in_flight / SHARE);
        Self { rate: Limiter::new(rate, "requests"), in_flight, shares, config, upload_bytes }
    }

    /// Lets `request` in, for as long as the permit is held; probes need none.
    ///
    /// # Errors
    /// `RATE_LIMITED`, also where the client has too many requests open; `NOT_READY` where too much
    /// is going on; `FILE_TOO_LARGE` for a body that says so itself.
    pub fn admit(
        &self,
        request: &mut Request,
        services: &Services,
        context: &Context,
    ) -> Result<Option<Permit>, Failure> {
        self.bound_body(request)?;
        if is_probe(request.uri()) {
            return Ok(None);
        }
        let user = bearer_token(request).and_then(|token| services.auth.user_of(token));
        let client = user.map_or_else(|| Client::Address(client_key(context.client)), Client::User);
        self.rate.check(&client)?;
        self.permit(client).map(Some)
    }

    fn permit(&self, client: Client) -> Result<Permit, Failure> {
        let share = self.shares.take(client).ok_or_else(|| {
            Failure::wait(ErrorKind::RateLimited, "too many requests at once of one client", BUSY)
        })?;
        let place = Arc::clone(&self.in_flight).try_acquire_owned();
        let busy = |_| Failure::new(ErrorKind::NotReady, "too many requests at once");
        Ok(Permit { _place: place.map_err(busy)?, _share: share })
    }

    fn bound_body(&self, request: &mut Request) -> Result<(), Failure> {
        let is_upload = essence(request).starts_with("multipart/");
        let bytes = if is_upload { self.upload_bytes + FORM_BYTES } else { FORM_BYTES };
        let declared = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok());
        if declared.and_then(|v| v.parse::<u64>().ok()).is_some_and(|length| length > bytes) {
            // Of an upload it is the file that is too large, by however little the form weighs.
            let limit = if is_upload { self.upload_bytes } else { bytes };
            return Err(BodyFault::TooLarge(limit).to_error().into());
        }
        let idle = self.config.idle;
        let limits = BodyLimits { bytes, idle, rate: is_upload.then_some(UPLOAD_RATE) };
        let unbounded = request.take_body();
        if !unbounded.is_empty() {
            request.set_body(body::guard(unbounded, limits));
        }
        Ok(())
    }
}

fn is_probe(uri: &Uri) -> bool {
    PROBES.contains(&uri.path())
}
