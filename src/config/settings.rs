//! The settings that are in force, of types that say what they mean: each section is made here and
//! belongs to the crate that works by it.

use super::reader::{Environment, Reader};
use super::value::{Bytes, Database, Listen, LogFormat, NatsAddress, SubjectPrefix};
use actors::compute::ModelFiles;
use actors::config::PlatformConfig;
use actors::media::Limits;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Workers of one model where none are asked for, at most.
const DEFAULT_WORKERS: usize = 64;

/// All settings.
#[derive(Debug)]
pub(crate) struct Settings {
    /// How strict this server is.
    pub(crate) environment: Environment,
    /// Where HTTP is served.
    pub(crate) listen: SocketAddr,
    /// Where metrics are served.
    pub(crate) metrics: Option<SocketAddr>,
    /// What is kept, and where.
    pub(crate) data: DataSettings,
    /// The servers that events go to; nothing where they stay in the process.
    pub(crate) nats: Option<NatsSettings>,
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
    /// The SQLite file.
    pub(crate) database: PathBuf,
    /// The folder of the files of jobs.
    pub(crate) media: PathBuf,
}

/// The NATS servers that events go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NatsSettings {
    /// Their addresses.
    pub(crate) servers: Vec<String>,
    /// What all subjects begin with.
    pub(crate) prefix: String,
    /// File with credentials.
    pub(crate) credentials: Option<PathBuf>,
    /// File with the certificates that they are checked against.
    pub(crate) tls_ca: Option<PathBuf>,
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
        let settings = Self {
            environment: reader.environment(),
            listen: SocketAddr::new(host, reader.value("PORT")),
            metrics: reader.value::<Listen>("METRICS_ADDR").0,
            data,
            nats: nats(reader),
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
        Some(Database::Sqlite(path)) => PathBuf::from(path),
        Some(Database::Later) => {
            let message = "this version keeps everything in SQLite, ScyllaDB is not built yet; \
                           expected sqlite://PATH";
            reader.refuse("DATABASE_URL", message);
            PathBuf::new()
        }
        None => folder.join("sightline.db"),
    };
    let media = reader.optional("MEDIA_ROOT").unwrap_or_else(|| folder.join("media"));
    DataSettings { folder, database, media }
}

fn nats(reader: &mut Reader) -> Option<NatsSettings> {
    let servers: Vec<NatsAddress> = reader.list("NATS_URL");
    let prefix: SubjectPrefix = reader.value("NATS_PREFIX");
    let credentials = file(reader, "NATS_CREDENTIALS");
    let tls_ca = file(reader, "NATS_TLS_CA");
    if servers.is_empty() {
        for (variable, given) in [("NATS_CREDENTIALS", &credentials), ("NATS_TLS_CA", &tls_ca)] {
            if given.is_some() {
                reader.refuse(variable, "has a meaning only where NATS_URL is set");
            }
        }
        return None;
    }
    let servers = servers.into_iter().map(|s| s.0).collect();
    Some(NatsSettings { servers, prefix: prefix.0, credentials, tls_ca })
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
    let days: u64 = number(reader, "RETENTION_DAYS", 0..=36_500);
    config.job_retention = (days > 0).then(|| hours(24 * days));
    if let Err(error) = config.check() {
        reader.adopt(&error);
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
    text.split(',').all(|p| part(p.trim()))
        && tracing_subscriber::EnvFilter::try_new(text).is_ok()
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
