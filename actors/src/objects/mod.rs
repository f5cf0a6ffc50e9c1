//! Objects: the files of jobs, by key.
//!
//! A file is made in staging, on the file system of its final place, and adopted whole: what has a
//! key is complete. No symbolic link is made or followed. Engines are in `drivers`, and each must
//! pass the contract suite.

mod digest;

pub use digest::sha256;
pub(crate) use digest::{digest, hexadecimal};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use schema::{Error, ErrorKind, Result};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use tokio::runtime::{Handle, RuntimeFlavor};

/// The key of an object: segments of `[A-Za-z0-9._-]` between slashes, none of which begins with a
/// dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

/// Longest key, in bytes.
const MAX_KEY: usize = 256;

impl ObjectKey {
    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ObjectKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let segment = |s: &str| {
            !s.is_empty()
                && !s.starts_with('.')
                && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if text.len() <= MAX_KEY && text.split('/').all(segment) {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.chars().take(MAX_KEY).collect();
        Err(Error::new(ErrorKind::NotFound, format!("there is no file {shown:?}")))
    }
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: ObjectKey,
    /// Bytes.
    pub size: u64,
}

/// Files by key.
#[async_trait]
pub trait Objects: fmt::Debug + Send + Sync {
    /// A new empty folder to make files in, on the file system of their final place. It and all in
    /// it go when the handle is dropped; what a killed process left goes at the next start.
    ///
    /// # Errors
    /// `INSUFFICIENT_STORAGE` where less than the floor is free; `STORAGE_ERROR`.
    async fn stage(&self) -> Result<Staging>;

    /// Makes the file `staged` the object `key`, whole and durably, in place of one that was there.
    ///
    /// # Errors
    /// `INSUFFICIENT_STORAGE`, `STORAGE_ERROR`; the object is unchanged then, or the new one whole
    /// and perhaps not durable.
    async fn adopt(&self, staged: &Path, key: &ObjectKey) -> Result<ObjectInfo>;

    /// A file of this machine with the object's bytes, for code that reads files only.
    ///
    /// # Errors
    /// `NOT_FOUND`; `STORAGE_ERROR`.
    async fn to_path(&self, key: &ObjectKey) -> Result<PathBuf>;

    /// What is known of it.
    ///
    /// # Errors
    /// `NOT_FOUND`; `STORAGE_ERROR`.
    async fn info(&self, key: &ObjectKey) -> Result<ObjectInfo>;

    /// Its bytes in `range`, which must lie within its size, piece by piece.
    ///
    /// # Errors
    /// `NOT_FOUND`; `STORAGE_ERROR`, also within the stream.
    async fn read(
        &self,
        key: &ObjectKey,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>>;

    /// Removes it; one that is not there is no error.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn remove(&self, key: &ObjectKey) -> Result<()>;

    /// All objects, in no particular order.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn list(&self) -> Result<Vec<ObjectInfo>>;

    /// Bytes that may still be stored, where that is known.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    async fn free_bytes(&self) -> Result<Option<u64>>;
}

/// A folder to make files in; it goes when this is dropped.
#[derive(Debug)]
pub struct Staging(Option<tempfile::TempDir>);

impl Staging {
    /// Takes a folder that an engine made.
    #[must_use]
    pub const fn new(folder: tempfile::TempDir) -> Self {
        Self(Some(folder))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.as_ref().expect("only the drop takes it").path()
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let folder = self.0.take();
        let is_worker = Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        // Large files take long to go: other tasks of this thread are taken over meanwhile.
        match is_worker {
            true => tokio::task::block_in_place(|| drop(folder)),
            false => drop(folder),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_staging_folder_goes_with_its_handle_wherever_that_is_dropped() {
        let staging = || Staging::new(tempfile::tempdir().expect("a folder"));
        let gone = |staging: Staging| {
            let path = staging.path().to_owned();
            std::fs::write(path.join("a"), "frames").expect("can be written");
            drop(staging);
            !path.exists()
        };
        assert!(gone(staging()));
        for handle in [
            tokio::spawn(async move { gone(staging()) }),
            tokio::task::spawn_blocking(move || gone(staging())),
        ] {
            assert!(handle.await.expect("no panic"));
        }
        assert!(std::thread::spawn(move || gone(staging())).join().expect("no panic"));
    }
}
