//! A small HTTP server on this machine that misbehaves as told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// What the server does with its file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Manner {
    /// Hangs up at this offset of the file.
    Cut(usize),
    /// Falls silent at this offset of the file.
    Stall(usize),
    /// Says that there is no such file.
    NotFound,
}

/// Serves one file until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    silent: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(file: Vec<u8>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let ends = Arc::new(AtomicBool::new(false));
        let (tell, silent) = sync_channel(64);
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
        Self { address, ends, silent, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/clip.mp4", self.address)
    }

    /// Waits until a client waits for more.
    pub(crate) fn falls_silent(&self) {
        self.silent.recv().expect("the server runs");
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
    silent: &SyncSender<()>,
) -> std::io::Result<()> {
    let start = requested_start(&client)?;
    let (left, total) = (file.len() - start, file.len());
    let end = match manner {
        Manner::Cut(at) | Manner::Stall(at) => at.max(start),
        Manner::NotFound => {
            return client.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }
    };
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\n\
         Content-Range: bytes {start}-{}/{total}\r\nContent-Length: {left}\r\n\r\n",
        total - 1
    );
    client.write_all(head.as_bytes())?;
    client.write_all(&file[start..end])?;
    if matches!(manner, Manner::Stall(_)) {
        silent.send(()).ok();
        // Until the client hangs up.
        while matches!(client.read(&mut [0; 64]), Ok(1..)) {}
    }
    Ok(())
}

/// Reads a request; where its range begins, 0 without one.
fn requested_start(client: &TcpStream) -> std::io::Result<usize> {
    let mut start = 0;
    for line in BufReader::new(client).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let range = line.strip_prefix("Range: bytes=").and_then(|range| range.split('-').next());
        start = range.map_or(start, |range| range.parse().expect("a number"));
    }
    Ok(start)
}
