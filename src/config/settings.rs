//! The settings that are in force, of types that say what they mean: each section is made here and
//! belongs to the crate that works by it.

use super::reader::Reader;
use super::value::{Bytes, Database, Listen, LogFormat};
use actors::compute::ModelFiles;
use actors::config::PlatformConfig;
use actors::drivers::nats::{NatsAuth, NatsConfig};
use actors::media::Limits;
use api::config::{ApiConfig, SigningKeys};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Workers of one model where none are asked for, at most.
const DEFAULT_WORKERS: usize = 64;

/// All settings.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where HTTP is served.
    pub(crate) listen: SocketAddr,
    /// Where metrics are served.
    pub(crate) metrics: Option<SocketAddr>,
    /// What is kept, and where.
    pub(crate) data: DataSettings,
    /// The servers that events go to; nothing where they stay in the process.
    pub(crate) nats: Option<NatsConfig>,
    /// How HTTP is served, but for the keys that sign.
    pub(crate) api: Arc<ApiConfig>,
    /// Keys that sign; nothing where they are to be made in the data folder.
    pub(crate) signing_keys: Option<SigningKeys>,
    /// How the node works.
    pub(crate) platform: PlatformConfig,
    /// What inputs may cost.
    pub(crate) media: Limits,
    /// Where models come from.
    pub(crate) models: ModelFiles,
    /// Workers of one model.
    pub(crate) model_workers: usize,
    /// What is logged, and how.
    pub(crate) logs: LogSettings,
}

/// What is kept, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataSettings {
    /// The folder that a server locks.
    pub(crate) folder: PathBuf,
    /// The SQLite file; nothing where it is in memory.
    pub(crate) database: Option<PathBuf>,
    /// The folder of the files of jobs.
    pub(crate) media: PathBuf,
    /// Bytes on its disk that uploads leave free.
    pub(crate) min_free_bytes: u64,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// A filter of `tracing`.
    pub(crate) level: String,
    /// How it is written.
    pub(crate) format: LogFormat,
}

impl Settings {
    /// Reads every section. What is wrong stays in the reader: the settings mean nothing then.
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let host: IpAddr = reader.value("HOST");
        let data = data(reader);
        let (api, signing_keys) = api(reader);
        let settings = Self {
            listen: SocketAddr::new(host, reader.value("PORT")),
            metrics: reader.value::<Listen>("METRICS_ADDR").0,
            data,
            nats: nats(reader),
            api: Arc::new(api),
            signing_keys,
            platform: platform(reader),
            media: media(reader),
            models: models(reader),
            model_workers: workers(reader),
            logs: logs(reader),
        };
        if settings.metrics == Some(settings.listen) && settings.listen.port() != 0 {
            reader.refuse("METRICS_ADDR", "expected another address than HOST and PORT");
        }
        settings
    }
}

fn data(reader: &mut Reader) -> DataSettings {
    let folder: PathBuf = reader.value("DATA_DIR");
    let database = match reader.optional("DATABASE_URL") {
        Some(Database::Sqlite(path)) => Some(PathBuf::from(path)),
        Some(Database::Memory) => None,
        Some(Database::Later) => {
            let message = "this version keeps everything in SQLite, ScyllaDB is not built yet; \
                           expected sqlite://PATH";
            reader.refuse("DATABASE_URL", message);
            None
        }
        None => Some(folder.join("sightline.db")),
    };
    let media = reader.optional("MEDIA_ROOT").unwrap_or_else(|| folder.join("media"));
    let min_free_bytes = reader.value::<Bytes>("MIN_FREE_SPACE").0;
    DataSettings { folder, database, media, min_free_bytes }
}

