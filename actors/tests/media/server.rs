//! A small HTTP server on this machine that behaves, or misbehaves, as told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a server does with its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Serves all, ranges too.
    Honest,
    /// Serves all, refuses ranges.
    WithoutRanges,
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
    let (length, total) = (file.len() - start, file.len());
    let head = match manner {
        Manner::Silent => return fall_silent(client, tell),
        Manner::NotFound => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        Manner::RedirectToFile => {
            "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"
                .to_owned()
        }
        Manner::CutWithoutLength(_) => "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned(),
        Manner::WithoutRanges => {
            format!("HTTP/1.1 200 OK\r\nAccept-Ranges: none\r\nContent-Length: {total}\r\n\r\n")
        }
        _ if start > 0 => format!(
            "HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\n\
             Content-Range: bytes {start}-{}/{total}\r\nContent-Length: {length}\r\n\r\n",
            total - 1
        ),
        _ => format!("HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: {total}\r\n\r\n"),
    };
    client.write_all(head.as_bytes())?;
    let end = match manner {
        Manner::Stall(at) | Manner::Cut(at) | Manner::CutWithoutLength(at) => at.max(start),
        Manner::NotFound | Manner::RedirectToFile => start,
        _ => total,
    };
    client.write_all(&file[start..end])?;
    if matches!(manner, Manner::Stall(_)) {
        return fall_silent(client, tell);
    }
    Ok(())
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
    let ignores = matches!(manner, Manner::WithoutRanges | Manner::CutWithoutLength(_));
    Ok(if ignores { 0 } else { start })
}

/// Says nothing more until the client hangs up.
fn fall_silent(mut client: TcpStream, tell: &SyncSender<Seen>) -> std::io::Result<()> {
    tell.send(Seen::Silent).ok();
    while matches!(client.read(&mut [0; 64]), Ok(1..)) {}
    tell.send(Seen::HungUp).ok();
    Ok(())
}
