//! One job under a lease: its actor owns the pipeline's task, keeps the lease, tells how far it is,
//! and stores how it ended.
//!
//! While the task runs, nothing here waits for it: ticks of the lease, wishes to cancel and the end
//! of the node are answered between them. Whatever way the task ends (value, error, panic, told
//! to, stalled), one transition with the fencing token says so; where the store refuses it, what
//! the attempt left is taken away.

use super::active::Working;
use super::failure::{failure, is_transient};
use super::outputs;
use super::progress::{self, Teller};
use super::run::{Finished, Request};
use super::shop::Shop;
use crate::media::Input;
use crate::objects::Staging;
use crate::pipeline::Progress;
use crate::queue::transition::Transition;
use crate::supervise::backtrace::{Panicked, catch};
use crate::supervise::heartbeat::Heartbeat;
use crate::supervise::worker::Service;
use ractor::ActorCell;
use schema::account::Scope;
use schema::job::record::{AttemptProgress, Job, JobOutputs, JobState};
use schema::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinError;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// What was told to end and has not is waited for so long before it is broken off.
const LINGER: Duration = Duration::from_secs(10);

/// The actor of one job.
#[derive(Clone)]
pub(crate) struct JobActor {
    shop: Arc<Shop>,
    job: Arc<Job>,
    /// Goes back when the last clone of this goes: once the actor is gone.
    _room: Arc<OwnedSemaphorePermit>,
}

/// Why an attempt is to end before its work has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interrupt {
    /// Somebody wants the job to end.
    Cancel,
    /// The node is ending.
    Release,
    /// No frame came for too long.
    Stall,
    /// The lease is not ours any more: nothing may be stored.
    Lost,
}

/// How an attempt ended by itself.
type Ended<T> = Result<Result<T>, Panicked>;

impl JobActor {
    pub(super) fn new(shop: Arc<Shop>, job: Job, room: OwnedSemaphorePermit) -> Self {
        Self { shop, job: Arc::new(job), _room: Arc::new(room) }
    }
}

impl Service for JobActor {
    async fn run(self, stop: CancellationToken, _: ActorCell) -> Result<()> {
        let (id, shop) = (self.job.id, Arc::clone(&self.shop));
        let mut attempt = Attempt::new(self.shop, self.job, stop);
        let (working, state) = match attempt.alone().await {
            Ok(working) => {
                let state = attempt.run(&working).await;
                (Some(working), state)
            }
            Err(interrupt) => (None, attempt.interrupted(interrupt).await),
        };
        shop.observed.update(|seen| {
            seen.running.remove(&id);
            match state {
                Some(JobState::Done) => seen.done += 1,
                Some(JobState::Failed) => seen.failed += 1,
                Some(JobState::Cancelled) => seen.cancelled += 1,
                _ => seen.interrupted += 1,
            }
        });
        drop(working);
        // Its owner may have another one waiting.
        shop.wake.notify_one();
        Ok(())
    }
}

/// One attempt, from its lease to its end.
struct Attempt {
    shop: Arc<Shop>,
    job: Arc<Job>,
    token: u64,
    /// The node is ending.
    stop: CancellationToken,
    /// Tells the work to end.
    cancel: CancellationToken,
    progress: watch::Receiver<Progress>,
    teller: Teller,
    heartbeat: Heartbeat,
    extended: Instant,
    begun: Instant,
}

impl Attempt {
    fn new(shop: Arc<Shop>, job: Arc<Job>, stop: CancellationToken) -> Self {
        let now = Instant::now();
        Self {
            token: job.last_token,
            stop,
            cancel: CancellationToken::new(),
            progress: watch::channel(Progress::default()).1,
            teller: Teller::new(Arc::clone(&shop), Arc::clone(&job)),
            heartbeat: Heartbeat::new(shop.config.stall, shop.config.extend_every, now),
            extended: now,
            begun: now,
            shop,
            job,
        }
    }

