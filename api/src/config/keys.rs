//! Secret keys, which never print.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// Shortest secret that is taken, in bytes: as long as what HS256 makes of it (RFC 7518, 3.2).
pub const MIN_SECRET: usize = 32;
/// The name of a key that was given none.
const UNNAMED: &str = "main";

/// Keys that tokens are signed with, by name; the first signs, all verify.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeys(Vec<(String, Vec<u8>)>);

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(kid, _)| kid)).finish()
    }
}

impl SigningKeys {
    /// Reads `kid:secret,kid:secret`, or one secret without a name.
    ///
    /// # Errors
    /// What is wrong, without any of the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys: Vec<(String, Vec<u8>)> = Vec::new();
        for (i, part) in text.split(',').enumerate() {
            let (kid, secret) = part.split_once(':').unwrap_or((UNNAMED, part));
            let named = !kid.is_empty()
                && kid.len() <= 64
                && kid.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if !named {
                return Err(format!(
                    "key {}: its name is not 1 to 64 of A-Z, 0-9, -, _ and .",
                    i + 1
                ));
            }
            if secret.len() < MIN_SECRET {
                let length = secret.len();
                return Err(format!("key {}: {length} bytes are fewer than {MIN_SECRET}", i + 1));
            }
            if keys.iter().any(|(other, _)| other == kid) {
                return Err(format!("key {}: its name is there twice", i + 1));
            }
            keys.push((kid.to_owned(), secret.as_bytes().to_vec()));
        }
        Ok(Self(keys))
    }

    /// One key without a name.
    #[must_use]
    pub fn single(secret: &[u8]) -> Self {
        Self(vec![(UNNAMED.to_owned(), secret.to_vec())])
    }

    /// The one that signs.
    #[must_use]
    pub fn first(&self) -> (&str, &[u8]) {
        let (kid, secret) = self.0.first().expect("there is one at least, by construction");
        (kid, secret)
    }

    /// All of them, the one that signs first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(kid, secret)| (kid.as_str(), secret.as_slice()))
    }

    /// A key for another purpose from each of them, in the same order.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Vec<SecretKey> {
        self.iter().map(|(_, secret)| SecretKey(mac(secret, &[purpose.as_bytes()]))).collect()
    }
}

/// A key of 256 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey([u8; 32]);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl SecretKey {
    /// HMAC-SHA-256 of `parts`, each with its length before it.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.0, parts)
    }

    /// Whether `tag` is the [`SecretKey::mac`] of `parts`, in a time that does not tell how much
    /// of it is right.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        begin(&self.0, parts).verify_slice(tag).is_ok()
    }
}

fn begin(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    begin(key, parts).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn keys_have_names_and_a_length() {
        let keys = SigningKeys::parse(&format!("new:{SECRET}x,old:{SECRET}")).expect("two keys");
        assert_eq!(keys.first(), ("new", format!("{SECRET}x").as_bytes()));
        assert_eq!(keys.iter().count(), 2);
        assert_eq!(SigningKeys::parse(SECRET).expect("one key").first().0, "main");
        for bad in ["", "short", &format!("a b:{SECRET}"), &format!("a:{SECRET},a:{SECRET}")] {
            let error = SigningKeys::parse(bad).expect_err("refused");
            assert!(!error.contains(SECRET) && !error.contains("short"), "{error}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let keys = SigningKeys::parse(&format!("new:{SECRET}")).expect("one key");
        let printed = format!("{keys:?} {:?}", keys.derive("media"));
        assert_eq!(printed, r#"["new"] [SecretKey(..)]"#);
    }

    #[test]
    fn parts_are_kept_apart() {
        let key = &SigningKeys::single(SECRET.as_bytes()).derive("media")[0];
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
        assert!(key.verify(&[b"ab"], &key.mac(&[b"ab"])));
        assert!(!key.verify(&[b"ab"], &key.mac(&[b"ab"])[..16]));
    }
}
