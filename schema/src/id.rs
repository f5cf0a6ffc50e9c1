//! Typed identifiers: never bare strings or numbers.
//!
//! `JobId` is a UUIDv7, `CameraId` a slug that is safe as a NATS token and as a path segment,
//! `TrackId` a counter that starts at 1 in each run.

use crate::error::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::{Uuid, Version};

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident = $what:literal,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// Takes a UUIDv7 that was made elsewhere (ids are made where there is a clock).
            #[must_use]
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                uuid_v7($what, text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    )+};
}

uuid_ids! {
    /// The id of a job: a UUIDv7, so ids sort by the time of their making.
    JobId = "job",
    /// The id of a user.
    UserId = "user",
    /// The id of one start of a process: what it leased is void once it is gone.
    StartId = "start",
}

fn uuid_v7(what: &str, text: &str) -> Result<Uuid, Error> {
    let wrong = |e: &dyn fmt::Display| {
        Error::new(ErrorKind::ValidationError, format!("{what} id {text:?}: {e}"))
    };
    let id = Uuid::parse_str(text).map_err(|e| wrong(&e))?;
    if id.get_version() != Some(Version::SortRand) {
        return Err(wrong(&"expected a UUID of version 7"));
    }
    Ok(id)
}

/// The id of a camera or other source: `[a-z0-9_-]{1,64}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CameraId(String);

impl CameraId {
    /// The slug itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CameraId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(
            ErrorKind::ValidationError,
            format!("camera id {text:?}: expected 1 to 64 of a-z, 0-9, _ and -"),
        ))
    }
}

impl TryFrom<String> for CameraId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<CameraId> for String {
    fn from(id: CameraId) -> Self {
        id.0
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a track within one run: 1, 2, 3 ... in the order in which tracks are confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackId(pub u32);

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn camera_ids_are_slugs() {
        for good in ["a", "gate-2", "cam_01", &"x".repeat(64)] {
            assert_eq!(good.parse::<CameraId>().expect(good).to_string(), good);
        }
        for bad in ["", "Gate", "a.b", "a b", "ä", "a/b", "*", &"x".repeat(65)] {
            assert!(bad.parse::<CameraId>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn ids_have_golden_wire_forms() {
        let text = "\"01890a5d-ac96-774b-bcce-b302099a8057\"";
        let id: JobId = serde_json::from_str(text).expect("a UUIDv7");
        assert_eq!(serde_json::to_string(&id).expect("serialises"), text);
        assert_eq!(serde_json::to_string(&TrackId(7)).expect("serialises"), "7");
        assert!(serde_json::from_str::<CameraId>("\"Not A Slug\"").is_err());
    }

    #[test]
    fn job_ids_are_of_version_7() {
        let good = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(good.parse::<JobId>().expect("a UUIDv7").to_string(), good);
        let fourth = "936da01f-9abd-4d9d-80c7-02af85c822a8";
        for bad in ["", "7", fourth, "00000000-0000-0000-0000-000000000000"] {
            assert!(bad.parse::<JobId>().is_err(), "{bad:?} was taken");
            assert!(serde_json::from_value::<JobId>(bad.into()).is_err(), "{bad:?} was read");
        }
    }

    proptest! {
        #[test]
        fn camera_ids_round_trip(text in "[a-z0-9_-]{1,64}") {
            let id: CameraId = text.parse().expect("a slug");
            let json = serde_json::to_string(&id).expect("serialises");
            prop_assert_eq!(serde_json::from_str::<CameraId>(&json).expect("its own form"), id);
        }
    }
}
