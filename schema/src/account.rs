//! Users, their roles, and on whose behalf something is read or written.

use crate::error::{Error, ErrorKind};
use crate::id::UserId;
use crate::time::WallTime;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Own jobs and media.
    User,
    /// Everything, everybody's.
    Admin,
}

impl Role {
    /// The wire name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::User, Self::Admin].into_iter().find(|r| r.name() == text).ok_or_else(|| {
            let message = format!("role {text:?}: expected user or admin");
            Error::new(ErrorKind::ValidationError, message)
        })
    }
}

/// On whose behalf something is read or written. Every operation of the store takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The system itself: job actors, the recorder, the command line beside the data folder.
    System,
    /// A user.
    User {
        /// Who.
        id: UserId,
        /// In which role.
        role: Role,
    },
}

impl Scope {
    /// Whether what `owner` owns may be read and changed. Who may not is told that it does not
    /// exist.
    #[must_use]
    pub fn may_access(&self, owner: UserId) -> bool {
        match self {
            Self::System | Self::User { role: Role::Admin, .. } => true,
            Self::User { id, role: Role::User } => *id == owner,
        }
    }

    /// The one owner to whom reading is limited; `None` where everybody's may be read.
    #[must_use]
    pub const fn only_owner(&self) -> Option<UserId> {
        match self {
            Self::System | Self::User { role: Role::Admin, .. } => None,
            Self::User { id, role: Role::User } => Some(*id),
        }
    }
}

/// A user, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// The name to sign in with, as it was registered; unique regardless of case.
    pub username: String,
    /// Where mail would go.
    pub email: Option<String>,
    /// What they may do.
    pub role: Role,
    /// When they were registered.
    #[serde(with = "crate::time::rfc3339")]
    pub created_at: WallTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> UserId {
        text.parse().expect("a UUIDv7")
    }

    #[test]
    fn users_reach_their_own_and_admins_everything() {
        let (ann, ben) = (
            user("01890a5d-ac96-774b-bcce-b302099a8057"),
            user("01890a5d-ac96-774b-bcce-b302099a8058"),
        );
        let scope = |id, role| Scope::User { id, role };
        assert!(scope(ann, Role::User).may_access(ann));
        assert!(!scope(ann, Role::User).may_access(ben));
        assert!(scope(ann, Role::Admin).may_access(ben));
        assert!(Scope::System.may_access(ben));
        assert_eq!(scope(ann, Role::User).only_owner(), Some(ann));
        assert_eq!(scope(ann, Role::Admin).only_owner(), None);
    }

    #[test]
    fn roles_have_names() {
        for role in [Role::User, Role::Admin] {
            assert_eq!(role.name().parse::<Role>().expect("its own name"), role);
            assert_eq!(serde_json::to_value(role).expect("a string"), role.name());
        }
        assert!("root".parse::<Role>().is_err());
    }
}
