//! A file's bytes as a stream: read where blocking is allowed, one piece at a time, as fast as they
//! are taken; the first with the opening, so that a small range costs one hop between threads.

use super::blocking;
use crate::objects::ObjectKey;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, try_unfold};
use schema::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of a piece: large enough that the hop between threads costs little.
const PIECE: u64 = 256 * 1024;

/// The bytes of `file` in `range`. The file stays readable while the stream lives, whatever becomes
/// of its key. Blocks: it reads the first piece.
///
/// # Errors
/// `STORAGE_ERROR` where the range does not lie within the file; here and in the stream, where the
/// file cannot be read or is shorter now.
pub(super) fn stream(
    mut file: File,
    key: ObjectKey,
    range: Range<u64>,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    let size = file.metadata().map_err(|e| Error::io(&key, e))?.len();
    if range.start > range.end || range.end > size {
        let text = format!("{key}: bytes {} to {} of {size}", range.start, range.end);
        return Err(Error::new(ErrorKind::StorageError, text));
    }
    file.seek(SeekFrom::Start(range.start)).map_err(|e| Error::io(&key, e))?;
    let length = PIECE.min(range.end - range.start);
    let first = match length {
        0 => None,
        length => Some(Ok(read(&file, &key, length)?)),
    };
    let file = Arc::new(file);
    let rest = try_unfold(range.start + length, move |at| {
        let (file, key) = (Arc::clone(&file), key.clone());
        async move {
            if at >= range.end {
                return Ok(None);
            }
            let length = PIECE.min(range.end - at);
            let piece = blocking(move || read(&file, &key, length)).await?;
            Ok(Some((piece, at + length)))
        }
    });
    Ok(stream::iter(first).chain(rest).boxed())
}

/// The next `length` bytes.
fn read(mut file: &File, key: &ObjectKey, length: u64) -> Result<Bytes> {
    // Not filled with zeros before: that would cost half as much as the reading.
    let mut piece = Vec::with_capacity(usize::try_from(length).expect("a piece fits into memory"));
    let read = Read::by_ref(&mut file).take(length).read_to_end(&mut piece);
    match read.map_err(|e| Error::io(key, e))? {
        read if read as u64 == length => Ok(piece.into()),
        _ => Err(Error::io(key, io::ErrorKind::UnexpectedEof.into())),
    }
}
