//! What belongs to one server alone: the data folder, the folder of the database and that of media.
//!
//! Two servers whose data folders differ may still name the same database or the same media, so
//! each of these folders is locked, once, by whatever path it is named.

use crate::config::DataSettings;
use actors::drivers::sqlite::{FolderLock, expect_local};
use schema::Result;
use std::path::{Path, PathBuf};

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
        let database = data.database.as_deref().map(folder_of);
        let named = [
            ("DATA_DIR", Some(data.folder.clone())),
            ("DATABASE_URL", database),
            ("MEDIA_ROOT", Some(data.media.clone())),
        ];
        let mut locks: Vec<FolderLock> = Vec::new();
        for (setting, folder) in named {
            let Some(folder) = folder else { continue };
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
