//! The table of all settings: the only list of them.
//!
//! Reading, `sightline config`, `docs/configuration.md` and `.env.example` all come from it. A
//! setting stands here only if something reads it.

/// What holds where a setting is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// This value.
    Value(&'static str),
    /// One of two values, by `ENVIRONMENT`.
    ByEnvironment {
        /// In development.
        development: &'static str,
        /// Elsewhere.
        production: &'static str,
    },
    /// No value; what that means.
    Unset(&'static str),
    /// No value, and one that is set is never shown; what it means where it is not.
    Secret(&'static str),
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its section in TOML.
    pub(crate) section: &'static str,
    /// Its name there.
    pub(crate) name: &'static str,
    /// The short name of its environment variable, by which it is also known in the code.
    pub(crate) variable: &'static str,
    /// What holds where it is not set.
    pub(crate) fallback: Fallback,
    /// What a value must be, for error messages and documents.
    pub(crate) expects: &'static str,
    /// What it is for; begins with a space.
    about: &'static str,
}

impl Key {
    /// `section.name`, as in TOML.
    pub(crate) fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The long name of its environment variable.
    pub(crate) fn long_variable(&self) -> String {
        format!("SIGHTLINE_{}__{}", self.section, self.name).to_uppercase()
    }

    /// What it is for, one sentence.
    pub(crate) fn about(&self) -> &'static str {
        self.about.trim()
    }

    /// Whether its value is never shown.
    pub(crate) const fn is_secret(&self) -> bool {
        matches!(self.fallback, Fallback::Secret(_))
    }
}

/// Settings to come: their names are taken, and nothing reads them yet. One that is set has no
/// effect, which is worth a word.
pub(crate) const LATER: &[&str] = &[
    "DEFAULT_MODEL_TYPE",
    "DEFAULT_PROCESSING_PRIORITY",
    "DEDUP_SCOPE",
    "DETECTION_PROVIDER_API_KEY",
    "DETECTION_PROVIDER_ENDPOINT",
    "DETECTION_PROVIDER_MAX_RETRIES",
    "DETECTION_PROVIDER_TIMEOUT",
    "DEVICE",
    "ENABLE_DEDUPLICATION",
    "FACE_AUTH_REGISTRATION",
    "MEDIA_GRACE_SECONDS",
    "NATS_COMMANDS",
    "OLLAMA_API_URL",
    "OLLAMA_MODEL",
    "OLLAMA_TIMEOUT",
    "PROVIDER_ALLOW_PRIVATE",
    "RATE_LIMIT_FACE",
    "SECRETS_KEY",
    "UPLOAD_ALLOWED_EXTENSIONS",
    "UPLOAD_BLOCKED_EXTENSIONS",
    "UPLOAD_MAX_CHUNK_SIZE",
    "UPLOAD_SESSION_TIMEOUT_HOURS",
];

/// The setting with this short name.
pub(crate) fn by_variable(variable: &str) -> Option<&'static Key> {
    TABLE.iter().find(|key| key.variable == variable)
}

