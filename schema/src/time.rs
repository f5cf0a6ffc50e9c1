//! Time with its clock in the type: media time counts from a source's first picture.
//!
//! Reading a clock is not done here.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Microseconds since the first presentation timestamp of a source.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MediaTime(pub i64);

impl MediaTime {
    /// Seconds, rounded to the microsecond by construction.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The media time `seconds` after the first picture.
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1e6).round() as i64)
    }

    /// How much later `self` is than `earlier`; zero where it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, us) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let (minutes, seconds, ms) = (us / 60_000_000, us / 1_000_000 % 60, us / 1000 % 1000);
        write!(f, "{sign}{minutes}:{seconds:02}.{ms:03}")
    }
}

/// Wall time: microseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_minutes_seconds_milliseconds() {
        assert_eq!(MediaTime(0).to_string(), "0:00.000");
        assert_eq!(MediaTime(61_234_567).to_string(), "1:01.234");
        assert_eq!(MediaTime(-1_500_000).to_string(), "-0:01.500");
    }

    #[test]
    fn since_never_goes_below_zero() {
        assert_eq!(MediaTime(5).since(MediaTime(9)), Duration::ZERO);
        assert_eq!(MediaTime(9).since(MediaTime(5)), Duration::from_micros(4));
    }
}
