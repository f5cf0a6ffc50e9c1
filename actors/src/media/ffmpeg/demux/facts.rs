//! What the container says of the chosen stream: rate, length, orientation, shape of pixels.
//!
//! Nothing of it is believed beyond reason.

use super::Demuxer;
use super::sys;
use crate::media::ffmpeg::picture::Picture;
use crate::media::orientation::Orientation;
use schema::time::MediaTime;

/// Frame rates outside are taken for nonsense: 1000 is what a time base of milliseconds pretends.
const FRAME_RATES: std::ops::RangeInclusive<f64> = 0.01..=300.0;
/// What is assumed where nothing says it.
const DEFAULT_FRAME_RATE: f64 = 25.0;
/// A pixel that is more than so many times wider than high, or the other way, is a fault.
const MAX_ASPECT: f64 = 10.0;

impl Demuxer {
    /// Average frames per second, or what the timestamps suggest, or 25.
    pub(in crate::media::ffmpeg) fn frame_rate(&self) -> f64 {
        let stream = self.stream();
        [stream.avg_frame_rate, stream.r_frame_rate]
            .into_iter()
            .filter(|rate| rate.den != 0)
            .map(|rate| f64::from(rate.num) / f64::from(rate.den))
            .find(|rate| FRAME_RATES.contains(rate))
            .unwrap_or(DEFAULT_FRAME_RATE)
    }

    /// Length of the stream, or of the whole.
    pub(in crate::media::ffmpeg) fn duration(&self) -> Option<MediaTime> {
        let stream = self.stream();
        let us = sys::AVRational { num: 1, den: 1_000_000 };
        let duration = if stream.duration > 0 {
            // SAFETY: pure arithmetic.
            unsafe { sys::av_rescale_q(stream.duration, stream.time_base, us) }
        } else {
            self.context.duration_us()
        };
        (duration > 0).then_some(MediaTime(duration))
    }

    /// Frames that the container counts, or its length suggests.
    pub(in crate::media::ffmpeg) fn frame_count(&self) -> Option<u64> {
        let counted = self.stream().nb_frames;
        let estimated = || {
            let frames = self.duration()?.seconds() * self.frame_rate();
            Some(frames.round() as u64)
        };
        u64::try_from(counted).ok().filter(|count| *count > 0).or_else(estimated)
    }

    /// How the pictures of this stream lie.
    pub(in crate::media::ffmpeg) fn orientation(&self) -> Orientation {
        let kind = sys::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
        let mut size = 0;
        // SAFETY: the stream is valid; a matrix is nine 32-bit integers, read unaligned.
        unsafe {
            let data = sys::av_stream_get_side_data(self.stream.as_ptr(), kind, &mut size);
            if data.is_null() || size < 36 {
                return Orientation::default();
            }
            Orientation::from_display_matrix(data)
        }
    }

    /// Width of a pixel over its height; 1 where it is not known or nonsense.
    pub(in crate::media::ffmpeg) fn pixel_aspect(&self, picture: &mut Picture) -> f64 {
        let (context, stream) = (self.context.as_ptr(), self.stream.as_ptr());
        // SAFETY: all three are valid.
        let ratio =
            unsafe { sys::av_guess_sample_aspect_ratio(context, stream, picture.as_mut_ptr()) };
        if ratio.num <= 0 || ratio.den <= 0 {
            return 1.0;
        }
        let ratio = f64::from(ratio.num) / f64::from(ratio.den);
        if (1.0 / MAX_ASPECT..=MAX_ASPECT).contains(&ratio) { ratio } else { 1.0 }
    }

    /// Whether data is missing at the end, by the index and by what the data announces itself.
    pub(in crate::media::ffmpeg) fn is_cut(&self) -> bool {
        self.source.is_short() || self.source.len().is_some_and(|len| self.index_exceeds(len))
    }

    fn index_exceeds(&self, len: u64) -> bool {
        let stream = self.stream.as_ptr();
        // SAFETY: entries are valid until the next call into the demuxer.
        unsafe {
            let count = sys::avformat_index_get_entries_count(stream);
            (0..count)
                .filter_map(|index| sys::avformat_index_get_entry(stream, index).as_ref())
                .map(|entry| entry.pos.saturating_add(entry.size().into()))
                .any(|end| u64::try_from(end).is_ok_and(|end| end > len))
        }
    }
}
