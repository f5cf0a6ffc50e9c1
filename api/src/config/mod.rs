//! The configuration of the HTTP layer: raw [`Settings`], validated [`ApiConfig`].
//!
//! Names, environment variables and files are the command line's business; here is what the
//! values must be, and all that are wrong are told at once. Secrets never print.

mod keys;
mod values;

pub use keys::{MIN_SECRET, SecretKey, SigningKeys};
pub use values::{Network, Rate, is_origin};

use schema::error::FieldFault;
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// Where the server runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// On a desk: generous, and it says why something failed.
    #[default]
    Development,
    /// As production, told apart in logs only.
    Staging,
    /// Nothing is let through that was not asked for.
    Production,
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody.
    Open,
    /// Whom an admin registers.
    Invite,
    /// Nobody: accounts are made with `sightline user add`.
    Closed,
}

/// Who may read media.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaAuth {
    /// Whoever has a URL that the server signed, or a token of somebody who may.
    #[default]
    Signed,
    /// Whoever has a token of somebody who may.
    Bearer,
    /// Everybody who knows the URL.
    Public,
}

/// The section as it is written; what is left out has a default, the same as in the table of settings
/// of the command line.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `ENVIRONMENT`.
    pub environment: Environment,
    /// `PUBLIC_BASE_URL`: how clients reach the server; default: as the request says.
    pub public_base_url: Option<String>,
    /// `ALLOWED_ORIGINS`: pages that may call the API from a browser.
    pub allowed_origins: Option<Vec<String>>,
    /// `TRUSTED_PROXIES`: whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<String>,
    /// `JWT_SECRET`: keys that sign.
    pub jwt_secret: Option<String>,
    /// `REGISTRATION`.
    pub registration: Option<Registration>,
    /// `AUTH_DISABLED`: everybody is an admin; in development only.
    pub auth_disabled: bool,
    /// `MEDIA_AUTH`.
    pub media_auth: MediaAuth,
    /// `MEDIA_URL_TTL_SECONDS`: how long a signed URL is good for at least.
    pub media_url_ttl_seconds: Option<u64>,
    /// `RATE_LIMIT_REQUESTS` of one client.
    pub rate_limit_requests: Option<String>,
    /// `RATE_LIMIT_LOGIN` of one account; four times as many of one address.
    pub rate_limit_login: Option<String>,
    /// `RATE_LIMIT_REGISTER` of one address.
    pub rate_limit_register: Option<String>,
    /// Requests that are worked on at once.
    pub max_in_flight: Option<usize>,
    /// Connections that are held at once.
    pub max_connections: Option<usize>,
    /// How long a head may take, and how long a body may pause, in seconds.
    pub idle_seconds: Option<u64>,
    /// `WEBSOCKET_ENABLED`.
    pub websocket_enabled: Option<bool>,
    /// `WEBSOCKET_HEARTBEAT_INTERVAL`, in seconds.
    pub websocket_heartbeat_interval: Option<u64>,
    /// `NATS_PREFIX`: what all subjects on NATS begin with, for `/asyncapi.json`.
    pub nats_prefix: Option<String>,
    /// How long an access token lives, in seconds.
    pub access_token_seconds: Option<u64>,
    /// How long a refresh token lives, in days.
    pub refresh_token_days: Option<u64>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = self.jwt_secret.as_ref().map(|_| "..");
        f.debug_struct("Settings")
            .field("environment", &self.environment)
            .field("jwt_secret", &secret)
            .finish_non_exhaustive()
    }
}

