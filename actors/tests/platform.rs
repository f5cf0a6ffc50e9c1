//! The handle over real engines and the real pipeline: a clip is submitted, followed, read, tried
//! again and deleted.

use actors::clock::{Clock, SystemClock};
use actors::compute::{ModelFiles, ModelStore};
use actors::config::PlatformConfig;
use actors::drivers::memory::MemoryBus;
use actors::drivers::objects::FolderObjects;
use actors::drivers::sqlite::Sqlite;
use actors::handle::{
    CANONICAL_EXTENSIONS, Created, Delivery, DropPolicy, Engines, FIRST_SEED_EXTENSIONS, Platform,
    Submission,
};
use actors::job::run::{Request, Workshop, run};
use actors::media::{Input, Limits, SourceKind, WriterOptions, open_writer};
use actors::objects::Objects;
use actors::pipeline::Progress;
use bytes::Bytes;
use futures_util::TryStreamExt;
use models::picture::{Chroma, Frame, Matrix, Plane, Range};
use schema::account::{Role, Scope};
use schema::frame::FrameMeta;
use schema::id::{JobId, UserId};
use schema::job::JobKind;
use schema::job::record::{Job, JobState, Priority};
use schema::time::MediaTime;
use schema::{ErrorKind, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(60);
const SIZE: (usize, usize) = (192, 108);
const FRAMES: u64 = 50;

/// A dark square that crosses a bright, textured ground.
fn luma(x: usize, y: usize, index: u64) -> u8 {
    let left = 20 + index as usize * 3;
    let inside = (left..left + 16).contains(&x) && (40..72).contains(&y);
    if inside { 40 } else { 150 + ((x * 7 + y * 13) % 16) as u8 }
}

fn clip(path: &Path) {
    let (width, height) = SIZE;
    let options = WriterOptions::new(SourceKind::Video, 25.0);
    let mut writer = open_writer(path, &options).expect("an encoder");
    for index in 0..FRAMES {
        let bright = (0..width * height).map(|i| luma(i % width, i / width, index));
        let grey = Bytes::from(vec![128; width * height / 4]);
        let meta = FrameMeta {
            frame_index: index,
            media_time_us: MediaTime(index as i64 * 40_000),
            wall_time_us: None,
            width: width as u32,
            height: height as u32,
        };
        let planes = [
            Plane { bytes: Bytes::from(bright.collect::<Vec<u8>>()), stride: width },
            Plane { bytes: grey.clone(), stride: width / 2 },
            Plane { bytes: grey, stride: width / 2 },
        ];
        let frame = Frame::new(meta, planes, Chroma::Yuv420, Range::Limited, Matrix::Bt709);
        writer.write(&frame.expect("planes that fit")).expect("is written");
    }
    writer.finish().expect("is closed");
}

struct House {
    folder: TempDir,
    objects: Arc<FolderObjects>,
    workshop: Arc<Workshop>,
    node: Platform,
    scope: Scope,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let objects = FolderObjects::open(&folder.path().join("media"), 0).await.expect("opens");
        let objects = Arc::new(objects);
        let store = Arc::new(Sqlite::memory().expect("opens"));
        let files = ModelFiles { folder: folder.path().join("models"), library: None };
        let models = ModelStore::start(files, 2).expect("starts");
        let workshop = Arc::new(Workshop { models, limits: Limits::default() });
        let engines = Engines {
            store: Arc::clone(&store) as _,
            queue: store,
            bus: Arc::new(MemoryBus::new()),
            objects: Arc::clone(&objects) as _,
            clock: Arc::new(SystemClock),
            workshop: Arc::clone(&workshop),
        };
        let config = PlatformConfig { max_upload_bytes: 10 << 20, ..PlatformConfig::default() };
        let node = Platform::start(config, engines).await.expect("starts");
        let scope = Scope::User { id: UserId::from_uuid(SystemClock.uuid()), role: Role::User };
        Self { folder, objects, workshop, node, scope }
    }

    async fn submit(
        &self,
        bytes: &[u8],
        name: &str,
        params: Value,
        key: Option<&str>,
    ) -> Result<Created> {
        let mut upload = self.node.stage().await?;
        for piece in bytes.chunks(10_000) {
            upload.write(piece).await?;
        }
        let submission = Submission {
            kind: JobKind::PeopleCount,
            params,
            file: upload.finish(name).await?,
            accepted: FIRST_SEED_EXTENSIONS,
            priority: Priority::default(),
            idempotency_key: key.map(str::to_owned),
            retry_of: None,
        };
        self.node.submit(&self.scope, submission).await
    }

    /// Names of all files, those in staging included.
    async fn files(&self) -> Vec<String> {
        let objects = self.objects.list().await.expect("a list");
        let mut names: Vec<String> = objects.iter().map(|o| o.key.to_string()).collect();
        let staging = std::fs::read_dir(self.folder.path().join("media/.staging"));
        let staged = staging.into_iter().flatten().flatten();
        names.extend(staged.map(|e| e.file_name().to_string_lossy().into_owned()));
        names.sort();
        names
    }

    async fn ended(&self, id: JobId) -> Job {
        let pattern = format!("job.{id}.state").parse().expect("a pattern");
        let heard = self.node.subscribe(&pattern, 16, DropPolicy::Oldest).await;
        let mut heard = heard.expect("listens");
        loop {
            let job = self.node.job(&self.scope, id).await.expect("is there");
            if job.state.is_final() {
                return job;
            }
            let delivery = tokio::time::timeout(DEADLINE, heard.next()).await.expect("in time");
            assert!(matches!(delivery, Some(Delivery::Message(_))), "{delivery:?}");
        }
    }
}

