//! What the folder promises beyond the contract: links, leftovers, full disks.

use crate::suite::{self, get, key, listed, put};
use actors::drivers::objects::FolderObjects;
use actors::objects::Objects;
use schema::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of objects in a temporary place.
async fn folder() -> (tempfile::TempDir, PathBuf, FolderObjects) {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let root = outside.path().join("data");
    let objects = FolderObjects::open(&root, 0).await.expect("a folder");
    (outside, root, objects)
}

#[tokio::test]
async fn a_folder_holds_the_contract() {
    let (_outside, _root, objects) = folder().await;
    suite::run(&objects).await;
}

#[tokio::test]
async fn planted_links_are_not_followed() {
    let (outside, root, objects) = folder().await;
    let secret = outside.path().join("secret");
    std::fs::create_dir(&secret).expect("a folder");
    std::fs::write(secret.join("file"), b"secret").expect("a file");
    put(&objects, "real/file", b"x").await;
    symlink(&secret, root.join("link")).expect("a link to a folder");
    symlink(secret.join("file"), root.join("real/link")).expect("a link to a file");
    symlink(root.join("real/file"), root.join("inner")).expect("a link that stays inside");
    symlink(root.join("loop"), root.join("loop")).expect("a link to itself");
    for planted in ["link/file", "real/link", "inner", "loop"] {
        let read = objects.read(&key(planted), 0..1).await.err().map(|e| e.kind());
        let path = objects.to_path(&key(planted)).await.err().map(|e| e.kind());
        assert_eq!([read, path], [Some(ErrorKind::NotFound); 2], "{planted} was followed");
        objects.remove(&key(planted)).await.expect("nothing of ours to remove");
    }
    assert_eq!(listed(&objects).await, [("real/file".to_owned(), 1)]);

    // Writing through one is refused; one in the place of a key gives way.
    let staging = objects.stage().await.expect("room");
    std::fs::write(staging.path().join("file"), b"new").expect("a file");
    let through = objects.adopt(&staging.path().join("file"), &key("link/file")).await;
    assert_eq!(through.map_err(|e| e.kind()), Err(ErrorKind::StorageError));
    put(&objects, "real/link", b"new").await;
    assert_eq!(get(&objects, "real/link", 0..3).await, b"new");
    assert_eq!(std::fs::read(secret.join("file")).expect("still there"), b"secret");
}

#[tokio::test]
async fn only_whole_files_of_staging_are_adopted() {
    let (outside, root, objects) = folder().await;
    std::fs::write(outside.path().join("file"), b"x").expect("a file");
    let staging = objects.stage().await.expect("room");
    symlink(outside.path().join("file"), staging.path().join("link")).expect("a link");
    std::fs::create_dir(staging.path().join("folder")).expect("a folder");
    let inside = staging.path();
    for path in [
        outside.path().join("file"),
        root.join("elsewhere"),
        inside.join("link"),
        inside.join("folder"),
        inside.join("missing"),
        inside.join("../../../file"),
    ] {
        let adopted = objects.adopt(&path, &key("taken")).await.map_err(|e| e.kind());
        assert_eq!(adopted, Err(ErrorKind::StorageError), "{}", path.display());
    }
    assert!(outside.path().join("file").exists());
    assert_eq!(listed(&objects).await, []);
}

#[tokio::test]
async fn what_a_killed_process_left_goes_at_the_next_start() {
    let (_outside, root, objects) = folder().await;
    put(&objects, "kept", b"x").await;
    let staging = objects.stage().await.expect("room");
    std::fs::write(staging.path().join("half"), b"ha").expect("a file");
    std::fs::write(root.join(".staging/loose"), b"x").expect("a file");
    let left = staging.path().to_owned();
    // As `kill -9` leaves it: nobody drops the handle.
    std::mem::forget(staging);

    let beside = FolderObjects::open_beside(&root, 0).await.expect("a second look");
    assert!(left.exists(), "a reader beside the server removed its staging");
    assert_eq!(listed(&beside).await, [("kept".to_owned(), 1)]);
    let staged = beside.staged().await.expect("a list");
    let written = std::fs::metadata(&left).and_then(|m| m.modified()).expect("it is there");
    assert!(staged.iter().any(|(name, at)| left.ends_with(name) && *at == written), "{staged:?}");
    assert!(staged.len() == 2 && staged.iter().any(|(name, _)| name == "loose"), "{staged:?}");
    let again = FolderObjects::open(&root, 0).await.expect("the next start");
    assert_eq!(std::fs::read_dir(root.join(".staging")).expect("a folder").count(), 0);
    assert_eq!(get(&again, "kept", 0..1).await, b"x");
}

