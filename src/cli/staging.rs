//! Where a command writes: everything is made in a staging folder inside the output folder, and
//! moved to its place once it is whole. What the files are is the business of the commands.

use schema::{Error, Result};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Staging folders begin with it.
const PREFIX: &str = ".sightline-staging-";
/// How often a staging folder is made anew that another run's clean-up took for a dead one.
const ATTEMPTS: usize = 8;

/// A staging folder in an output folder. Dropped before [`Staging::publish`], it leaves neither
/// itself nor any folder that was made for it.
#[derive(Debug)]
pub(super) struct Staging {
    out: PathBuf,
    path: PathBuf,
    leftovers: Leftovers,
}

/// What goes if the run fails; shared with whoever ends the program in its middle.
#[derive(Debug, Clone, Default)]
pub(super) struct Leftovers(Arc<Mutex<Folders>>);

#[derive(Debug, Default)]
struct Folders {
    /// Its lock, held as long as the run lives, tells other runs that it is not a dead one's.
    staging: Option<(PathBuf, File)>,
    /// Folders that were missing, the deepest first.
    made: Vec<PathBuf>,
}

impl Staging {
    /// Makes `out`, where it is missing, and the staging folder in it; removes those that dead
    /// runs left there.
    ///
    /// # Errors
    /// `INSUFFICIENT_STORAGE` or `STORAGE_ERROR`; nothing that was made stays.
    pub(super) fn open(out: &Path) -> Result<Self> {
        let told = |e| Error::io(format!("output folder {}", out.display()), e);
        let (path, leftovers) = (PathBuf::new(), Leftovers::default());
        let mut staging = Self { out: out.to_owned(), path, leftovers };
        let mut folders = staging.leftovers.lock();
        folders.make(out).map_err(told)?;
        remove_dead(out);
        let (path, lock) = make_locked(out).map_err(told)?;
        folders.staging = Some((path.clone(), lock));
        drop(folders);
        staging.path = path;
        Ok(staging)
    }

    /// The folder to write into.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What has to go where the program ends before its time.
    pub(super) fn leftovers(&self) -> Leftovers {
        self.leftovers.clone()
    }

    /// Moves `files`, paths relative to the staging folder, to their place; gives their new paths.
    ///
    /// The last of several says that the others are there: it is the first to go, where an earlier
    /// run left one, and the last to come. `stale` are files of earlier runs that this one has not.
    ///
    /// # Errors
    /// `INSUFFICIENT_STORAGE` or `STORAGE_ERROR`, naming the file.
    pub(super) fn publish(self, files: &[&str], stale: &[&str]) -> Result<Vec<PathBuf>> {
        for file in files {
            let path = self.path.join(file);
            let synced = File::open(&path).and_then(|f| f.sync_all());
            synced.map_err(|e| Error::io(path.display(), e))?;
        }
        // Whoever ends the program now waits until it is done.
        let mut folders = self.leftovers.lock();
        let seal = if files.len() > 1 { files.last() } else { None };
        for file in seal.into_iter().chain(stale) {
            let path = self.out.join(file);
            match fs::remove_file(&path) {
                Err(e) if e.kind() != ErrorKind::NotFound => {
                    return Err(Error::io(path.display(), e));
                }
                _ => {}
            }
        }
        let mut published = Vec::with_capacity(files.len());
        for file in files {
            let (from, to) = (self.path.join(file), self.out.join(file));
            let parent = to.parent().unwrap_or(&self.out);
            let moved = folders.make(parent).and_then(|()| fs::rename(from, &to));
            moved.map_err(|e| Error::io(to.display(), e))?;
            published.push(to);
        }
        folders.made.clear();
        Ok(published)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.leftovers.remove();
    }
}

