//! The server's life: what it refuses to begin with, how it ends, what it never tells.

use crate::endings::signal;
use crate::killed::sound;
use crate::service::{PATIENCE, Service, frames};
use crate::support::{Run, analyze, clip, finish, sightline};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long an orderly end may take.
const DRAIN: Duration = Duration::from_secs(20);

fn serve(data: &Path, environment: &[(&str, &str)]) -> Run {
    let mut command = sightline();
    command.args(["serve", "--port", "0", "--data-dir"]).arg(data).env("METRICS_ADDR", "off");
    finish(command.envs(environment.iter().copied()))
}

#[test]
fn what_is_wrong_with_settings_is_told_at_once_before_anything_is_made() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let data = home.path().join("data");
    let run = serve(
        &data,
        &[
            ("ENVIRONMENT", "production"),
            ("JWT_SECRET", "canary"),
            ("RATE_LIMIT_LOGIN", "often"),
            ("AUTH_DISABLED", "true"),
            ("DATABASE_URL", "scylla://db:9042/sightline"),
        ],
    );
    run.fails(2, "VALIDATION_ERROR");
    for name in ["JWT_SECRET", "RATE_LIMIT_LOGIN", "AUTH_DISABLED", "DATABASE_URL"] {
        assert!(run.stderr.contains(&format!("{name}: ")), "{name}: {run:#?}");
    }
    assert!(!run.stderr.contains("canary"), "{run:#?}");
    assert!(!data.exists());
    serve(&data, &[("ENVIRONMENT", "production")]).fails(2, "VALIDATION_ERROR");
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_is_made() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let data = home.path().join("data");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let mut command = sightline();
    command.args(["serve", "--port", &port, "--data-dir"]).arg(&data).env("METRICS_ADDR", "off");
    finish(&mut command).fails(5, "STORAGE_ERROR");
    let run = serve(&data, &[("METRICS_ADDR", &format!("127.0.0.1:{port}"))]);
    run.fails(5, "STORAGE_ERROR");
    assert!(run.stderr.contains("METRICS_ADDR"), "{run:#?}");
    assert!(!data.exists());
}

#[tokio::test]
async fn a_data_folder_has_one_server_and_commands_beside_it() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let data = home.path().join("data");
    let service = Service::start(&data, &[]);
    let second = serve(&data, &[]);
    second.fails(1, "CONFLICT");
    assert!(second.stderr.contains("is in use by process"), "{second:#?}");
    finish(sightline().args(["migrate", "--data-dir"]).arg(&data)).fails(1, "CONFLICT");

    let added = add_user(&data, "root", "admin", "correct horse battery");
    added.succeeds();
    assert!(added.stdout.starts_with("admin root "), "{added:#?}");
    add_user(&data, "ROOT", "user", "correct horse battery").fails(1, "USER_EXISTS");
    add_user(&data, "two words", "user", "short").fails(2, "VALIDATION_ERROR");
    let http = reqwest::Client::new();
    let account = json!({ "username": "root", "password": "correct horse battery" });
    let login = http.post(format!("{}/api/v1/auth/login", service.url)).json(&account);
    let session: Value = login.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(session["data"]["user"]["role"], "admin", "{session:#}");

    sound(&data);
    service.kill();
    let migrated = finish(sightline().args(["migrate", "--data-dir"]).arg(&data));
    migrated.succeeds();
    assert!(migrated.stdout.contains("already"), "{migrated:#?}");
    sound(&data);
}