fn new(created: Created) -> Job {
    match created {
        Created::New(job) => job,
        Created::Again(job) => panic!("{} was made before", job.id),
    }
}

/// The bytes of `results.json` as the command line makes them.
async fn expected(house: &House, clip: &Path) -> Vec<u8> {
    let staging = tempfile::tempdir().expect("a folder");
    let request = Request {
        kind: JobKind::PeopleCount,
        parameters: json!({}),
        input: Input::File(clip.to_owned()),
        annotate: true,
        staging: staging.path().to_owned(),
    };
    let (progress, cancel) = (watch::Sender::new(Progress::default()), CancellationToken::new());
    let finished = run(&request, &house.workshop, &progress, &cancel).await.expect("runs");
    finished.results.to_bytes().expect("finite")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clip_goes_all_the_way() {
    let house = House::new().await;
    let path = house.folder.path().join("clip.mp4");
    clip(&path);
    let bytes = std::fs::read(&path).expect("the clip");
    let created = house.submit(&bytes, "a clip.mp4", json!({}), Some("once")).await;
    let id = new(created.expect("is taken")).id;
    let again = house.submit(&bytes, "a clip.mp4", json!({}), Some("once")).await;
    assert!(matches!(again.expect("the same"), Created::Again(job) if job.id == id));
    let other = house.submit(&bytes, "a clip.mp4", json!({"model": "motion"}), Some("once")).await;
    assert_eq!(other.expect_err("another submission").kind(), ErrorKind::Conflict);

    let job = house.ended(id).await;
    assert_eq!(job.state, JobState::Done, "{:?}", job.failure);
    assert_eq!((job.progress.frames_done, job.attempt), (FRAMES, 1));
    let outputs = job.outputs.clone().expect("it is done");
    assert_eq!(outputs.frames, FRAMES);
    let (file, results) = house.node.results(&house.scope, id).await.expect("done");
    assert_eq!(file.key, format!("results/results_{id}.json"));
    assert_eq!(results, expected(&house, &path).await, "as the command line has it");
    let counted: Value = serde_json::from_slice(&results).expect("JSON");
    assert_eq!(counted["total_people"], 1, "one square moved: {counted}");

    let video = house.node.media(&house.scope, &format!("outputs/output_{id}.mp4")).await;
    let video = video.expect("an annotated video");
    assert_eq!(video.content_type, "video/mp4");
    let part = house.node.read(&video, 4..8).await.expect("readable");
    assert_eq!(part.try_collect::<Vec<Bytes>>().await.expect("readable").concat(), b"ftyp");
    let stranger = Scope::User { id: UserId::from_uuid(SystemClock.uuid()), role: Role::User };
    for refused in [
        house.node.media(&stranger, &video.key).await.map(drop),
        house.node.job(&stranger, id).await.map(drop),
        house.node.delete(&stranger, id).await,
        house.node.cancel(&stranger, id).await.map(drop),
        house.node.media(&house.scope, "outputs/../results/x").await.map(drop),
    ] {
        assert_eq!(refused.expect_err("not theirs").kind(), ErrorKind::NotFound);
    }

    let retried = new(house.node.retry(&house.scope, id, None).await.expect("has ended"));
    assert_eq!((retried.retry_of, &retried.input.sha256), (Some(id), &job.input.sha256));
    house.node.delete(&house.scope, id).await.expect("may be deleted");
    let job = house.ended(retried.id).await;
    assert_eq!(job.state, JobState::Done, "its input is its own: {:?}", job.failure);
    let (_, same) = house.node.results(&house.scope, retried.id).await.expect("done");
    assert_eq!(same, results);
    let left = house.files().await;
    assert!(left.iter().all(|f| f.contains(&retried.id.to_string())), "{left:?}");
    house.node.delete(&house.scope, retried.id).await.expect("may be deleted");
    assert_eq!(house.files().await, [""; 0]);
    house.node.shutdown(Duration::from_secs(20)).await;
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let house = House::new().await;
    let path = house.folder.path().join("clip.mp4");
    clip(&path);
    let whole = std::fs::read(&path).expect("the clip");
    let moov = whole.windows(4).position(|w| w == b"moov").expect("an index");
    let mut no_index = whole.clone();
    no_index[moov..moov + 4].copy_from_slice(b"free");
    let png = b"\x89PNG\r\n\x1a\n garbage";
    let large = vec![0; (10 << 20) + 1];
    for (bytes, name, params, expected) in [
        (&b""[..], "empty.mp4", json!({}), ErrorKind::InvalidFileType),
        (b"just text", "text.mp4", json!({}), ErrorKind::InvalidFileType),
        (&whole, "clip.mkv", json!({}), ErrorKind::InvalidFileType),
        (&whole, "clip.png", json!({}), ErrorKind::InvalidFileType),
        (&whole, "clip", json!({}), ErrorKind::InvalidFileType),
        (png, "picture.png", json!({}), ErrorKind::CorruptMedia),
        (&no_index, "clip.mp4", json!({}), ErrorKind::CorruptMedia),
        (b"#EXTM3U\nhttp://x/", "list.mp4", json!({}), ErrorKind::UnsupportedFormat),
        (&whole, "clip.mp4", json!({"speed": 1, "classes": []}), ErrorKind::ValidationError),
        (&whole, "clip.mp4", json!({"model": "no-such"}), ErrorKind::ValidationError),
        (&whole, "clip.mp4", json!({"model": "yolox-nano"}), ErrorKind::ModelUnavailable),
        (&large, "large.mp4", json!({}), ErrorKind::FileTooLarge),
    ] {
        let error = house.submit(bytes, name, params, None).await.expect_err(name);
        assert_eq!(error.kind(), expected, "{name}: {error}");
        assert_eq!(house.files().await, [""; 0], "{name}");
    }
    let two = house.submit(&whole, "clip.mp4", json!({"speed": 1, "classes": []}), None).await;
    assert_eq!(two.expect_err("two faults").fields().len(), 2);
    assert!(CANONICAL_EXTENSIONS.contains(&"mkv"));
    house.node.shutdown(Duration::from_secs(20)).await;
}
