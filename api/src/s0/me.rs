//! S0-E15: who calls.

use crate::auth::scheme::Caller;
use crate::failure::Failure;
use crate::openapi::Tag;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

/// The user who calls.
#[derive(Object)]
#[oai(rename = "LegacyUser")]
struct Me {
    /// Who.
    id: String,
    /// The name to sign in with.
    username: String,
    /// Where mail would go.
    email: Option<String>,
    /// `user` or `admin`.
    role: String,
}

pub(crate) struct MeApi;

#[OpenApi(prefix_path = "/api", tag = "Tag::Legacy")]
impl MeApi {
    /// Who calls.
    #[oai(path = "/me", method = "get", operation_id = "legacy_me")]
    async fn me(&self, caller: Caller) -> Result<Json<Me>, Failure> {
        let user = caller.0.user;
        Ok(Json(Me {
            id: user.id.to_string(),
            username: user.username,
            email: user.email,
            role: user.role.name().to_owned(),
        }))
    }
}