/// The section, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Where the server runs.
    pub environment: Environment,
    /// How clients reach the server, without a slash at the end.
    pub public_base_url: Option<String>,
    /// Pages that may call the API from a browser.
    pub allowed_origins: Vec<String>,
    /// Whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Keys that sign.
    pub signing_keys: SigningKeys,
    /// Who may register.
    pub registration: Registration,
    /// Everybody is an admin.
    pub auth_disabled: bool,
    /// Who may read media.
    pub media_auth: MediaAuth,
    /// How long a signed URL is good for at least.
    pub media_url_lifetime: Duration,
    /// Requests of one client.
    pub rate_limit_requests: Rate,
    /// Sign-ins of one account.
    pub rate_limit_login: Rate,
    /// Registrations from one address.
    pub rate_limit_register: Rate,
    /// Requests that are worked on at once.
    pub max_in_flight: usize,
    /// Connections that are held at once.
    pub max_connections: usize,
    /// How long a head may take, and how long a body may pause.
    pub idle: Duration,
    /// Whether the WebSocket is served.
    pub websocket_enabled: bool,
    /// How often a WebSocket says that it lives.
    pub websocket_heartbeat: Duration,
    /// What all subjects on NATS begin with.
    pub nats_prefix: String,
    /// How long an access token lives.
    pub access_token_lifetime: Duration,
    /// How long a refresh token lives.
    pub refresh_token_lifetime: Duration,
}

impl Settings {
    /// Checks everything. `generated_key` signs where no `JWT_SECRET` is given, which only
    /// development allows.
    ///
    /// # Errors
    /// Every value that is wrong, by its key here; never with a secret.
    pub fn validate(self, generated_key: Option<&[u8]>) -> Result<ApiConfig, Vec<FieldFault>> {
        let development = self.environment == Environment::Development;
        let mut faults = Faults(Vec::new());
        let signing_keys = faults.take("jwt_secret", signing_keys(&self, generated_key));
        let public_base_url = faults.take("public_base_url", base_url(self.public_base_url));
        let allowed_origins =
            faults.take("allowed_origins", origins(self.allowed_origins, development));
        let networks = self.trusted_proxies.iter().map(|text| text.parse::<Network>());
        let trusted_proxies = faults.take("trusted_proxies", networks.collect());
        if self.auth_disabled && !development {
            faults.add("auth_disabled", "true is for environment development only".to_owned());
        }
        let ttl = self.media_url_ttl_seconds.unwrap_or(3600);
        if ttl == 0 && self.media_auth != MediaAuth::Public {
            let message = "0 (for ever) goes with media_auth public only".to_owned();
            faults.add("media_url_ttl_seconds", message);
        }
        let mut rate = |key, value: Option<String>, [strict, generous]: [&str; 2]| {
            let default = if development { generous } else { strict };
            faults.take(key, value.as_deref().unwrap_or(default).parse::<Rate>())
        };
        let requests = rate("rate_limit_requests", self.rate_limit_requests, REQUESTS);
        let login = rate("rate_limit_login", self.rate_limit_login, LOGINS);
        let register = rate("rate_limit_register", self.rate_limit_register, REGISTRATIONS);
        let open = if development { Registration::Open } else { Registration::Closed };
        let seconds = |given: Option<u64>, default| Duration::from_secs(given.unwrap_or(default));
        let days = self.refresh_token_days.unwrap_or(30);
        let config = (|| {
            Some(ApiConfig {
                environment: self.environment,
                public_base_url: public_base_url?,
                allowed_origins: allowed_origins?,
                trusted_proxies: trusted_proxies?,
                signing_keys: signing_keys?,
                registration: self.registration.unwrap_or(open),
                auth_disabled: self.auth_disabled,
                media_auth: self.media_auth,
                media_url_lifetime: Duration::from_secs(ttl),
                rate_limit_requests: requests?,
                rate_limit_login: login?,
                rate_limit_register: register?,
                max_in_flight: self.max_in_flight.unwrap_or(512).max(1),
                max_connections: self.max_connections.unwrap_or(4096).max(1),
                idle: seconds(self.idle_seconds, 60),
                websocket_enabled: self.websocket_enabled.unwrap_or(true),
                websocket_heartbeat: seconds(self.websocket_heartbeat_interval, 30),
                nats_prefix: self.nats_prefix.unwrap_or_else(|| NATS_PREFIX.to_owned()),
                access_token_lifetime: seconds(self.access_token_seconds, 900),
                refresh_token_lifetime: Duration::from_secs(days.saturating_mul(86_400)),
            })
        })();
        config.filter(|_| faults.0.is_empty()).ok_or(faults.0)
    }
}