#[test]
fn servers_share_neither_database_nor_media() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (data, apart) = (home.path().join("data"), home.path().join("apart"));
    let database = format!("sqlite://{}", apart.join("x.db").display());
    let service = Service::start(&data, &[("DATABASE_URL", &database)]);
    let in_use = format!("is in use by process {}", service.child.id());
    let media = data.join("media").display().to_string();
    let other = home.path().join("other");
    for (setting, value) in [("DATABASE_URL", &database), ("MEDIA_ROOT", &media)] {
        let run = serve(&other, &[(setting, value)]);
        run.fails(1, "CONFLICT");
        let told =
            run.stderr.contains(&format!("CONFLICT: {setting}: ")) && run.stderr.contains(&in_use);
        assert!(told, "{run:#?}");
    }
    let mut migrate = sightline();
    migrate.args(["migrate", "--data-dir"]).arg(&other).env("DATABASE_URL", &database);
    finish(&mut migrate).fails(1, "CONFLICT");
    // A database that would have to be made first, in a folder that is taken.
    let new = format!("sqlite://{}", apart.join("new.db").display());
    let mut add = sightline();
    add.args(["user", "add", "ann", "--password-stdin", "--data-dir"]).arg(&other);
    let run = with_line(add.env("DATABASE_URL", &new), "correct horse battery");
    run.fails(1, "CONFLICT");
    assert!(!apart.join("new.db").exists());
}

#[test]
fn a_server_with_another_database_leaves_the_files_alone() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let data = home.path().join("data");
    let service = Service::start(&data, &[]);
    signal(&service.child, "-TERM");
    assert!(service.ended().0.success());
    // Old enough to be taken for left over by whoever does not know its job.
    let file = data.join("media/people-count_01890a5d-ac96-774b-bcce-b302099a8057.mp4");
    std::fs::write(&file, "frames").expect("can be written");
    let mistyped = format!("sqlite://{}", data.join("other.db").display());
    for database in ["sqlite::memory:", &mistyped] {
        let run = serve(&data, &[("DATABASE_URL", database)]);
        run.fails(1, "CONFLICT");
        assert!(run.stderr.contains("MEDIA_ROOT"), "{run:#?}");
    }
    assert!(file.exists());
}

fn add_user(data: &Path, name: &str, role: &str, password: &str) -> Run {
    let mut command = sightline();
    command.args(["user", "add", name, "--role", role, "--password-stdin", "--data-dir"]).arg(data);
    with_line(&mut command, password)
}

/// Runs a command that reads one line.
fn with_line(command: &mut Command, line: &str) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    writeln!(stdin, "{line}").expect("it reads");
    drop(stdin);
    Run::of(&child.wait_with_output().expect("it was started"))
}

#[test]
fn the_first_account_may_come_before_the_first_server() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let data = home.path().join("data");
    finish(sightline().args(["fsck", "--data-dir"]).arg(&data)).fails(3, "NOT_FOUND");
    assert!(!data.exists());
    add_user(&data, "root", "admin", "correct horse battery").succeeds();
    sound(&data);
}

#[test]
fn a_service_manager_is_told_when_it_is_ready_and_when_it_ends() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    let told = || {
        let mut state = [0; 64];
        let length = manager.recv(&mut state).expect("it is told");
        String::from_utf8_lossy(&state[..length]).into_owned()
    };
    let environment = [("NOTIFY_SOCKET", path.to_str().expect("text"))];
    let service = Service::start(&home.path().join("data"), &environment);
    assert_eq!(told(), "READY=1");
    signal(&service.child, "-TERM");
    assert_eq!(told(), "STOPPING=1");
    assert!(service.ended().0.success());
}

/// An address of this machine that nobody listens at.
fn free_address() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("its address")
}

/// A server over `data` that cannot open its database before the connection that comes with it
/// lets go, which has to be within the 5 s that SQLite waits; it answers already.
async fn held_up(data: &Path, metrics: &str) -> (Service, Connection) {
    std::fs::create_dir_all(data).expect("a folder");
    let holder = Connection::open(data.join("sightline.db")).expect("it opens");
    holder.execute_batch("BEGIN IMMEDIATE").expect("nobody else is there");
    let port = free_address().port();
    let mut service = Service::begin(data, port, &[("METRICS_ADDR", metrics)]);
    service.alive().await;
    (service, holder)
}

