//! The real server as a process of its own, and somebody who uses it over HTTP.

use crate::support::sightline;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What anything may take on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked whether something has come about.
const LOOK: Duration = Duration::from_millis(20);

/// A server; killed when it is dropped.
pub(crate) struct Service {
    pub(crate) child: Child,
    pub(crate) url: String,
    stdout: BufReader<ChildStdout>,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    /// When its process was started.
    pub(crate) begun: Instant,
}

impl Service {
    /// Starts one over the data folder `data`, at a free port.
    pub(crate) fn start(data: &Path, environment: &[(&str, &str)]) -> Self {
        let mut service = Self::begin(data, 0, environment);
        service.ready();
        service
    }

    /// Begins to start one at `port`, a free one where it is 0, which is then known once it is
    /// ready.
    pub(crate) fn begin(data: &Path, port: u16, environment: &[(&str, &str)]) -> Self {
        let begun = Instant::now();
        let mut child = sightline()
            .args(["serve", "--port", &port.to_string(), "--data-dir"])
            .arg(data)
            .env("METRICS_ADDR", "off")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Arc::new(Mutex::new(String::new()));
        let reader = collect(child.stderr.take().expect("it is piped"), Arc::clone(&log));
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let url = format!("http://127.0.0.1:{port}");
        Self { child, url, stdout, log, reader: Some(reader), begun }
    }

    /// Waits until it is ready.
    pub(crate) fn ready(&mut self) {
        let mut ready = String::new();
        self.stdout.read_line(&mut ready).expect("text");
        let url = ready.trim().rsplit(' ').next().unwrap_or_default().trim_end_matches('/');
        assert!(url.starts_with("http://127.0.0.1:"), "{ready:?}: {}", self.log());
        self.url = url.to_owned();
    }

    /// Waits until it answers that it lives, which it does before it is ready.
    pub(crate) async fn alive(&mut self) {
        let mut look = tokio::time::interval(LOOK);
        while reqwest::get(format!("{}/livez", self.url)).await.is_err() {
            let ended = self.child.try_wait().expect("it was started");
            assert!(ended.is_none(), "{ended:?}: {}", self.log());
            assert!(self.begun.elapsed() < PATIENCE, "{}", self.log());
            look.tick().await;
        }
    }

    fn log(&self) -> String {
        self.log.lock().expect("whole").clone()
    }

    /// As the machine's failing would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was started");
    }

    /// Waits for its end, and gives its log as well.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("it was started");
        self.reader.take().expect("once").join().expect("no panic");
        (status, self.log())
    }

    /// Registers somebody.
    pub(crate) async fn user(&self, name: &str, password: &str) -> User {
        let http = reqwest::Client::new();
        let account = json!({ "username": name, "password": password });
        let url = format!("{}/api/v1/auth/register", self.url);
        let answer = http.post(url).json(&account).send().await.expect("an answer");
        assert_eq!(answer.status(), 201);
        let session: Value = answer.json().await.expect("JSON");
        let text = |key: &str| session["data"][key].as_str().expect("a token").to_owned();
        User {
            http,
            base: self.url.clone(),
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(stderr: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines() {
            let line = line.expect("text") + "\n";
            log.lock().expect("whole").push_str(&line);
        }
    })
}

/// Somebody who has signed in.
#[derive(Clone)]
pub(crate) struct User {
    http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl User {
    /// The same person at a server that was started again.
    pub(crate) fn at(&self, service: &Service) -> Self {
        Self { base: service.url.clone(), ..self.clone() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.access)
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    /// Submits a job, and says which it is.
    pub(crate) async fn submit(&self, kind: &str, params: &Value, file: &Path) -> String {
        let form = Form::new()
            .text("job_type", kind.to_owned())
            .text("params", params.to_string())
            .part("file", Part::file(file).await.expect("a file"));
        let request = self.request(Method::POST, "/api/v1/jobs").multipart(form);
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let job: Value = answer.json().await.expect("JSON");
        assert_eq!(status, 202, "{job:#}");
        job["data"]["id"].as_str().expect("an id").to_owned()
    }

    /// The job as it is now.
    pub(crate) async fn job(&self, id: &str) -> Value {
        let answer = self.get(&format!("/api/v1/jobs/{id}")).await;
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.expect("JSON")["data"].take()
    }

    /// The job once `holds` of it; fails where it ends before, or it takes too long.
    pub(crate) async fn job_when(&self, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            let job = self.job(id).await;
            if holds(&job) {
                return job;
            }
            let ended = ["failed", "cancelled", "done"].iter().any(|s| job["status"] == **s);
            assert!(!ended && begun.elapsed() < PATIENCE, "it never came to that: {job:#}");
        }
    }

    /// The job once it is done.
    pub(crate) async fn done(&self, id: &str) -> Value {
        self.job_when(id, |job| job["status"] == "done").await
    }

    /// The exact bytes of the results.
    pub(crate) async fn results(&self, id: &str) -> Vec<u8> {
        let answer = self.get(&format!("/api/v1/jobs/{id}/results")).await;
        assert_eq!(answer.status(), 200);
        answer.bytes().await.expect("a body").to_vec()
    }
}

/// Frames of the present attempt that are through.
pub(crate) fn frames(job: &Value) -> u64 {
    job["frames_done"].as_u64().expect("a number")
}
