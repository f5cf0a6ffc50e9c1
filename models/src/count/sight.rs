//! For how long something was seen, in media time: variable frame rates keep their meaning.
//!
//! Each frame in which a thing is seen adds to its time: the whole time since the frame before if
//! it was seen there too, else no more than one frame at the mean rate. So a glimpse after a pause
//! of the video is a glimpse, gaps do not count, and at a constant rate it is frames / rate.

use schema::time::MediaTime;

/// Times of frames are trusted to this much, in seconds: some containers count in milliseconds.
const PRECISION: f64 = 2e-3;

/// What the present frame adds to the time for which things were seen.
#[derive(Debug)]
pub(super) struct SightTime {
    /// Seconds per frame at the mean rate.
    mean: f64,
    latest: Option<MediaTime>,
    /// Seconds since the frame before.
    elapsed: f64,
}

impl SightTime {
    /// For a source of `frame_rate` frames per second on average, above 0.
    pub(super) fn new(frame_rate: f64) -> Self {
        let mean = 1.0 / frame_rate;
        Self { mean, latest: None, elapsed: mean }
    }

    /// Goes on to the frame at `now`. Where times do not advance, the mean rate stands in.
    pub(super) fn advance(&mut self, now: MediaTime) {
        self.elapsed = match self.latest.replace(now) {
            Some(latest) if now > latest => now.since(latest).as_secs_f64(),
            _ => self.mean,
        };
    }

    /// Seconds that this frame adds for a thing; `goes_on` if it was seen in the one before.
    pub(super) fn adds(&self, goes_on: bool) -> f64 {
        if goes_on { self.elapsed } else { self.elapsed.min(self.mean) }
    }
}

/// Whether `seen` seconds are as good as the `wanted` ones.
pub(super) fn is_reached(seen: f64, wanted: f64) -> bool {
    seen + PRECISION >= wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds for which a thing is seen that shows in the frames marked `x`, at these times.
    fn seen(frame_rate: f64, frames: &[(i64, char)]) -> f64 {
        let mut time = SightTime::new(frame_rate);
        let (mut seen, mut goes_on) = (0.0, false);
        for &(ms, mark) in frames {
            time.advance(MediaTime(ms * 1000));
            seen += if mark == 'x' { time.adds(goes_on) } else { 0.0 };
            goes_on = mark == 'x';
        }
        seen
    }

    fn check(frame_rate: f64, frames: &[(i64, char)], expected: f64) {
        let seen = seen(frame_rate, frames);
        assert!((seen - expected).abs() < 1e-9, "{seen} instead of {expected}: {frames:?}");
    }

    #[test]
    fn at_a_constant_rate_it_is_frames_by_rate() {
        check(25.0, &[(0, 'x'), (40, 'x'), (80, ' '), (120, 'x'), (160, ' ')], 0.12);
    }

    #[test]
    fn a_glimpse_after_a_pause_is_a_glimpse() {
        check(25.0, &[(0, ' '), (40, ' '), (9000, 'x'), (9040, ' ')], 0.04);
        // Where frames come faster than on average, it is shorter still.
        check(25.0, &[(0, ' '), (10, 'x'), (20, 'x'), (30, ' ')], 0.02);
    }

    #[test]
    fn what_stays_through_a_pause_was_there() {
        check(25.0, &[(0, 'x'), (5000, 'x'), (5040, 'x')], 0.04 + 5.0 + 0.04);
    }

    #[test]
    fn times_that_stand_still_are_made_up_for() {
        check(25.0, &[(0, 'x'), (0, 'x'), (0, 'x')], 0.12);
    }

    #[test]
    fn milliseconds_of_a_container_do_not_cost_a_frame() {
        // 15 frames at 30 frames/s, as Matroska times them.
        let frames: Vec<(i64, char)> = (1..16).map(|i| ((i * 100 + 1) / 3, 'x')).collect();
        assert!(is_reached(seen(30.0, &frames), 0.5), "{}", seen(30.0, &frames));
        assert!(!is_reached(seen(30.0, &frames[1..]), 0.5));
    }
}
