//! Passwords: Argon2id (RFC 9106) with the parameters of OWASP; bcrypt is verified, never made.
//!
//! A hash costs 19 MiB and tens of milliseconds by design, so two threads of their own compute them,
//! each in memory that it keeps (taken anew each time, it grew to 300 MB with glibc), and only so
//! many requests may wait for one. Somebody who does not exist costs the same time as a wrong
//! password; only a hash of bcrypt's, which its owner's next sign-in replaces, costs bcrypt's own.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use icu_normalizer::ComposingNormalizerBorrowed;
use schema::error::FieldFault;
use schema::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Shortest password that is taken, in characters (NIST SP 800-63B).
const MIN_CHARACTERS: usize = 8;
/// Longest password that is looked at, in bytes.
const MAX_BYTES: usize = 1024;
/// What bcrypt looks at; it would cut what is longer.
const BCRYPT_BYTES: usize = 72;
/// Hashes that are computed side by side.
const THREADS: usize = 2;
/// Requests that may wait for a thread.
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

type Work = Box<dyn FnOnce(&mut Hasher) + Send>;

/// Hashes and verifies passwords. Its threads end with it.
#[derive(Debug, Clone)]
pub struct Passwords {
    queue: mpsc::Sender<Work>,
    /// The hash of nobody's password, for those who do not exist.
    decoy: Arc<str>,
}

impl Passwords {
    /// Ready to hash.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the system gives no random bytes or no threads.
    pub fn new() -> Result<Self> {
        let decoy = Hasher::new()?.hash(b"nobody has this password")?.into();
        let (queue, waiting) = mpsc::channel::<Work>(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..THREADS {
            let (waiting, mut hasher) = (waiting.clone(), Hasher::new()?);
            let thread = std::thread::Builder::new().name("passwords".to_owned());
            let spawned = thread.spawn(move || {
                let next =
                    || waiting.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                while let Some(work) = next() {
                    work(&mut hasher);
                }
            });
            spawned.map_err(|e| Error::internal("a thread for passwords", e))?;
        }
        Ok(Self { queue, decoy })
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
            return self.blocking(move |hasher| hasher.hash(password.as_bytes())).await?;
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
        let verdict =
            self.blocking(move |hasher| hasher.verify(password.as_bytes(), &stored)).await?;
        Ok(if exists { verdict } else { Verdict::Wrong })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Hasher) -> T + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |hasher| {
            // Who has hung up meanwhile wants no answer.
            let _ = answer.send(work(hasher));
        });
        let busy = |_| Error::new(ErrorKind::NotReady, "too many sign-ins at once");
        self.queue.try_send(work).map_err(busy)?;
        answered.await.map_err(|e| Error::internal("hashing a password", e))
    }
}

/// The same letters are the same password however a keyboard composes them (RFC 8265).
fn composed(password: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(password).into_owned()
}

/// Computes hashes, one after the other.
struct Hasher {
    argon2: Argon2<'static>,
    memory: Vec<Block>,
}

impl Hasher {
    fn new() -> Result<Self> {
        let (memory, passes, lanes) = COST;
        let params =
            Params::new(memory, passes, lanes, Some(Params::DEFAULT_OUTPUT_LEN)).map_err(failed)?;
        let memory = vec![Block::default(); params.block_count()];
        Ok(Self { argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params), memory })
    }

    /// The PHC string of `password`, with a salt of its own.
    fn hash(&mut self, password: &[u8]) -> Result<String> {
        let mut salt = [0; Salt::RECOMMENDED_LENGTH];
        getrandom::fill(&mut salt).map_err(failed)?;
        let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
        self.argon2
            .hash_password_into_with_memory(password, &salt, &mut out, &mut self.memory)
            .map_err(failed)?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(self.argon2.params()).map_err(failed)?,
            salt: Some(Salt::new(&salt).map_err(failed)?),
            hash: Some(Output::new(&out).map_err(failed)?),
        };
        Ok(hash.to_string())
    }

    fn verify(&mut self, password: &[u8], stored: &str) -> Verdict {
        if stored.starts_with("$2") {
            // Cut where it does not fit: it is wrong then, but not any sooner.
            let fits = password.len() <= BCRYPT_BYTES && !password.contains(&0);
            let looked_at = if fits { password } else { b"too long for bcrypt" };
            let right = bcrypt::verify(looked_at, stored).unwrap_or(false);
            return if right && fits { Verdict::RightButOld } else { Verdict::Wrong };
        }
        match self.is_argon2_of(password, stored) {
            Some(true) if of_present_cost(stored) => Verdict::Right,
            Some(true) => Verdict::RightButOld,
            _ => Verdict::Wrong,
        }
    }

    /// `None` where `stored` is no hash of Argon2's.
    fn is_argon2_of(&mut self, password: &[u8], stored: &str) -> Option<bool> {
        let stored = PasswordHash::new(stored).ok()?;
        let (salt, expected) = (stored.salt?, stored.hash?);
        let algorithm = Algorithm::try_from(stored.algorithm.as_str()).ok()?;
        let version = Version::try_from(stored.version?).ok()?;
        let params = Params::try_from(&stored).ok()?;
        self.memory.resize(self.memory.len().max(params.block_count()), Block::default());
        let mut out = vec![0; expected.len()];
        Argon2::new(algorithm, version, params)
            .hash_password_into_with_memory(password, &salt, &mut out, &mut self.memory)
            .ok()?;
        // Compared in a time that does not tell how much of it is right.
        Some(Output::new(&out).ok()? == expected)
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("hashing a password", error)
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
    async fn hashes_are_those_of_the_standard() {
        // Of the reference implementation's tests: other cost, so it is right but old.
        let stored = "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/\
                      5U52iv1cDc";
        let passwords = Passwords::new().expect("random bytes");
        let verify = async |password: &str| {
            passwords.verify(password, Some(stored)).await.expect("nobody waits")
        };
        assert_eq!(verify("password").await, Verdict::RightButOld);
        assert_eq!(verify("Password").await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let passwords = Passwords::new().expect("random bytes");
        let (hold, held) = std::sync::mpsc::sync_channel::<()>(0);
        let held = Arc::new(Mutex::new(held));
        for _ in 0..THREADS + WAITING {
            let held = held.clone();
            let work: Work = Box::new(move |_| {
                // It ends once nobody holds the other end.
                let _ = held.lock().expect("no panic").recv();
            });
            passwords.queue.send(work).await.expect("its threads are there");
        }
        // Both threads have taken one and stand still, so that the queue is full.
        let error = passwords.verify("x", None).await.expect_err("full");
        assert_eq!(error.kind(), ErrorKind::NotReady);
        drop(hold);
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