    /// Waits until an attempt of before, which may still be ending, has ended. The lease is kept
    /// meanwhile: given back, it would be ours again at once.
    async fn alone(&mut self) -> Result<Working, Interrupt> {
        let (shop, id) = (Arc::clone(&self.shop), self.job.id);
        let mut extend = every(shop.config.extend_every);
        loop {
            if let Some(working) = shop.active.begin(id) {
                let now = Instant::now();
                self.heartbeat = Heartbeat::new(shop.config.stall, shop.config.extend_every, now);
                self.begun = now;
                return Ok(working);
            }
            tokio::select! {
                () = shop.active.ended(id) => {}
                _ = extend.tick() => self.keep("wait").await?,
                () = self.stop.cancelled() => return Err(Interrupt::Release),
            }
        }
    }

    /// Runs it to its end; the state of the job then, where the attempt had a say in it.
    async fn run(&mut self, working: &Working) -> Option<JobState> {
        let staging = match self.shop.objects.stage().await {
            Ok(staging) => Arc::new(staging),
            Err(error) => return self.conclude(self.failed(&error)).await,
        };
        let mut task = self.spawn(Arc::clone(&staging));
        let first = self.tend(&mut task, working, "analyze").await;
        let ended = match first {
            Ok(ended) => Ok(ended),
            Err(interrupt) => self.end(&mut task, interrupt).await,
        };
        let state = match ended {
            Ok(Ok(Ok(finished))) => self.store(finished, staging, working).await,
            Ok(Ok(Err(error))) => self.conclude(self.failed(&error)).await,
            Ok(Err(panicked)) => self.conclude(self.panicked(panicked).await).await,
            Err(interrupt) => self.interrupted(interrupt).await,
        };
        // What still writes, writes below the staging folder: it goes when that has ended.
        if !task.is_finished() && timeout(LINGER, &mut task).await.is_err() {
            tracing::error!(job = %self.job.id, "an attempt does not end: it is broken off");
        }
        state
    }

    /// Begins the pipeline's task.
    fn spawn(&mut self, staging: Arc<Staging>) -> AbortOnDropHandle<Ended<Finished>> {
        let (sender, receiver) = watch::channel(Progress::default());
        self.progress = receiver;
        let (shop, job, cancel) =
            (Arc::clone(&self.shop), Arc::clone(&self.job), self.cancel.clone());
        AbortOnDropHandle::new(tokio::spawn(catch(async move {
            let input = shop.objects.to_path(&job.input.key.parse()?).await?;
            let request = Request {
                kind: job.kind,
                parameters: job.params.clone(),
                input: Input::File(input),
                annotate: true,
                staging: staging.path().to_owned(),
            };
            let ran = shop.runner.run(&request, &sender, &cancel).await;
            drop(staging);
            ran
        })))
    }

    /// Keeps the lease and tells how far it is until `task` has ended, or is to end.
    async fn tend<T>(
        &mut self,
        task: &mut AbortOnDropHandle<Ended<T>>,
        working: &Working,
        stage: &'static str,
    ) -> Result<Ended<T>, Interrupt> {
        let mut extend = every(self.shop.config.extend_every);
        let mut tell = every(progress::EVERY);
        let mut is_further = false;
        loop {
            tokio::select! {
                ended = &mut *task => {
                    self.tell(stage).await;
                    return Ok(flatten(ended));
                }
                _ = extend.tick() => self.keep(stage).await?,
                () = working.look.notified() => self.keep(stage).await?,
                _ = tell.tick() => {
                    self.tell(stage).await;
                    // Told to the store at once: an attempt that came further is no strike.
                    if !is_further && self.reached().frames_done > self.job.furthest_frame {
                        is_further = true;
                        self.keep(stage).await?;
                    }
                }
                () = self.stop.cancelled() => return Err(Interrupt::Release),
            }
        }
    }

    async fn tell(&mut self, stage: &'static str) {
        let now = *self.progress.borrow();
        self.teller.tell(&now, stage).await;
    }

