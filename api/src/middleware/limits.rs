//! What all requests together, and those of one client, may ask for.

use crate::app::Services;
use crate::auth::scheme::bearer_token;
use crate::auth::throttle::{Limiter, client_key};
use crate::config::{ApiConfig, Rate};
use crate::context::Context;
use crate::failure::Failure;
use crate::middleware::body::{self, BodyFault, BodyLimits, FORM_BYTES};
use poem::Request;
use poem::http::header::CONTENT_LENGTH;
use schema::ErrorKind;
use schema::id::UserId;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Client {
    User(UserId),
    Address(IpAddr),
}

/// Bounds on requests.
#[derive(Debug)]
pub struct RequestLimits {
    rate: Limiter<Client>,
    in_flight: Arc<Semaphore>,
    config: Arc<ApiConfig>,
    upload_bytes: u64,
}

impl RequestLimits {
    /// Bounds as configured; `upload_bytes` is the largest file.
    #[must_use]
    pub fn new(config: Arc<ApiConfig>, upload_bytes: u64) -> Self {
        let rate: Rate = config.rate_limit_requests;
        let in_flight = Arc::new(Semaphore::new(config.max_in_flight));
        Self { rate: Limiter::new(rate, "requests"), in_flight, config, upload_bytes }
    }

    /// Lets `request` in, for as long as the permit is held.
    ///
    /// # Errors
    /// `RATE_LIMITED`; `NOT_READY` where too much is going on; `FILE_TOO_LARGE` for a body that
    /// says so itself.
    pub fn admit(
        &self,
        request: &mut Request,
        services: &Services,
        context: &Context,
    ) -> Result<OwnedSemaphorePermit, Failure> {
        let user = bearer_token(request).and_then(|token| services.auth.user_of(token));
        let client = user.map_or_else(|| Client::Address(client_key(context.client)), Client::User);
        self.rate.check(&client)?;
        let permit = self.in_flight.clone().try_acquire_owned();
        let busy = |_| Failure::new(ErrorKind::NotReady, "too many requests at once");
        let permit = permit.map_err(busy)?;
        self.bound_body(request)?;
        Ok(permit)
    }

    fn bound_body(&self, request: &mut Request) -> Result<(), Failure> {
        let is_upload =
            request.content_type().is_some_and(|t| t.trim_start().starts_with("multipart/"));
        let bytes = if is_upload { self.upload_bytes + FORM_BYTES } else { FORM_BYTES };
        let declared = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok());
        if declared.and_then(|v| v.parse::<u64>().ok()).is_some_and(|length| length > bytes) {
            // Of an upload it is the file that is too large, by however little the form weighs.
            let limit = if is_upload { self.upload_bytes } else { bytes };
            return Err(BodyFault::TooLarge(limit).to_error().into());
        }
        let idle = self.config.idle;
        let limits = BodyLimits { bytes, idle, total: (!is_upload).then_some(idle) };
        let unbounded = request.take_body();
        if !unbounded.is_empty() {
            request.set_body(body::guard(unbounded, limits));
        }
        Ok(())
    }
}
