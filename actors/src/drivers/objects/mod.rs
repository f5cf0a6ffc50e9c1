//! Objects in a folder of this machine.
//!
//! Every file is reached from the folder's own descriptor, one segment after the other and through
//! no symbolic link (`beneath`), whoever else may write there. `object_store`'s own folder engine
//! follows links, so it is not what stands behind this one. All calls to the file system run where
//! blocking is allowed.

mod beneath;
mod read;

use crate::objects::{ObjectInfo, ObjectKey, Objects, Staging};
use async_trait::async_trait;
use beneath::Folder;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use schema::{Error, ErrorKind, Result};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Where files are made; its name is no segment of a key.
const STAGING: &str = ".staging";
/// Says whose files they are; its name is no key.
const OWNER: &str = ".database";

/// A folder of objects.
#[derive(Debug, Clone)]
pub struct FolderObjects(Arc<Place>);

#[derive(Debug)]
struct Place {
    /// Without symbolic links, as it was when it was opened.
    path: PathBuf,
    root: Folder,
    staging: Folder,
    /// Bytes that stay free.
    floor: u64,
}

impl FolderObjects {
    /// Opens the folder at `path`, which is made where there is none, and removes what a killed
    /// process left in staging: only for who holds the lock of the data folder. New files are
    /// refused while less than `floor` bytes are free; how large they will be is not asked.
    ///
    /// # Errors
    /// `STORAGE_ERROR`, `INSUFFICIENT_STORAGE`.
    pub async fn open(path: &Path, floor: u64) -> Result<Self> {
        let path = path.to_owned();
        blocking(move || {
            let place = Place::open(&path, floor)?;
            place.clear_staging()?;
            Ok(Self(Arc::new(place)))
        })
        .await
    }

    /// Opens the folder beside the process that holds it: its staging is left alone.
    ///
    /// # Errors
    /// As [`FolderObjects::open`].
    pub async fn open_beside(path: &Path, floor: u64) -> Result<Self> {
        let path = path.to_owned();
        blocking(move || Ok(Self(Arc::new(Place::open(&path, floor)?)))).await
    }

    /// Names of what lies in staging, in order, and when each was written last: it is in use, or a
    /// process that is gone has left it.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn staged(&self) -> Result<Vec<(String, SystemTime)>> {
        self.run(Place::staged).await
    }

    /// The database that knows these files, as [`FolderObjects::set_owner`] was told; nothing where
    /// it never was.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn owner(&self) -> Result<Option<String>> {
        self.run(Place::owner).await
    }

    /// Notes durably that it is the database `owner` that knows these files.
    ///
    /// # Errors
    /// `INSUFFICIENT_STORAGE`, `STORAGE_ERROR`; what was noted before stands then.
    pub async fn set_owner(&self, owner: &str) -> Result<()> {
        let owner = owner.to_owned();
        self.run(move |place| place.set_owner(&owner)).await
    }

    /// The file that says so.
    #[must_use]
    pub fn owner_path(&self) -> PathBuf {
        self.0.path.join(OWNER)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Place) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = Arc::clone(&self.0);
        blocking(move || work(&place)).await
    }
}

/// Runs `work` where blocking is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(Error::internal("a file operation did not end", e)))
}

fn failed(key: &ObjectKey) -> impl Fn(io::Error) -> Error {
    move |e| Error::io(key, e)
}

impl Place {
    fn open(path: &Path, floor: u64) -> Result<Self> {
        let at = |e| Error::io(path.display(), e);
        std::fs::create_dir_all(path).map_err(at)?;
        let path = path.canonicalize().map_err(at)?;
        let at = |e| Error::io(path.display(), e);
        let root = Folder::open(&path).map_err(at)?;
        let staging = root.enter_or_make(STAGING).map_err(|e| {
            Error::io(path.join(STAGING).display(), e).with_hint("it must be a folder")
        })?;
        Ok(Self { root, staging, floor, path })
    }

    fn clear_staging(&self) -> Result<()> {
        let folder = self.path.join(STAGING);
        let at = |e| Error::io(folder.display(), e);
        for entry in std::fs::read_dir(&folder).map_err(at)? {
            let entry = entry.map_err(at)?;
            // Neither follows a link.
            let removed = match entry.file_type().map_err(at)?.is_dir() {
                true => std::fs::remove_dir_all(entry.path()),
                false => std::fs::remove_file(entry.path()),
            };
            removed.map_err(at)?;
        }
        Ok(())
    }

    fn staged(&self) -> Result<Vec<(String, SystemTime)>> {
        let folder = self.path.join(STAGING);
        let at = |e| Error::io(folder.display(), e);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(at)? {
            let entry = entry.map_err(at)?;
            match entry.metadata().and_then(|seen| seen.modified()) {
                Ok(written) => {
                    found.push((entry.file_name().to_string_lossy().into_owned(), written));
                }
                Err(e) if beneath::is_absence(&e) => {}
                Err(e) => return Err(at(e)),
            }
        }
        found.sort();
        Ok(found)
    }

