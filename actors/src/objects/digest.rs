//! What the bytes of an object come to: to be compared with what is on record.

use super::{ObjectInfo, Objects};
use crate::handle::hexadecimal;
use futures_util::TryStreamExt;
use schema::Result;
use sha2::{Digest, Sha256};

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
