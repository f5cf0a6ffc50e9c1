//! What the media tests share: reading a whole source, finding clips, running `ffmpeg`.

use actors::media::{self, FrameSource, Input, Limits, SourceInfo, SourceReport};
use models::picture::Frame;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything a source gave.
pub(crate) struct Drained {
    pub(crate) info: SourceInfo,
    pub(crate) report: SourceReport,
    pub(crate) frames: Vec<Arc<Frame>>,
}

/// A clip of the data that lies beside the repository; `None`, said aloud, where it is missing.
pub(crate) fn clip(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is missing", path.display());
    None
}

/// Opens `path` with default limits.
pub(crate) async fn open(path: &Path) -> schema::Result<Box<dyn FrameSource>> {
    media::open(&Input::File(path.to_owned()), &Limits::default()).await
}

/// Opens `path` and reads all of it.
pub(crate) async fn drain(path: &Path) -> schema::Result<Drained> {
    let mut source = open(path).await?;
    let mut frames = Vec::new();
    while let Some(frame) = source.next().await? {
        frames.push(frame);
    }
    Ok(Drained { info: source.info().clone(), report: source.report(), frames })
}
