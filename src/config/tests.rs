//! Sources in, settings or faults out.

use super::key::{Fallback, LATER, TABLE};
use super::*;
use schema::Error;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// What `serve` reads with these variables, and this file.
fn sources(environment: &[(&str, &str)], file: Option<&str>) -> Sources {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), OsString::from(value));
    let file = file.map(|text| source::File { name: "s.toml".to_owned(), text: text.to_owned() });
    Sources { flags: Vec::new(), environment: environment.iter().map(pair).collect(), file }
}

fn loaded(environment: &[(&str, &str)], file: Option<&str>) -> Loaded {
    load(&sources(environment, file)).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(environment: &[(&str, &str)], file: Option<&str>) -> Error {
    load(&sources(environment, file)).expect_err("there are faults")
}

fn told(loaded: &Loaded, variable: &str) -> (Option<String>, String) {
    let row = loaded.in_force.iter().find(|r| r.key.variable == variable).expect("a setting");
    (row.value.clone(), row.origin.to_string())
}

#[test]
fn later_sources_win() {
    let file = "[server]\nhost = \"127.0.0.2\"\nport = 1\n\n[jobs]\nper_user = 7\n";
    let port = |environment: &[(&str, &str)], flag: Option<&str>| {
        let mut sources = sources(environment, Some(file));
        if let Some(value) = flag {
            let value = value.to_owned();
            sources.flags.push(Flag { variable: "PORT", name: "--port", value });
        }
        let loaded = load(&sources).expect("no faults");
        assert_eq!(loaded.settings.platform.jobs.running_per_owner, 7);
        let from = told(&loaded, "PORT").1;
        (loaded.settings.listen.to_string(), from)
    };
    let check = |found: (String, String), address: &str, from: &str| {
        assert_eq!(found, (address.to_owned(), from.to_owned()));
    };
    let (short, long) = (("PORT", "2"), ("SIGHTLINE_SERVER__PORT", "3"));
    check(port(&[], None), "127.0.0.2:1", "s.toml:3");
    check(port(&[short], None), "127.0.0.2:2", "PORT");
    check(port(&[short, long], None), "127.0.0.2:3", "SIGHTLINE_SERVER__PORT");
    check(port(&[short, long], Some("4")), "127.0.0.2:4", "--port");
    check(port(&[("PORT", "")], None), "127.0.0.2:1", "s.toml:3");
}

#[test]
fn defaults_are_right_and_everything_is_read() {
    let mut reader = Reader::new(Raw::gather(&sources(&[], None)));
    let settings = Settings::read(&mut reader);
    assert_eq!(reader.unread(), Vec::<&str>::new());
    reader.finish().expect("defaults have no faults");
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(settings.platform, actors::config::PlatformConfig::default());
    let limits = settings.media;
    assert_eq!(limits.duration.map(|d| d.as_secs()), Some(14_400));
    assert_eq!(
        actors::media::Limits { duration: None, ..limits },
        actors::media::Limits::default()
    );
}

/// The API has defaults of its own, for whoever embeds it: they stand in the table, too.
#[test]
fn defaults_of_the_api_are_those_of_the_table_in_every_environment() {
    use api::config::{Environment, Settings as Section};
    let secret = "0123456789abcdef0123456789abcdef";
    for (name, environment) in [
        ("development", Environment::Development),
        ("staging", Environment::Staging),
        ("production", Environment::Production),
    ] {
        let loaded = loaded(&[("ENVIRONMENT", name), ("JWT_SECRET", secret)], None);
        let jwt_secret = Some(secret.to_owned());
        let section = Section { environment, jwt_secret, ..Section::default() };
        assert_eq!(*loaded.settings.api, section.validate(None).expect("defaults"), "{name}");
    }
}

#[test]
fn faults_of_the_api_are_told_by_the_names_of_their_variables() {
    for (field, variable) in [
        ("max_in_flight", "MAX_REQUESTS_IN_FLIGHT"),
        ("idle_seconds", "HTTP_IDLE_SECONDS"),
        ("max_connections", "MAX_CONNECTIONS"),
        ("rate_limit_login", "RATE_LIMIT_LOGIN"),
    ] {
        assert_eq!(settings::variable_of_api(field), variable);
    }
}

#[test]
fn all_faults_are_told_at_once_with_value_place_and_expectation() {
    let file =
        "[server]\nport = 70000\nhots = \"a\"\n\n[nonsense]\na = 1\n\n[jobs]\nper_user = {}\n";
    let error = refused(
        &[("ENVIRONMENT", "desk"), ("LOG_LEVEL", "loud"), ("QUEUE_LIMIT", "0")],
        Some(file),
    );
    let faults: Vec<String> =
        error.fields().iter().map(|f| format!("{}: {}", f.field, f.message)).collect();
    assert_eq!(
        faults,
        [
            "jobs.per_user (s.toml:9): expected 1 to 10000",
            "nonsense (s.toml:5): is no setting",
            "server.hots (s.toml:3): is no setting",
            "ENVIRONMENT: \"desk\" (from ENVIRONMENT): expected development, staging or production",
            "PORT: \"70000\" (from s.toml:2): expected 0 to 65535",
            "QUEUE_LIMIT: \"0\" (from QUEUE_LIMIT): expected 1 to 1000000",
            "LOG_LEVEL: \"loud\" (from LOG_LEVEL): expected error, warn, info, debug or trace, also by target as in info,actors=debug",
        ]
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let error = refused(&[], Some("[server]\nport = \n"));
    assert!(error.message().starts_with("s.toml:2: "), "{error}");
    let error = refused(&[], Some("PORT = 1\n"));
    assert_eq!(error.message(), "PORT (s.toml:1): is no setting: server.port is meant?");
}

#[test]
fn stores_that_are_not_built_are_told_by_the_name_of_their_variable() {
    let error = refused(&[("DATABASE_URL", "scylla://a:9042/k")], None);
    assert!(error.message().contains("DATABASE_URL: \"scylla://a:9042/k\""), "{error}");
    assert!(error.message().contains("ScyllaDB is not built yet"), "{error}");
    let error = refused(&[("DATABASE_URL", "postgres://u:canary@a/b")], None);
    assert!(error.message().contains("expected sqlite://PATH"), "{error}");
    assert!(!error.message().contains("canary"), "{error}");
}

#[test]
fn one_warning_for_each_variable_that_has_no_effect() {
    let with = loaded(
        &[
            ("SIGHTLINE_PORT", "tcp://10.0.0.1:8000"),
            ("SIGHTLINE_CONFIG", "x"),
            ("SIGHTLINE_JOBS__PER_USER", "3"),
            ("REDIS_URL", "redis://:canary@r"),
            ("CELERY_BROKER_URL", "amqp://r"),
            ("UNRELATED", "1"),
        ],
        None,
    );
    let warnings = with.warnings;
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings.iter().any(|w| w.starts_with("SIGHTLINE_PORT is no setting")));
    for name in ["REDIS_URL", "CELERY_BROKER_URL"] {
        assert!(warnings.iter().any(|w| w.starts_with(name) && w.contains("NATS_URL")));
    }
    assert!(!warnings.iter().any(|w| w.contains("canary")));
}

#[test]
fn settings_to_come_are_told_to_have_no_effect_yet() {
    let with = loaded(
        &[
            ("DEVICE", "cuda"),
            ("OLLAMA_API_URL", "http://u:canary@o"),
            ("SECRETS_KEY", "canary"),
            ("OLLAMA_MODEL", ""),
            ("PORT", "1"),
        ],
        None,
    );
    let words = "is set, but this version does nothing with it";
    let expected = ["DEVICE", "OLLAMA_API_URL", "SECRETS_KEY"].map(|n| format!("{n} {words}"));
    assert_eq!(with.warnings, expected);
    for name in LATER {
        assert_eq!(loaded(&[(name, "1")], None).warnings, [format!("{name} {words}")]);
    }
}

#[test]
fn lists_are_arrays_or_have_commas() {
    let file = "[bus]\nnats_url = [\"nats://a\", \"b:4222\"]\n";
    for (environment, file) in
        [(vec![], Some(file)), (vec![("NATS_URL", "nats://a, b:4222")], None)]
    {
        let nats = loaded(&environment, file).settings.nats.expect("NATS is set");
        let urls: Vec<String> = nats.urls.iter().map(|url| format!("{url:?}")).collect();
        assert_eq!(urls, ["nats://a", "nats://b:4222"]);
    }
    let error = refused(&[("NATS_CREDENTIALS", "/dev/null/x")], None);
    assert!(error.message().contains("only where NATS_URL is set"), "{error}");
    let environment =
        [("NATS_URL", "http://u:canary@a"), ("NATS_PREFIX", "a b"), ("NATS_TLS_CA", "/dev/null/x")];
    let error = refused(&environment, None);
    let fields: Vec<&str> = error.fields().iter().map(|f| f.field.as_str()).collect();
    assert_eq!(fields, ["NATS_URL", "NATS_PREFIX", "NATS_TLS_CA"]);
    assert!(!error.message().contains("canary"), "{error}");
}

#[test]
fn nothing_secret_is_shown() {
    let with = loaded(&[("NATS_URL", "nats://u:canary@a,tls://u:canary@b:1")], None);
    let (value, _) = told(&with, "NATS_URL");
    assert_eq!(value.as_deref(), Some("nats://***@a,tls://***@b:1"));
    for text in [table(&with.in_force), json(&with.in_force, &with.warnings).to_string()] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn values_of_the_example_are_valid_ones() {
    let pair = |line: &str| {
        let (name, value) = line.strip_prefix("# ")?.split_once('=')?;
        TABLE.iter().any(|k| k.variable == name).then(|| (name.to_owned(), value.into()))
    };
    let environment: BTreeMap<String, OsString> = env_example().lines().filter_map(pair).collect();
    assert_eq!(environment.len(), TABLE.len());
    load(&Sources { environment, ..Sources::default() }).expect("no faults");
}

#[test]
fn secrets_are_marked() {
    for key in TABLE {
        let looks_secret = ["SECRET", "PASSWORD", "_KEY"].iter().any(|w| key.variable.contains(w));
        assert_eq!(matches!(key.fallback, Fallback::Secret(_)), looks_secret, "{}", key.variable);
    }
}

#[test]
fn documents_are_those_that_the_table_gives() {
    for (path, text) in [("docs/configuration.md", markdown()), (".env.example", env_example())] {
        let full = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let found = std::fs::read_to_string(&full).unwrap_or_default();
        assert!(found == text, "{path} is not current: run `make documents`");
    }
}
