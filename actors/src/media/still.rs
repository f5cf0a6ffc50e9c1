//! A single annotated picture, written as JPEG.

use super::FrameWriter;
use super::ffmpeg::encode_jpeg;
use models::picture::Frame;
use schema::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// Writes the one frame it is given.
pub(super) struct JpegWriter {
    path: PathBuf,
    is_written: bool,
}

impl JpegWriter {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), is_written: false }
    }
}

impl FrameWriter for JpegWriter {
    fn write(&mut self, frame: &Frame) -> Result<()> {
        if self.is_written {
            return Err(Error::new(ErrorKind::ServerError, "a second frame for one picture"));
        }
        let bytes = encode_jpeg(frame)?;
        let written = std::fs::write(&self.path, bytes);
        written.map_err(|e| Error::io(format!("writing {}", self.path.display()), e))?;
        self.is_written = true;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        if self.is_written {
            return Ok(());
        }
        Err(Error::new(ErrorKind::ServerError, "a picture without a frame"))
    }
}