impl Leftovers {
    /// Removes them, as far as that can be done; a second time it does nothing.
    pub(super) fn remove(&self) {
        let mut folders = self.lock();
        if let Some((path, _lock)) = folders.staging.take() {
            let _ = fs::remove_dir_all(path);
        }
        for folder in folders.made.drain(..) {
            // Fails, as it should, where something else was put there meanwhile.
            let _ = fs::remove_dir(folder);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Folders> {
        // A list of paths is whole whatever its holder died of.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Folders {
    /// As `mkdir -p`; remembers what was missing.
    fn make(&mut self, folder: &Path) -> io::Result<()> {
        let is_missing = |f: &&Path| !f.as_os_str().is_empty() && !f.exists();
        let missing = folder.ancestors().take_while(is_missing).map(Path::to_owned);
        self.made.splice(0..0, missing);
        fs::create_dir_all(folder)
    }
}

fn make_locked(out: &Path) -> io::Result<(PathBuf, File)> {
    for _ in 0..ATTEMPTS {
        let path = tempfile::Builder::new().prefix(PREFIX).tempdir_in(out)?.keep();
        match File::open(&path) {
            Ok(file) => {
                let taken = matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock));
                if !taken && path.exists() {
                    return Ok((path, file));
                }
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::other("its staging folder vanishes again and again"))
}

/// Removes the staging folders that nobody holds. Best effort: what cannot be locked may be in
/// use, and one that stays does no harm.
fn remove_dead(out: &Path) {
    let Ok(entries) = fs::read_dir(out) else { return };
    for entry in entries.flatten() {
        let is_staging = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|t| t.is_dir());
        if !is_staging {
            continue;
        }
        if let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let name = |e: io::Result<fs::DirEntry>| {
            e.expect("an entry").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn what_fails_leaves_no_folder_that_it_made() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let out = home.path().join("new/deep/out");
        let staging = Staging::open(&out).expect("can be made");
        fs::write(staging.path().join("a"), "half").expect("writable");
        drop(staging);
        assert_eq!(names(home.path()), [""; 0]);

        fs::create_dir_all(home.path().join("new")).expect("can be made");
        drop(Staging::open(&out).expect("can be made"));
        assert_eq!(names(home.path()), ["new"]);
        assert_eq!(names(&home.path().join("new")), [""; 0]);

        fs::write(home.path().join("file"), "").expect("writable");
        Staging::open(&home.path().join("file/out")).expect_err("a file is no folder");
        let staging = Staging::open(&out).expect("can be made");
        staging.publish(&["missing"], &[]).expect_err("there is no such file");
        assert_eq!(names(&home.path().join("new")), [""; 0]);
    }

    #[test]
    fn what_is_published_stays_and_replaces_what_was_there() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let out = home.path().join("new/out");
        for (text, files, stale) in
            [("one", &["b/c", "d", "a"][..], &[][..]), ("two", &["b/c", "a"], &["d", "e"])]
        {
            let staging = Staging::open(&out).expect("can be made");
            fs::create_dir(staging.path().join("b")).expect("can be made");
            for file in files {
                fs::write(staging.path().join(file), text).expect("writable");
            }
            let leftovers = staging.leftovers();
            let paths = staging.publish(files, stale).expect("can be moved");
            leftovers.remove();
            assert_eq!(paths, files.iter().map(|f| out.join(f)).collect::<Vec<_>>());
            for path in paths {
                assert_eq!(fs::read_to_string(path).expect("it is there"), text);
            }
        }
        assert_eq!(names(&out), ["a", "b"]);
    }

    #[test]
    fn without_the_rest_the_last_file_is_not_there() {
        let home = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(home.path().join("a")).expect("can be made");
        fs::write(home.path().join("last"), "of an earlier run").expect("writable");
        let staging = Staging::open(home.path()).expect("can be made");
        for file in ["a", "last"] {
            fs::write(staging.path().join(file), "new").expect("writable");
        }
        staging.publish(&["a", "last"], &[]).expect_err("a file cannot replace a folder");
        assert_eq!(names(home.path()), ["a"]);
    }

    #[test]
    fn leftovers_of_dead_runs_go_and_those_of_living_ones_stay() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let dead = home.path().join(format!("{PREFIX}dead"));
        fs::create_dir(&dead).expect("can be made");
        fs::write(dead.join("annotated.mp4"), "half").expect("writable");
        fs::write(home.path().join(format!("{PREFIX}file")), "no folder").expect("writable");
        fs::create_dir(home.path().join(".sightline-mine")).expect("can be made");
        let living = Staging::open(home.path()).expect("can be made");
        let other = Staging::open(home.path()).expect("can be made");
        assert!(living.path().is_dir() && other.path().is_dir() && !dead.exists());
        drop((living, other));
        assert_eq!(names(home.path()), [".sightline-mine", &format!("{PREFIX}file")]);
    }
}
