//! Attempts of jobs that follow a script, in place of the pipeline: they end, fail, panic, stall,
//! loop without output, or take no notice of being told to end.

use super::{Ending, ScriptedSource};
use crate::job::run::{Finished, RESULTS, Request, TRACKS, Workshop, run};
use crate::job::shop::Runner;
use crate::media::SourceReport;
use crate::pipeline::{Progress, Timings};
use async_trait::async_trait;
use models::detect::DetectorInfo;
use schema::job::result::Provenance;
use schema::job::{JobResults, people_count};
use schema::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// What one attempt does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Takes frames from a source, which ends as told.
    Frames(u64, Ending),
    /// Panics at this frame.
    Panic(u64),
    /// Fails with an error of this kind.
    Fail(ErrorKind),
    /// Waits after one frame until it is let go, or cancelled.
    Hold,
    /// Waits after one frame until it is let go, and takes no notice of being cancelled.
    Deaf,
    /// Runs the real pipeline, and notes when each frame was through.
    Pipeline,
}

/// Runs attempts by script. A job chooses its script by its parameter `track_buffer`; each of its
/// attempts takes the next act, and without one ends after three frames.
#[derive(Debug)]
pub struct ScriptedRunner {
    scripts: Mutex<BTreeMap<u64, Vec<Act>>>,
    workshop: Option<Arc<Workshop>>,
    /// Times between two frames of [`Act::Pipeline`].
    pub intervals: Mutex<Vec<Duration>>,
    /// One permit per attempt that may go on from [`Act::Hold`].
    pub let_go: Semaphore,
    /// Attempts that were begun.
    pub begun: AtomicUsize,
    /// Attempts that are under way.
    pub running: AtomicUsize,
    /// Most attempts that were under way at once.
    pub most: AtomicUsize,
}

struct Under<'a>(&'a AtomicUsize);

impl Drop for Under<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Default for ScriptedRunner {
    fn default() -> Self {
        Self {
            scripts: Mutex::default(),
            workshop: None,
            intervals: Mutex::default(),
            let_go: Semaphore::new(0),
            begun: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }
}

impl ScriptedRunner {
    /// A runner with these scripts.
    #[must_use]
    pub fn new(scripts: &[(u64, &[Act])]) -> Self {
        let reversed = |acts: &[Act]| acts.iter().rev().copied().collect();
        let scripts = scripts.iter().map(|(key, acts)| (*key, reversed(acts))).collect();
        Self { scripts: Mutex::new(scripts), ..Self::default() }
    }

    /// The same with a workshop, for [`Act::Pipeline`].
    #[must_use]
    pub fn with_workshop(self, workshop: Arc<Workshop>) -> Self {
        Self { workshop: Some(workshop), ..self }
    }

    /// Runs the real pipeline and notes the times between its frames.
    async fn pipeline(
        &self,
        request: &Request,
        progress: &watch::Sender<Progress>,
        cancel: &CancellationToken,
    ) -> Result<Finished> {
        let none = || Error::new(ErrorKind::ServerError, "there is no workshop");
        let workshop = self.workshop.as_ref().ok_or_else(none)?;
        let mut frames = progress.subscribe();
        let noting = async {
            let mut last: Option<Instant> = None;
            while frames.changed().await.is_ok() {
                let now = Instant::now();
                if let Some(last) = last {
                    self.intervals.lock().expect("no panic holds it").push(now - last);
                }
                last = Some(now);
            }
            Err(Error::new(ErrorKind::ServerError, "the sender lives as long as the run"))
        };
        tokio::select! {
            finished = run(request, workshop, progress, cancel) => finished,
            never = noting => never,
        }
    }

    fn next_act(&self, request: &Request) -> Act {
        let key = request.parameters["track_buffer"].as_u64().unwrap_or(0);
        let mut scripts = self.scripts.lock().expect("no panic holds it");
        scripts.get_mut(&key).and_then(Vec::pop).unwrap_or(Act::Frames(3, Ending::End))
    }
}

#[async_trait]
impl Runner for ScriptedRunner {
    async fn run(
        &self,
        request: &Request,
        progress: &watch::Sender<Progress>,
        cancel: &CancellationToken,
    ) -> Result<Finished> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let _under = Under(&self.running);
        let told = async {
            cancel.cancelled().await;
            Err(Error::new(ErrorKind::Cancelled, "cancelled, as told"))
        };
        let held = || async {
            report(progress, 1, None);
            self.let_go.acquire().await.expect("it lives as long as the runner").forget();
            Ok(1)
        };
        let frames = match self.next_act(request) {
            Act::Pipeline => return self.pipeline(request, progress, cancel).await,
            Act::Frames(frames, ending) => {
                tokio::select! { done = take(frames, ending, progress) => done, told = told => told }
            }
            Act::Panic(at) => {
                let taken = take(at, Ending::End, progress).await?;
                assert_ne!(taken, at, "frame {at} is poison");
                Ok(taken)
            }
            Act::Fail(kind) => Err(Error::new(kind, "failed, as scripted")),
            Act::Hold => tokio::select! { done = held() => done, told = told => told },
            Act::Deaf => held().await,
        }?;
        write(request, frames)
    }
}

fn report(progress: &watch::Sender<Progress>, frames_done: u64, frames_total: Option<u64>) {
    let (frames_per_second, timings) = (25.0, Timings::default());
    progress.send_replace(Progress { frames_done, frames_total, frames_per_second, timings });
}

async fn take(frames: u64, ending: Ending, progress: &watch::Sender<Progress>) -> Result<u64> {
    let mut source = ScriptedSource::boxed(frames, ending);
    while source.next().await?.is_some() {
        let SourceReport { frames: done, .. } = source.report();
        report(progress, done, Some(frames));
    }
    Ok(frames)
}

/// The files that a job leaves, as small as can be.
fn write(request: &Request, frames: u64) -> Result<Finished> {
    let DetectorInfo { model, backend, precision, .. } = super::detector_info();
    let provenance = Provenance {
        model,
        backend,
        precision,
        counted_classes: Vec::new(),
        score_threshold: 0.5,
        track_buffer: 30,
        min_seconds: 0.5,
        width: 16,
        height: 16,
        frame_rate: 25.0,
        frame_count: frames,
        duration_seconds: frames as f64 / 25.0,
        corrupt_packets: 0,
        warnings: Vec::new(),
        complete: true,
        stopped_at_frame: None,
    };
    let results = JobResults::PeopleCount(people_count::Results {
        total_people: 0,
        peak_people: 0,
        mean_people: 0.0,
        brief_tracks: 0,
        provenance,
        tracking_data: Vec::new(),
    });
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(request.staging.join(name), bytes).map_err(|e| Error::io(name, e))
    };
    write(TRACKS, b"{}\n")?;
    write(RESULTS, &results.to_bytes()?)?;
    let files = vec![TRACKS, RESULTS];
    Ok(Finished { results, files, cancelled: false, timings: Timings::default() })
}