    fn owner(&self) -> Result<Option<String>> {
        match self.root.file(OWNER).and_then(io::read_to_string) {
            Ok(owner) => Ok(Some(owner.trim().to_owned())),
            Err(e) if beneath::is_absence(&e) => Ok(None),
            Err(e) => Err(Error::io(self.path.join(OWNER).display(), e)),
        }
    }

    fn set_owner(&self, owner: &str) -> Result<()> {
        let write = || {
            let staged = self.path.join(STAGING).join(OWNER);
            std::fs::write(&staged, format!("{owner}\n"))?;
            self.staging.file(OWNER)?.sync_all()?;
            self.staging.rename(OWNER, &self.root, OWNER)?;
            self.root.sync()
        };
        write().map_err(|e| Error::io(self.path.join(OWNER).display(), e))
    }

    /// Bytes above the floor.
    fn free(&self) -> Result<u64> {
        let free = self.root.free().map_err(|e| Error::io("the folder of objects", e))?;
        Ok(free.saturating_sub(self.floor))
    }

    fn stage(&self) -> Result<Staging> {
        if self.free()? == 0 {
            let text = format!("the disk is full: {} MB must stay free", self.floor / 1_000_000);
            return Err(Error::new(ErrorKind::InsufficientStorage, text)
                .with_hint("delete jobs that are no longer needed, or add space"));
        }
        let folder = tempfile::Builder::new().prefix("").tempdir_in(self.path.join(STAGING));
        folder.map(Staging::new).map_err(|e| Error::io("a staging folder", e))
    }

    fn adopt(&self, staged: &Path, key: &ObjectKey) -> Result<ObjectInfo> {
        let inside = staged.strip_prefix(self.path.join(STAGING)).map_err(|_| {
            Error::new(ErrorKind::StorageError, format!("{key}: the file is not in staging"))
        })?;
        let from = || {
            let (folder, name) = self.staging.parent_of(inside)?;
            let file = folder.file(&name)?;
            file.sync_all()?;
            Ok((folder, name, file.metadata()?.len()))
        };
        let (folder, name, size) = from().map_err(failed(key))?;
        let (parent, last) = self.root.make_parent_of(key.as_str()).map_err(failed(key))?;
        folder.rename(&name, &parent, last).map_err(failed(key))?;
        parent.sync().map_err(failed(key))?;
        Ok(ObjectInfo { key: key.clone(), size })
    }

    /// Does `work` with the folder that holds the object and its name there.
    fn at<T>(
        &self,
        key: &ObjectKey,
        work: impl FnOnce(&Folder, &str) -> io::Result<T>,
    ) -> Result<T> {
        let parent = self.root.parent_of(Path::new(key.as_str()));
        parent.and_then(|(folder, name)| work(&folder, &name)).map_err(|e| {
            if !beneath::is_absence(&e) {
                return failed(key)(e);
            }
            Error::new(ErrorKind::NotFound, format!("there is no file {key}"))
        })
    }

    fn info(&self, key: &ObjectKey) -> Result<ObjectInfo> {
        let size = self.at(key, Folder::size)?;
        Ok(ObjectInfo { key: key.clone(), size })
    }

    fn remove(&self, key: &ObjectKey) -> Result<()> {
        let removed = self.at(key, |folder, name| {
            folder.size(name)?;
            folder.remove(name)?;
            folder.sync()
        });
        match removed {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn list(&self) -> Result<Vec<ObjectInfo>> {
        let mut found = Vec::new();
        let walk = self.root.walk("", &mut |key, size| found.push(ObjectInfo { key, size }));
        walk.map_err(|e| Error::io("the folder of objects", e))?;
        Ok(found)
    }
}

#[async_trait]
impl Objects for FolderObjects {
    async fn stage(&self) -> Result<Staging> {
        self.run(Place::stage).await
    }

    async fn adopt(&self, staged: &Path, key: &ObjectKey) -> Result<ObjectInfo> {
        let (staged, key) = (staged.to_owned(), key.clone());
        self.run(move |place| place.adopt(&staged, &key)).await
    }

    async fn to_path(&self, key: &ObjectKey) -> Result<PathBuf> {
        let key = key.clone();
        self.run(move |place| place.info(&key).map(|_| place.path.join(key.as_str()))).await
    }

    async fn info(&self, key: &ObjectKey) -> Result<ObjectInfo> {
        let key = key.clone();
        self.run(move |place| place.info(&key)).await
    }

    async fn read(
        &self,
        key: &ObjectKey,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        let key = key.clone();
        self.run(move |place| {
            let file = place.at(&key, Folder::file)?;
            read::stream(file, key, range)
        })
        .await
    }

    async fn remove(&self, key: &ObjectKey) -> Result<()> {
        let key = key.clone();
        self.run(move |place| place.remove(&key)).await
    }

    async fn list(&self) -> Result<Vec<ObjectInfo>> {
        self.run(Place::list).await
    }

    async fn free_bytes(&self) -> Result<Option<u64>> {
        self.run(|place| place.free().map(Some)).await
    }
}
