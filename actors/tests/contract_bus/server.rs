//! A real `nats-server` for tests: started on a free port, killed, stopped and started again; and a
//! subscriber that speaks the protocol by hand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long anything may take on a machine that is busy with other tests.
const LONG: Duration = Duration::from_secs(30);
/// Set it to pass without a server.
const SKIP: &str = "SKIP_NATS_TESTS";

/// A server; it is killed when this is dropped.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    program: PathBuf,
    pub(crate) port: u16,
    child: Child,
}

impl Server {
    /// Starts a server with `settings` in its configuration besides what the tests need; `None`
    /// where there is no server and that is accepted.
    pub(crate) async fn start(settings: &str) -> Option<Self> {
        let Some(program) = program() else {
            assert!(
                std::env::var_os(SKIP).is_some(),
                "there is no nats-server on PATH or in /usr/sbin: install the package nats-server, \
                 or set {SKIP}=1 to go without"
            );
            eprintln!("skipped: nats-server is missing");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        // A port below those that the kernel gives to clients: one that is tried while nothing
        // listens there must not be connected to itself.
        // None is tried twice: one whose server was killed is free, and wanted again.
        while let Some(port) = untried() {
            if TcpListener::bind(("127.0.0.1", port)).is_err() {
                continue;
            }
            let path = folder.path().display();
            let configuration =
                format!("host: 127.0.0.1\nport: {port}\nports_file_dir: \"{path}\"\n{settings}\n");
            std::fs::write(folder.path().join("nats.conf"), configuration).expect("written");
            let child = spawn(&program, &folder);
            let mut server = Self { folder, program, port, child };
            if server.is_ready().await {
                return Some(server);
            }
            // Another test took the port.
            return Box::pin(Self::start(settings)).await;
        }
        panic!("no free port below 32,000");
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Starts it again on the same port, with other settings where they are given.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(&self.program, &self.folder);
        assert!(self.is_ready().await, "the server did not start again");
    }

    /// Sends it a signal: `STOP` or `CONT`. A stop is waited for: the threads of a server that was
    /// told to stop may still answer for a moment.
    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.child.id();
        // The shell's own: a bare machine has no other.
        let told = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status();
        assert!(told.expect("sh runs").success());
        let mut poll = tokio::time::interval(Duration::from_millis(5));
        let stopped = async {
            while name == "STOP" && !all_stand(pid) {
                poll.tick().await;
            }
        };
        tokio::time::timeout(LONG, stopped).await.expect("nats-server stops");
    }

    /// Waits for the file that a server writes when it listens; false where it ended instead.
    async fn is_ready(&mut self) -> bool {
        let file = self.folder.path().join(format!("nats-server_{}.ports", self.child.id()));
        let mut poll = tokio::time::interval(Duration::from_millis(5));
        let ready = async {
            while !file.exists() {
                if self.child.try_wait().expect("its state").is_some() {
                    return false;
                }
                poll.tick().await;
            }
            true
        };
        tokio::time::timeout(LONG, ready).await.expect("nats-server starts")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that this process has not tried; nothing once there were two thousand.
fn untried() -> Option<u16> {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let i = TRIED.fetch_add(1, Ordering::Relaxed);
    let port = 20_000 + (std::process::id() * 131 + i * 7) % 12_000;
    (i < 2000).then(|| u16::try_from(port).expect("below 32,000"))
}

/// Whether every thread of the process is stopped (proc(5): state `T`).
fn all_stand(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("nats-server")).find(|file| file.is_file())
}

fn spawn(program: &PathBuf, folder: &tempfile::TempDir) -> Child {
    let log = folder.path().join("nats.log");
    let log = std::fs::File::options().create(true).append(true).open(log).expect("a log");
    Command::new(program)
        .arg("-c")
        .arg(folder.path().join("nats.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("nats-server runs")
}

/// A subscriber that knows the protocol and nothing of ours.
pub(crate) struct Plain {
    stream: BufReader<TcpStream>,
}

/// What it got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) subject: String,
    /// In the order of the alphabet.
    pub(crate) headers: Vec<String>,
    pub(crate) payload: String,
}

impl Plain {
    /// Connects and subscribes; from the return on the server has it.
    pub(crate) fn subscribe(port: u16, subject: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a server");
        stream.set_read_timeout(Some(LONG)).expect("set");
        let mut plain = Self { stream: BufReader::new(stream) };
        assert!(plain.line().starts_with("INFO "));
        plain.say("CONNECT {\"verbose\":false,\"headers\":true}");
        plain.say(&format!("SUB {subject} 1"));
        plain.say("PING");
        assert_eq!(plain.line(), "PONG");
        plain
    }

    pub(crate) fn publish(&mut self, subject: &str, payload: &str) {
        self.say(&format!("PUB {subject} {}\r\n{payload}", payload.len()));
        self.say("PING");
        assert_eq!(self.line(), "PONG");
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Got {
        let line = self.line();
        let words: Vec<&str> = line.split(' ').collect();
        let (subject, of_headers, of_all) = match words[..] {
            ["MSG", subject, _, all] => (subject, 0, all.parse().expect("a size")),
            ["HMSG", subject, _, headers, all] => {
                (subject, headers.parse().expect("a size"), all.parse().expect("a size"))
            }
            _ => panic!("neither MSG nor HMSG: {line:?}"),
        };
        let mut bytes = vec![0; of_all + 2];
        self.stream.read_exact(&mut bytes).expect("as long as was said");
        let text = String::from_utf8(bytes).expect("text");
        let (headers, payload) = text[..of_all].split_at(of_headers);
        let mut headers: Vec<_> =
            headers.split("\r\n").skip(1).filter(|h| !h.is_empty()).map(str::to_owned).collect();
        headers.sort();
        Got { subject: subject.to_owned(), headers, payload: payload.to_owned() }
    }

    fn say(&mut self, text: &str) {
        self.stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).expect("sent");
    }

    /// The next line; the server's question whether one lives is answered and passed over.
    fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("a line");
            match line.trim_end() {
                "PING" => self.say("PONG"),
                line => return line.to_owned(),
            }
        }
    }
}
