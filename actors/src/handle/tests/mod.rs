//! A whole node on the embedded engines, whose jobs follow scripts.

mod counted;
mod endings;
mod interrupts;
mod starts;

use super::*;
use crate::drivers::sqlite;
use crate::testing::node::{Ground, quick};
use crate::testing::runner::{Act, ScriptedRunner};
use schema::event::{Event, EventBody};
use schema::id::JobId;
use schema::job::record::{Job, JobState};

/// Far more than any of these needs.
const DEADLINE: Duration = Duration::from_secs(30);

/// A node, its ground, and its script.
struct Stage {
    ground: Ground,
    runner: Arc<ScriptedRunner>,
    node: Platform,
}

impl Stage {
    async fn new(scripts: &[(u64, &[Act])]) -> Self {
        Self::with(quick(), scripts).await
    }

    async fn with(config: PlatformConfig, scripts: &[(u64, &[Act])]) -> Self {
        let ground = Ground::new().await.expect("engines");
        let runner = Arc::new(ScriptedRunner::new(scripts));
        let node = ground.node(config, &runner).await.expect("starts");
        Self { ground, runner, node }
    }

    async fn submit(&self, script: u64) -> JobId {
        let id = self.ground.submit(script).await.expect("is recorded");
        self.node.wake(id, false).await;
        id
    }

    /// The job once it is as wanted.
    async fn until(&self, id: JobId, holds: impl Fn(&Job) -> bool) -> Job {
        let looking = async {
            loop {
                let job = self.ground.job(id).await.expect("is there");
                if holds(&job) {
                    return job;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, looking).await.expect("it comes in time")
    }

    async fn ended(&self, id: JobId) -> Job {
        let job = self.until(id, |job| job.state.is_final()).await;
        self.node.0.shop.active.ended(id).await;
        job
    }

    /// Waits until nothing of `id` is known any more.
    async fn gone(&self, id: JobId) {
        let looking = async {
            while self.ground.job(id).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, looking).await.expect("it goes in time");
    }

    /// Waits until an attempt of `id` has got its first frame through.
    async fn under_way(&self, id: JobId) {
        let jobs = &self.node.0.sight.jobs;
        let has_begun = |s: &crate::job::shop::JobsState| {
            s.running.get(&id).is_some_and(|run| run.frames_done > 0)
        };
        tokio::time::timeout(DEADLINE, jobs.wait_for(has_begun)).await.expect("it begins");
    }

    /// All events of `id`, in order.
    async fn events(&self, id: JobId) -> Vec<Event> {
        let pattern = format!("job.{id}.>").parse().expect("a pattern");
        match self.node.replay(&Scope::System, None, &[pattern], 1000).await.expect("kept") {
            Replay::Events { events, .. } => events,
            Replay::Gone { .. } => panic!("nothing was pruned"),
        }
    }

    /// States as they were told, in order.
    async fn states(&self, id: JobId) -> Vec<JobState> {
        let state = |event: &Event| match &event.body {
            EventBody::JobState { status, .. } => Some(*status),
            _ => None,
        };
        self.events(id).await.iter().filter_map(state).collect()
    }

    async fn end(self) -> Ground {
        self.node.shutdown(DEADLINE).await;
        self.ground
    }
}

/// Has the database of `ground`, which is on disk, do this, beside whoever serves it.
fn beside(ground: &Ground, sql: &str) {
    sqlite::tests::beside(&ground.folder.path().join("sightline.db"), sql);
}

fn input(id: JobId) -> String {
    format!("uploads/people-count_{id}.mp4")
}

fn all_files(id: JobId) -> Vec<String> {
    vec![format!("outputs/tracks_{id}.jsonl"), format!("results/results_{id}.json"), input(id)]
}
