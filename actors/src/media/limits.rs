//! What an input may cost: pixels, length, waiting, threads.

use schema::time::MediaTime;
use schema::{Error, ErrorKind, Result};
use std::time::Duration;

/// Bounds on a source, all of them settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels of a still picture: 100 million.
    pub image_pixels: u64,
    /// Most pixels of a frame of video: 36 million, room for 8K.
    pub video_pixels: u64,
    /// Longest video; `None` on the command line.
    pub duration: Option<Duration>,
    /// How long a URL may send nothing: 10 s.
    pub stall: Duration,
    /// Threads that decode one video: 1. With more it is faster, and a whole video gives the same
    /// pictures, but of a damaged one no longer the same each time: frames are decoded at once
    /// whose references are not mended yet.
    pub decoder_threads: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            image_pixels: 100_000_000,
            video_pixels: 36_000_000,
            duration: None,
            stall: Duration::from_secs(10),
            decoder_threads: 1,
        }
    }
}

impl Limits {
    /// Most pixels of one picture.
    pub(crate) const fn pixels(&self, is_still: bool) -> u64 {
        if is_still { self.image_pixels } else { self.video_pixels }
    }

    /// # Errors
    /// `MEDIA_LIMIT_EXCEEDED`.
    pub(crate) fn check_pixels(&self, is_still: bool, width: u64, height: u64) -> Result<()> {
        let limit = self.pixels(is_still);
        if width.saturating_mul(height) <= limit {
            return Ok(());
        }
        let what = if is_still { "picture" } else { "video" };
        let message = format!("a {what} of {width}x{height} is over the limit of {limit} pixels");
        Err(Error::new(ErrorKind::MediaLimitExceeded, message).with_hint("scale it down first"))
    }

    /// # Errors
    /// `MEDIA_LIMIT_EXCEEDED`.
    pub(crate) fn check_duration(&self, duration: MediaTime) -> Result<()> {
        match self.duration {
            Some(limit) if duration.since(MediaTime(0)) > limit => {
                let limit = limit.as_secs();
                let message = format!("a video of {duration} is over the limit of {limit} s");
                Err(Error::new(ErrorKind::MediaLimitExceeded, message))
            }
            _ => Ok(()),
        }
    }
}
