//! Who calls: accounts, sign-in, tokens.
//!
//! [`Auth`] is the one service behind all doors; what they call things and how they say it is
//! theirs. Nothing here tells whether an account exists.

pub mod password;
pub mod refresh;
pub mod scheme;
pub mod throttle;
pub mod ticket;
pub mod token;
mod users;

use crate::config::{ApiConfig, Environment, Registration};
use crate::failure::Failure;
use actors::clock::Clock;
use actors::handle::{NewUser, Platform};
use password::{Passwords, Verdict};
use refresh::RefreshTokens;
use schema::account::{Role, Scope, User};
use schema::error::FieldFault;
use schema::id::UserId;
use schema::time::WallTime;
use schema::{Error, ErrorKind, Result};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use throttle::{Limiter, LoginThrottle, client_key};
use ticket::Tickets;
use token::AccessTokens;
use users::Users;
use uuid::Uuid;

/// Somebody whose identity was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub user: User,
    /// When the proof ends: a connection that outlives it is closed then.
    pub expires_at: WallTime,
}

impl Principal {
    /// On whose behalf the platform is called.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        Scope::User { id: self.user.id, role: self.user.role }
    }

    /// Whether this is an admin.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.user.role == Role::Admin
    }
}

/// Somebody who has just signed in, with what to show from now on.
#[derive(Clone)]
pub struct Session {
    /// Who.
    pub user: User,
    /// For requests.
    pub access_token: String,
    /// For the next session.
    pub refresh_token: String,
}

/// What somebody gives to register.
#[derive(Clone)]
pub struct Account {
    /// The name to sign in with.
    pub username: String,
    /// The password.
    pub password: String,
    /// Where mail would go.
    pub email: Option<String>,
}

/// Accounts, sign-in, tokens.
#[derive(Debug)]
pub struct Auth {
    platform: Platform,
    config: Arc<ApiConfig>,
    access: AccessTokens,
    refresh: RefreshTokens,
    passwords: Passwords,
    tickets: Tickets,
    logins: LoginThrottle,
    registrations: Limiter<IpAddr>,
    users: Users,
}

impl Auth {
    /// Ready to sign people in.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the system gives no random bytes; `STORAGE_ERROR`.
    pub async fn new(platform: Platform, config: Arc<ApiConfig>) -> Result<Self> {
        let keys = &config.signing_keys;
        let key = keys.derive("refresh").swap_remove(0);
        let auth = Self {
            access: AccessTokens::new(keys, config.access_token_lifetime),
            refresh: RefreshTokens::new(platform.clone(), key, config.refresh_token_lifetime),
            passwords: Passwords::new()?,
            tickets: Tickets::default(),
            logins: LoginThrottle::new(config.rate_limit_login),
            registrations: Limiter::new(config.rate_limit_register, "registrations"),
            users: Users::default(),
            platform,
            config,
        };
        if auth.config.auth_disabled {
            auth.create_developer().await?;
        }
        Ok(auth)
    }

    /// How long an access token lives.
    #[must_use]
    pub const fn access_lifetime(&self) -> Duration {
        self.access.lifetime()
    }

    /// Whom an access token stands for.
    ///
    /// # Errors
    /// `TOKEN_EXPIRED`; `UNAUTHENTICATED`, also where the user is gone; `STORAGE_ERROR`.
    pub async fn bearer(&self, token: &str) -> Result<Principal> {
        let verified = self.access.verify(token, self.platform.clock().now())?;
        let user = self.users.get(&self.platform, verified.user).await?;
        Ok(Principal { user, expires_at: verified.expires_at })
    }

    /// The user `id`, as of a few seconds ago.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` where there is none; `STORAGE_ERROR`.
    pub(crate) async fn user(&self, id: UserId) -> Result<User> {
        self.users.get(&self.platform, id).await
    }

    /// The user of a token that is valid as far as it can be told without the store.
    #[must_use]
    pub fn user_of(&self, token: &str) -> Option<UserId> {
        let now = self.platform.clock().now();
        self.access.verify(token, now).ok().map(|verified| verified.user)
    }

    /// Whoever calls, where nobody has to say who they are (`AUTH_DISABLED`).
    #[must_use]
    pub fn anybody(&self) -> Option<Principal> {
        self.config.auth_disabled.then(|| Principal {
            user: developer(self.platform.clock().now()),
            expires_at: WallTime(i64::MAX),
        })
    }

    /// A ticket for a WebSocket.
    ///
    /// # Errors
    /// `RATE_LIMITED` where too many are out.
    pub fn issue_ticket(&self, principal: Principal) -> Result<String> {
        self.tickets.issue(principal, self.platform.clock().now())
    }

    /// Takes a ticket, for whom it stands for.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`.
    pub fn redeem_ticket(&self, ticket: &str) -> Result<Principal> {
        self.tickets.redeem(ticket, self.platform.clock().now())
    }

