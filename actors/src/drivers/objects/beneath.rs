//! Files beneath a folder, reached from its descriptor one segment at a time with `O_NOFOLLOW`: no
//! path that is given here leads out of the folder or through a symbolic link, not even one that is
//! planted meanwhile.
//!
//! The same as Linux's `openat2` with `RESOLVE_BENEATH` and `RESOLVE_NO_SYMLINKS`, on any kernel
//! and under any seccomp profile. Blocks.

use crate::objects::ObjectKey;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

/// How folders are opened.
const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// How files are opened: a pipe that lies there must not be waited for.
const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Whether an error says that there is no such file: none, a link, or something else.
pub(super) fn is_absence(error: &io::Error) -> bool {
    let absent = [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::NXIO].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| absent.contains(&code))
}

impl Folder {
    /// Opens the folder at `path`, which whoever configured it vouches for.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(CWD, path, FOLDER, Mode::empty())?))
    }

    /// The folder `name` in this one.
    fn enter(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, name.as_ref(), FOLDER, Mode::empty())?))
    }

    /// The folder `name` in this one, made durably where there is none.
    pub(super) fn enter_or_make(&self, name: &str) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o700)) {
            Ok(()) => self.sync()?,
            Err(Errno::EXIST) => {}
            Err(e) => return Err(e.into()),
        }
        self.enter(name)
    }

    /// The folder that holds the file at `path`, and the file's name.
    pub(super) fn parent_of(&self, path: &Path) -> io::Result<(Self, String)> {
        let mut names = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => names.push(name),
                _ => return Err(Errno::NOENT.into()),
            }
        }
        let name = names.pop().and_then(OsStr::to_str).ok_or(Errno::NOENT)?;
        let mut folder = Self(self.0.try_clone()?);
        for segment in names {
            folder = folder.enter(segment)?;
        }
        Ok((folder, name.to_owned()))
    }

    /// As [`Folder::parent_of`], with the folders made that are missing.
    pub(super) fn make_parent_of<'a>(&self, key: &'a str) -> io::Result<(Self, &'a str)> {
        let (folders, name) = key.rsplit_once('/').map_or((None, key), |(f, n)| (Some(f), n));
        let mut folder = Self(self.0.try_clone()?);
        for segment in folders.into_iter().flat_map(|f| f.split('/')) {
            folder = folder.enter_or_make(segment)?;
        }
        Ok((folder, name))
    }

    /// Opens the file `name` for reading; what is no regular file is absent.
    pub(super) fn file(&self, name: &str) -> io::Result<File> {
        let file = File::from(rustix::fs::openat(&self.0, name, FILE, Mode::empty())?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(Errno::NOENT.into()),
        }
    }

    /// Moves the file `name` to `to` in `folder`, in place of one that is there.
    pub(super) fn rename(&self, name: &str, folder: &Self, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, name, &folder.0, to)?)
    }

    /// Removes the file `name`.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Writes the folder's entries to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }

    /// Bytes that an ordinary user may still write.
    pub(super) fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::fstatvfs(&self.0)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// The size of the file `name`; what is no regular file is absent.
    pub(super) fn size(&self, name: &str) -> io::Result<u64> {
        match self.look(name)? {
            (FileType::RegularFile, size) => Ok(size),
            _ => Err(Errno::NOENT.into()),
        }
    }

    /// Tells every regular file below that has a key, and its size. `path` is where this folder
    /// is. What vanishes meanwhile is left out.
    pub(super) fn walk(&self, path: &str, tell: &mut dyn FnMut(ObjectKey, u64)) -> io::Result<()> {
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            // Hidden names are no keys, nor is anything below what is none.
            let Ok(key) = format!("{path}{name}").parse::<ObjectKey>() else { continue };
            let seen = match self.look(name) {
                Ok((FileType::RegularFile, size)) => {
                    tell(key, size);
                    Ok(())
                }
                Ok((FileType::Directory, _)) => {
                    self.enter(name).and_then(|folder| folder.walk(&format!("{key}/"), tell))
                }
                Ok(_) => Ok(()),
                Err(e) => Err(e),
            };
            seen.or_else(|e| if is_absence(&e) { Ok(()) } else { Err(e) })?;
        }
        Ok(())
    }

    /// What `name` is, and its size.
    fn look(&self, name: &str) -> io::Result<(FileType, u64)> {
        let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        Ok((FileType::from_raw_mode(stat.st_mode), size))
    }
}
