//! Libraries that are not ONNX Runtime: each is a clear error, at once, and none is loaded.
//!
//! A binary of its own: here the runtime is never loaded, so every attempt is a first one.

use models::backend::onnx::{Runtime, library};
use schema::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// Tries to load `path` on a thread of its own; a hang is a failure.
fn load(path: &Path) -> Error {
    let (send, receive) = mpsc::sync_channel(1);
    let path = path.to_path_buf();
    std::thread::spawn(move || send.send(Runtime::load(&path).map(|_| ())));
    let result = receive.recv_timeout(Duration::from_secs(5)).expect("an answer within 5 s");
    result.expect_err("it is not ONNX Runtime")
}

fn check(path: &Path, expected: &str) {
    let error = load(path);
    println!("{error}");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
    assert!(error.message().contains(&path.display().to_string()), "{error}");
    assert!(error.message().contains(expected), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("make")), "{:?}", error.hint());
}

fn file(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).expect("the folder is writable");
    path
}

#[test]
fn what_is_not_there_or_no_library_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = std::fs::canonicalize(dir.path()).expect("a real path");
    check(&dir.join("missing.so"), "cannot be read: No such file");
    check(&dir, "is not a file");
    check(&file(&dir, "empty.so", b""), "is not an ELF library (0 bytes)");
    check(&file(&dir, "text.so", &b"not a library\n".repeat(100)), "is not an ELF library");
    check(&file(&dir, "page.so", b"<html>"), "is not an ELF library (6 bytes)");
}

/// The C library of this process: an ELF library that is not ONNX Runtime.
#[cfg(target_os = "linux")]
fn c_library() -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux has it");
    let path = maps
        .lines()
        .find_map(|line| line.find('/').map(|i| &line[i..]).filter(|p| p.contains("/libc.so")));
    PathBuf::from(path.expect("tests are linked to the C library"))
}

#[cfg(target_os = "linux")]
#[test]
fn another_library_is_named_and_not_loaded() {
    check(&c_library(), "does not export OrtGetApiBase");
}

#[cfg(target_os = "linux")]
#[test]
fn a_damaged_library_is_named_and_not_loaded() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = std::fs::canonicalize(dir.path()).expect("a real path");
    let whole = std::fs::read(c_library()).expect("the C library can be read");
    for length in [16, 63] {
        check(&file(&dir, "header.so", &whole[..length]), "is not an ELF library");
    }
    check(&file(&dir, "cut.so", &whole[..64]), "is cut off or damaged");
    for length in [4096, whole.len() / 2] {
        check(&file(&dir, "cut.so", &whole[..length]), "bytes of at least");
    }
    let patched = |at: usize, bytes: &[u8]| {
        let mut copy = whole.clone();
        copy[at..at + bytes.len()].copy_from_slice(bytes);
        file(&dir, "patched.so", &copy)
    };
    check(&patched(18, &[243, 0]), "is for another machine (ELF machine 243)");
    check(&patched(16, &[2, 0]), "not a shared library");
    check(&patched(4, &[1]), "is not a 64-bit");
    check(&patched(32, &[0xff; 8]), "is cut off or damaged");
    check(&patched(56, &[0xff; 2]), "has a damaged ELF header");
}

#[cfg(target_os = "linux")]
#[test]
fn a_runtime_that_is_cut_off_is_named_and_not_loaded() {
    let located = library::locate(None);
    let path = match located.path() {
        Ok(path) => path,
        Err(error) => return println!("skipped: {error}"),
    };
    let dir = tempfile::tempdir().expect("a folder");
    let dir = std::fs::canonicalize(dir.path()).expect("a real path");
    let whole = std::fs::read(path).expect("the library can be read");
    check(&file(&dir, "libonnxruntime.so", &whole[..whole.len() * 9 / 10]), "bytes of at least");
}

#[test]
fn the_real_library_tells_its_version() {
    let located = library::locate(None);
    match located.path() {
        Ok(path) => {
            let version = library::preflight(path).expect("the library that is there is usable");
            assert!(version.starts_with("1."), "{version}");
        }
        Err(error) => println!("skipped: {error}"),
    }
}