macro_rules! table {
    ($($section:ident {
        $(#[doc = $about:literal] $name:ident, $variable:ident, $fallback:expr, $expects:literal;)+
    })+) => {
        /// Every setting, section by section.
        pub(crate) const TABLE: &[Key] = &[$($(Key {
            section: stringify!($section),
            name: stringify!($name),
            variable: stringify!($variable),
            fallback: $fallback,
            expects: $expects,
            about: $about,
        },)+)+];
    };
}

use Fallback::{ByEnvironment, Secret, Unset, Value};

const fn by(development: &'static str, production: &'static str) -> Fallback {
    ByEnvironment { development, production }
}

table! {
    server {
        /// What this is: development is lenient and makes its own secrets, the others are neither
        environment, ENVIRONMENT, Value("development"), "development, staging or production";
        /// Address that HTTP is served at
        host, HOST, by("127.0.0.1", "0.0.0.0"), "an IP address";
        /// Port that HTTP is served at; 0 takes a free one
        port, PORT, Value("8000"), "0 to 65535";
        /// How clients reach this server, for the links in its answers
        public_base_url, PUBLIC_BASE_URL, Unset("as each request says it"), "http:// or https:// and a host";
        /// Web pages of these origins may use the API
        allowed_origins, ALLOWED_ORIGINS, by("http://localhost:3000,http://localhost:5173", ""), "origins such as https://app.example.org";
        /// Proxies whose word on the client's address is taken
        trusted_proxies, TRUSTED_PROXIES, Value(""), "IP addresses or networks such as 10.0.0.0/8";
        /// Address that metrics are served at, apart from all else; `off` for none
        metrics_addr, METRICS_ADDR, Value("127.0.0.1:9464"), "an IP address and port, or off";
    }
    data {
        /// Folder of everything that is kept
        dir, DATA_DIR, Value("sightline-data"), "a folder";
        /// Where jobs, users and events are kept
        database_url, DATABASE_URL, Unset("sqlite://, then DATA_DIR, then /sightline.db"), "sqlite://PATH or sqlite::memory:";
        /// Space on the disk that uploads leave free; KB, MB, GB, KiB, MiB and GiB may follow the number
        min_free_space, MIN_FREE_SPACE, Value("512MiB"), "1 to 1 TiB";
    }
    auth {
        /// Key that signs tokens, of 32 bytes and more; or several with names, kid:key,kid:key: the first signs, all verify
        jwt_secret, JWT_SECRET, Secret("made in DATA_DIR in development, an error elsewhere"), "keys of 32 bytes and more";
        /// Who may register: everybody, whom an admin registers, or nobody
        registration, REGISTRATION, by("open", "closed"), "open, invite or closed";
        /// Everybody is an admin; in development only
        auth_disabled, AUTH_DISABLED, Value("false"), "true or false";
        /// How long an access token lives, in seconds
        access_token_seconds, ACCESS_TOKEN_SECONDS, Value("900"), "60 to 86400";
        /// How long a refresh token lives, in days
        refresh_token_days, REFRESH_TOKEN_DAYS, Value("30"), "1 to 365";
        /// Sign-ins of one account; four times as many of one address
        rate_limit_login, RATE_LIMIT_LOGIN, by("600/min", "5/min"), "a number per s, min or h, such as 5/min";
        /// Registrations from one address
        rate_limit_register, RATE_LIMIT_REGISTER, by("600/min", "3/h"), "a number per s, min or h, such as 3/h";
    }
    http {
        /// Requests of one client
        rate_limit_requests, RATE_LIMIT_REQUESTS, by("60000/min", "6000/min"), "a number per s, min or h, such as 600/min";
        /// Requests that are worked on at once; one client may have an eighth
        max_in_flight, MAX_REQUESTS_IN_FLIGHT, Value("512"), "1 to 100000";
        /// Connections that are held at once; one address may have half, a trusted proxy all
        max_connections, MAX_CONNECTIONS, Value("4096"), "1 to 1000000";
        /// How many seconds a request may take to come, and its body may pause; an upload has one more for every 16 KiB
        idle_seconds, HTTP_IDLE_SECONDS, Value("60"), "1 to 3600";
    }
    websocket {
        /// Whether the WebSocket is served
        enabled, WEBSOCKET_ENABLED, Value("true"), "true or false";
        /// How often a WebSocket says that it lives, in seconds
        heartbeat_interval, WEBSOCKET_HEARTBEAT_INTERVAL, Value("30"), "1 to 3600";
    }
    bus {
        /// NATS servers that events are published to
        nats_url, NATS_URL, Unset("in this process only"), "addresses such as nats://host:4222";
        /// What all subjects on NATS begin with
        nats_prefix, NATS_PREFIX, Value("sightline.v1"), "up to 64 of a-z, 0-9, _ and - between dots";
        /// File with the credentials for NATS
        nats_credentials, NATS_CREDENTIALS, Unset("none, or those in NATS_URL"), "a .creds file";
        /// File with the certificates that NATS servers are checked against
        nats_tls_ca, NATS_TLS_CA, Unset("those of the system"), "a PEM file";
    }
    jobs {
        /// Jobs side by side in this process
        concurrent, PROCESSING_MAX_CONCURRENT_JOBS, Unset("5, or as many as there are cores if fewer"), "1 to 256";
        /// Jobs of one user side by side
        per_user, JOBS_PER_USER, Value("4"), "1 to 10000";
        /// Jobs of one user that may wait
        queue_per_user, QUEUE_PER_USER, Value("100"), "1 to 1000000";
        /// Jobs that may wait in all
        queue_limit, QUEUE_LIMIT, Value("10000"), "1 to 1000000";
        /// A job whose frame counter stands still for so many seconds is begun again
        stall_seconds, JOB_STALL_SECONDS, Value("120"), "5 to 86400";
        /// A worker that was not heard of for so many seconds has lost its job
        lease_seconds, JOB_LEASE_SECONDS, Value("15"), "3 to 3600";
        /// The same submission, sent again within so many hours, makes no second job
        idempotency_hours, IDEMPOTENCY_HOURS, Value("24"), "1 to 8760";
    }
    media {
        /// Folder of uploads and of what jobs make of them
        root, MEDIA_ROOT, Unset("DATA_DIR, then /media"), "a folder";
        /// Largest upload in bytes; KB, MB, GB, KiB, MiB and GiB may follow the number
        max_file_size, UPLOAD_MAX_FILE_SIZE, Value("524288000"), "1 to 1 TiB";
        /// Most pixels of a frame of video
        max_pixels, MEDIA_MAX_PIXELS, Value("36000000"), "1 to 1000000000";
        /// Most pixels of a still picture
        max_image_pixels, MEDIA_MAX_IMAGE_PIXELS, Value("100000000"), "1 to 1000000000";
        /// Longest video in seconds
        max_duration_seconds, MEDIA_MAX_DURATION_SECONDS, Value("14400"), "1 to 31536000";
        /// Who may read files of jobs: whoever has a signed URL, whoever has a token, or everybody
        auth, MEDIA_AUTH, Value("signed"), "signed, bearer or public";
        /// How many seconds a signed URL is good for at least; 0 for ever, with MEDIA_AUTH=public only
        url_ttl_seconds, MEDIA_URL_TTL_SECONDS, Value("3600"), "0 to 31536000";
    }
    retention {
        /// How many days jobs and their files are kept once they have ended; 0 for ever
        days, RETENTION_DAYS, Value("30"), "0 to 36500";
        /// How many hours events can be replayed
        event_hours, EVENT_RETENTION_HOURS, Value("24"), "1 to 8760";
        /// How many events of one job can be replayed, the newest ones
        event_count, EVENT_RETENTION_COUNT, Value("1000000"), "1 to 1000000000";
    }
    models {
        /// Folder with model weights and cards
        dir, SIGHTLINE_MODELS_DIR, Unset("~/.local/share/sightline/models"), "a folder";
        /// Workers of one model, each with a session of its own
        workers, MODEL_WORKERS, Unset("as many as there are cores, 64 at most"), "1 to 256";
        /// The ONNX Runtime library
        ort_library, ORT_DYLIB_PATH, Unset("the one that make setup got"), "a file";
    }
    logs {
        /// What is logged: a level, or levels by target
        level, LOG_LEVEL, Value("info"), "error, warn, info, debug or trace, also by target as in info,actors=debug";
        /// How it is written
        format, LOG_FORMAT, Value("text"), "text or json";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_sections_stand_together() {
        let mut variables = BTreeSet::new();
        let mut paths = BTreeSet::new();
        let mut sections: Vec<&str> = Vec::new();
        for key in TABLE {
            assert!(variables.insert(key.variable), "{} twice", key.variable);
            assert!(paths.insert(key.path()), "{} twice", key.path());
            if sections.last() != Some(&key.section) {
                assert!(!sections.contains(&key.section), "{} is torn apart", key.section);
                sections.push(key.section);
            }
            assert!(!LATER.contains(&key.variable), "{} is read now", key.variable);
            assert!(!key.about().ends_with('.') && !key.expects.is_empty(), "{}", key.path());
        }
    }
}
