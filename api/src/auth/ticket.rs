//! Tickets for WebSockets: one use, 30 s, in memory.
//!
//! A browser cannot send a header with a WebSocket, and a token in a URL ends in logs; a ticket in
//! a log is of no use to anybody.

use super::refresh::{hash, random_token};
use actors::clock::Clock;
use actors::store::accounts::TokenHash;
use schema::account::User;
use schema::time::WallTime;
use schema::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a ticket is good for.
pub const LIFETIME: Duration = Duration::from_secs(30);
/// Tickets of one user that may be out.
const PER_USER: usize = 32;
/// Tickets that may be out.
const MOST: usize = 10_000;

#[derive(Debug)]
struct Ticket {
    user: User,
    /// When the sign-in behind it ends.
    session_until: WallTime,
    expires_at: WallTime,
}

/// The tickets that are out.
#[derive(Debug)]
pub struct Tickets {
    clock: Arc<dyn Clock>,
    out: Mutex<BTreeMap<TokenHash, Ticket>>,
}

impl Tickets {
    /// None is out.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, out: Mutex::default() }
    }

    /// A new ticket for `user`, whose access token ends at `session_until`.
    ///
    /// # Errors
    /// `RATE_LIMITED` where too many are out.
    pub fn issue(&self, user: User, session_until: WallTime) -> Result<String> {
        let now = self.clock.now();
        let token = random_token()?;
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.retain(|_, ticket| ticket.expires_at > now);
        let own = out.values().filter(|ticket| ticket.user.id == user.id).count();
        if own >= PER_USER || out.len() >= MOST {
            let message = "too many tickets for WebSockets are out";
            return Err(Error::new(ErrorKind::RateLimited, message));
        }
        let expires_at = now.plus(LIFETIME);
        out.insert(hash(&token), Ticket { user, session_until, expires_at });
        Ok(token)
    }

    /// Takes a ticket: whose it is, and when the sign-in behind it ends.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for one that is unknown, used or too old.
    pub fn redeem(&self, token: &str) -> Result<(User, WallTime)> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.remove(&hash(token))
            .filter(|ticket| ticket.expires_at > self.clock.now())
            .map(|ticket| (ticket.user, ticket.session_until))
            .ok_or_else(|| Error::new(ErrorKind::Unauthenticated, "the ticket is not valid"))
    }
}
