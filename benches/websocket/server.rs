//! Sightline as it serves, with a publisher beside it in the same process.

use super::Load;
use super::clients::now;
use actors::bus::{Bus, Message, Numbering, Payload};
use actors::clock::SystemClock;
use actors::compute::{ModelFiles, ModelStore};
use actors::config::PlatformConfig;
use actors::drivers::memory::MemoryBus;
use actors::drivers::objects::FolderObjects;
use actors::drivers::sqlite::Sqlite;
use actors::handle::{Engines, Platform};
use actors::job::run::Workshop;
use actors::media::Limits;
use api::config::Settings;
use api::{App, serve};
use schema::id::UserId;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How often it is looked which events are due.
const TICK: Duration = Duration::from_millis(5);

/// The id of a topic.
pub(super) fn topic(number: usize) -> String {
    format!("01890a5d-ac96-774b-bcce-b302099a80{number:02x}")
}

/// Serves; says its port, waits for a line, publishes, and serves on until it is ended.
pub(super) fn run(load: Load) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let bus = Arc::new(MemoryBus::new());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let app = app(Arc::clone(&bus), folder.path()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{}", listener.local_addr().expect("is bound").port());
        let server = tokio::spawn(serve(listener, app));
        tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()))
            .await
            .expect("no panic")
            .expect("a line");
        publish(&bus, load).await;
        server.await.expect("no panic").expect("serves until it is ended");
    });
}

async fn app(bus: Arc<MemoryBus>, folder: &std::path::Path) -> App {
    let store = Arc::new(Sqlite::memory().expect("a store in memory"));
    let objects = FolderObjects::open(&folder.join("media"), 0).await.expect("a folder");
    let files = ModelFiles { folder: folder.join("models"), library: None };
    let models = ModelStore::start(files, 1).expect("a compute system");
    let engines = Engines {
        store: store.clone(),
        queue: store,
        bus,
        objects: Arc::new(objects),
        clock: Arc::new(SystemClock),
        workshop: Arc::new(Workshop { models, limits: Limits::default() }),
    };
    let platform = Platform::start(PlatformConfig::default(), engines).await.expect("a node");
    let secret = Some("websocket-bench-websocket-bench-websocket".to_owned());
    let settings = Settings { auth_disabled: true, jwt_secret: secret, ..Settings::default() };
    let config = settings.validate(None).expect("is right");
    App::new(platform, config.into()).await.expect("an application")
}

/// Publishes every event when it is due, or as soon after as can be.
async fn publish(bus: &MemoryBus, load: Load) {
    let owner: UserId = topic(255).parse().expect("an id");
    let interval = 1_000_000_000 / load.rate;
    let begin = now();
    let mut ticks = tokio::time::interval(TICK);
    let mut seq = 0;
    while seq < load.events() {
        ticks.tick().await;
        while seq < load.events() && begin + seq * interval <= now() {
            let due = begin + seq * interval;
            seq += 1;
            for number in 0..load.topics {
                bus.publish(event(&topic(number), seq, due, owner)).await.expect("is open");
            }
        }
    }
}

/// About what a detection in an event comes to.
fn event(topic: &str, seq: u64, due: u64, owner: UserId) -> Message {
    let subject = format!("job.{topic}.state");
    let body = json!({
        "op": "event", "stream": format!("job/{topic}"), "seq": seq, "subject": subject,
        "type": "bench", "time": "2026-01-01T00:00:00.000000Z",
        "data": {"due": due, "camera": "entrance", "label": "person", "confidence": 0.87,
            "box": [412.5, 103.25, 478.0, 291.75], "track": 1742, "frame": seq},
    });
    Message {
        subject,
        payload: Payload::Json(body.to_string().into()),
        numbering: Numbering::Stored(format!("job/{topic}:{seq}")),
        owner: Some(owner),
    }
}
