//! Tickets for WebSockets: one use, 30 s, in memory.
//!
//! A browser cannot send a header with a WebSocket, and a token in a URL ends in logs; a ticket in
//! a log is of no use to anybody.

use super::Principal;
use super::refresh::{hash, random_token};
use schema::time::WallTime;
use schema::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a ticket is good for.
pub const LIFETIME: Duration = Duration::from_secs(30);
/// Tickets of one user that may be out.
const PER_USER: usize = 32;
/// Tickets that may be out.
const MOST: usize = 10_000;

#[derive(Debug)]
struct Ticket {
    principal: Principal,
    expires_at: WallTime,
}

/// The tickets that are out, by their hashes.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<BTreeMap<[u8; 32], Ticket>>);

impl Tickets {
    /// A new ticket that stands for `principal`.
    ///
    /// # Errors
    /// `RATE_LIMITED` where too many are out.
    pub fn issue(&self, principal: Principal, now: WallTime) -> Result<String> {
        let token = random_token()?;
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.retain(|_, ticket| ticket.expires_at > now);
        let user = principal.user.id;
        let own = out.values().filter(|ticket| ticket.principal.user.id == user).count();
        if own >= PER_USER || out.len() >= MOST {
            let message = "too many tickets for WebSockets are out";
            return Err(Error::new(ErrorKind::RateLimited, message));
        }
        out.insert(hash(&token), Ticket { principal, expires_at: now.plus(LIFETIME) });
        Ok(token)
    }

    /// Takes a ticket, for whom it stands for.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for one that is unknown, used or too old.
    pub fn redeem(&self, token: &str, now: WallTime) -> Result<Principal> {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.remove(&hash(token))
            .filter(|ticket| ticket.expires_at > now)
            .map(|ticket| ticket.principal)
            .ok_or_else(|| Error::new(ErrorKind::Unauthenticated, "the ticket is not valid"))
    }
}
