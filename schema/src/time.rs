//! Time with its clock in the type: media time counts from a source's first picture.
//!
//! Reading a clock is not done here.

use crate::error::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
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

impl WallTime {
    /// This time and `span` later; saturates at the ends of what can be said.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This time and `span` earlier; saturates at the ends of what can be said.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How much later `self` is than `earlier`; zero where it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Seconds since the epoch, rounded down, as tokens and signed URLs hold them.
    #[must_use]
    pub const fn epoch_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// RFC 3339 with microseconds, in UTC: `2026-11-21T10:53:21.000250Z`.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time:.6}"),
            // Beyond the year 9999; no clock says that, but a value may.
            Err(_) => write!(f, "{} us", self.0),
        }
    }
}

impl FromStr for WallTime {
    type Err = Error;

    /// Takes any RFC 3339 time with an offset; what is finer than a microsecond is cut.
    fn from_str(text: &str) -> Result<Self, Error> {
        let time: jiff::Timestamp = text.parse().map_err(|e| {
            Error::new(ErrorKind::ValidationError, format!("time {text:?}: not RFC 3339: {e}"))
        })?;
        Ok(Self(time.as_microsecond()))
    }
}

/// Serialises a [`WallTime`] as RFC 3339 text, for what is read outside (`#[serde(with = ...)]`);
/// fields whose name ends in `_us` hold the number.
pub mod rfc3339 {
    use super::WallTime;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the text.
    ///
    /// # Errors
    /// Those of the serialiser.
    pub fn serialize<S: Serializer>(time: &WallTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    /// Reads the text.
    ///
    /// # Errors
    /// What is no RFC 3339 time.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<WallTime, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }

    /// The same for a time that may be missing.
    pub mod option {
        use super::{Deserialize, Deserializer, Serializer, WallTime};

        /// Writes the text or nothing.
        ///
        /// # Errors
        /// Those of the serialiser.
        pub fn serialize<S: Serializer>(
            time: &Option<WallTime>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => serializer.collect_str(time),
                None => serializer.serialize_none(),
            }
        }

        /// Reads the text or nothing.
        ///
        /// # Errors
        /// What is no RFC 3339 time.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<WallTime>, D::Error> {
            Option::<String>::deserialize(deserializer)?
                .map(|text| text.parse().map_err(serde::de::Error::custom))
                .transpose()
        }
    }
}

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
    fn wall_time_is_rfc_3339_outside() {
        let time = WallTime(1_795_258_401_000_250);
        assert_eq!(time.to_string(), "2026-11-21T10:53:21.000250Z");
        assert_eq!("2026-11-21T11:53:21.0002509+01:00".parse::<WallTime>().expect("a time"), time);
        for bad in ["", "2026-11-21", "2026-11-21T10:53:21", "now", "1795258401"] {
            assert!(bad.parse::<WallTime>().is_err(), "{bad:?} was taken");
        }
        assert_eq!(WallTime(-1).epoch_seconds(), -1);
    }

    #[test]
    fn since_never_goes_below_zero() {
        assert_eq!(MediaTime(5).since(MediaTime(9)), Duration::ZERO);
        assert_eq!(MediaTime(9).since(MediaTime(5)), Duration::from_micros(4));
    }
}
