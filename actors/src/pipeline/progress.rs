//! How far a run is, and where its time goes.

use std::time::{Duration, Instant};

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Frames that went all the way through.
    pub frames_done: u64,
    /// Frames there are, where the container says it.
    pub frames_total: Option<u64>,
    /// Mean frames per second so far.
    pub frames_per_second: f64,
}

impl Progress {
    pub(super) fn now(begun: Instant, frames_done: u64, frames_total: Option<u64>) -> Self {
        let seconds = begun.elapsed().as_secs_f64().max(1e-9);
        Self { frames_done, frames_total, frames_per_second: frames_done as f64 / seconds }
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

    pub(super) fn add(&mut self, stage: Stage, time: Duration) {
        self.busy[stage as usize] += time;
    }

    pub(super) const fn set(&mut self, stage: Stage, time: Duration) {
        self.busy[stage as usize] = time;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for stage in Stage::ALL {
            self.add(stage, other.busy(stage));
        }
    }
}
