//! The one document: made of the handlers' types, finished here, then served, printed, shown and
//! filtered for the first seed's clients.

mod fields;
mod finish;
mod kinds;
mod plain;
mod schemas;

use crate::s0::{jobs::LegacyJobsApi, me::MeApi, token::TokenApi};
use crate::v1::auth::AuthApi;
use crate::v1::events::EventsApi;
use crate::v1::health::HealthApi;
use crate::v1::job_types::JobTypesApi;
use crate::v1::jobs::JobsApi;
use crate::v1::media::MediaApi;
use poem::IntoEndpoint;
use poem::endpoint::BoxEndpoint;
use poem_openapi::{OpenApiService, Tags};
use schema::{Error, ErrorKind, Result};
use serde_json::Value;
use std::sync::Arc;

/// Groups of operations.
#[derive(Tags)]
pub enum Tag {
    /// Accounts and sign-in.
    Auth,
    /// Jobs: submit, follow, fetch.
    Jobs,
    /// What happened, for those who were away.
    Events,
    /// Files of jobs.
    Media,
    /// Whether the server is there and works.
    Health,
    /// The first seed's paths and shapes, over the same services.
    Legacy,
}

/// What the document says, in every form in which it is needed.
#[derive(Debug)]
pub struct Document {
    /// All operations.
    pub json: Arc<str>,
    /// The first seed's alone.
    pub legacy_json: Arc<str>,
    /// A page that shows and tries them.
    pub page: Arc<str>,
    methods: Vec<(Vec<String>, String)>,
}

type Apis =
    (AuthApi, JobsApi, JobTypesApi, EventsApi, MediaApi, HealthApi, LegacyJobsApi, MeApi, TokenApi);

fn service() -> OpenApiService<Apis, ()> {
    let apis = (
        AuthApi,
        JobsApi,
        JobTypesApi,
        EventsApi,
        MediaApi,
        HealthApi,
        LegacyJobsApi,
        MeApi,
        TokenApi,
    );
    OpenApiService::new(apis, "Sightline", env!("CARGO_PKG_VERSION")).description(
        "Who and what was where, when, on which camera. Every answer carries `X-Request-Id`; \
         times are RFC 3339 in UTC; ids are opaque strings.",
    )
}

/// The routes of every operation.
pub(crate) fn endpoint() -> BoxEndpoint<'static> {
    service().into_endpoint()
}

/// Makes the document.
///
/// # Errors
/// `SERVER_ERROR` where it does not come out whole; the tests see to it that it does.
pub fn document() -> Result<Document> {
    let service = service();
    let raw = service.spec();
    let value = serde_json::from_str(&raw).map_err(|e| Error::internal("the document", e))?;
    let whole = finish::finish(value)?;
    let legacy = finish::legacy(&whole);
    let json = print(&whole)?;
    // A script ends at the first `</script`, whatever stands around it.
    let page = service.swagger_ui_html().replacen(&raw, &json.replace("</", "<\\/"), 1);
    Ok(Document {
        methods: finish::methods(&whole),
        legacy_json: print(&legacy)?.into(),
        page: page.into(),
        json: json.into(),
    })
}

fn print(value: &Value) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|e| Error::internal("the document", e))
}

impl Document {
    /// The methods at a path, as `Allow` names them; nothing where there is no such path.
    #[must_use]
    pub fn allowed_methods(&self, path: &str) -> Option<String> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let wanted: Vec<&str> = path.split('/').collect();
        let fits = |template: &[String]| {
            let rest = template.last().is_some_and(|last| last == "{path}");
            let lengths = match rest {
                true => template.len() <= wanted.len(),
                false => template.len() == wanted.len(),
            };
            lengths && template.iter().zip(&wanted).all(|(t, w)| t.starts_with('{') || t == w)
        };
        self.methods.iter().find(|(path, _)| fits(path)).map(|(_, methods)| methods.clone())
    }
}

/// A part of the document that is not as it must be.
fn broken(what: &str) -> Error {
    Error::new(ErrorKind::ServerError, format!("the document has no {what}"))
}
