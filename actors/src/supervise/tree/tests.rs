//! Supervisors over children that follow scripts.

use super::super::restart::{Backoff, Restart};
use super::super::worker::{Service, child as worker};
use super::*;
use schema::ErrorKind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const AT_ONCE: RestartPolicy = RestartPolicy {
    restart: Restart::Permanent,
    backoff: Backoff { first: Duration::from_millis(1), most: Duration::from_millis(2) },
    healthy_after: Duration::from_secs(60),
    tolerated: 3,
};

/// What a scripted child does at each of its starts.
#[derive(Clone, Copy)]
enum Life {
    Fail,
    Panic,
    End,
    Stay,
    /// Panics once the stage tells it to.
    PanicWhenTold,
}

/// A child that follows a script, and notes when it is stopped.
#[derive(Clone)]
struct Scripted {
    name: &'static str,
    lives: Vec<Life>,
    begun: Arc<AtomicU32>,
    stopped: Arc<Mutex<Vec<&'static str>>>,
    told: Arc<Notify>,
    stays: Arc<Notify>,
}

impl Service for Scripted {
    async fn run(self, stop: CancellationToken, _: ActorCell) -> Result<()> {
        let life = self.begun.fetch_add(1, Ordering::SeqCst) as usize;
        match self.lives.get(life).copied().unwrap_or(Life::Stay) {
            Life::Fail => Err(Error::new(ErrorKind::ServerError, "as scripted")),
            Life::Panic => panic!("as scripted"),
            Life::End => Ok(()),
            Life::PanicWhenTold => {
                self.told.notified().await;
                panic!("as scripted")
            }
            Life::Stay => {
                self.stays.notify_one();
                stop.cancelled().await;
                self.stopped.lock().expect("no panic").push(self.name);
                Ok(())
            }
        }
    }
}

struct Stage {
    stopped: Arc<Mutex<Vec<&'static str>>>,
    told: Arc<Notify>,
    stays: Arc<Notify>,
    observed: Observed<TreeState>,
}

impl Stage {
    fn new() -> Self {
        Self {
            stopped: Arc::default(),
            told: Arc::default(),
            stays: Arc::default(),
            observed: Observed::new(),
        }
    }

    fn child(&self, name: &'static str, policy: RestartPolicy, lives: &[Life]) -> ChildSpec {
        let (lives, begun) = (lives.to_vec(), Arc::default());
        let stopped = Arc::clone(&self.stopped);
        let (told, stays) = (Arc::clone(&self.told), Arc::clone(&self.stays));
        worker(name, policy, Scripted { name, lives, begun, stopped, told, stays })
    }

    async fn begin(&self, children: Vec<ChildSpec>) -> ActorRef<Message> {
        let (observed, patience) = (self.observed.clone(), Duration::from_secs(5));
        begin(Arguments { children, observed, patience, seed: 7 }).await.expect("begins")
    }

    async fn until(&self, name: &str, holds: impl Fn(&ChildState) -> bool) -> ChildState {
        let seen = self.observed.wait_for(|s| s.children.get(name).is_some_and(&holds)).await;
        seen.children[name].clone()
    }
}

#[tokio::test]
async fn children_that_die_are_begun_again_and_their_siblings_live_on() {
    let stage = Stage::new();
    let weak = stage.child("weak", AT_ONCE, &[Life::Fail, Life::Panic, Life::End]);
    let supervisor = stage.begin(vec![stage.child("sound", AT_ONCE, &[]), weak]).await;
    let running = |s: &ChildState| s.status == ChildStatus::Running && s.restarts == 3;
    let weak = stage.until("weak", running).await;
    assert_eq!(weak.cause.as_deref(), Some("panicked: as scripted"));
    let sound = stage.until("sound", |s| s.status == ChildStatus::Running).await;
    assert_eq!(sound.restarts, 0);
    stop(&supervisor, Duration::from_secs(5)).await;
    assert_eq!(*stage.stopped.lock().expect("no panic"), ["weak", "sound"], "the last one first");
    assert!(stage.observed.get().children.is_empty());
}

