//! What the bytes of an object come to: to be compared with what is on record.

use super::{ObjectInfo, Objects};
use futures_util::TryStreamExt;
use schema::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::Path;

/// Bytes of a file that are read at once.
const PIECE: usize = 1 << 20;

/// SHA-256 of the bytes of `object`, in lower-case hexadecimal. `tell` is told how many bytes were
/// read since it was told last.
///
/// # Errors
/// As [`Objects::read`].
pub async fn sha256(
    objects: &dyn Objects,
    object: &ObjectInfo,
    mut tell: impl FnMut(u64),
) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut pieces = objects.read(&object.key, 0..object.size).await?;
    while let Some(piece) = pieces.try_next().await? {
        hasher.update(&piece);
        tell(piece.len() as u64);
    }
    Ok(hexadecimal(&hasher.finalize()))
}

/// SHA-256 of the file at `path`, in lower-case hexadecimal, and its size. Blocks.
///
/// # Errors
/// `STORAGE_ERROR`.
pub(crate) fn digest(path: &Path) -> Result<(String, u64)> {
    let failed = |e| Error::io(path.file_name().unwrap_or_default().to_string_lossy(), e);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut piece = vec![0; PIECE];
    loop {
        match std::io::Read::read(&mut file, &mut piece) {
            Ok(0) => return Ok((hexadecimal(&hasher.finalize()), size)),
            Ok(read) => {
                hasher.update(&piece[..read]);
                size += read as u64;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(failed(e)),
        }
    }
}

/// Bytes as lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
