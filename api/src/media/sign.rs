//! URLs of media: signed ones work in a `<video>`, which can send no header, and still fail when
//! guessed.
//!
//! The signature is over key, user and expiry, the same for GET and HEAD and for every door that
//! serves the file. What the user may see is asked again when the file is served.

use crate::config::{ApiConfig, MediaAuth, SecretKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schema::id::UserId;
use schema::time::WallTime;
use schema::{Error, ErrorKind, Result};
use std::time::Duration;
use uuid::Uuid;

/// URLs expire at full five minutes, so that repeated answers agree and are cached.
const STEP_SECONDS: i64 = 300;

/// Makes and checks URLs of media.
#[derive(Debug, Clone)]
pub struct MediaUrls {
    keys: Vec<SecretKey>,
    auth: MediaAuth,
    lifetime: Duration,
}

impl MediaUrls {
    /// As configured.
    #[must_use]
    pub fn new(config: &ApiConfig) -> Self {
        let keys = config.signing_keys.derive("media");
        Self { keys, auth: config.media_auth, lifetime: config.media_url_lifetime }
    }

    /// Who may read media.
    #[must_use]
    pub const fn auth(&self) -> MediaAuth {
        self.auth
    }

    /// When URLs that are made at `now` expire, in seconds since the epoch; 0 where they do not.
    #[must_use]
    pub fn expiry(&self, now: WallTime) -> i64 {
        if self.auth != MediaAuth::Signed {
            return 0;
        }
        let end = now.plus(self.lifetime).epoch_seconds();
        end.div_euclid(STEP_SECONDS).saturating_add(1) * STEP_SECONDS
    }

    /// What comes after the path of the file `key` in a URL for `user`.
    #[must_use]
    pub fn query(&self, key: &str, user: UserId, now: WallTime) -> String {
        if self.auth != MediaAuth::Signed {
            return String::new();
        }
        let exp = self.expiry(now);
        let uuid = uuid_of(user);
        let tag = self.keys[0].mac(&[key.as_bytes(), uuid.as_bytes(), &exp.to_be_bytes()]);
        let sig = URL_SAFE_NO_PAD.encode([uuid.as_bytes().as_slice(), &tag].concat());
        format!("?exp={exp}&sig={sig}")
    }

    /// For whom the URL of `key` with this query was signed.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` where the signature is not ours; `TOKEN_EXPIRED` where it is too old.
    pub fn verify(&self, key: &str, exp: i64, sig: &str, now: WallTime) -> Result<UserId> {
        let wrong = || Error::new(ErrorKind::Unauthenticated, "the url's signature is not valid");
        let bytes = URL_SAFE_NO_PAD.decode(sig).map_err(|_| wrong())?;
        let (uuid, tag) = bytes.split_at_checked(16).ok_or_else(wrong)?;
        let parts: [&[u8]; 3] = [key.as_bytes(), uuid, &exp.to_be_bytes()];
        if !self.keys.iter().any(|secret| secret.verify(&parts, tag)) {
            return Err(wrong());
        }
        if now.epoch_seconds() >= exp {
            let message = "the url has expired";
            return Err(Error::new(ErrorKind::TokenExpired, message)
                .with_hint("every answer about the job has a fresh one"));
        }
        let uuid = Uuid::from_slice(uuid).map_err(|_| wrong())?;
        Ok(UserId::from_uuid(uuid))
    }
}

fn uuid_of(user: UserId) -> Uuid {
    // An id is a UUID by its type; only its text is public.
    user.to_string().parse().expect("an id's text is that of a uuid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    const KEY: &str = "outputs/output_01890a5d-ac96-774b-bcce-b302099a8057.mp4";
    const NOW: WallTime = WallTime(1_795_258_401_000_250);

    fn urls(secret: &str) -> MediaUrls {
        let settings = Settings { jwt_secret: Some(secret.to_owned()), ..Settings::default() };
        MediaUrls::new(&settings.validate(None).expect("defaults"))
    }

    fn user() -> UserId {
        "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a UUIDv7")
    }

    fn split(query: &str) -> (i64, String) {
        let query = query.strip_prefix("?exp=").expect("an expiry");
        let (exp, sig) = query.split_once("&sig=").expect("a signature");
        (exp.parse().expect("a number"), sig.to_owned())
    }

    #[test]
    fn a_url_is_for_one_file_and_one_time() {
        let urls = urls(&"a".repeat(32));
        let (exp, sig) = split(&urls.query(KEY, user(), NOW));
        assert_eq!(exp % 300, 0);
        let left = exp - NOW.epoch_seconds();
        assert!((3600..=3900).contains(&left), "{left}");
        assert_eq!(urls.verify(KEY, exp, &sig, NOW).expect("ours"), user());
        let kind = |key: &str, exp, sig: &str, now| {
            urls.verify(key, exp, sig, now).expect_err("refused").kind()
        };
        assert_eq!(kind("outputs/x", exp, &sig, NOW), ErrorKind::Unauthenticated);
        assert_eq!(kind(KEY, exp + 300, &sig, NOW), ErrorKind::Unauthenticated);
        assert_eq!(kind(KEY, exp, &sig[1..], NOW), ErrorKind::Unauthenticated);
        assert_eq!(kind(KEY, exp, "", NOW), ErrorKind::Unauthenticated);
        let later = NOW.plus(Duration::from_secs(4000));
        assert_eq!(kind(KEY, exp, &sig, later), ErrorKind::TokenExpired);
    }

    #[test]
    fn urls_made_within_five_minutes_agree_and_survive_a_new_key() {
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        let before = urls(&format!("old:{old}"));
        let rotated = urls(&format!("new:{new},old:{old}"));
        let (exp, sig) = split(&before.query(KEY, user(), NOW));
        let at = |seconds| before.query(KEY, user(), NOW.plus(Duration::from_secs(seconds)));
        // Times are told from a full five minutes.
        let begin = 300 - NOW.epoch_seconds().rem_euclid(300) as u64;
        assert_eq!(at(begin), at(begin + 299));
        assert_ne!(at(begin), at(begin + 300));
        assert!(rotated.verify(KEY, exp, &sig, NOW).is_ok());
        assert!(urls(&format!("new:{new}")).verify(KEY, exp, &sig, NOW).is_err());
    }
}