#[tokio::test]
async fn what_is_no_object_is_passed_over() {
    let (_outside, root, objects) = folder().await;
    put(&objects, "a/file", b"x").await;
    std::fs::write(root.join("not a key"), b"x").expect("a file");
    std::fs::create_dir(root.join(".hidden")).expect("a folder");
    std::fs::write(root.join(".hidden/file"), b"x").expect("a file");
    let pipe = Command::new("mkfifo").arg(root.join("pipe")).status().expect("mkfifo runs");
    assert!(pipe.success());
    // A pipe that were opened for reading would wait for a writer, for ever.
    let read = objects.read(&key("pipe"), 0..0).await.err().map(|e| e.kind());
    assert_eq!(read, Some(ErrorKind::NotFound));
    assert_eq!(listed(&objects).await, [("a/file".to_owned(), 1)]);
}

#[tokio::test]
async fn below_the_floor_nothing_new_is_begun() {
    let (_outside, root, objects) = folder().await;
    put(&objects, "kept", b"x").await;
    let free = objects.free_bytes().await.expect("a figure").expect("a known one");
    assert!(free > 0);
    let full = FolderObjects::open(&root, u64::MAX).await.expect("a folder");
    let refused = full.stage().await.expect_err("nothing is free above the floor");
    assert_eq!(refused.kind(), ErrorKind::InsufficientStorage);
    assert_eq!(full.free_bytes().await.expect("a figure"), Some(0));
    assert_eq!(get(&full, "kept", 0..1).await, b"x", "reading goes on");
}

#[tokio::test]
async fn a_place_that_cannot_be_is_told() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(outside.path().join("file"), b"x").expect("a file");
    let error = FolderObjects::open(&outside.path().join("file/data"), 0).await;
    let error = error.expect_err("a folder below a file");
    assert_eq!(error.kind(), ErrorKind::StorageError);
    assert!(error.message().contains("file/data"), "{error}");

    let root = outside.path().join("data");
    std::fs::create_dir(&root).expect("a folder");
    symlink(outside.path(), root.join(".staging")).expect("a link");
    let error = FolderObjects::open(&root, 0).await.expect_err("staging that leads elsewhere");
    assert_eq!(error.kind(), ErrorKind::StorageError);
    assert!(outside.path().join("file").exists(), "it was cleared through a link");
}

/// A file system of a few kilobytes; `None` where this user may not mount one.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k,nr_inodes=8", "tmpfs"])
            .arg(folder.path())
            .output();
        mount.is_ok_and(|o| o.status.success()).then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_has_its_own_kind() {
    let Some(disk) = Tmpfs::mount() else {
        eprintln!("skipped: mounting a small tmpfs needs root");
        return;
    };
    // Inodes: the mount, the root of objects, staging; five are left.
    let objects = FolderObjects::open(&disk.path().join("data"), 0).await.expect("a folder");
    put(&objects, "kept", b"x").await;
    let staging = objects.stage().await.expect("room for a folder");
    std::fs::write(staging.path().join("file"), vec![1; 20_000]).expect("room for a file");
    std::fs::write(disk.path().join("last"), b"x").expect("room for one more");
    let adopted = objects.adopt(&staging.path().join("file"), &key("new/folder/file")).await;
    let kinds = [adopted.err(), objects.stage().await.err()].map(|e| e.map(|e| e.kind()));
    assert_eq!(kinds, [Some(ErrorKind::InsufficientStorage); 2]);
    assert_eq!(get(&objects, "kept", 0..1).await, b"x", "what was there is unharmed");
}

#[tokio::test]
async fn a_folder_that_may_not_be_read_is_a_failure_not_an_absence() {
    let (_outside, root, objects) = folder().await;
    put(&objects, "closed/file", b"x").await;
    let may = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(root.join("closed"), permissions).expect("set");
    };
    may(0o000);
    let seen = objects.info(&key("closed/file")).await.map_err(|e| e.kind());
    may(0o700);
    if seen.is_ok() {
        eprintln!("skipped: root may read everything");
        return;
    }
    assert_eq!(seen, Err(ErrorKind::StorageError));
}
