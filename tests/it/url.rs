//! `analyze` over a URL whose server misbehaves.

use crate::endings::{ends_in_time, signal};
use crate::server::{Manner, Seen, Server};
use crate::support::{analyze, clip, sightline};
use std::path::Path;
use std::process::Stdio;

/// A clip whose index stands at its beginning, so that it plays before all of it is there.
fn film(home: &Path) -> Vec<u8> {
    let path = home.join("clip.mp4");
    clip(&path, 2, &["-movflags", "+faststart"]);
    std::fs::read(path).expect("readable")
}

#[test]
fn a_download_that_fails() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let out = home.path().join("new/out");
    let film = film(home.path());
    let half = film.len() / 2;
    for (manner, code) in [
        (Manner::Cut(half), "DOWNLOAD_ERROR"),
        // Within the index.
        (Manner::Cut(300), "DOWNLOAD_ERROR"),
        (Manner::NotFound, "DOWNLOAD_FAILED"),
    ] {
        let server = Server::start(film.clone(), manner);
        let url = server.url();
        analyze(Path::new(&url), &out, ["--model", "motion"]).fails(3, code);
        assert!(!home.path().join("new").exists(), "{manner:?} left something behind");
    }
}

#[test]
fn an_interrupt_while_a_url_stalls() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let out = home.path().join("new/out");
    let server = Server::start(film(home.path()), Manner::Stall(100));
    let mut child = sightline()
        .args(["analyze", &server.url(), "--model", "motion", "--out"])
        .arg(&out)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    assert_eq!(server.wait(), Seen::Silent);
    signal(&child, "-INT");
    assert_eq!(ends_in_time(&mut child).code(), Some(130));
    assert!(!home.path().join("new").exists());
}
