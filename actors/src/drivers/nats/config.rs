//! How a NATS server is reached, checked before anything is tried.
//!
//! No secret appears in `Debug` or in an error; those of URLs are taken out of them at once, as the
//! client logs its servers.

use super::link;
use async_nats::{ConnectOptions, ServerAddr};
use schema::error::FieldFault;
use schema::{Error, ErrorKind, Result};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a NATS server is reached.
///
/// The account of a node needs to publish and subscribe to `{prefix}.>` and `_INBOX.>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsConfig {
    /// Servers of one cluster: `nats://host:4222`, or `tls://` where TLS is demanded.
    pub urls: Vec<NatsUrl>,
    /// Who this node is to the server.
    pub auth: NatsAuth,
    /// A PEM file of the authorities that are trusted instead of the machine's; TLS is demanded
    /// then.
    pub tls_ca: Option<PathBuf>,
    /// PEM files of this node's own certificate and its key, where the server asks for one.
    pub tls_identity: Option<(PathBuf, PathBuf)>,
    /// What stands before every subject.
    pub prefix: String,
    /// How often a silent server is asked whether it lives; after three times it is given up.
    pub ping_interval: Duration,
    /// How long a flush waits, and a publish for room.
    pub patience: Duration,
}

impl Default for NatsConfig {
    fn default() -> Self {
        Self {
            urls: vec![NatsUrl("nats://127.0.0.1:4222".to_owned())],
            auth: NatsAuth::None,
            tls_ca: None,
            tls_identity: None,
            prefix: "sightline.v1".to_owned(),
            ping_interval: Duration::from_secs(2),
            patience: Duration::from_secs(5),
        }
    }
}

/// The address of a server, perhaps with user and password, which are not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsUrl(String);

impl From<String> for NatsUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("nats", &self.0));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        write!(f, "{scheme}://{host}")
    }
}

/// Who a node is to the server.
#[derive(Clone, PartialEq, Eq)]
pub enum NatsAuth {
    /// Nobody in particular, or who the URL says.
    None,
    /// A user of the server's configuration.
    User {
        /// Its name.
        name: String,
        /// Its password.
        password: String,
    },
    /// The server's token.
    Token(String),
    /// A credentials file: a user's JWT and its NKey.
    Credentials(PathBuf),
}

impl fmt::Debug for NatsAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::User { name, .. } => write!(f, "User({name:?}, ...)"),
            Self::Token(_) => f.write_str("Token(...)"),
            Self::Credentials(path) => write!(f, "Credentials({path:?})"),
        }
    }
}

impl NatsConfig {
    /// Checks everything that can be checked without a server, and names every fault.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`.
    pub fn validate(&self) -> Result<()> {
        self.servers().map(|_| ())
    }

    /// The servers without users and passwords, and who this node is.
    fn servers(&self) -> Result<(Vec<ServerAddr>, NatsAuth)> {
        let (mut servers, mut auth, mut faults) = (Vec::new(), self.auth.clone(), Vec::new());
        let mut fault = |field: String, message: &str| {
            faults.push(FieldFault { field, message: message.to_owned() });
        };
        for (i, url) in self.urls.iter().enumerate() {
            let field = format!("urls[{i}]");
            match url.open() {
                Err(why) => fault(field, why),
                Ok((_, Some(user))) if auth != NatsAuth::None && auth != user => {
                    fault(field, "another user than is given elsewhere");
                }
                Ok((server, user)) => {
                    auth = user.unwrap_or(auth);
                    servers.push(server);
                }
            }
        }
        if self.urls.is_empty() {
            fault("urls".to_owned(), "expected one server at least");
        }
        if crate::bus::check_subject(&self.prefix).is_err() || self.prefix.len() > 64 {
            fault("prefix".to_owned(), "expected up to 64 of a-z, 0-9, _ and - between dots");
        }
        for (field, span) in [("ping_interval", self.ping_interval), ("patience", self.patience)] {
            if span.is_zero() {
                fault(field.to_owned(), "expected more than nothing");
            }
        }
        for (field, path) in self.files() {
            if let Err(e) = std::fs::File::open(path) {
                fault(field.to_owned(), &format!("{}: {e}", path.display()));
            }
        }
        if faults.is_empty() { Ok((servers, auth)) } else { Err(Error::validation(faults)) }
    }

    fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let credentials = match &self.auth {
            NatsAuth::Credentials(path) => Some(("auth", path.as_path())),
            _ => None,
        };
        let ca = self.tls_ca.as_deref().map(|path| ("tls_ca", path));
        let identity = self.tls_identity.as_ref().map(|(certificate, key)| {
            [("tls_identity", certificate.as_path()), ("tls_identity", key.as_path())]
        });
        credentials.into_iter().chain(ca).chain(identity.into_iter().flatten())
    }

    /// What the client is told.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`.
    pub(super) async fn options(&self) -> Result<(Vec<ServerAddr>, ConnectOptions)> {
        let (servers, auth) = self.servers()?;
        let mut options = ConnectOptions::new()
            .name("sightline")
            .retry_on_initial_connect()
            .connection_timeout(self.patience)
            .ping_interval(self.ping_interval)
            .subscription_capacity(link::BACKLOG);
        options = match auth {
            NatsAuth::None => options,
            NatsAuth::User { name, password } => options.user_and_password(name, password),
            NatsAuth::Token(token) => options.token(token),
            NatsAuth::Credentials(path) => options.credentials_file(&path).await.map_err(|_| {
                let text = format!("{}: not a NATS credentials file", path.display());
                Error::new(ErrorKind::ValidationError, text)
            })?,
        };
        if let Some(path) = &self.tls_ca {
            options = options.add_root_certificates(path.clone()).require_tls(true);
        }
        if let Some((certificate, key)) = &self.tls_identity {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        Ok((servers, options))
    }
}

impl NatsUrl {
    /// The address without its user, and its user.
    fn open(&self) -> Result<(ServerAddr, Option<NatsAuth>), &'static str> {
        const WRONG: &str = "expected nats:// or tls:// and a host";
        let address: ServerAddr = self.0.parse().map_err(|_| WRONG)?;
        let part = |part: Option<&str>| part.unwrap_or_default().to_owned();
        let (name, password) = (part(address.username()), part(address.password()));
        let mut url = address.into_inner();
        if !["nats", "tls"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
            return Err(WRONG);
        }
        let user = match (name.is_empty(), password.is_empty()) {
            (true, true) => None,
            // A token is written where the name stands.
            (false, true) => Some(NatsAuth::Token(name)),
            _ => Some(NatsAuth::User { name, password }),
        };
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| WRONG)?;
        Ok((ServerAddr::from_url(url).map_err(|_| WRONG)?, user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(urls: &[&str]) -> NatsConfig {
        let urls = urls.iter().map(|u| NatsUrl((*u).to_owned())).collect();
        NatsConfig { urls, ..NatsConfig::default() }
    }

    #[test]
    fn users_are_taken_out_of_urls() {
        let (servers, auth) = with(&["nats://me:s3cret@a:1", "b:2"]).servers().expect("valid");
        let shown: Vec<_> = servers.iter().map(ServerAddr::as_url_str).collect();
        assert_eq!(shown, ["nats://a:1", "nats://b:2"]);
        let user = NatsAuth::User { name: "me".to_owned(), password: "s3cret".to_owned() };
        assert_eq!(auth, user);
        let (_, auth) = with(&["tls://t0ken@a"]).servers().expect("valid");
        assert_eq!(auth, NatsAuth::Token("t0ken".to_owned()));
    }

    #[test]
    fn every_fault_is_named_and_no_secret() {
        let config = NatsConfig {
            auth: NatsAuth::Token("s3cret".to_owned()),
            tls_ca: Some("no/such/file".into()),
            prefix: "a b".to_owned(),
            patience: Duration::ZERO,
            ..with(&["http://x:s3cret@y", "nats://", "nats://me:s3cret@a", "nats://a b"])
        };
        let error = config.validate().expect_err("faults");
        let fields: Vec<_> = error.fields().iter().map(|f| f.field.as_str()).collect();
        let all = ["urls[0]", "urls[1]", "urls[2]", "urls[3]", "prefix", "patience", "tls_ca"];
        assert_eq!(fields, all);
        let shown = format!("{error:?} {error} {config:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(format!("{config:?}").contains("nats://a"), "{config:?}");
        let user = NatsAuth::User { name: "me".to_owned(), password: "s3cret".to_owned() };
        assert_eq!(format!("{user:?}"), "User(\"me\", ...)");
        assert!(with(&[]).validate().is_err());
        assert!(NatsConfig::default().validate().is_ok());
    }
}
