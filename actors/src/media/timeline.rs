//! Media time of each frame from timestamps that cannot be trusted.
//!
//! Pure arithmetic. Variable frame rates keep their times; missing, repeated, backward and absurd
//! timestamps are replaced such that time never runs backwards.

use schema::time::MediaTime;

/// A step back of no more than this is a disorder of neighbours, a larger one a new beginning.
const DISORDER_US: i128 = 1_000_000;
/// A step forward of more than this is taken for a broken timestamp, not for a pause: one day.
const ABSURD_US: i128 = 86_400_000_000;

/// Turns presentation timestamps into microseconds since the first picture.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    /// Seconds per tick, as a fraction; both parts above zero.
    time_base: (i64, i64),
    frame_us: i128,
    /// A timestamp and the media time it stands for; the first one, or that after a fault.
    origin: Option<(i64, i128)>,
    last: Option<i128>,
}

impl Timeline {
    /// For timestamps in ticks of `time_base` seconds (numerator, denominator), at about
    /// `frame_rate` frames per second where a timestamp is missing.
    pub(crate) fn new(time_base: (i32, i32), frame_rate: f64) -> Self {
        let (num, den) = (i64::from(time_base.0), i64::from(time_base.1));
        let time_base = if num > 0 && den > 0 { (num, den) } else { (1, 1_000_000) };
        let frame_us = (1e6 / frame_rate).round().clamp(1.0, 3.6e9) as i128;
        Self { time_base, frame_us, origin: None, last: None }
    }

    /// The time of the next picture in display order, never before the one of its predecessor.
    pub(crate) fn next(&mut self, pts: Option<i64>) -> MediaTime {
        let expected = self.last.map_or(0, |last| last + self.frame_us);
        let time = pts.map_or(expected, |pts| self.place(pts, expected));
        self.last = Some(time);
        MediaTime(i64::try_from(time).unwrap_or(i64::MAX))
    }

    fn place(&mut self, pts: i64, expected: i128) -> i128 {
        let (origin, base) = *self.origin.get_or_insert((pts, expected));
        let time = base + self.microseconds(i128::from(pts) - i128::from(origin));
        match self.last {
            Some(last) if time < last && last - time <= DISORDER_US => last,
            Some(last) if time < last || time - last > ABSURD_US => {
                self.origin = Some((pts, expected));
                expected
            }
            _ => time,
        }
    }

    /// Rounded to the nearest; in 128 bits, as ticks times a million do not fit in 64.
    fn microseconds(&self, ticks: i128) -> i128 {
        let (num, den) = (i128::from(self.time_base.0), i128::from(self.time_base.1));
        (ticks * num * 2_000_000 + den).div_euclid(2 * den)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(time_base: (i32, i32), frame_rate: f64, pts: &[Option<i64>]) -> Vec<i64> {
        let mut timeline = Timeline::new(time_base, frame_rate);
        pts.iter().map(|&pts| timeline.next(pts).0).collect()
    }

    #[test]
    fn counts_from_the_first_picture() {
        let pts = [Some(1001), Some(2002), Some(3003)];
        assert_eq!(times((1, 30_000), 29.97, &pts), [0, 33_367, 66_733]);
    }

    #[test]
    fn keeps_a_variable_frame_rate() {
        let pts = [Some(-40), Some(0), Some(500), Some(520), Some(60_520)];
        assert_eq!(times((1, 1000), 25.0, &pts), [0, 40_000, 540_000, 560_000, 60_560_000]);
    }

    #[test]
    fn fills_in_what_is_missing() {
        assert_eq!(times((1, 1000), 25.0, &[None, None, None]), [0, 40_000, 80_000]);
        assert_eq!(
            times((1, 1000), 25.0, &[None, Some(7), None, Some(87)]),
            [0, 40_000, 80_000, 120_000]
        );
    }

    #[test]
    fn never_runs_backwards() {
        assert_eq!(
            times((1, 1000), 25.0, &[Some(0), Some(80), Some(40), Some(120)]),
            [0, 80_000, 80_000, 120_000]
        );
        // A second recording behind the first, with timestamps of its own.
        assert_eq!(
            times((1, 1000), 25.0, &[Some(90_000), Some(90_040), Some(0), Some(40)]),
            [0, 40_000, 80_000, 120_000]
        );
    }

    #[test]
    fn absurd_timestamps_do_not_count() {
        let pts = [Some(0), Some(i64::MAX), Some(80), Some(i64::MIN), Some(120)];
        let times = times((i32::MAX, 1), 25.0, &pts);
        assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "{times:?}");
        assert!(times[4] < 1_000_000, "{times:?}");
        assert_eq!(Timeline::new((0, 0), f64::NAN).next(Some(5)), MediaTime(0));
    }
}