/// What subjects on NATS begin with unless told otherwise.
const NATS_PREFIX: &str = "sightline.v1";
/// Limits outside development and in it. As many jobs as one may have, each asked for every two
/// seconds, are 52 requests a second.
const REQUESTS: [&str; 2] = ["6000/min", "60000/min"];
const LOGINS: [&str; 2] = ["5/min", "600/min"];
const REGISTRATIONS: [&str; 2] = ["3/h", "600/min"];

/// What is wrong so far.
struct Faults(Vec<FieldFault>);

impl Faults {
    fn add(&mut self, key: &str, message: String) {
        self.0.push(FieldFault { field: key.to_owned(), message });
    }

    fn take<T>(&mut self, key: &str, value: Result<T, String>) -> Option<T> {
        value.map_err(|message| self.add(key, message)).ok()
    }
}

fn signing_keys(settings: &Settings, generated: Option<&[u8]>) -> Result<SigningKeys, String> {
    match (&settings.jwt_secret, generated) {
        (Some(text), _) => SigningKeys::parse(text),
        (None, Some(key)) if settings.environment == Environment::Development => {
            Ok(SigningKeys::single(key))
        }
        _ => Err(format!("is required outside development: {MIN_SECRET} bytes at least")),
    }
}

fn origins(given: Option<Vec<String>>, development: bool) -> Result<Vec<String>, String> {
    let local = ["http://localhost:3000", "http://localhost:5173"].map(str::to_owned);
    let default = || if development { local.to_vec() } else { Vec::new() };
    let origins = given.unwrap_or_else(default);
    match origins.iter().find(|origin| !is_origin(origin)) {
        Some(wrong) => Err(format!(
            "{wrong:?}: expected scheme, host and perhaps a port, as https://a.example"
        )),
        None => Ok(origins),
    }
}

fn base_url(url: Option<String>) -> Result<Option<String>, String> {
    let Some(url) = url else { return Ok(None) };
    let trimmed = url.trim_end_matches('/');
    if is_origin(trimmed) {
        return Ok(Some(trimmed.to_owned()));
    }
    Err(format!("{url:?}: expected scheme, host and perhaps a port, as https://a.example"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(settings: Settings) -> Vec<String> {
        let faults = settings.validate(None).expect_err("faults");
        faults.into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn development_needs_nothing() {
        let config = Settings::default().validate(Some(&[7; 32])).expect("defaults");
        assert_eq!(config.registration, Registration::Open);
        assert_eq!(config.allowed_origins.len(), 2);
    }

    #[test]
    fn every_fault_is_told_at_once_and_no_secret() {
        let settings = Settings {
            environment: Environment::Production,
            public_base_url: Some("example.com".to_owned()),
            allowed_origins: Some(vec!["*".to_owned()]),
            trusted_proxies: vec!["proxy".to_owned()],
            jwt_secret: Some("canary".to_owned()),
            auth_disabled: true,
            media_url_ttl_seconds: Some(0),
            rate_limit_login: Some("often".to_owned()),
            ..Settings::default()
        };
        let faults = settings.clone().validate(None).expect_err("faults");
        assert!(!format!("{settings:?} {faults:?}").contains("canary"));
        assert_eq!(
            fields(settings),
            [
                "jwt_secret",
                "public_base_url",
                "allowed_origins",
                "trusted_proxies",
                "auth_disabled",
                "media_url_ttl_seconds",
                "rate_limit_login"
            ]
        );
    }

    #[test]
    fn production_refuses_a_generated_key_and_registers_nobody() {
        let settings = Settings { environment: Environment::Production, ..Settings::default() };
        assert!(settings.clone().validate(Some(&[7; 32])).is_err());
        let secret = Some("0123456789abcdef0123456789abcdef".to_owned());
        let config = Settings { jwt_secret: secret, ..settings }.validate(None).expect("a key");
        assert_eq!(config.registration, Registration::Closed);
        assert!(config.allowed_origins.is_empty());
    }
}
