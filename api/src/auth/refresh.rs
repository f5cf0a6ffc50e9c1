//! Refresh tokens: opaque, 256 bits, stored hashed, used once (RFC 9700, section 4.14).
//!
//! The successor of a token is derived from it with a key of the server. So whoever presents the
//! same token twice within the grace (a lost response, two tabs side by side) gets the same
//! successor, without any secret in the store; later, or once the successor was used, it revokes
//! the family.

use crate::config::SecretKey;
use actors::handle::{Platform, RefreshToken, Rotation};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schema::account::User;
use schema::id::UserId;
use schema::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Within this time the same token may be presented again.
const GRACE: Duration = Duration::from_secs(10);
/// Length of a token's text.
const TEXT: usize = 43;

/// Makes, changes and revokes refresh tokens.
#[derive(Debug, Clone)]
pub struct RefreshTokens {
    platform: Platform,
    key: SecretKey,
    lifetime: Duration,
}

impl RefreshTokens {
    /// Tokens that live for `lifetime`; `key` derives successors.
    #[must_use]
    pub const fn new(platform: Platform, key: SecretKey, lifetime: Duration) -> Self {
        Self { platform, key, lifetime }
    }

    /// The first token of a sign-in.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn begin(&self, user: UserId) -> Result<String> {
        let token = random_token()?;
        let expires_at = self.platform.clock().now().plus(self.lifetime);
        let family = self.platform.clock().uuid();
        let stored = RefreshToken { hash: hash(&token), family, user, expires_at };
        self.platform.accounts().begin_family(stored).await?;
        Ok(token)
    }

    /// Uses `presented` up, and gives its successor.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for one that is unknown, expired, revoked, or used before: its family is
    /// revoked then. `STORAGE_ERROR`.
    pub async fn rotate(&self, presented: &str) -> Result<(User, String)> {
        if presented.len() != TEXT {
            return Err(invalid());
        }
        let successor = URL_SAFE_NO_PAD.encode(self.key.mac(&[presented.as_bytes()]));
        let now = self.platform.clock().now();
        let expires_at = now.plus(self.lifetime);
        let accounts = self.platform.accounts();
        let rotation =
            accounts.rotate(hash(presented), hash(&successor), now, expires_at, GRACE).await?;
        match rotation {
            Rotation::Rotated(user) | Rotation::Repeated(user) => Ok((user, successor)),
            Rotation::Reused => {
                tracing::warn!("a used refresh token was presented: its family is revoked");
                Err(invalid())
            }
            Rotation::Invalid => Err(invalid()),
        }
    }

    /// Revokes the family of `presented`; one that is unknown is no error.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn revoke(&self, presented: &str) -> Result<()> {
        self.platform.accounts().revoke_family(hash(presented)).await
    }
}

/// 256 random bits as text of 43 characters that is safe in URLs.
///
/// # Errors
/// `SERVER_ERROR` where the system gives no random bytes.
pub fn random_token() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Error::internal("random bytes", e))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of a token.
#[must_use]
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn invalid() -> Error {
    Error::new(ErrorKind::Unauthenticated, "the refresh token is not valid")
        .with_hint("sign in again")
}