    /// Extends the lease, and sees whether there is a reason to end.
    async fn keep(&mut self, stage: &'static str) -> Result<(), Interrupt> {
        let (progress, now) = (self.reached(), Instant::now());
        // Putting files in place has no frames: the disk is waited for.
        if stage == "analyze" && self.heartbeat.has_stalled(progress.frames_done, now) {
            return Err(Interrupt::Stall);
        }
        let expires_at = self.shop.clock.now().plus(self.shop.config.lease);
        let extend = Transition::Extend { token: self.token, progress, expires_at };
        match self.shop.recorder.change(self.job.id, extend).await {
            Ok(job) if job.cancel_requested => Err(Interrupt::Cancel),
            Ok(_) => {
                self.extended = now;
                Ok(())
            }
            Err(e) if matches!(e.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {
                Err(Interrupt::Lost)
            }
            Err(error) => {
                tracing::warn!(job = %self.job.id, %error, "a lease could not be extended");
                let over = self.extended.elapsed() > self.shop.config.lease;
                if over { Err(Interrupt::Lost) } else { Ok(()) }
            }
        }
    }

    /// Tells the work to end and waits a little; who has finished all the same has its results
    /// kept, unless they are not wanted.
    async fn end(
        &self,
        task: &mut AbortOnDropHandle<Ended<Finished>>,
        interrupt: Interrupt,
    ) -> Result<Ended<Finished>, Interrupt> {
        self.cancel.cancel();
        match timeout(self.shop.config.grace, task).await {
            Ok(Ok(Ok(Ok(finished)))) if interrupt == Interrupt::Release && !finished.cancelled => {
                Ok(Ok(Ok(finished)))
            }
            _ => Err(interrupt),
        }
    }

    /// Puts the files in place, then says that the job is done.
    async fn store(
        &mut self,
        finished: Finished,
        staging: Arc<Staging>,
        working: &Working,
    ) -> Option<JobState> {
        // The lease is still ours, or nothing is put anywhere.
        let ended = match self.keep("store").await {
            Ok(()) => self.adopt(finished, staging, working).await,
            Err(interrupt) => Err(interrupt),
        };
        let state = match ended {
            Ok(Ok(Ok(outputs))) => self.finish(outputs).await,
            Ok(Ok(Err(error))) => self.conclude(self.failed(&error)).await,
            Ok(Err(panicked)) => self.conclude(self.panicked(panicked).await).await,
            Err(interrupt) => self.interrupted(interrupt).await,
        };
        if state != Some(JobState::Done) && self.leaves_nothing().await {
            outputs::discard(self.shop.objects.as_ref(), self.job.id).await;
        }
        state
    }

    /// Puts the files in place. Once that has begun it is waited for, whatever happens: nothing
    /// may come to its place later.
    async fn adopt(
        &mut self,
        finished: Finished,
        staging: Arc<Staging>,
        working: &Working,
    ) -> Result<Ended<JobOutputs>, Interrupt> {
        let (shop, job, cancel) = (Arc::clone(&self.shop), self.job.clone(), self.cancel.clone());
        let took = self.begun.elapsed();
        let mut task = AbortOnDropHandle::new(tokio::spawn(catch(async move {
            let objects = shop.objects.as_ref();
            outputs::adopt(objects, staging.path(), &job, &finished, took, &cancel).await
        })));
        match self.tend(&mut task, working, "store").await {
            // There is little left to do: it is done, not given back.
            Err(Interrupt::Release) => Ok(flatten(task.await)),
            Err(interrupt) => {
                self.cancel.cancel();
                drop(task.await);
                Err(interrupt)
            }
            ended => ended,
        }
    }

    async fn finish(&mut self, outputs: JobOutputs) -> Option<JobState> {
        let progress = self.reached();
        let finish = Transition::Finish { token: self.token, outputs: Box::new(outputs), progress };
        match self.stored(finish).await {
            // Cancelled at the last moment.
            Err(error) if error.kind() == ErrorKind::Cancelled => {
                self.conclude(Transition::ConfirmCancel { token: self.token }).await
            }
            stored => stored.ok(),
        }
    }

    /// Whether what this attempt has put in place belongs to nobody: the job is not done (it may
    /// be, where an answer of the store was lost), and nobody else works on it.
    async fn leaves_nothing(&self) -> bool {
        match self.shop.store.job(&Scope::System, self.job.id).await {
            Ok(job) => {
                let others = job.lease.is_some_and(|lease| lease.token != self.token);
                job.state != JobState::Done && !others
            }
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    }

    async fn interrupted(&mut self, interrupt: Interrupt) -> Option<JobState> {
        let token = self.token;
        tracing::info!(job = %self.job.id, ?interrupt, "job is interrupted");
        match interrupt {
            Interrupt::Lost => None,
            Interrupt::Cancel => self.conclude(Transition::ConfirmCancel { token }).await,
            Interrupt::Release => self.conclude(Transition::Release { token }).await,
            Interrupt::Stall => {
                let stall = self.shop.config.stall.as_secs_f64();
                let cause = format!("no frame came for {stall} s");
                self.conclude(self.abandoned(cause, None)).await
            }
        }
    }

    fn failed(&self, error: &Error) -> Transition {
        let retry_at =
            is_transient(error.kind()).then(|| self.retry_at(self.job.transient_failures));
        let failure = Box::new(failure(error));
        tracing::warn!(job = %self.job.id, code = %error.kind(), %error, "attempt failed");
        Transition::Fail { token: self.token, failure, retry_at }
    }

    async fn panicked(&self, panicked: Panicked) -> Transition {
        let cause = format!("panicked: {}", panicked.message);
        let traceback = panicked.traceback().await;
        tracing::error!(job = %self.job.id, traceback, "attempt panicked");
        self.abandoned(cause, Some(traceback))
    }

    fn abandoned(&self, cause: String, traceback: Option<String>) -> Transition {
        let retry_at = self.retry_at(self.job.poison_strikes);
        let progress = Some(self.reached());
        Transition::Abandon { token: self.token, progress, cause, traceback, retry_at }
    }

    fn retry_at(&self, failures: u32) -> schema::time::WallTime {
        let delay = self.shop.config.backoff.delay(failures + 1, self.shop.chance());
        self.shop.clock.now().plus(delay)
    }

    fn reached(&self) -> AttemptProgress {
        let Progress { frames_done, frames_total, .. } = *self.progress.borrow();
        AttemptProgress { frames_done, frames_total }
    }

    /// Stores how it ended. Gives the state of the job then; `None` where the store refused it.
    async fn conclude(&self, transition: Transition) -> Option<JobState> {
        self.stored(transition).await.ok()
    }

    /// Stores how it ended, for as long as the lease may be ours.
    async fn stored(&self, transition: Transition) -> Result<JobState> {
        let id = self.job.id;
        let mut failures = 0;
        let job = loop {
            match self.shop.recorder.change(id, transition.clone()).await {
                Ok(job) => break job,
                Err(error) if is_transient(error.kind()) && self.still_ours() => {
                    failures += 1;
                    tracing::warn!(job = %id, %error, "the end of a job could not be stored");
                    tokio::time::sleep(self.shop.config.backoff.delay(failures, 0.0)).await;
                }
                Err(error) => {
                    tracing::warn!(job = %id, %error, "the end of an attempt counts for nothing");
                    return Err(error);
                }
            }
        };
        tracing::info!(job = %id, state = %job.state, attempt = job.attempt, "attempt ended");
        if job.state.is_final() {
            self.shop.ended(&job);
        }
        Ok(job.state)
    }

    fn still_ours(&self) -> bool {
        self.extended.elapsed() < self.shop.config.lease
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick of an interval is at once.
    ticks.reset();
    ticks
}

/// A task that was broken off from outside ended abnormally, too.
fn flatten<T>(ended: Result<Ended<T>, JoinError>) -> Ended<T> {
    ended.unwrap_or_else(|e| Err(Panicked::new(e.to_string())))
}
