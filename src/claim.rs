//! What belongs to one server alone: the data folder, the folder of the database and that of media.
//!
//! Two servers whose data folders differ may still name the same database or the same media, so
//! each of these folders is locked, once, by whatever path it is named.

use crate::config::DataSettings;
use actors::drivers::sqlite::{FolderLock, expect_local};
use schema::Result;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The folders of a server, as long as this value lives.
#[derive(Debug)]
pub(crate) struct Claim {
    locks: Vec<FolderLock>,
}

impl Claim {
    /// Takes all folders of `data`; they are made where there are none.
    ///
    /// # Errors
    /// `CONFLICT` that names the setting and the process that has its folder; `STORAGE_ERROR`, also
    /// where the data folder is on a network file system.
    pub(crate) fn take(data: &DataSettings) -> Result<Self> {
        let mut locks: Vec<FolderLock> = Vec::new();
        for (setting, folder) in folders(data) {
            // One process cannot take a folder twice either.
            if !locks.iter().any(|lock| lock.is_of(&folder)) {
                locks.push(FolderLock::take(&folder, setting)?);
            }
        }
        expect_local(&data.folder, "DATA_DIR")?;
        Ok(Self { locks })
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        self.locks[0].path()
    }
}

/// Who has the folders of a server, seen from outside: nothing is taken, made or written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Whether somebody has one of them.
    is_served: bool,
    /// When each was taken last.
    taken_at: Vec<Option<SystemTime>>,
}

impl Seen {
    /// Looks at the folders of `data`.
    ///
    /// # Errors
    /// `STORAGE_ERROR` where it cannot be told.
    pub(crate) fn now(data: &DataSettings) -> Result<Self> {
        let mut seen = Self { is_served: false, taken_at: Vec::new() };
        for (_, folder) in folders(data) {
            seen.is_served |= FolderLock::is_taken(&folder)?;
            seen.taken_at.push(FolderLock::taken_at(&folder));
        }
        Ok(seen)
    }

    /// Whether a server may have run at any time since this look at `data`.
    ///
    /// # Errors
    /// As [`Seen::now`].
    pub(crate) fn served_since(&self, data: &DataSettings) -> Result<bool> {
        Ok(self.is_served || Self::now(data)? != *self)
    }
}

/// The folders of a server, and the settings that name them.
fn folders(data: &DataSettings) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let named = [
        ("DATA_DIR", Some(data.folder.clone())),
        ("DATABASE_URL", data.database.as_deref().map(folder_of)),
        ("MEDIA_ROOT", Some(data.media.clone())),
    ];
    named.into_iter().filter_map(|(setting, folder)| Some((setting, folder?)))
}

/// The folder that really holds `file`, which may be a link.
fn folder_of(file: &Path) -> PathBuf {
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::ErrorKind;
    use std::os::unix::fs::symlink;

    fn settings(home: &Path, folder: &str, database: &str, media: &str) -> DataSettings {
        DataSettings {
            folder: home.join(folder),
            database: Some(home.join(database)),
            media: home.join(media),
            min_free_bytes: 0,
        }
    }

    #[test]
    fn no_folder_has_two_servers_whatever_it_is_to_them() {
        let temporary = tempfile::tempdir().expect("a folder");
        let home = &temporary.path().canonicalize().expect("it is there");
        let first = settings(home, "a", "db/x.db", "a/media");
        let claim = Claim::take(&first).expect("all are free");
        assert_eq!(claim.data(), home.join("a"));
        std::fs::write(home.join("db/x.db"), "").expect("can be written");
        symlink(home.join("db/x.db"), home.join("link.db")).expect("a link");
        for (second, setting, clash) in [
            (settings(home, "a", "b/x.db", "b/media"), "DATA_DIR", "a"),
            (settings(home, "b", "db/x.db", "b/media"), "DATABASE_URL", "db"),
            (settings(home, "b", "link.db", "b/media"), "DATABASE_URL", "db"),
            (settings(home, "b", "a/x.db", "b/media"), "DATABASE_URL", "a"),
            (settings(home, "b", "b/x.db", "a/media"), "MEDIA_ROOT", "a/media"),
            (settings(home, "b", "b/x.db", "db/../a"), "MEDIA_ROOT", "db/../a"),
        ] {
            let refused = Claim::take(&second).expect_err(setting);
            assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
            let begins = format!("{setting}: folder {} ", home.join(clash).display());
            assert!(refused.message().starts_with(&begins), "{begins}: {refused}");
            assert!(refused.message().ends_with(&std::process::id().to_string()), "{refused}");
        }
        // What was taken before the clash is free again.
        Claim::take(&settings(home, "b", "b/x.db", "b/media")).expect("all are free");
        drop(claim);
        Claim::take(&first).expect("all are free again");
    }

    #[test]
    fn a_server_is_seen_while_it_runs_and_afterwards() {
        let temporary = tempfile::tempdir().expect("a folder");
        let data = settings(temporary.path(), "a", "db/x.db", "media");
        let before = Seen::now(&data).expect("it can be told");
        assert!(!before.served_since(&data).expect("it can be told"));
        assert!(!data.folder.exists() && !data.media.exists());
        let claim = Claim::take(&data).expect("all are free");
        let beside = Seen::now(&data).expect("it can be told");
        drop(claim);
        let after = Seen::now(&data).expect("it can be told");
        for (seen, expected) in [(before, true), (beside, true), (after, false)] {
            assert_eq!(seen.served_since(&data).expect("it can be told"), expected, "{seen:?}");
        }
    }

    #[test]
    fn folders_may_be_one() {
        let temporary = tempfile::tempdir().expect("a folder");
        let home = temporary.path();
        std::fs::create_dir(home.join("a")).expect("a folder");
        symlink(home.join("a"), home.join("link")).expect("a link");
        let claim = Claim::take(&settings(home, "a", "link/x.db", "a/../link")).expect("free");
        assert_eq!(claim.locks.len(), 1);
        let memory = DataSettings { database: None, ..settings(home, "b", "", "b/media") };
        assert_eq!(Claim::take(&memory).expect("free").locks.len(), 2);
    }
}
