//! What is known of the request at hand: its id, its client, who calls.

use crate::auth::Principal;
use crate::door::Door;
use poem::Request;
use schema::account::Role;
use schema::id::UserId;
use schema::time::WallTime;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};
use tokio::time::Instant;

/// What is known of a request. Every request has one before it reaches a handler.
#[derive(Debug)]
pub struct Context {
    /// Its id, as answers and the log name it.
    pub request_id: String,
    /// Where it comes from, behind the proxies that are trusted.
    pub client: IpAddr,
    /// The form in which the path's clients expect errors.
    pub door: Door,
    /// Scheme and host as the client sees them, `https://a.example`.
    pub base_url: String,
    /// When it came.
    pub received_at: WallTime,
    begun: Instant,
    caller: OnceLock<(UserId, Role)>,
}

impl Context {
    /// Of a request whose caller is not known yet.
    #[must_use]
    pub fn new(
        request_id: String,
        client: IpAddr,
        door: Door,
        base_url: String,
        received_at: WallTime,
    ) -> Self {
        let (begun, caller) = (Instant::now(), OnceLock::new());
        Self { request_id, client, door, base_url, received_at, begun, caller }
    }

    /// How long the request has taken so far, in seconds.
    #[must_use]
    pub fn elapsed_seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// The context of `request`; of one that came past the middleware an empty one.
    #[must_use]
    pub fn of(request: &Request) -> Arc<Self> {
        request.data::<Arc<Self>>().cloned().unwrap_or_else(|| {
            let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            let door = Door::of(request.uri().path());
            Arc::new(Self::new(String::new(), nowhere, door, String::new(), WallTime(0)))
        })
    }

    /// Remembers who calls; the first word counts.
    pub fn set_caller(&self, principal: &Principal) {
        // A second principal of one request cannot be: a handler has one caller.
        let _ = self.caller.set((principal.user.id, principal.user.role));
    }

    /// Who calls, where that is known.
    #[must_use]
    pub fn caller(&self) -> Option<(UserId, Role)> {
        self.caller.get().copied()
    }
}
