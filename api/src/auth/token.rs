//! Access tokens: JSON Web Tokens (RFC 7519) of one algorithm, HS256, and of one form.
//!
//! A token says who, never what somebody may do: roles are read from the store. Keys have names
//! (`kid`) so that they can be changed while tokens are out: the first signs, all verify.

use crate::config::SigningKeys;
use actors::clock::Clock;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use schema::id::UserId;
use schema::time::WallTime;
use schema::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// Longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;
/// How far the clocks of two nodes may be apart.
const LEEWAY: Duration = Duration::from_secs(10);
const ISSUER: &str = "sightline";
const AUDIENCE: &str = "sightline-api";
const ACCESS: &str = "access";

/// What a token says. Anything more, less, twice or of another type makes it invalid.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    typ: String,
    jti: Uuid,
    iat: i64,
    exp: i64,
}

/// A token that is valid, as far as it can be told without the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Whose it is.
    pub user: UserId,
    /// When it ends.
    pub expires_at: WallTime,
}

/// Makes and checks access tokens.
pub struct AccessTokens {
    signing: (Header, EncodingKey),
    verifying: BTreeMap<String, DecodingKey>,
    validation: Validation,
    lifetime: Duration,
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokens").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl AccessTokens {
    /// Tokens that are signed with the first of `keys` and live for `lifetime`.
    #[must_use]
    pub fn new(keys: &SigningKeys, lifetime: Duration) -> Self {
        let (kid, secret) = keys.first();
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) };
        let verifying = keys
            .iter()
            .map(|(kid, secret)| (kid.to_owned(), DecodingKey::from_secret(secret)))
            .collect();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "sub", "aud", "iss"]);
        // Expiry is checked in `verify`, against the time that is handed in.
        validation.validate_exp = false;
        let signing = (header, EncodingKey::from_secret(secret));
        Self { signing, verifying, validation, lifetime }
    }

    /// How long a token lives.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A new token for `user`, from now on.
    ///
    /// # Errors
    /// `SERVER_ERROR` where it cannot be signed.
    pub fn issue(&self, user: UserId, clock: &dyn Clock) -> Result<String> {
        let now = clock.now();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user,
            typ: ACCESS.to_owned(),
            jti: clock.uuid(),
            iat: now.epoch_seconds(),
            exp: now.plus(self.lifetime).epoch_seconds(),
        };
        let (header, key) = &self.signing;
        jsonwebtoken::encode(header, &claims, key)
            .map_err(|e| Error::internal("signing an access token", e))
    }

    /// Whose token this is, at `now`.
    ///
    /// # Errors
    /// `TOKEN_EXPIRED` for one of ours that has ended; `UNAUTHENTICATED` for anything else.
    pub fn verify(&self, token: &str, now: WallTime) -> Result<Verified> {
        let claims = self.claims(token).ok_or_else(invalid)?;
        let expires_at = WallTime(claims.exp.saturating_mul(1_000_000));
        let issued_at = WallTime(claims.iat.saturating_mul(1_000_000));
        let lives = expires_at.since(issued_at);
        if claims.typ != ACCESS
            || issued_at > now.plus(LEEWAY)
            || lives.is_zero()
            || lives > self.lifetime.max(Duration::from_secs(86_400))
        {
            return Err(invalid());
        }
        if now > expires_at.plus(LEEWAY) {
            return Err(Error::new(ErrorKind::TokenExpired, "the access token has expired")
                .with_hint("refresh it"));
        }
        Ok(Verified { user: claims.sub, expires_at })
    }

    fn claims(&self, token: &str) -> Option<Claims> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let key = self.verifying.get(header.kid.as_deref()?)?;
        jsonwebtoken::decode(token, key, &self.validation).ok().map(|data| data.claims)
    }
}

fn invalid() -> Error {
    Error::new(ErrorKind::Unauthenticated, "the access token is not valid")
}
