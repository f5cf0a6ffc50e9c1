//! Folders that belong to one process at a time, and the lock that says so.

use schema::{Error, ErrorKind, Result};
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The file whose lock it is; it holds the number of the process that has it. The name is hidden,
/// so that it is no object in a folder of objects.
const LOCK_FILE: &str = ".lock";

/// How long those may take who only ask whether somebody has a folder.
const PATIENCE: Duration = Duration::from_secs(1);

/// A folder that nobody else works in while this value lives. The lock is the operating system's:
/// it ends with the process, however that ends.
#[derive(Debug)]
pub struct FolderLock {
    path: PathBuf,
    /// What the folder is, by whatever path it is reached: device and inode.
    identity: (u64, u64),
    _lock: File,
}

impl FolderLock {
    /// Takes the folder `path`, which `setting` names; it is made, for its owner alone, where there
    /// is none.
    ///
    /// # Errors
    /// `CONFLICT` where another process has it, or another lock of this one, and where somebody
    /// keeps the lock file shared; `STORAGE_ERROR` where it cannot be made or written.
    pub fn take(path: &Path, setting: &str) -> Result<Self> {
        let at = |e| Error::io(format_args!("{setting}: folder {}", path.display()), e);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at)?;
        let identity = identity(&fs::metadata(path).map_err(at)?);
        let file = path.join(LOCK_FILE);
        let failed = |e| Error::io(file.display(), e);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(&file).map_err(failed)?;
        match lock_alone(&lock).map_err(failed)? {
            Tried::Ours => {}
            Tried::Held => return Err(taken(path, setting, &mut lock)),
            Tried::Shared => {
                let message = format!("{setting}: {} is locked, shared", file.display());
                return Err(Error::new(ErrorKind::Conflict, message)
                    .with_hint("wait for what locks it, a backup perhaps, or end it"));
            }
        }
        sign(&mut lock).map_err(failed)?;
        Ok(Self { path: path.to_owned(), identity, _lock: lock })
    }

    /// Whether somebody has the folder `path`. Nothing is made or written for it.
    ///
    /// # Errors
    /// `STORAGE_ERROR` where that cannot be told.
    pub fn is_taken(path: &Path) -> Result<bool> {
        let file = path.join(LOCK_FILE);
        let failed = |e| Error::io(file.display(), e);
        let lock = match File::open(&file) {
            Ok(lock) => lock,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(failed(e)),
        };
        is_held_alone(&lock).map_err(failed)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether `path` is this very folder, by whatever links or mounts it is reached.
    #[must_use]
    pub fn is_of(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|found| identity(&found) == self.identity)
    }

    /// When the folder `path` was taken last; nothing where it never was.
    #[must_use]
    pub fn taken_at(path: &Path) -> Option<SystemTime> {
        fs::metadata(path.join(LOCK_FILE)).and_then(|file| file.modified()).ok()
    }
}

/// How a try to lock a file for this process alone ended.
enum Tried {
    /// It is ours.
    Ours,
    /// Another process has it alone, or another lock of this one.
    Held,
    /// Somebody holds it shared and does not end.
    Shared,
}

/// Locks `file` for this process alone. Who only asks holds it as well, shared and for a moment:
/// that is waited for.
fn lock_alone(file: &File) -> io::Result<Tried> {
    let asked = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Tried::Ours),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if is_held_alone(file)? => return Ok(Tried::Held),
            Err(TryLockError::WouldBlock) if asked.elapsed() > PATIENCE => {
                return Ok(Tried::Shared);
            }
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
}

/// Whether another process, or another lock of this one, has `file` alone; who asks so holds it
/// shared afterwards, where nobody has.
fn is_held_alone(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

fn sign(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

fn taken(path: &Path, setting: &str, lock: &mut File) -> Error {
    let mut holder = String::new();
    // The words are better with the number; without it they still say what is wrong.
    let _ = lock.take(32).read_to_string(&mut holder);
    let holder = match holder.trim() {
        "" => "another process".to_owned(),
        pid => format!("process {pid}"),
    };
    let message = format!("{setting}: folder {} is in use by {holder}", path.display());
    Error::new(ErrorKind::Conflict, message)
        .with_hint(format!("stop that server, or choose another place with {setting}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    #[test]
    fn a_folder_has_one_holder() {
        let temporary = tempfile::tempdir().expect("a folder");
        let path = temporary.path().join("a/b");
        assert_eq!(FolderLock::taken_at(&path), None);
        let is_taken = || FolderLock::is_taken(&path).expect("it can be told");
        assert!(!is_taken() && !path.exists(), "a question made it");
        let first = FolderLock::take(&path, "DATA_DIR").expect("it is free");
        assert_eq!(first.path(), path);
        let mode = fs::metadata(&path).expect("it was made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);

        let refused = FolderLock::take(&path, "MEDIA_ROOT").expect_err("it is taken");
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        let pid = std::process::id();
        let words = format!("MEDIA_ROOT: folder {} is in use by process {pid}", path.display());
        assert_eq!(refused.message(), words);
        assert!(refused.hint().is_some_and(|hint| hint.ends_with("with MEDIA_ROOT")));

        let signed = || (fs::read(path.join(LOCK_FILE)).ok(), FolderLock::taken_at(&path));
        let before = signed();
        assert!(is_taken());
        drop(first);
        assert!(!is_taken());
        assert_eq!(signed(), before, "a question wrote");
        FolderLock::take(&path, "DATA_DIR").expect("it is free again");
    }

    #[test]
    fn who_only_asks_keeps_nobody_out() {
        let temporary = tempfile::tempdir().expect("a folder");
        let path = temporary.path();
        drop(FolderLock::take(path, "DATA_DIR").expect("it is free"));
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        FolderLock::is_taken(path).expect("it can be told");
                    }
                });
            }
            let refused = (0..2000).find_map(|_| FolderLock::take(path, "DATA_DIR").err());
            over.store(true, Ordering::Relaxed);
            assert!(refused.is_none(), "{refused:?}");
        });
    }

    #[test]
    fn who_reads_for_ever_is_not_taken_for_a_server() {
        let temporary = tempfile::tempdir().expect("a folder");
        let path = temporary.path();
        drop(FolderLock::take(path, "DATA_DIR").expect("it is free"));
        let reader = File::open(path.join(LOCK_FILE)).expect("it is there");
        reader.lock_shared().expect("nobody has it");
        let refused = FolderLock::take(path, "DATA_DIR").expect_err("it is read");
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        assert!(!refused.message().contains("process"), "{refused}");
    }

    #[test]
    fn a_folder_is_the_same_by_every_path() {
        let temporary = tempfile::tempdir().expect("a folder");
        let path = temporary.path().join("a");
        let lock = FolderLock::take(&path, "DATA_DIR").expect("it is free");
        let link = temporary.path().join("link");
        symlink(&path, &link).expect("a link");
        assert!(lock.is_of(&path) && lock.is_of(&path.join("../a/.")) && lock.is_of(&link));
        assert!(!lock.is_of(temporary.path()) && !lock.is_of(&path.join("missing")));
        assert!(FolderLock::take(&link, "DATA_DIR").is_err(), "taken twice");
    }

    #[test]
    fn a_file_is_no_folder() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let refused = FolderLock::take(file.path(), "DATA_DIR").expect_err("a file");
        assert_eq!(refused.kind(), ErrorKind::StorageError);
    }
}
