//! 1,000 WebSocket clients, each with one of ten topics of 100 events/s, served by Sightline and by
//! a Node server on npm's `ws`, in turn, with the same clients.
//!
//! `cargo bench --bench websocket -- [--rate EVENTS] [--seconds N] [--clients N] [--rounds N]`.
//! Server and clients are processes of their own; either server publishes in its own process, at
//! times that are fixed beforehand, and an event carries the time when it was due: the latency runs
//! from there to the client, whatever came between. CPU time and memory are those of the server
//! process alone (`/proc/PID`). Prints a line per server and round, and the ratios of the medians.

mod clients;
mod server;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/websocket");

/// What is asked for.
#[derive(Debug, Clone, Copy)]
struct Load {
    clients: usize,
    topics: usize,
    /// Events of one topic per second.
    rate: u64,
    seconds: u64,
}

impl Load {
    /// Events of one topic in all.
    const fn events(self) -> u64 {
        self.rate * self.seconds
    }

    /// Deliveries in all.
    const fn deliveries(self) -> u64 {
        self.events() * self.clients as u64
    }

    fn arguments(self) -> [String; 4] {
        [self.clients as u64, self.topics as u64, self.rate, self.seconds].map(|n| n.to_string())
    }

    fn read(arguments: &[String]) -> Self {
        let number = |i: usize| arguments[i].parse::<u64>().expect("a number");
        let (clients, topics) = (number(0) as usize, number(1) as usize);
        Self { clients, topics, rate: number(2), seconds: number(3) }
    }
}

/// What one round came to.
#[derive(Debug, Clone, Copy)]
struct Figures {
    p50_ms: f64,
    p99_ms: f64,
    /// Microseconds of the server's CPU per delivery.
    cpu_us: f64,
    memory_mib: f64,
}

fn main() {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match arguments.first().map(String::as_str) {
        Some("serve") => return server::run(Load::read(&arguments[1..])),
        Some("clients") => return clients::run(&arguments[1], Load::read(&arguments[2..])),
        _ => {}
    }
    let option = |name: &str, default: u64| {
        let place = arguments.iter().position(|a| a == name);
        place.and_then(|i| arguments.get(i + 1)?.parse().ok()).unwrap_or(default)
    };
    let load = Load {
        clients: option("--clients", 1000) as usize,
        topics: 10,
        rate: option("--rate", 100),
        seconds: option("--seconds", 10),
    };
    let rounds = option("--rounds", 3);
    println!(
        "{} clients, {} topics, {} events/s each: {} deliveries/s for {} s",
        load.clients,
        load.topics,
        load.rate,
        load.rate * load.clients as u64,
        load.seconds
    );
    let peer = Path::new(PEER).join("node_modules/ws").exists();
    if !peer {
        println!("skipped: ws, as `npm ci` in benches/peers/websocket has not been run");
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let this = std::env::current_exe().expect("this program has a path");
        ours.push(round("sightline", Command::new(this).arg("serve"), load));
        if peer {
            let script = PathBuf::from(PEER).join("server.js");
            theirs.push(round("ws", Command::new("node").arg(script), load));
        }
    }
    if peer {
        ratios(&ours, &theirs);
    }
}

fn ratios(ours: &[Figures], theirs: &[Figures]) {
    let ratio = |of: fn(&Figures) -> f64| median(ours, of) / median(theirs, of);
    println!(
        "sightline / ws, medians: p50 {:.2}x, p99 {:.2}x, CPU {:.2}x, memory {:.2}x",
        ratio(|f| f.p50_ms),
        ratio(|f| f.p99_ms),
        ratio(|f| f.cpu_us),
        ratio(|f| f.memory_mib)
    );
}

fn median(figures: &[Figures], of: fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = figures.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A process whose words are read line by line; it is ended with the round.
struct Process {
    child: Child,
    words: BufReader<ChildStdout>,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let words = BufReader::new(child.stdout.take().expect("is piped"));
        Self { child, words }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.words.read_line(&mut line).expect("is readable");
        assert!(!line.is_empty(), "the process ended without its words");
        line.trim().to_owned()
    }

    fn tell(&mut self, word: &str) {
        let input = self.child.stdin.as_mut().expect("is piped");
        writeln!(input, "{word}").expect("it reads");
    }

    /// CPU seconds so far.
    fn cpu(&self) -> f64 {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).expect("it lives");
        let after = stat.rsplit_once(')').expect("a name in brackets").1;
        let ticks = |i: usize| -> f64 {
            after.split_whitespace().nth(i).and_then(|n| n.parse().ok()).expect("a number")
        };
        // utime and stime, the fields 14 and 15; Linux tells them in hundredths.
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Resident memory in MiB.
    fn memory(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("it lives");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("is told");
        let kib = line.split_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok());
        kib.expect("a number") / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn round(name: &str, command: &mut Command, load: Load) -> Figures {
    let mut server = Process::start(command.args(load.arguments()));
    let port = server.line();
    let this = std::env::current_exe().expect("this program has a path");
    let mut clients =
        Process::start(Command::new(this).args(["clients", &port]).args(load.arguments()));
    assert_eq!(clients.line(), "ready");
    let (before, generator) = (server.cpu(), clients.cpu());
    server.tell("go");
    let told = clients.line();
    let generator = clients.cpu() - generator;
    let cpu = server.cpu() - before;
    let memory_mib = server.memory();
    let numbers: Vec<f64> = told.split(' ').map(|n| n.parse().expect("a number")).collect();
    let [p50_ms, p99_ms, received, lagged] = numbers[..] else { panic!("four numbers: {told}") };
    let missing = load.deliveries() as f64 - received;
    println!(
        "{name}: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, missing {missing} (told of {lagged}), CPU \
         {cpu:.1} s, {memory_mib:.0} MiB; the clients' CPU {generator:.1} s"
    );
    Figures { p50_ms, p99_ms, cpu_us: cpu * 1e6 / received.max(1.0), memory_mib }
}
