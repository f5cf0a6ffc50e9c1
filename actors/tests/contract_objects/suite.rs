//! What every engine of objects must do. No engine is named here.

use actors::objects::{ObjectKey, Objects};
use futures_util::TryStreamExt;
use schema::ErrorKind;
use std::ops::Range;

/// Runs the whole contract on an empty place.
pub(crate) async fn run(objects: &dyn Objects) {
    what_is_adopted_is_there_whole(objects).await;
    ranges_are_exact(objects).await;
    adopting_again_replaces_and_readers_keep_what_they_opened(objects).await;
    what_is_removed_is_gone_and_removing_is_idempotent(objects).await;
    what_is_not_there_is_told(objects).await;
    staging_goes_with_its_handle_and_is_never_listed(objects).await;
    many_may_work_at_once(objects).await;
    assert_eq!(listed(objects).await, Vec::<(String, u64)>::new(), "the suite cleans up");
}

pub(crate) fn key(text: &str) -> ObjectKey {
    text.parse().expect(text)
}

/// Bytes that tell where they are from.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8 ^ (i / 251) as u8).collect()
}

pub(crate) async fn put(objects: &dyn Objects, name: &str, bytes: &[u8]) {
    let staging = objects.stage().await.expect("room for a file");
    let file = staging.path().join("file");
    std::fs::write(&file, bytes).expect("a staged file");
    let info = objects.adopt(&file, &key(name)).await.expect("adopted");
    assert_eq!((info.key.as_str(), info.size), (name, bytes.len() as u64));
}

pub(crate) async fn get(objects: &dyn Objects, name: &str, range: Range<u64>) -> Vec<u8> {
    let stream = objects.read(&key(name), range).await.expect("an object");
    let pieces: Vec<_> = stream.try_collect().await.expect("readable");
    pieces.concat()
}

pub(crate) async fn listed(objects: &dyn Objects) -> Vec<(String, u64)> {
    let all = objects.list().await.expect("a list");
    let mut all: Vec<_> = all.into_iter().map(|o| (o.key.to_string(), o.size)).collect();
    all.sort();
    all
}

async fn what_is_adopted_is_there_whole(objects: &dyn Objects) {
    let bytes = pattern(100_000);
    put(objects, "uploads/a.mp4", &bytes).await;
    put(objects, "results/deep/er/b.json", b"{}").await;
    put(objects, "empty", b"").await;
    assert_eq!(get(objects, "uploads/a.mp4", 0..100_000).await, bytes);
    assert_eq!(get(objects, "empty", 0..0).await, b"");
    let info = objects.info(&key("uploads/a.mp4")).await.expect("it is there");
    assert_eq!((info.key, info.size), (key("uploads/a.mp4"), 100_000));
    let path = objects.to_path(&key("uploads/a.mp4")).await.expect("a file");
    assert_eq!(std::fs::read(path).expect("a readable file"), bytes);
    let want = [("empty", 0), ("results/deep/er/b.json", 2), ("uploads/a.mp4", 100_000)];
    assert_eq!(listed(objects).await, want.map(|(k, s)| (k.to_owned(), s)));
    for (name, _) in want {
        objects.remove(&key(name)).await.expect("removed");
    }
}

async fn ranges_are_exact(objects: &dyn Objects) {
    let bytes = pattern(1_000_003);
    put(objects, "ranges", &bytes).await;
    for range in [0..1, 0..1_000_003, 262_143..262_145, 999_999..1_000_003, 77..77] {
        let part = get(objects, "ranges", range.clone()).await;
        assert!(part == bytes[range.start as usize..range.end as usize], "{range:?}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "that it is refused is the test")]
    for range in [0..1_000_004, 2_000_000..2_000_001, 5..4] {
        let refused = objects.read(&key("ranges"), range.clone()).await.err();
        assert_eq!(refused.map(|e| e.kind()), Some(ErrorKind::StorageError), "{range:?}");
    }
    objects.remove(&key("ranges")).await.expect("removed");
}

async fn adopting_again_replaces_and_readers_keep_what_they_opened(objects: &dyn Objects) {
    let old = pattern(1_000_000);
    put(objects, "twice", &old).await;
    let reader = objects.read(&key("twice"), 0..1_000_000).await.expect("an object");
    put(objects, "twice", b"new").await;
    assert_eq!(get(objects, "twice", 0..3).await, b"new");
    let pieces: Vec<_> = reader.try_collect().await.expect("what was opened");
    assert!(pieces.concat() == old, "a reader got a mixture");
    objects.remove(&key("twice")).await.expect("removed");
}

async fn what_is_removed_is_gone_and_removing_is_idempotent(objects: &dyn Objects) {
    put(objects, "gone/soon", b"x").await;
    objects.remove(&key("gone/soon")).await.expect("removed");
    objects.remove(&key("gone/soon")).await.expect("removed already");
    objects.remove(&key("never/was")).await.expect("never was");
    assert_eq!(
        objects.info(&key("gone/soon")).await.map_err(|e| e.kind()),
        Err(ErrorKind::NotFound)
    );
}

async fn what_is_not_there_is_told(objects: &dyn Objects) {
    put(objects, "file", b"x").await;
    put(objects, "folder/file", b"x").await;
    for absent in ["nothing", "folder", "file/below", "folder/file2"] {
        let kinds = [
            objects.info(&key(absent)).await.err().map(|e| e.kind()),
            objects.read(&key(absent), 0..0).await.err().map(|e| e.kind()),
            objects.to_path(&key(absent)).await.err().map(|e| e.kind()),
        ];
        assert_eq!(kinds, [Some(ErrorKind::NotFound); 3], "{absent}");
        objects.remove(&key(absent)).await.expect("nothing to remove");
    }
    assert_eq!(get(objects, "folder/file", 0..1).await, b"x", "its folder was not removed");
    for name in ["file", "folder/file"] {
        objects.remove(&key(name)).await.expect("removed");
    }
}

async fn staging_goes_with_its_handle_and_is_never_listed(objects: &dyn Objects) {
    let one = objects.stage().await.expect("room");
    let two = objects.stage().await.expect("room");
    assert_ne!(one.path(), two.path());
    std::fs::create_dir(one.path().join("sub")).expect("a folder");
    std::fs::write(one.path().join("sub/file"), b"x").expect("a file");
    assert_eq!(listed(objects).await, []);
    let path = one.path().to_owned();
    objects.adopt(&path.join("sub/file"), &key("kept")).await.expect("adopted from a folder");
    drop(one);
    assert!(!path.exists(), "staging outlived its handle");
    assert!(two.path().exists(), "another one's staging went too");
    assert_eq!(get(objects, "kept", 0..1).await, b"x");
    objects.remove(&key("kept")).await.expect("removed");
}

async fn many_may_work_at_once(objects: &dyn Objects) {
    let names: Vec<String> = (0..16).map(|i| format!("many/{}/{i}", i % 3)).collect();
    let bytes = pattern(300_000);
    futures_util::future::join_all(names.iter().map(|n| put(objects, n, &bytes))).await;
    let read = names.iter().map(|n| get(objects, n, 0..300_000));
    assert!(futures_util::future::join_all(read).await.iter().all(|got| *got == bytes));
    for name in &names {
        objects.remove(&key(name)).await.expect("removed");
    }
}
