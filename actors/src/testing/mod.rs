//! Doubles for tests, also of other crates (feature `testing`): tiny frames, a source that follows a
//! script, attempts of jobs that do, a node on the embedded engines, a bus that is away for a
//! while, a file that will not go, a clock that is set by hand. Not in what is shipped.

pub mod bus;
pub mod clock;
pub mod node;
pub mod objects;
pub mod runner;

use crate::media::{BoxFuture, FrameSource, SourceInfo, SourceKind, SourceReport};
use bytes::Bytes;
use models::detect::DetectorInfo;
use models::picture::{Chroma, Frame, Matrix, Plane, Range};
use schema::frame::FrameMeta;
use schema::time::MediaTime;
use schema::{Error, Result};
use std::sync::Arc;

/// A black 16x16 frame at 25 frames/s.
pub fn frame(index: u64) -> Arc<Frame> {
    let meta = FrameMeta {
        frame_index: index,
        media_time_us: MediaTime(index as i64 * 40_000),
        wall_time_us: None,
        width: 16,
        height: 16,
    };
    let plane = |stride| Plane { bytes: Bytes::from_static(&[16; 256]), stride };
    let planes = [plane(16), plane(8), plane(8)];
    let frame = Frame::new(meta, planes, Chroma::Yuv420, Range::Limited, Matrix::Bt601);
    Arc::new(frame.expect("the planes fit the size"))
}

/// What a detector double says of itself.
pub fn detector_info() -> DetectorInfo {
    DetectorInfo {
        model: "scripted".to_owned(),
        backend: "test".to_owned(),
        precision: "none".to_owned(),
        classes: Vec::new(),
    }
}

/// How a scripted source ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As a file does.
    End,
    /// With an error of this text.
    Fail(&'static str),
    /// Never: it gives no more frames and does not end.
    Stall,
    /// Never: it keeps its thread busy and gives no more frames.
    Loop,
}

/// A source of black frames.
pub struct ScriptedSource {
    info: SourceInfo,
    frames: u64,
    given: u64,
    ending: Ending,
}

impl ScriptedSource {
    /// Gives `frames` frames, then ends as told.
    pub fn boxed(frames: u64, ending: Ending) -> Box<dyn FrameSource> {
        let info = SourceInfo {
            kind: SourceKind::Video,
            width: 16,
            height: 16,
            frame_rate: 25.0,
            frame_count: Some(frames),
            duration: None,
            format: "test/none".to_owned(),
        };
        Box::new(Self { info, frames, given: 0, ending })
    }
}

impl FrameSource for ScriptedSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Option<Arc<Frame>>>> {
        Box::pin(async {
            if self.given < self.frames {
                self.given += 1;
                return Ok(Some(frame(self.given - 1)));
            }
            match self.ending {
                Ending::End => Ok(None),
                Ending::Fail(text) => Err(Error::new(schema::ErrorKind::CorruptMedia, text)),
                Ending::Stall => std::future::pending().await,
                Ending::Loop => loop {
                    tokio::task::yield_now().await;
                },
            }
        })
    }

    fn stop(&mut self) {}

    fn report(&self) -> SourceReport {
        SourceReport { frames: self.given, ..SourceReport::default() }
    }
}
