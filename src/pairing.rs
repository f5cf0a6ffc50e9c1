//! That database and files belong together: the folder of files bears the name of the database that
//! knows their jobs. A file whose job is not known is removed as left over, so beside another
//! database a server must not begin.

use crate::config::DataSettings;
use actors::drivers::objects::FolderObjects;
use actors::drivers::sqlite::Sqlite;
use actors::job::job_of;
use actors::objects::Objects;
use schema::{Error, ErrorKind, Result};
use std::collections::BTreeSet;

/// What a folder bears whose database ended with its process: nobody needs its files any more.
const MEMORY: &str = "memory";

/// Makes sure that `store` is the database of `objects`. A folder that bears no name yet, for it is
/// new or of an earlier version, is given that of `store`, unless it holds files of jobs none of
/// which `store` knows.
///
/// # Errors
/// `CONFLICT` where they do not belong together; `STORAGE_ERROR`.
pub(crate) async fn expect_paired(
    data: &DataSettings,
    store: &Sqlite,
    objects: &FolderObjects,
) -> Result<()> {
    let name = store.identity().await?.unwrap_or_else(|| MEMORY.to_owned());
    let is_ours = match objects.owner().await?.as_deref() {
        Some(owner) if owner == name => return Ok(()),
        Some(owner) => owner == MEMORY,
        None => knows_some(store, objects).await?,
    };
    if is_ours {
        return objects.set_owner(&name).await;
    }
    let (folder, database) = (data.media.display(), store.path().display());
    let message = format!("the files in {folder} are not those of the database {database}");
    Err(Error::new(ErrorKind::Conflict, message).with_hint(format!(
        "name their database in DATABASE_URL, or another folder in MEDIA_ROOT; where the two do \
         belong together, remove {}",
        objects.owner_path().display()
    )))
}

/// Whether `store` knows the job of one of the files; true where no job has any.
async fn knows_some(store: &Sqlite, objects: &FolderObjects) -> Result<bool> {
    let jobs: BTreeSet<_> =
        objects.list().await?.iter().filter_map(|object| job_of(&object.key)).collect();
    let known = store.every_job().await?;
    Ok(jobs.is_empty() || known.iter().any(|job| jobs.contains(&job.id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Home, submit};

    /// What a start with `store` says.
    async fn start(home: &Home, store: &Sqlite) -> Option<ErrorKind> {
        let paired = expect_paired(&home.data(), store, &home.objects().await).await;
        paired.err().map(|error| error.kind())
    }

    const REFUSED: Option<ErrorKind> = Some(ErrorKind::Conflict);

    #[tokio::test]
    async fn a_folder_stays_with_its_database() {
        let home = Home::new();
        let (first, second) = (home.database("a.db"), home.database("b.db"));
        let memory = Sqlite::memory().expect("it opens");
        assert_eq!(start(&home, &first).await, None);
        for _ in 0..2 {
            assert_eq!(start(&home, &second).await, REFUSED);
            assert_eq!(start(&home, &memory).await, REFUSED);
            assert_eq!(start(&home, &first).await, None);
        }
        // Even where it knows nothing of it any more, or of others.
        submit(&second).await;
        assert_eq!(start(&home, &second).await, REFUSED);
    }

    #[tokio::test]
    async fn what_a_database_in_memory_left_is_anybodys() {
        let home = Home::new();
        for _ in 0..2 {
            assert_eq!(start(&home, &Sqlite::memory().expect("it opens")).await, None);
            let key = submit(&Sqlite::memory().expect("it opens")).await;
            home.file(&key).await;
        }
        assert_eq!(start(&home, &home.database("a.db")).await, None);
        assert_eq!(start(&home, &Sqlite::memory().expect("it opens")).await, REFUSED);
    }

    #[tokio::test]
    async fn a_folder_of_an_earlier_version_is_known_by_its_files() {
        let home = Home::new();
        let (known, new) = (home.database("a.db"), home.database("b.db"));
        home.file(&submit(&known).await).await;
        submit(&new).await;
        assert_eq!(start(&home, &new).await, REFUSED);
        assert_eq!(start(&home, &Sqlite::memory().expect("it opens")).await, REFUSED);
        assert_eq!(start(&home, &known).await, None);
        let home = Home::new();
        home.file("holidays/beach.mp4").await;
        assert_eq!(start(&home, &new).await, None, "no file of a job");
    }
}