fn nats(reader: &mut Reader) -> Option<NatsConfig> {
    let urls: Vec<String> = reader.list("NATS_URL");
    let credentials: Option<PathBuf> = reader.optional("NATS_CREDENTIALS");
    let config = NatsConfig {
        urls: urls.into_iter().map(Into::into).collect(),
        prefix: reader.value("NATS_PREFIX"),
        auth: credentials.clone().map_or(NatsAuth::None, NatsAuth::Credentials),
        tls_ca: reader.optional("NATS_TLS_CA"),
        ..NatsConfig::default()
    };
    if config.urls.is_empty() {
        let without = [("NATS_CREDENTIALS", credentials), ("NATS_TLS_CA", config.tls_ca)];
        for (variable, _) in without.iter().filter(|(_, given)| given.is_some()) {
            reader.refuse(variable, "has a meaning only where NATS_URL is set");
        }
        return None;
    }
    if let Err(error) = config.validate() {
        reader.adopt(error.fields(), |field| match field {
            "prefix" => "NATS_PREFIX",
            "auth" => "NATS_CREDENTIALS",
            "tls_ca" => "NATS_TLS_CA",
            _ => "NATS_URL",
        });
    }
    Some(config)
}

/// The section of HTTP. Keys that are to be made have a stand-in here, which signs nothing.
fn api(reader: &mut Reader) -> (ApiConfig, Option<SigningKeys>) {
    const STAND_IN: [u8; 32] = [0; 32];
    let settings = api::config::Settings {
        environment: reader.environment(),
        public_base_url: reader.optional("PUBLIC_BASE_URL"),
        allowed_origins: Some(reader.list("ALLOWED_ORIGINS")),
        trusted_proxies: reader.list("TRUSTED_PROXIES"),
        jwt_secret: reader.optional("JWT_SECRET"),
        registration: Some(reader.word("REGISTRATION")),
        auth_disabled: reader.value("AUTH_DISABLED"),
        media_auth: reader.word("MEDIA_AUTH"),
        media_url_ttl_seconds: Some(number(reader, "MEDIA_URL_TTL_SECONDS", 0..=31_536_000)),
        rate_limit_requests: reader.optional("RATE_LIMIT_REQUESTS"),
        rate_limit_login: reader.optional("RATE_LIMIT_LOGIN"),
        rate_limit_register: reader.optional("RATE_LIMIT_REGISTER"),
        max_in_flight: Some(number(reader, "MAX_REQUESTS_IN_FLIGHT", 1..=100_000)),
        max_connections: Some(number(reader, "MAX_CONNECTIONS", 1..=1_000_000)),
        idle_seconds: Some(number(reader, "HTTP_IDLE_SECONDS", 1..=3_600)),
        websocket_enabled: Some(reader.value("WEBSOCKET_ENABLED")),
        websocket_heartbeat_interval: Some(number(
            reader,
            "WEBSOCKET_HEARTBEAT_INTERVAL",
            1..=3_600,
        )),
        nats_prefix: Some(reader.value("NATS_PREFIX")),
        access_token_seconds: Some(number(reader, "ACCESS_TOKEN_SECONDS", 60..=86_400)),
        refresh_token_days: Some(number(reader, "REFRESH_TOKEN_DAYS", 1..=365)),
    };
    let given = settings.jwt_secret.is_some();
    let config = settings.validate(Some(&STAND_IN)).unwrap_or_else(|faults| {
        reader.adopt(&faults, variable_of_api);
        let sound = api::config::Settings::default().validate(Some(&STAND_IN));
        sound.expect("the defaults of development have no faults")
    });
    let keys = given.then(|| config.signing_keys.clone());
    (config, keys)
}

/// Fields of the section of HTTP are called as their variables, but for two.
pub(super) fn variable_of_api(field: &str) -> &'static str {
    let name = match field {
        "max_in_flight" => "MAX_REQUESTS_IN_FLIGHT",
        "idle_seconds" => "HTTP_IDLE_SECONDS",
        field => field,
    };
    let variable = super::key::TABLE.iter().find(|k| k.variable.eq_ignore_ascii_case(name));
    variable.expect("each field of the section is a setting").variable
}