    /// Registers somebody who calls from `address`, perhaps on behalf of `caller`.
    ///
    /// # Errors
    /// `FORBIDDEN` where registration is not open to the caller; `VALIDATION_ERROR`;
    /// `USER_EXISTS`; `RATE_LIMITED`; `NOT_READY`; `STORAGE_ERROR`.
    pub async fn register(
        &self,
        account: Account,
        caller: Option<&Principal>,
        address: IpAddr,
    ) -> Result<Session, Failure> {
        let open = match self.config.registration {
            Registration::Open => true,
            Registration::Invite => caller.is_some_and(Principal::is_admin),
            Registration::Closed => false,
        };
        if !open {
            let hint = "an admin can make an account with: sightline user add";
            return Err(Error::new(ErrorKind::Forbidden, "registration is not open")
                .with_hint(hint)
                .into());
        }
        self.registrations.check(&client_key(address))?;
        check_account(&account)?;
        let password_hash = self.passwords.hash(&account.password).await?;
        let clock = self.platform.clock();
        let user = User {
            id: UserId::from_uuid(clock.uuid()),
            username: account.username,
            email: account.email,
            role: Role::User,
            created_at: clock.now(),
        };
        let first_is_admin = self.config.environment == Environment::Development;
        let new = NewUser { user, password_hash, first_is_admin };
        let user = self.platform.accounts().create_user(new).await?;
        tracing::info!(user = %user.id, role = %user.role, "user registered");
        Ok(self.begin_session(user).await?)
    }

    /// Signs somebody in who calls from `address`.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`; `RATE_LIMITED`; `NOT_READY`; `STORAGE_ERROR`.
    pub async fn login(
        &self,
        username: &str,
        password: &str,
        address: IpAddr,
    ) -> Result<Session, Failure> {
        self.logins.check(username, address)?;
        let accounts = self.platform.accounts();
        // A name that nobody can have is not asked for, but costs the same.
        let known = match is_username(username) {
            true => accounts.credentials(username).await?,
            false => None,
        };
        let hash = known.as_ref().map(|known| known.password_hash.as_str());
        let verdict = self.passwords.verify(password, hash).await?;
        let (Some(known), Verdict::Right | Verdict::RightButOld) = (known, verdict) else {
            tracing::info!(client = %address, "sign-in refused");
            let message = "the name or the password is wrong";
            return Err(Failure::new(ErrorKind::Unauthenticated, message));
        };
        if verdict == Verdict::RightButOld {
            // Rules for new passwords do not lock out who has an old one.
            match self.passwords.hash(password).await {
                Ok(hash) => accounts.set_password_hash(known.user.id, &hash).await?,
                Err(error) => {
                    tracing::warn!(user = %known.user.id, %error, "password not rehashed");
                }
            }
        }
        Ok(self.begin_session(known.user).await?)
    }

    /// Uses a refresh token up for a new session.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`; `STORAGE_ERROR`.
    pub async fn refresh(&self, presented: &str) -> Result<Session> {
        let (user, refresh_token) = self.refresh.rotate(presented).await?;
        let access_token = self.access.issue(user.id, &**self.platform.clock())?;
        Ok(Session { user, access_token, refresh_token })
    }

    /// Ends the sign-in that a refresh token belongs to; one that is unknown is no error.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn logout(&self, presented: &str) -> Result<()> {
        self.refresh.revoke(presented).await
    }

    async fn begin_session(&self, user: User) -> Result<Session> {
        let refresh_token = self.refresh.begin(user.id).await?;
        let access_token = self.access.issue(user.id, &**self.platform.clock())?;
        Ok(Session { user, access_token, refresh_token })
    }

    async fn create_developer(&self) -> Result<()> {
        let user = developer(self.platform.clock().now());
        tracing::warn!("AUTH_DISABLED: everybody is an admin");
        // No password has this hash.
        let new = NewUser { user, password_hash: "!".to_owned(), first_is_admin: false };
        match self.platform.accounts().create_user(new).await {
            Err(error) if error.kind() != ErrorKind::UserExists => Err(error),
            _ => Ok(()),
        }
    }
}

/// Who everybody is where nobody has to sign in.
fn developer(now: WallTime) -> User {
    const ID: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);
    User {
        id: UserId::from_uuid(ID),
        username: "developer".to_owned(),
        email: None,
        role: Role::Admin,
        created_at: now,
    }
}

/// Letters, digits and `@.+-_`, as the first seed's framework takes them; nothing that looks like
/// something else.
fn is_username(name: &str) -> bool {
    (1..=150).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"@.+-_".contains(&b))
}

/// An account of `role` to be recorded, checked as at registration: for the command line, which has
/// no server to ask.
///
/// # Errors
/// `VALIDATION_ERROR`; `SERVER_ERROR` where the system gives no random bytes.
pub async fn new_user(account: Account, role: Role, clock: &dyn Clock) -> Result<NewUser> {
    check_account(&account)?;
    let password_hash = Passwords::new()?.hash(&account.password).await?;
    let user = User {
        id: UserId::from_uuid(clock.uuid()),
        username: account.username,
        email: account.email,
        role,
        created_at: clock.now(),
    };
    Ok(NewUser { user, password_hash, first_is_admin: false })
}

fn check_account(account: &Account) -> Result<()> {
    let mut faults = Vec::new();
    let mut expect = |holds: bool, field: &str, message: &str| {
        if !holds {
            let (field, message) = (field.to_owned(), message.to_owned());
            faults.push(FieldFault { field, message });
        }
    };
    let named = is_username(&account.username);
    expect(named, "username", "expected 1 to 150 of A-Z, a-z, 0-9 and @.+-_");
    let mail = account.email.as_deref().is_none_or(|email| {
        let (front, back) = email.rsplit_once('@').unwrap_or_default();
        let sound = !email.chars().any(|c| c.is_whitespace() || c.is_control());
        email.len() <= 254 && sound && !front.is_empty() && !back.is_empty()
    });
    expect(mail, "email", "expected an address, as ann@example.com");
    if faults.is_empty() { Ok(()) } else { Err(Error::validation(faults)) }
}
