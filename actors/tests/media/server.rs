//! A small HTTP server on this machine that behaves, or misbehaves, as told.
//!
//! Stands alone, so that other test targets can include it by path.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a server does with its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "not every target that includes it needs every manner")]
pub(crate) enum Manner {
    /// Serves all, ranges too.
    Honest,
    /// Serves all, refuses ranges.
    WithoutRanges,
    /// Serves all, in chunks of unknown number, refuses ranges.
    WithoutLength,
    /// Serves its file from the start, and is out of service for whoever wants it from elsewhere.
    OutOfService,
    /// Falls silent at this offset of the file.
    Stall(usize),
    /// Hangs up at this offset of the file.
    Cut(usize),
    /// Hangs up at this offset, and never said how long the file is.
    CutWithoutLength(usize),
    /// Accepts the connection and never answers.
    Silent,
    /// Says that there is no such file.
    NotFound,
    /// Sends the client to a file of its own machine.
    RedirectToFile,
}

/// What a server saw.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It fell silent on a client.
    Silent,
    /// A client it was silent to hung up.
    HungUp,
}

/// Serves one file until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    seen: Receiver<Seen>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(file: Vec<u8>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let ends = Arc::new(AtomicBool::new(false));
        let (tell, seen) = sync_channel(64);
        let (file, stopped) = (Arc::new(file), Arc::clone(&ends));
        let thread = std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (file, tell) = (Arc::clone(&file), tell.clone());
                // A client that hangs up early is no failure of the server.
                std::thread::spawn(move || serve(client, &file, manner, &tell).ok());
            }
        });
        Self { address, ends, seen, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/clip.mp4?token=1", self.address)
    }

    /// Waits until the server sees something.
    pub(crate) fn wait(&self) -> Seen {
        self.seen.recv_timeout(Duration::from_secs(20)).expect("something happens")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).ok();
        self.thread.take().expect("once").join().expect("no panic");
    }
}

fn serve(
    mut client: TcpStream,
    file: &[u8],
    manner: Manner,
    tell: &SyncSender<Seen>,
) -> std::io::Result<()> {
    let start = request(&client, manner)?;
    if manner == Manner::Silent {
        return fall_silent(client, tell);
    }
    let (status, about, has_body) = answer(file.len(), start, manner);
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{about}\r\n\r\n");
    client.write_all(head.as_bytes())?;
    match manner {
        _ if !has_body => {}
        Manner::Stall(at) => {
            client.write_all(&file[start..at.max(start)])?;
            fall_silent(client, tell)?;
        }
        Manner::Cut(at) | Manner::CutWithoutLength(at) => {
            client.write_all(&file[start..at.max(start)])?;
        }
        Manner::WithoutLength => {
            for chunk in file.chunks(5000) {
                client.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
                client.write_all(&[chunk, b"\r\n"].concat())?;
            }
            client.write_all(b"0\r\n\r\n")?;
        }
        _ => client.write_all(&file[start..])?,
    }
    Ok(())
}

/// Status, what is said of the body, and whether there is one.
fn answer(total: usize, start: usize, manner: Manner) -> (&'static str, String, bool) {
    let (last, left) = (total.saturating_sub(1), total - start);
    let nothing = "Content-Length: 0".to_owned();
    match manner {
        Manner::NotFound => ("404 Not Found", nothing, false),
        Manner::OutOfService if start > 0 => ("503 Service Unavailable", nothing, false),
        Manner::RedirectToFile => {
            ("302 Found", format!("Location: file:///etc/passwd\r\n{nothing}"), false)
        }
        Manner::CutWithoutLength(_) => ("200 OK", "Accept-Ranges: none".to_owned(), true),
        Manner::WithoutLength => ("200 OK", "Transfer-Encoding: chunked".to_owned(), true),
        Manner::WithoutRanges => {
            ("200 OK", format!("Accept-Ranges: none\r\nContent-Length: {total}"), true)
        }
        _ if start > 0 => {
            let range = format!("Content-Range: bytes {start}-{last}/{total}");
            ("206 Partial Content", format!("{range}\r\nContent-Length: {left}"), true)
        }
        _ => ("200 OK", format!("Accept-Ranges: bytes\r\nContent-Length: {total}"), true),
    }
}

/// Reads a request; where its range begins, 0 without one.
fn request(client: &TcpStream, manner: Manner) -> std::io::Result<usize> {
    let mut start = 0;
    for line in BufReader::new(client).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let range = line.strip_prefix("Range: bytes=").and_then(|range| range.split('-').next());
        start = range.map_or(start, |range| range.parse().expect("a number"));
    }
    let ignores = matches!(
        manner,
        Manner::WithoutRanges | Manner::WithoutLength | Manner::CutWithoutLength(_)
    );
    Ok(if ignores { 0 } else { start })
}

/// Says nothing more until the client hangs up.
fn fall_silent(mut client: TcpStream, tell: &SyncSender<Seen>) -> std::io::Result<()> {
    tell.send(Seen::Silent).ok();
    while matches!(client.read(&mut [0; 64]), Ok(1..)) {}
    tell.send(Seen::HungUp).ok();
    Ok(())
}