fn platform(reader: &mut Reader) -> PlatformConfig {
    let mut config = PlatformConfig::default();
    let jobs = &mut config.jobs;
    if let Some(concurrent) = number_if_set(reader, "PROCESSING_MAX_CONCURRENT_JOBS", 1..=256) {
        jobs.concurrent = concurrent;
    }
    jobs.running_per_owner = number(reader, "JOBS_PER_USER", 1..=10_000);
    jobs.stall = Duration::from_secs(number(reader, "JOB_STALL_SECONDS", 5..=86_400));
    jobs.lease = Duration::from_secs(number(reader, "JOB_LEASE_SECONDS", 3..=3_600));
    config.admission.waiting_per_owner = number(reader, "QUEUE_PER_USER", 1..=1_000_000);
    config.admission.waiting = number(reader, "QUEUE_LIMIT", 1..=1_000_000);
    config.idempotency = hours(number(reader, "IDEMPOTENCY_HOURS", 1..=8_760));
    config.max_upload_bytes = reader.value::<Bytes>("UPLOAD_MAX_FILE_SIZE").0;
    config.event_retention = hours(number(reader, "EVENT_RETENTION_HOURS", 1..=8_760));
    config.events_per_stream = number(reader, "EVENT_RETENTION_COUNT", 1..=1_000_000_000);
    let days: u64 = number(reader, "RETENTION_DAYS", 0..=36_500);
    config.job_retention = (days > 0).then(|| hours(24 * days));
    if let Err(error) = config.check() {
        reader.adopt(error.fields(), |field| match field {
            "jobs.lease" => "JOB_LEASE_SECONDS",
            "jobs.stall" => "JOB_STALL_SECONDS",
            "max_upload_bytes" => "UPLOAD_MAX_FILE_SIZE",
            _ => "PROCESSING_MAX_CONCURRENT_JOBS",
        });
    }
    config
}

fn media(reader: &mut Reader) -> Limits {
    let seconds = number(reader, "MEDIA_MAX_DURATION_SECONDS", 1..=31_536_000);
    Limits {
        video_pixels: number(reader, "MEDIA_MAX_PIXELS", 1..=1_000_000_000),
        image_pixels: number(reader, "MEDIA_MAX_IMAGE_PIXELS", 1..=1_000_000_000),
        duration: Some(Duration::from_secs(seconds)),
        ..Limits::default()
    }
}

fn models(reader: &mut Reader) -> ModelFiles {
    let folder = reader.optional::<PathBuf>("SIGHTLINE_MODELS_DIR");
    ModelFiles { folder: models_folder(folder), library: file(reader, "ORT_DYLIB_PATH") }
}

fn workers(reader: &mut Reader) -> usize {
    number_if_set(reader, "MODEL_WORKERS", 1..=256).unwrap_or_else(default_workers)
}

fn logs(reader: &mut Reader) -> LogSettings {
    let level: String = reader.value_where("LOG_LEVEL", |l: &String| is_filter(l));
    LogSettings { level, format: reader.value("LOG_FORMAT") }
}

/// A worker per core, within reason: each holds a session of the model.
pub(crate) fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(DEFAULT_WORKERS)
}

/// Where models are: as asked, else as the variable says by its old name, else in the user's data
/// folder.
pub(crate) fn models_folder(asked: Option<PathBuf>) -> PathBuf {
    let var = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = || var("HOME").map(|home| home.join(".local/share"));
    let data = || var("XDG_DATA_HOME").or_else(home).unwrap_or_default();
    let asked = asked.or_else(|| var("SIGHTLINE_MODELS"));
    asked.unwrap_or_else(|| data().join("sightline/models"))
}

/// Whether `text` is a filter of `tracing`; a word that is no level would be taken for a target.
fn is_filter(text: &str) -> bool {
    let level = |l: &str| l.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
    let part = |p: &str| level(p) || p.rsplit_once('=').is_some_and(|(_, l)| level(l));
    text.split(',').all(|p| part(p.trim())) && tracing_subscriber::EnvFilter::try_new(text).is_ok()
}

fn number<T: FromStr + PartialOrd>(
    reader: &mut Reader,
    variable: &'static str,
    range: RangeInclusive<T>,
) -> T {
    reader.value_where(variable, |n| range.contains(n))
}

fn number_if_set<T: FromStr + PartialOrd>(
    reader: &mut Reader,
    variable: &'static str,
    range: RangeInclusive<T>,
) -> Option<T> {
    reader.optional_where(variable, |n| range.contains(n))
}

/// A file that has to be there.
fn file(reader: &mut Reader, variable: &'static str) -> Option<PathBuf> {
    let path: PathBuf = reader.optional(variable)?;
    if !Path::new(&path).is_file() {
        reader.refuse(variable, "there is no such file");
    }
    Some(path)
}

const fn hours(hours: u64) -> Duration {
    Duration::from_secs(3600 * hours)
}
