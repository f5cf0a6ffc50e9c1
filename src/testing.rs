//! A data folder with something in it, for tests of what is kept.

use crate::config::DataSettings;
use actors::clock::{Clock, SystemClock};
use actors::drivers::objects::FolderObjects;
use actors::drivers::sqlite::Sqlite;
use actors::objects::Objects;
use actors::store::JobStore;
use actors::store::jobs::Admission;
use schema::id::{JobId, UserId};
use schema::job::JobKind;
use schema::job::record::{Job, MediaFile};
use tempfile::TempDir;

/// A folder of files, and databases beside it; all goes with this value.
pub(crate) struct Home(TempDir);

impl Home {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// Where everything is.
    pub(crate) fn data(&self) -> DataSettings {
        let folder = self.0.path().to_owned();
        let database = Some(folder.join("a.db"));
        DataSettings { database, media: folder.join("media"), folder, min_free_bytes: 0 }
    }

    /// The database of this name.
    pub(crate) fn database(&self, name: &str) -> Sqlite {
        Sqlite::open(&self.0.path().join(name)).expect("a folder of this disk opens")
    }

    /// The folder of files.
    pub(crate) async fn objects(&self) -> FolderObjects {
        FolderObjects::open(&self.data().media, 0).await.expect("a folder of this disk opens")
    }

    /// Puts a file of 6 bytes there.
    pub(crate) async fn file(&self, key: &str) {
        let objects = self.objects().await;
        let staging = objects.stage().await.expect("there is room");
        let path = staging.path().join("a");
        std::fs::write(&path, "frames").expect("it can be written");
        objects
            .adopt(&path, &key.parse().expect("the test gives a key"))
            .await
            .expect("it is moved");
    }
}

/// Records a job, and gives the key of its input, a file of 6 bytes.
pub(crate) async fn submit(store: &Sqlite) -> String {
    let id = JobId::from_uuid(SystemClock.uuid());
    let key = format!("uploads/people-count_{id}.mp4");
    let input = MediaFile {
        key: key.clone(),
        size: 6,
        sha256: "0".repeat(64),
        content_type: "video/mp4".to_owned(),
        file_name: "a.mp4".to_owned(),
    };
    let owner = UserId::from_uuid(SystemClock.uuid());
    let asked = (JobKind::PeopleCount, serde_json::json!({}));
    let job = Job::new(id, owner, asked, input, SystemClock.now());
    let admission = Admission { waiting_per_owner: 9, waiting: 9 };
    store.create_job(job, admission, None).await.expect("it is admitted");
    key
}
