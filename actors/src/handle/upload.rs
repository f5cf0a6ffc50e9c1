//! An upload on its way to a file: counted and hashed while it is written, off the async threads.

use crate::objects::{Staging, hexadecimal};
use schema::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

/// Bytes that are collected before they are hashed and written.
const PIECE: usize = 1 << 20;
/// Name of the file in its folder until it is looked into.
const NAME: &str = "upload";

/// A file that is being received. Dropped before [`Upload::finish`], it leaves nothing.
#[derive(Debug)]
pub struct Upload {
    staging: Staging,
    /// Away while a piece is written; gone for good if that failed or was not waited for.
    sink: Option<Sink>,
    piece: Vec<u8>,
    received: u64,
    limit: u64,
}

/// A file that has been received whole; it goes with this value unless it is submitted.
#[derive(Debug)]
pub struct StagedFile {
    /// The folder that it lies in.
    pub(super) staging: Staging,
    /// Its path.
    pub(super) path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Its name, as the client gave it.
    pub file_name: String,
}

#[derive(Debug)]
struct Sink {
    file: File,
    hasher: Sha256,
}

impl Upload {
    pub(super) async fn new(staging: Staging, limit: u64) -> Result<Self> {
        let path = staging.path().join(NAME);
        let created = tokio::task::spawn_blocking(|| File::create_new(path)).await;
        let created = created.map_err(|e| Error::internal("making the upload", e))?;
        let file = created.map_err(|e| Error::io(NAME, e))?;
        let sink = Some(Sink { file, hasher: Sha256::new() });
        Ok(Self { staging, sink, piece: Vec::new(), received: 0, limit })
    }

    /// Bytes that were received.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// `FILE_TOO_LARGE` at the first byte over the limit; `INSUFFICIENT_STORAGE`,
    /// `STORAGE_ERROR`. The upload is of no use then.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.received > self.limit {
            return Err(too_large(self.limit));
        }
        // A piece that is longer than wanted has one copy less than two pieces.
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE { self.flush().await } else { Ok(()) }
    }

    /// Ends the upload; `file_name` is what the client calls it.
    ///
    /// # Errors
    /// `INSUFFICIENT_STORAGE`, `STORAGE_ERROR`.
    pub async fn finish(mut self, file_name: &str) -> Result<StagedFile> {
        self.flush().await?;
        let sink = self.sink.take().ok_or_else(broken)?;
        Ok(StagedFile {
            path: self.staging.path().join(NAME),
            staging: self.staging,
            size: self.received,
            sha256: hexadecimal(&sink.hasher.finalize()),
            file_name: file_name.to_owned(),
        })
    }

    async fn flush(&mut self) -> Result<()> {
        let mut sink = self.sink.take().ok_or_else(broken)?;
        let mut piece = std::mem::take(&mut self.piece);
        let written = tokio::task::spawn_blocking(move || {
            sink.hasher.update(&piece);
            sink.file.write_all(&piece).map_err(|e| Error::io("the upload", e))?;
            piece.clear();
            Ok::<_, Error>((sink, piece))
        });
        let (sink, piece) =
            written.await.map_err(|e| Error::internal("writing the upload", e))??;
        (self.sink, self.piece) = (Some(sink), piece);
        Ok(())
    }
}

/// What is told of a file over the limit, wherever that is noticed.
pub(super) fn too_large(limit: u64) -> Error {
    let message = format!("the file is larger than the limit of {limit} bytes");
    Error::new(ErrorKind::FileTooLarge, message)
}

fn broken() -> Error {
    Error::new(ErrorKind::StorageError, "the upload was broken off before")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::digest;

    async fn upload(limit: u64) -> Upload {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Upload::new(Staging::new(folder), limit).await.expect("can be made")
    }

    #[tokio::test]
    async fn what_is_written_is_counted_and_hashed() {
        let mut upload = upload(10_000_000).await;
        let mut whole = Vec::new();
        for i in 0..300_u32 {
            let bytes = vec![i as u8; 10_007];
            upload.write(&bytes).await.expect("within the limit");
            whole.extend(bytes);
        }
        let staged = upload.finish("a clip.mp4").await.expect("whole");
        assert_eq!((staged.size, staged.file_name.as_str()), (3_002_100, "a clip.mp4"));
        assert_eq!(staged.sha256, hexadecimal(&Sha256::digest(&whole)));
        assert_eq!(std::fs::read(&staged.path).expect("is there"), whole);
        assert_eq!(digest(&staged.path).expect("readable"), (staged.sha256.clone(), staged.size));
        let folder = staged.staging.path().to_owned();
        drop(staged);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn the_first_byte_over_the_limit_is_refused() {
        let mut upload = upload(10).await;
        upload.write(&[0; 10]).await.expect("exactly the limit");
        let folder = upload.staging.path().to_owned();
        let error = upload.write(&[0]).await.expect_err("one too many");
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        drop(upload);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn nothing_at_all_has_the_digest_of_nothing() {
        let staged = upload(1).await.finish("").await.expect("an empty file");
        assert!(staged.sha256.starts_with("e3b0c44298fc1c14"), "{}", staged.sha256);
        assert_eq!(staged.size, 0);
    }
}
