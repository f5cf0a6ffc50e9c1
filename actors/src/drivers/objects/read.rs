//! A file's bytes as a stream: read where blocking is allowed, one piece at a time, as fast as they
//! are taken.

use super::blocking;
use crate::objects::ObjectKey;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, try_unfold};
use schema::{Error, ErrorKind, Result};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of a piece: large enough that the hop between threads costs little.
const PIECE: u64 = 256 * 1024;

/// The bytes of `file` in `range`. The file stays readable while the stream lives, whatever becomes
/// of its key.
///
/// # Errors
/// `STORAGE_ERROR` where the range does not lie within the file; in the stream, where the file
/// cannot be read or is shorter now.
pub(super) fn stream(
    file: File,
    key: ObjectKey,
    range: Range<u64>,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    let size = file.metadata().map_err(|e| Error::io(&key, e))?.len();
    if range.start > range.end || range.end > size {
        let text = format!("{key}: bytes {} to {} of {size}", range.start, range.end);
        return Err(Error::new(ErrorKind::StorageError, text));
    }
    let file = Arc::new(file);
    let pieces = try_unfold(range.start, move |at| {
        let (file, key) = (Arc::clone(&file), key.clone());
        async move {
            if at >= range.end {
                return Ok(None);
            }
            let length = PIECE.min(range.end - at);
            let piece = blocking(move || read_at(&file, &key, at, length)).await?;
            Ok(Some((piece, at + length)))
        }
    });
    Ok(pieces.boxed())
}

fn read_at(file: &File, key: &ObjectKey, at: u64, length: u64) -> Result<Bytes> {
    let mut piece = vec![0; usize::try_from(length).expect("a piece fits into memory")];
    file.read_exact_at(&mut piece, at).map_err(|e| Error::io(key, e))?;
    Ok(piece.into())
}
