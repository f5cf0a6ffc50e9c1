//! The bearer scheme as operations declare it: a parameter [`Caller`] means that one must sign in.

use super::Principal;
use crate::app::Services;
use crate::context::Context;
use crate::failure::Failure;
use poem::http::header::AUTHORIZATION;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use schema::{Error, ErrorKind, Result};
use std::ops::Deref;

/// The name of the scheme in the document.
pub const SCHEME: &str = "bearerAuth";

/// Somebody who showed a valid access token.
#[derive(Debug)]
pub struct Caller(pub Principal);

impl Deref for Caller {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

/// Written by hand for `AUTH_DISABLED`, and to say what is wrong with a token.
impl<'a> ApiExtractor<'a> for Caller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "http",
                description: Some("The access token of a sign-in."),
                name: None,
                key_in: None,
                scheme: Some("bearer"),
                bearer_format: Some("JWT"),
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let principal = authenticate(request).await.map_err(Failure::from)?;
        Context::of(request).set_caller(&principal);
        Ok(Self(principal))
    }
}

/// Whom the request's access token stands for.
///
/// # Errors
/// `UNAUTHENTICATED` where there is none or it is not valid; `TOKEN_EXPIRED`; `STORAGE_ERROR`.
pub async fn authenticate(request: &Request) -> Result<Principal> {
    let auth = &Services::of(request).auth;
    if let Some(anybody) = auth.anybody() {
        return Ok(anybody);
    }
    match bearer_token(request) {
        Some(token) => auth.bearer(token).await,
        None => Err(Error::new(ErrorKind::Unauthenticated, "an access token is required")
            .with_hint("send it in the header Authorization, after Bearer")),
    }
}

/// The token in the header `Authorization`, where there is exactly one such header with one.
#[must_use]
pub fn bearer_token(request: &Request) -> Option<&str> {
    let mut headers = request.headers().get_all(AUTHORIZATION).iter();
    let (only, None) = (headers.next()?, headers.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
