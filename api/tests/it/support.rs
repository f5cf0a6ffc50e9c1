//! A server on a free port of this machine, over real engines, and a client that sends exactly
//! what it is told.

use actors::compute::{ModelFiles, ModelStore};
use actors::config::PlatformConfig;
use actors::drivers::memory::MemoryBus;
use actors::drivers::objects::FolderObjects;
use actors::drivers::sqlite::Sqlite;
use actors::handle::{Engines, Platform};
use actors::job::run::Workshop;
use actors::media::{Limits, SourceKind, WriterOptions, open_writer};
use actors::testing::clock::ManualClock;
use actors::testing::frame;
use api::config::{ApiConfig, Settings};
use api::{App, serve};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) const SECRET: &str = "canary-0123456789abcdef-0123456789abcdef";
pub(crate) const PASSWORD: &str = "canary correct horse battery";

/// A server; it ends with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) platform: Platform,
    pub(crate) bus: Arc<MemoryBus>,
    pub(crate) folder: TempDir,
    task: JoinHandle<()>,
}

/// What a server is made of, where a test wants it otherwise.
pub(crate) struct Setup {
    pub(crate) settings: Settings,
    pub(crate) config: PlatformConfig,
    pub(crate) limits: Limits,
    /// Bytes that uploads leave free on the disk.
    pub(crate) min_free_bytes: u64,
}

impl Default for Setup {
    fn default() -> Self {
        let (config, limits) = (PlatformConfig::default(), Limits::default());
        Self { settings: settings(), config, limits, min_free_bytes: 0 }
    }
}

/// Settings of a development server with a known key.
pub(crate) fn settings() -> Settings {
    Settings { jwt_secret: Some(format!("k1:{SECRET}")), ..Settings::default() }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(settings(), PlatformConfig::default()).await
    }

    pub(crate) async fn with(settings: Settings, config: PlatformConfig) -> Self {
        Self::of(Setup { settings, config, ..Setup::default() }).await
    }

    pub(crate) async fn of(setup: Setup) -> Self {
        Self::around(setup, |app| app).await
    }

    /// A server of what `finish` makes of the application.
    pub(crate) async fn around(setup: Setup, finish: impl FnOnce(App) -> App) -> Self {
        let Setup { settings, config, limits, min_free_bytes } = setup;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(Sqlite::memory().expect("a store in memory"));
        let bus = Arc::new(MemoryBus::new());
        let objects = FolderObjects::open(&folder.path().join("media"), min_free_bytes).await;
        let files = ModelFiles { folder: folder.path().join("models"), library: None };
        let models = ModelStore::start(files, 1).expect("a compute system");
        let engines = Engines {
            store: store.clone(),
            queue: store,
            bus: bus.clone(),
            objects: Arc::new(objects.expect("a folder")),
            clock: clock.clone(),
            workshop: Arc::new(Workshop { models, limits }),
        };
        let platform = Platform::start(config, engines).await.expect("a node");
        let config: ApiConfig = settings.validate(None).expect("settings are right");
        let app =
            App::new(platform.clone(), config.into()).await.map(finish).expect("an application");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("is bound");
        let task = tokio::spawn(async move { serve(listener, app).await.expect("serves") });
        Self { address, clock, platform, bus, folder, task }
    }

    /// Ends the server in order.
    pub(crate) async fn stop(mut self) {
        self.platform.shutdown(Duration::from_secs(10)).await;
        (&mut self.task).await.expect("ends without a panic");
    }

    pub(crate) fn client(&self) -> Client {
        Client { address: self.address, token: None }
    }

    /// A client that is signed in as a new user; the first one is the admin.
    pub(crate) async fn user(&self, name: &str) -> (Client, Value) {
        let account = json!({"username": name, "password": PASSWORD});
        let made = self.client().post("/api/v1/auth/register", &account).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let data = made.json()["data"].clone();
        let token = data["access_token"].as_str().expect("a token").to_owned();
        (Client { address: self.address, token: Some(token) }, data)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends requests, each on a connection of its own.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The code of an error in whichever form.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        let code = body.pointer("/error/code").or_else(|| body.get("code"));
        code.and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl Client {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, b"").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.send("POST", path, &[("content-type", "application/json")], body.as_bytes()).await
    }

    /// Sends a form; a part with a file name is a file.
    pub(crate) async fn form(&self, path: &str, parts: &[(&str, Option<&str>, &[u8])]) -> Answer {
        self.form_with(path, &[], parts).await
    }

    pub(crate) async fn form_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        parts: &[(&str, Option<&str>, &[u8])],
    ) -> Answer {
        let mut body = Vec::new();
        for (name, file, data) in parts {
            let file = file.map(|f| format!("; filename=\"{f}\"")).unwrap_or_default();
            let head = format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"{file}");
            body.extend(head.as_bytes());
            body.extend(b"\r\n\r\n");
            body.extend(*data);
            body.extend(b"\r\n");
        }
        body.extend(b"--XX--\r\n");
        let mut all = vec![("content-type", "multipart/form-data; boundary=XX")];
        all.extend(headers);
        self.send("POST", path, &all, &body).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        if let Some(token) = &self.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method == "POST" {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("connection: close\r\n\r\n");
        self.raw(&[head.as_bytes(), body].concat()).await
    }

    /// Sends these bytes and reads the answer to the end.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        // A server that refuses a body need not read all of it.
        let _ = stream.write_all(bytes).await;
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        parse(&all)
    }
}

/// Reads an answer that ends with its connection.
pub(crate) fn parse(all: &[u8]) -> Answer {
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| {
        panic!("no answer: {:?}", String::from_utf8_lossy(all));
    });
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(n, v)| (n.trim().to_lowercase(), v.trim().to_owned()))
        .collect();
    let mut body = all[end + 4..].to_vec();
    if headers.iter().any(|(n, v)| n == "transfer-encoding" && v == "chunked") {
        body = unchunk(&body);
    }
    Answer { status: status.parse().expect("a number"), headers, body }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16);
        let size = size.expect("a size");
        if size == 0 {
            break;
        }
        body.extend(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    body
}

/// A video of `frames` black frames.
pub(crate) fn video(frames: u64) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("clip.mp4");
    let options = WriterOptions::new(SourceKind::Video, 25.0);
    let mut writer = open_writer(&path, &options).expect("an encoder");
    for i in 0..frames {
        writer.write(&frame(i)).expect("is written");
    }
    writer.finish().expect("is whole");
    std::fs::read(path).expect("was written")
}

/// Asks until `holds`, with a generous deadline.
pub(crate) async fn eventually<F: Future<Output = Option<T>>, T>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let mut every = tokio::time::interval(Duration::from_millis(20));
    let found = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            every.tick().await;
            if let Some(found) = ask().await {
                return found;
            }
        }
    });
    found.await.unwrap_or_else(|_| panic!("{what} did not come"))
}
