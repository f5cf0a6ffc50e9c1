//! Accounts and sign-in.

use crate::app::{Services, State};
use crate::auth::scheme::{Caller, authenticate, bearer_token};
use crate::auth::ticket::LIFETIME;
use crate::auth::{Account, Session};
use crate::context::Context;
use crate::failure::Failure;
use crate::openapi::Tag;
use crate::wire::JsonBody;
use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};
use schema::account::{Role, User};

/// What somebody gives to register.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct RegisterRequest {
    /// The name to sign in with: 1 to 150 of A-Z, a-z, 0-9 and `@.+-_`; unique regardless of case.
    username: String,
    /// 8 characters to 1024 bytes.
    #[oai(write_only)]
    password: String,
    /// Where mail would go.
    email: Option<String>,
}

/// What somebody gives to sign in.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct LoginRequest {
    /// The name.
    username: String,
    /// The password.
    #[oai(write_only)]
    password: String,
}

/// A refresh token.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct RefreshRequest {
    /// As it was given out last.
    refresh_token: String,
}

/// What a user may do.
#[derive(Enum)]
#[oai(rename_all = "lowercase")]
enum UserRole {
    /// Own jobs and media.
    User,
    /// Everything, everybody's.
    Admin,
}

/// A user.
#[derive(Object)]
#[oai(rename = "User")]
pub(crate) struct UserView {
    /// Who.
    id: String,
    /// The name to sign in with.
    username: String,
    /// Where mail would go.
    email: Option<String>,
    /// What they may do.
    role: UserRole,
    /// When they were registered, RFC 3339.
    created_at: String,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username,
            email: user.email,
            role: match user.role {
                Role::User => UserRole::User,
                Role::Admin => UserRole::Admin,
            },
            created_at: user.created_at.to_string(),
        }
    }
}

/// A sign-in.
#[derive(Object)]
#[oai(rename = "Session")]
struct SessionView {
    /// Who.
    user: UserView,
    /// For requests: `Authorization: Bearer ...`.
    access_token: String,
    /// For the next session; good for one use.
    refresh_token: String,
    /// `Bearer`.
    token_type: String,
    /// How long the access token lives, in seconds.
    expires_in: u64,
}

/// A sign-in, enveloped.
#[derive(Object)]
struct SessionBody {
    /// The sign-in.
    data: SessionView,
}

/// A user, enveloped.
#[derive(Object)]
struct UserBody {
    /// The user.
    data: UserView,
}

/// A ticket for a WebSocket.
#[derive(Object)]
#[oai(rename = "Ticket")]
struct TicketView {
    /// For `/api/v1/ws?ticket=...`; good for one use.
    ticket: String,
    /// How long it is good for, in seconds.
    expires_in: u64,
}

/// A ticket, enveloped.
#[derive(Object)]
struct TicketBody {
    /// The ticket.
    data: TicketView,
}

#[derive(ApiResponse)]
enum Registered {
    /// The account is made, and signed in.
    #[oai(status = 201)]
    Created(Json<SessionBody>),
}

#[derive(ApiResponse)]
enum LoggedOut {
    /// The sign-in has ended, or there was none.
    #[oai(status = 204)]
    Done,
}

pub(crate) struct AuthApi;

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Tag::Auth")]
impl AuthApi {
    /// Registers somebody.
    ///
    /// Where registration is by invitation, an admin does it, with their access token.
    #[oai(path = "/register", method = "post", operation_id = "register")]
    async fn register(
        &self,
        services: State<'_>,
        request: &Request,
        body: JsonBody<RegisterRequest>,
    ) -> Result<Registered, Failure> {
        let RegisterRequest { username, password, email } = body.0;
        let caller = match bearer_token(request) {
            Some(_) => Some(authenticate(request).await?),
            None => None,
        };
        let account = Account { username, password, email };
        let client = Context::of(request).client;
        let session = services.auth.register(account, caller.as_ref(), client).await?;
        Ok(Registered::Created(Json(view(&services, session))))
    }

    /// Signs somebody in.
    #[oai(path = "/login", method = "post", operation_id = "login")]
    async fn login(
        &self,
        services: State<'_>,
        request: &Request,
        body: JsonBody<LoginRequest>,
    ) -> Result<Json<SessionBody>, Failure> {
        let LoginRequest { username, password } = body.0;
        let client = Context::of(request).client;
        let session = services.auth.login(&username, &password, client).await?;
        Ok(Json(view(&services, session)))
    }

    /// Begins a new session with a refresh token, which is used up.
    ///
    /// Presented again within ten seconds it gives the same successor, for answers that were lost;
    /// after that it ends the sign-in, since it may be stolen.
    #[oai(path = "/refresh", method = "post", operation_id = "refresh")]
    async fn refresh(
        &self,
        services: State<'_>,
        body: JsonBody<RefreshRequest>,
    ) -> Result<Json<SessionBody>, Failure> {
        let session = services.auth.refresh(&body.0.refresh_token).await?;
        Ok(Json(view(&services, session)))
    }

    /// Ends the sign-in that a refresh token belongs to.
    #[oai(path = "/logout", method = "post", operation_id = "logout")]
    async fn logout(
        &self,
        services: State<'_>,
        body: JsonBody<RefreshRequest>,
    ) -> Result<LoggedOut, Failure> {
        services.auth.logout(&body.0.refresh_token).await?;
        Ok(LoggedOut::Done)
    }

    /// Who calls.
    #[oai(path = "/me", method = "get", operation_id = "me")]
    async fn me(&self, caller: Caller) -> Result<Json<UserBody>, Failure> {
        Ok(Json(UserBody { data: caller.0.user.into() }))
    }

    /// A ticket for `/api/v1/ws`, for browsers, which can send no header there.
    #[oai(path = "/ws-ticket", method = "post", operation_id = "create_ws_ticket")]
    async fn ws_ticket(
        &self,
        services: State<'_>,
        caller: Caller,
    ) -> Result<Json<TicketBody>, Failure> {
        let ticket = services.auth.issue_ticket(caller.0)?;
        Ok(Json(TicketBody { data: TicketView { ticket, expires_in: LIFETIME.as_secs() } }))
    }
}

fn view(services: &Services, session: Session) -> SessionBody {
    SessionBody {
        data: SessionView {
            user: session.user.into(),
            access_token: session.access_token,
            refresh_token: session.refresh_token,
            token_type: "Bearer".to_owned(),
            expires_in: services.auth.access_lifetime().as_secs(),
        },
    }
}
