//! Users and their refresh tokens in the store. Hashes come in and go out; secrets never do.

use async_trait::async_trait;
use icu_normalizer::ComposingNormalizerBorrowed;
use schema::Result;
use schema::account::{Role, User};
use schema::id::UserId;
use schema::time::WallTime;
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// A user to be recorded.
#[derive(Clone, PartialEq, Eq)]
pub struct NewUser {
    /// Without anything secret.
    pub user: User,
    /// The password's hash, a PHC string.
    pub password_hash: String,
    /// Whether the very first user becomes an admin whatever `user.role` says.
    pub first_is_admin: bool,
}

/// A user with what is needed to check a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Without anything secret.
    pub user: User,
    /// The password's hash, a PHC string.
    pub password_hash: String,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser").field("user", &self.user).finish_non_exhaustive()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The form in which user names are compared: compatibility forms are made alike (NFKC of
/// UAX #15), then lower case, then NFKC once more, as lower case may undo it. So `Ann`, `ANN` and
/// the same in full width are one name. Spaces are kept; letters that merely look alike stay
/// different.
#[must_use]
pub fn fold_username(username: &str) -> String {
    let nfkc = const { ComposingNormalizerBorrowed::new_nfkc() };
    nfkc.normalize(&nfkc.normalize(username).to_lowercase()).into_owned()
}

/// SHA-256 of a refresh token.
pub type TokenHash = [u8; 32];

/// A refresh token, by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// SHA-256 of the token.
    pub hash: TokenHash,
    /// All tokens that go back to one sign-in.
    pub family: Uuid,
    /// Whose it is.
    pub user: UserId,
    /// When it stops being of use.
    pub expires_at: WallTime,
}

/// What became of a refresh token that was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// It was used now, and its successor is live.
    Rotated(User),
    /// It was used a moment ago, within the grace, and its successor (the same one) is still
    /// unused: a response was lost, or two requests ran side by side. A caller that brings another
    /// successor is told `Invalid`, and nothing is revoked.
    Repeated(User),
    /// It was used before: it may be stolen. Its whole family is revoked now.
    Reused,
    /// It is unknown, expired or revoked.
    Invalid,
}

/// Users and refresh tokens in the store.
#[async_trait]
pub trait AccountStore: fmt::Debug + Send + Sync {
    /// Records a user.
    ///
    /// # Errors
    /// `USER_EXISTS` where the name is taken, regardless of case; `STORAGE_ERROR`.
    async fn create_user(&self, new: NewUser) -> Result<User>;

    /// The user `id`.
    ///
    /// # Errors
    /// `NOT_FOUND`; `STORAGE_ERROR`.
    async fn user(&self, id: UserId) -> Result<User>;

    /// A user by name, regardless of case, with the password's hash; `None` where there is none.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn credentials(&self, username: &str) -> Result<Option<Credentials>>;

    /// Replaces the password's hash.
    ///
    /// # Errors
    /// `NOT_FOUND`; `STORAGE_ERROR`.
    async fn set_password_hash(&self, id: UserId, hash: &str) -> Result<()>;

    /// How many users have this role.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn count_users(&self, role: Role) -> Result<u64>;

    /// Records the first refresh token of a family.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn begin_family(&self, token: RefreshToken) -> Result<()>;

    /// Uses the token `presented` and makes its successor with hash `successor` live, in one step:
    /// however many present it side by side, one branch lives.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn rotate(
        &self,
        presented: TokenHash,
        successor: TokenHash,
        now: WallTime,
        expires_at: WallTime,
        grace: Duration,
    ) -> Result<Rotation>;

    /// Revokes the family of the token `presented`; nothing where it is unknown.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn revoke_family(&self, presented: TokenHash) -> Result<()>;

    /// Forgets tokens that expired before `before`; says how many.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn prune_tokens(&self, before: WallTime) -> Result<u64>;
}
