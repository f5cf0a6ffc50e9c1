//! The data folder, and the lock that keeps a second server out of it.

use schema::{Error, ErrorKind, Result};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file whose lock it is; it holds the number of the process that has it.
const LOCK_FILE: &str = "lock";

/// The folder of a server's data, which nobody else serves while this value lives. The lock is the
/// operating system's: it ends with the process, however that ends.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Takes the folder `path`; it is made, for its owner alone, where there is none.
    ///
    /// # Errors
    /// `CONFLICT` where another process has it; `STORAGE_ERROR` where it cannot be made or written.
    pub fn lock(path: &Path) -> Result<Self> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|e| Error::io(format_args!("data folder {}", path.display()), e))?;
        let file = path.join(LOCK_FILE);
        let failed = |e| Error::io(file.display(), e);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(&file).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(path, &mut lock)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        sign(&mut lock).map_err(failed)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn sign(lock: &mut File) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

fn taken(path: &Path, lock: &mut File) -> Error {
    let mut holder = String::new();
    // The words are better with the number; without it they still say what is wrong.
    let _ = lock.take(32).read_to_string(&mut holder);
    let holder = match holder.trim() {
        "" => "another process".to_owned(),
        pid => format!("process {pid}"),
    };
    let message = format!("data folder {} is in use by {holder}", path.display());
    Error::new(ErrorKind::Conflict, message)
        .with_hint("stop that server, or choose another folder with DATA_DIR")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_has_one_holder() {
        let temporary = tempfile::tempdir().expect("a folder");
        let path = temporary.path().join("a/b");
        let first = DataFolder::lock(&path).expect("it is free");
        assert_eq!(first.path(), path);
        let mode = fs::metadata(&path).expect("it was made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);

        let refused = DataFolder::lock(&path).expect_err("it is taken");
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        let pid = std::process::id();
        let words = format!("data folder {} is in use by process {pid}", path.display());
        assert_eq!(refused.message(), words);

        drop(first);
        DataFolder::lock(&path).expect("it is free again");
    }

    #[test]
    fn a_file_is_no_folder() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let refused = DataFolder::lock(file.path()).expect_err("a file");
        assert_eq!(refused.kind(), ErrorKind::StorageError);
    }
}
