//! S0-E23: sign-in as `djangorestframework-simplejwt` speaks it.

use crate::app::State;
use crate::auth::Session;
use crate::context::Context;
use crate::failure::Failure;
use crate::openapi::Tag;
use crate::wire::JsonBody;
use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use schema::error::FieldFault;
use schema::{Error, ErrorKind};

/// What somebody gives to sign in.
#[derive(Object)]
#[oai(rename = "TokenObtain")]
struct Obtain {
    /// The name.
    username: String,
    /// The password.
    #[oai(write_only)]
    password: String,
}

/// A refresh token.
#[derive(Object)]
#[oai(rename = "TokenRefresh")]
struct Refresh {
    /// As it was given out last.
    refresh: String,
}

/// An access token.
#[derive(Object)]
#[oai(rename = "TokenVerify")]
struct Verify {
    /// The token.
    token: String,
}

/// A sign-in.
#[derive(Object)]
#[oai(rename = "TokenPair")]
struct Pair {
    /// For requests.
    access: String,
    /// For the next pair; good for one use.
    refresh: String,
}

impl From<Session> for Pair {
    fn from(session: Session) -> Self {
        Self { access: session.access_token, refresh: session.refresh_token }
    }
}

/// Nothing: the token is valid.
#[derive(Object)]
#[oai(rename = "TokenValid")]
struct Valid {}

/// What that framework says of a request that failed: `detail` and `code`, or a list of sentences
/// for each faulty field.
#[derive(Object)]
pub(crate) struct SimpleJwtError {
    /// What went wrong.
    detail: Option<String>,
    /// In one word.
    code: Option<String>,
}

pub(crate) struct TokenApi;

#[OpenApi(prefix_path = "/api/token", tag = "Tag::Legacy")]
impl TokenApi {
    /// Signs somebody in.
    #[oai(path = "/", method = "post", operation_id = "legacy_token_obtain")]
    async fn obtain(
        &self,
        services: State<'_>,
        request: &Request,
        body: JsonBody<Obtain>,
    ) -> Result<Json<Pair>, Failure> {
        let Obtain { username, password } = body.0;
        let given = [("username", &username), ("password", &password)];
        let blank = given.into_iter().filter(|(_, text)| text.is_empty()).map(|(field, _)| {
            let message = "this field may not be blank".to_owned();
            FieldFault { field: field.to_owned(), message }
        });
        let blank: Vec<FieldFault> = blank.collect();
        if !blank.is_empty() {
            return Err(Error::validation(blank).into());
        }
        let client = Context::of(request).client;
        let session = services.auth.login(&username, &password, client).await;
        session.map(|session| Json(session.into())).map_err(|failure| {
            let text = "no active account found with the given credentials";
            match failure.error.kind() {
                ErrorKind::Unauthenticated => Failure::new(ErrorKind::Unauthenticated, text),
                _ => failure,
            }
        })
    }

    /// A new pair for a refresh token, which is used up.
    #[oai(path = "/refresh", method = "post", operation_id = "legacy_token_refresh")]
    async fn refresh(
        &self,
        services: State<'_>,
        body: JsonBody<Refresh>,
    ) -> Result<Json<Pair>, Failure> {
        let session = services.auth.refresh(&body.0.refresh).await.map_err(invalid)?;
        Ok(Json(session.into()))
    }

    /// Whether an access token is valid.
    #[oai(path = "/verify", method = "post", operation_id = "legacy_token_verify")]
    async fn verify(
        &self,
        services: State<'_>,
        body: JsonBody<Verify>,
    ) -> Result<Json<Valid>, Failure> {
        services.auth.bearer(&body.0.token).await.map_err(invalid)?;
        Ok(Json(Valid {}))
    }
}

/// That framework's words for a token that is none.
fn invalid(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::Unauthenticated | ErrorKind::TokenExpired => {
            Failure::new(ErrorKind::Unauthenticated, "token is invalid or expired")
        }
        _ => error.into(),
    }
}
