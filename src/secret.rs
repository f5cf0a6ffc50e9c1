//! The key that signs tokens where none is configured: made once, and kept in the data folder.

use api::config::SigningKeys;
use schema::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file in the data folder.
const NAME: &str = "signing-key";
/// Bytes of the key.
const BYTES: usize = 32;

/// The key in `folder`, which belongs to this process; made where there is none.
///
/// # Errors
/// `STORAGE_ERROR` where it cannot be read, made, or is none; `SERVER_ERROR` where the system gives
/// no random bytes.
pub(crate) fn signing_keys(folder: &Path) -> Result<SigningKeys> {
    let path = folder.join(NAME);
    let failed = |e| Error::io(path.display(), e);
    let mut key = Vec::new();
    match File::open(&path) {
        Ok(file) => drop(file.take(BYTES as u64 + 1).read_to_end(&mut key).map_err(failed)?),
        Err(e) if e.kind() == ErrorKind::NotFound => key = make(&path)?,
        Err(e) => return Err(failed(e)),
    }
    match key.len() {
        BYTES => Ok(SigningKeys::single(&key)),
        _ => Err(failed(ErrorKind::InvalidData.into())
            .with_hint("remove it: another is made, and everybody signs in again")),
    }
}

fn make(path: &Path) -> Result<Vec<u8>> {
    let failed = |e| Error::io(path.display(), e);
    let mut key = vec![0; BYTES];
    getrandom::fill(&mut key).map_err(|e| Error::internal("random bytes", e))?;
    // Whole, or not there: a process may be killed in between.
    let folder = path.parent().unwrap_or(Path::new("."));
    let draft = folder.join(format!(".{NAME}"));
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(&draft).map_err(failed)?;
    file.write_all(&key).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&draft, path).map_err(failed)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_for_the_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = signing_keys(folder.path()).expect("made");
        assert_eq!(signing_keys(folder.path()).expect("kept"), first);
        let path = folder.path().join(NAME);
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_file(&path).expect("can be removed");
        assert_ne!(signing_keys(folder.path()).expect("made anew"), first);
        for broken in [&[0; BYTES - 1][..], &[0; BYTES + 1]] {
            std::fs::write(&path, broken).expect("can be written");
            assert!(signing_keys(folder.path()).is_err(), "{} bytes were taken", broken.len());
        }
    }
}