#[tokio::test]
async fn a_child_that_dies_again_and_again_is_degraded_but_not_given_up() {
    let stage = Stage::new();
    let supervisor = stage.begin(vec![stage.child("weak", AT_ONCE, &[Life::Fail; 5])]).await;
    stage.stays.notified().await;
    // Once a later message is done, the last start of the weak one is seen as well.
    supervisor.cast(Message::Add(stage.child("later", AT_ONCE, &[]))).expect("it runs");
    stage.until("later", |s| s.status == ChildStatus::Running).await;
    let seen = stage.observed.get().children["weak"].clone();
    assert_eq!((seen.status, seen.restarts), (ChildStatus::Degraded, 5), "not well yet");
    stop(&supervisor, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_degraded_child_that_runs_well_is_well_again() {
    let stage = Stage::new();
    let soon = Duration::from_millis(20);
    let policy = RestartPolicy { healthy_after: soon, tolerated: 0, ..AT_ONCE };
    let supervisor = stage.begin(vec![stage.child("weak", policy, &[Life::Fail])]).await;
    stage.until("weak", |s| s.status == ChildStatus::Degraded).await;
    stage.until("weak", |s| s.status == ChildStatus::Running && s.restarts == 1).await;
    stop(&supervisor, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn what_was_added_before_the_end_is_begun_and_ends_first() {
    let stage = Stage::new();
    let supervisor = stage.begin(vec![stage.child("first", AT_ONCE, &[])]).await;
    let temporary = RestartPolicy { restart: Restart::Temporary, ..AT_ONCE };
    for (name, lives) in [("job", &[Life::Stay][..]), ("brief", &[Life::Fail])] {
        let spec = stage.child(name, temporary, lives);
        assert!(supervisor.cast(Message::Add(spec)).is_ok(), "it is not ending");
    }
    stop(&supervisor, Duration::from_secs(5)).await;
    assert_eq!(*stage.stopped.lock().expect("no panic"), ["job", "first"]);
    let late = stage.child("late", temporary, &[]);
    assert!(supervisor.cast(Message::Add(late)).is_err(), "it has ended");
}

#[tokio::test]
async fn the_temporary_end_for_good() {
    let stage = Stage::new();
    let temporary = RestartPolicy { restart: Restart::Temporary, ..AT_ONCE };
    let supervisor = stage.begin(vec![stage.child("first", AT_ONCE, &[])]).await;
    let job = stage.child("job", temporary, &[Life::PanicWhenTold]);
    supervisor.cast(Message::Add(job)).expect("runs");
    stage.until("job", |s| s.status == ChildStatus::Running).await;
    stage.told.notify_one();
    let has_ended = |s: &ChildState| s.status != ChildStatus::Running || s.restarts > 0;
    let seen = stage.observed.wait_for(|s| s.children.get("job").is_none_or(has_ended)).await;
    assert!(seen.children.keys().eq(["first"]), "{seen:?}");
    stop(&supervisor, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_name_is_that_of_one_child() {
    let stage = Stage::new();
    let temporary = RestartPolicy { restart: Restart::Temporary, ..AT_ONCE };
    let supervisor = stage.begin(Vec::new()).await;
    let begun = Arc::<AtomicU32>::default();
    for _ in 0..2 {
        let job = Scripted {
            name: "job",
            lives: Vec::new(),
            begun: Arc::clone(&begun),
            stopped: Arc::clone(&stage.stopped),
            told: Arc::default(),
            stays: Arc::default(),
        };
        supervisor.cast(Message::Add(worker("job", temporary, job))).expect("runs");
    }
    stop(&supervisor, Duration::from_secs(5)).await;
    assert_eq!(begun.load(Ordering::SeqCst), 1, "the second is refused");
    assert_eq!(*stage.stopped.lock().expect("no panic"), ["job"]);
}
