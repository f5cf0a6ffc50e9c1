//! How far a run is, and where its time goes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How far a run is, and where its time went so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Frames that went all the way through.
    pub frames_done: u64,
    /// Frames there are, where the container says it.
    pub frames_total: Option<u64>,
    /// Mean frames per second so far.
    pub frames_per_second: f64,
    /// Busy time of the stages so far.
    pub timings: Timings,
}

impl Progress {
    pub(super) fn new(frames_done: u64, frames_total: Option<u64>, timings: Timings) -> Self {
        let seconds = timings.wall.as_secs_f64().max(1e-9);
        Self { frames_done, frames_total, frames_per_second: frames_done as f64 / seconds, timings }
    }
}

/// A stage whose time is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Demuxing and decoding, on the source's thread.
    Decode,
    /// Preparing, inference and decoding of boxes, on the workers.
    Detect,
    /// Association.
    Track,
    /// Counting and collecting what is drawn.
    Count,
    /// Drawing over a copy of the frame.
    Draw,
    /// Encoding and writing, rows too.
    Write,
}

impl Stage {
    /// All stages, in the order of the way of a frame.
    pub const ALL: [Self; 6] =
        [Self::Decode, Self::Detect, Self::Track, Self::Count, Self::Draw, Self::Write];

    /// Name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Detect => "detect",
            Self::Track => "track",
            Self::Count => "count",
            Self::Draw => "draw",
            Self::Write => "write",
        }
    }
}

/// Busy time per stage, summed over its threads; stages run side by side, so the sum may exceed
/// the wall time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// From the first frame asked for to the last file closed.
    pub wall: Duration,
    busy: [Duration; Stage::ALL.len()],
}

impl Timings {
    /// Busy time of one stage.
    #[must_use]
    pub const fn busy(&self, stage: Stage) -> Duration {
        self.busy[stage as usize]
    }
}

/// Collects the busy times of one run from all its threads.
#[derive(Debug)]
pub(super) struct Meter {
    begun: Instant,
    /// Nanoseconds by stage; those of `Decode` are kept by the source.
    busy: [AtomicU64; Stage::ALL.len()],
}

impl Meter {
    /// Begins to measure now.
    pub(super) fn start() -> Self {
        Self { begun: Instant::now(), busy: Default::default() }
    }

    /// Adds to the busy time of `stage`.
    pub(super) fn add(&self, stage: Stage, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.busy[stage as usize].fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// What was measured so far, and what the source says of `decode`.
    pub(super) fn read(&self, decode: Duration) -> Timings {
        let busy = |stage: Stage| match stage {
            Stage::Decode => decode,
            _ => Duration::from_nanos(self.busy[stage as usize].load(Ordering::Relaxed)),
        };
        Timings { wall: self.begun.elapsed(), busy: Stage::ALL.map(busy) }
    }
}
