//! Passwords: Argon2id (RFC 9106) with the parameters of OWASP; bcrypt is verified, never made.
//!
//! A hash costs 19 MiB and tens of milliseconds by design, so only a few are computed at once, on
//! threads that may block, and only so many requests may wait for one. Somebody who does not exist
//! costs the same time as a wrong password.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use icu_normalizer::ComposingNormalizerBorrowed;
use schema::error::FieldFault;
use schema::{Error, ErrorKind, Result};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Shortest password that is taken, in characters (NIST SP 800-63B).
const MIN_CHARACTERS: usize = 8;
/// Longest password that is looked at, in bytes.
const MAX_BYTES: usize = 1024;
/// What bcrypt looks at; it would cut what is longer.
const BCRYPT_BYTES: usize = 72;
/// Hashes that are computed side by side.
const PERMITS: usize = 2;
/// Requests that may wait for a permit.
const WAITING: usize = 64;
/// 19 MiB, two passes, one lane.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// What a password turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not the one.
    Wrong,
    /// The one.
    Right,
    /// The one, but its hash is of an older kind: make a new one.
    RightButOld,
}

/// Hashes and verifies passwords.
#[derive(Debug, Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// The hash of nobody's password, for those who do not exist.
    decoy: Arc<str>,
}

impl Passwords {
    /// Ready to hash.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the system gives no random bytes.
    pub fn new() -> Result<Self> {
        let decoy = hash(b"nobody has this password")?.into();
        let (permits, queue) = (Semaphore::new(PERMITS), Semaphore::new(PERMITS + WAITING));
        Ok(Self { permits: Arc::new(permits), queue: Arc::new(queue), decoy })
    }

    /// The PHC string of a new password.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for one that is too short or too long; `NOT_READY` where too many wait.
    pub async fn hash(&self, password: &str) -> Result<String> {
        let fault = if password.len() > MAX_BYTES {
            format!("longer than {MAX_BYTES} bytes")
        } else if password.chars().count() < MIN_CHARACTERS {
            format!("shorter than {MIN_CHARACTERS} characters")
        } else {
            let password = composed(password);
            return self.blocking(move || hash(password.as_bytes())).await?;
        };
        Err(Error::validation(vec![FieldFault { field: "password".to_owned(), message: fault }]))
    }

    /// Whether `password` is the one that `stored` was made of; `None` where there is nobody. It
    /// takes the same time then.
    ///
    /// # Errors
    /// `NOT_READY` where too many wait.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verdict> {
        if password.len() > MAX_BYTES {
            return Ok(Verdict::Wrong);
        }
        let exists = stored.is_some();
        let stored: Arc<str> = stored.map_or_else(|| self.decoy.clone(), Arc::from);
        let password = composed(password);
        let verdict = self.blocking(move || verify(password.as_bytes(), &stored)).await?;
        Ok(if exists { verdict } else { Verdict::Wrong })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let busy = |_| Error::new(ErrorKind::NotReady, "too many sign-ins at once");
        let _place = self.queue.try_acquire().map_err(busy)?;
        let permit = self.permits.clone().acquire_owned().await;
        let permit = permit.map_err(|e| Error::internal("hashing a password", e))?;
        // The permit goes with the work: who hangs up does not make room for more of it.
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        work.await.map_err(|e| Error::internal("hashing a password", e))
    }
}

/// The same letters are the same password however a keyboard composes them (RFC 8265).
fn composed(password: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(password).into_owned()
}

fn argon2() -> Result<Argon2<'static>> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None)
        .map_err(|e| Error::internal("parameters of argon2", e))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8]) -> Result<String> {
    let hash = argon2()?.hash_password(password);
    hash.map(|h| h.to_string()).map_err(|e| Error::internal("hashing a password", e))
}

fn verify(password: &[u8], stored: &str) -> Verdict {
    if stored.starts_with("$2") {
        let fits = password.len() <= BCRYPT_BYTES && !password.contains(&0);
        let right = fits && bcrypt::verify(password, stored).unwrap_or(false);
        return if right { Verdict::RightButOld } else { Verdict::Wrong };
    }
    let Ok(parsed) = PasswordHash::new(stored) else { return Verdict::Wrong };
    if Argon2::default().verify_password(password, &parsed).is_err() {
        return Verdict::Wrong;
    }
    if of_present_cost(stored) { Verdict::Right } else { Verdict::RightButOld }
}

fn of_present_cost(stored: &str) -> bool {
    let (memory, passes, lanes) = COST;
    stored.starts_with(&format!("$argon2id$v=19$m={memory},t={passes},p={lanes}$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legacy(password: &str) -> String {
        bcrypt::hash(password, 4).expect("a cost from 4 on")
    }

    #[tokio::test]
    async fn a_password_is_right_or_wrong() {
        let passwords = Passwords::new().expect("random bytes");
        let hash = passwords.hash("nul \0 and ünïcode").await.expect("long enough");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let verify = async |password: &str| {
            passwords.verify(password, Some(&hash)).await.expect("nobody waits")
        };
        assert_eq!(verify("nul \0 and ünïcode").await, Verdict::Right);
        assert_eq!(verify("nul \0 and u\u{308}ni\u{308}code").await, Verdict::Right);
        assert_eq!(verify("nul ").await, Verdict::Wrong);
        assert_eq!(passwords.verify("x", None).await.expect("nobody waits"), Verdict::Wrong);
        assert_eq!(verify(&"x".repeat(1_000_000)).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn bcrypt_is_verified_and_made_anew() {
        let passwords = Passwords::new().expect("random bytes");
        let stored = legacy("correct horse battery");
        let verify = async |password: &str, stored: &str| {
            passwords.verify(password, Some(stored)).await.expect("nobody waits")
        };
        assert_eq!(verify("correct horse battery", &stored).await, Verdict::RightButOld);
        assert_eq!(verify("correct horse", &stored).await, Verdict::Wrong);
        // bcrypt would cut both after 72 bytes and call them equal.
        let long = "a".repeat(72);
        assert_eq!(verify(&format!("{long}b"), &legacy(&long)).await, Verdict::Wrong);
        assert_eq!(verify("correct horse battery\0x", &stored).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn new_passwords_have_a_length() {
        let passwords = Passwords::new().expect("random bytes");
        for bad in ["short", &"x".repeat(1_000_000)] {
            let error = passwords.hash(bad).await.expect_err("refused");
            assert_eq!(error.fields()[0].field, "password");
            assert!(!error.message().contains("xxx"), "the password is told");
        }
    }
}