#[tokio::test]
async fn a_long_start_is_told_from_a_dead_process() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let metrics = free_address().to_string();
    let (mut service, holder) = held_up(home.path(), &metrics).await;
    let get = async |url: String| reqwest::get(url).await.expect("an answer");
    assert_eq!(get(format!("http://{metrics}/metrics")).await.status(), 200);
    let health = get(format!("{}/health", service.url)).await;
    assert_eq!(health.status(), 503);
    let health: Value = health.json().await.expect("JSON");
    assert_eq!(health["status"], "starting", "{health:#}");
    holder.execute_batch("COMMIT").expect("it ends");
    service.ready();
    assert_eq!(get(format!("{}/readyz", service.url)).await.status(), 200);
    signal(&service.child, "-TERM");
    let (status, log) = service.ended();
    assert!(status.success() && !log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn a_server_that_is_told_to_end_while_it_starts_does() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (service, holder) = held_up(home.path(), "off").await;
    signal(&service.child, "-TERM");
    let (status, log) = service.ended();
    assert!(status.success() && !log.contains("listening"), "{log}");
    holder.execute_batch("COMMIT").expect("it ends");
}

#[tokio::test]
async fn f6_a_server_under_load_ends_in_order_and_the_next_one_goes_on() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (data, video) = (home.path().join("data"), home.path().join("clip.mp4"));
    clip(&video, 60, &[]);
    let service = Service::start(&data, &[]);
    let user = service.user("ann", "correct horse battery").await;
    let params = json!({ "model": "motion" });
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(user.submit("people-count", &params, &video).await);
    }
    user.job_when(&jobs[0], |job| frames(job) > 0).await;
    let begun = Instant::now();
    signal(&service.child, "-TERM");
    let (status, log) = service.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(begun.elapsed() < DRAIN, "it took {:?}", begun.elapsed());
    // Nothing is marked running, nothing half-written is left.
    sound(&data);

    let service = Service::start(&data, &[]);
    let user = user.at(&service);
    user.job_when(&jobs[0], |job| frames(job) > 0).await;
    signal(&service.child, "-TERM");
    signal(&service.child, "-INT");
    let (status, _) = service.ended();
    // Whether the first signal was enough is a matter of time.
    assert!([0, 130, 143].map(Some).contains(&status.code()), "{status:?}");
}

#[tokio::test]
async fn metrics_are_served_on_their_own_address_alone() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let address = free_address().to_string();
    let service = Service::start(home.path(), &[("METRICS_ADDR", &address)]);
    let get = async |url: String| reqwest::get(url).await.expect("an answer");
    let metrics = get(format!("http://{address}/metrics")).await;
    assert_eq!(metrics.status(), 200);
    let text = metrics.text().await.expect("text");
    assert!(text.contains("# TYPE sightline_queue_depth gauge"), "{text}");
    assert!(text.contains("\nsightline_websocket_clients 0\n"), "{text}");
    assert_eq!(get(format!("{}/metrics", service.url)).await.status(), 404);
    assert_eq!(get(format!("{}/livez", service.url)).await.status(), 200);
}

#[tokio::test]
async fn i9_no_secret_is_in_the_log() {
    const SECRET: &str = "canary-signing-key-0123456789abcdef";
    const PASSWORD: &str = "canary-password";
    let home = tempfile::tempdir().expect("a temporary folder");
    let environment = [
        ("JWT_SECRET", SECRET),
        ("LOG_LEVEL", "trace"),
        ("LOG_FORMAT", "json"),
        ("NATS_URL", "nats://canary-user:canary-nats@127.0.0.1:9"),
        ("REDIS_URL", "redis://:canary-redis@localhost"),
    ];
    let service = Service::start(&home.path().join("data"), &environment);
    let user = service.user("ann", PASSWORD).await;
    let http = reqwest::Client::new();
    let post = async |path: &str, body: Value| {
        let request = http.post(format!("{}{path}", service.url)).json(&body);
        request.send().await.expect("an answer").text().await.expect("text")
    };
    post("/api/v1/auth/login", json!({"username": "ann", "password": "canary-wrong"})).await;
    post("/api/v1/auth/login", json!({"username": "canary-name", "password": PASSWORD})).await;
    post("/api/v1/auth/refresh", json!({"refresh_token": "canary-refresh"})).await;
    post("/api/v1/auth/refresh", json!({ "refresh_token": user.refresh })).await;
    let url = format!("{}/api/v1/ws?ticket=canary-ticket&token=canary-token", service.url);
    http.get(url).send().await.expect("an answer");
    user.request(reqwest::Method::GET, "/api/v1/auth/me").send().await.expect("an answer");
    signal(&service.child, "-TERM");
    let (status, log) = service.ended();
    assert!(status.success(), "{log}");
    assert!(log.contains("/api/v1/auth/login"), "nothing was logged: {log}");
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        // The name that was asked for is no secret.
        let line = line.replace("canary-name", "");
        assert!(!line.contains("canary"), "{line}");
        assert!(!line.contains(&user.access) && !line.contains(&user.refresh), "{line}");
    }
}

#[tokio::test]
async fn results_are_the_same_bytes_as_the_command_lines_with_any_number_of_workers() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (video, out) = (home.path().join("clip.mp4"), home.path().join("out"));
    clip(&video, 4, &[]);
    analyze(&video, &out, ["--model", "motion", "--job", "emergency-count"]).succeeds();
    let expected = std::fs::read(out.join("results.json")).expect("results");
    for workers in ["1", "4"] {
        let data = home.path().join(workers);
        let service = Service::start(&data, &[("MODEL_WORKERS", workers)]);
        let user = service.user("ann", "correct horse battery").await;
        let id = user.submit("emergency-count", &json!({ "model": "motion" }), &video).await;
        let job = user.done(&id).await;
        assert!(user.results(&id).await == expected, "with {workers} workers");
        let kept = data.join(format!("media/results/results_{id}.json"));
        assert_eq!(std::fs::read(kept).expect("it is kept there"), expected);
        assert!(job["output_video"].as_str().is_some_and(|url| url.starts_with(&service.url)));
    }
}

#[test]
fn documents_are_printed() {
    for (command, key) in [("openapi", "openapi"), ("asyncapi", "asyncapi")] {
        let run = finish(sightline().arg(command));
        run.succeeds();
        let document: Value = serde_json::from_str(&run.stdout).expect("JSON");
        assert!(document[key].as_str().is_some_and(|v| v.starts_with("3.")), "{command}");
    }
}

#[test]
fn what_is_in_force_is_told_with_its_source() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let file = home.path().join("s.toml");
    std::fs::write(&file, "[jobs]\nper_user = 2\n").expect("can be written");
    let mut command = sightline();
    command.args(["config", "--json", "--config"]).arg(&file);
    let run = finish(
        command.env("PORT", "8001").env("JWT_SECRET", "canary".repeat(6)).env("DEVICE", "cuda"),
    );
    run.succeeds();
    let words = "DEVICE is set, but this version does nothing with it";
    assert!(run.stderr.contains(words), "{run:#?}");
    assert!(!run.stdout.contains("canary") && !run.stderr.contains("canary"), "{run:#?}");
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let row = |variable: &str| {
        let rows = found["settings"].as_array().expect("a list");
        let row = rows.iter().find(|r| r["variable"] == variable).expect("a setting");
        (row["value"].as_str().map(str::to_owned), row["from"].as_str().expect("text").to_owned())
    };
    let told = |value: &str, from: &str| (Some(value.to_owned()), from.to_owned());
    assert_eq!(row("PORT"), told("8001", "PORT"));
    assert_eq!(row("JOBS_PER_USER"), told("2", &format!("{}:2", file.display())));
    assert_eq!(row("JWT_SECRET"), told("set", "JWT_SECRET"));
    assert_eq!(found["warnings"], json!([words]));
    assert_eq!(row("QUEUE_LIMIT"), told("10000", "default"));
    finish(sightline().args(["config", "--config", "/nonexistent.toml"])).fails(3, "NOT_FOUND");
}

#[test]
fn the_demo_shows_counts_and_ends_where_nobody_could_end_it() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let video = home.path().join("clip.mp4");
    clip(&video, 2, &[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_sightline"));
    command.args(["demo", "--model", "motion", "--data-dir"]).arg(home.path().join("data"));
    let run = finish(command.arg(&video).stdin(Stdio::null()));
    run.succeeds();
    let annotated = run.stdout.lines().find_map(|line| line.strip_prefix("annotated "));
    let annotated = annotated.unwrap_or_else(|| panic!("{run:#?}"));
    assert!(Path::new(annotated).is_file(), "{run:#?}");
    sound(&home.path().join("data"));
}
