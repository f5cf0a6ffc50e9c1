//! Values that settings have, each read from its text.

use std::net::SocketAddr;
use std::str::FromStr;

/// Largest size that is taken: 1 TiB.
const MOST_BYTES: u64 = 1 << 40;

/// A text that is not what a setting expects; what that is, the table says.
#[derive(Debug)]
pub(crate) struct Unfit;

/// A number of bytes, 1 to 1 TiB: `524288000`, `500MiB`, `1 GB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl FromStr for Bytes {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit: u64 = match unit.trim_start() {
            "" | "B" => 1,
            "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(Unfit),
        };
        let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
        bytes.filter(|b| (1..=MOST_BYTES).contains(b)).map(Self).ok_or(Unfit)
    }
}

/// An address to listen at, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) Option<SocketAddr>);

impl FromStr for Listen {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        match text {
            "off" => Ok(Self(None)),
            _ => text.parse().map(|address| Self(Some(address))).map_err(|_| Unfit),
        }
    }
}

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Database {
    /// An SQLite file.
    Sqlite(String),
    /// SQLite in memory: gone with the process.
    Memory,
    /// A store that is known of, but not built yet.
    Later,
}

impl FromStr for Database {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        match text.split_once("://") {
            None if text == "sqlite::memory:" => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.to_owned())),
            Some(("scylla", _)) => Ok(Self::Later),
            _ => Err(Unfit),
        }
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl FromStr for LogFormat {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(Unfit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    fn check<T: FromStr<Err: Debug> + Debug + PartialEq>(good: &[(&str, T)], bad: &[&str]) {
        for (text, value) in good {
            assert_eq!(&text.parse::<T>().unwrap_or_else(|e| panic!("{text:?}: {e:?}")), value);
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn values_are_what_they_say() {
        check(
            &[
                ("1", Bytes(1)),
                ("500MiB", Bytes(524_288_000)),
                ("2 GB", Bytes(2_000_000_000)),
                ("1024GiB", Bytes(MOST_BYTES)),
            ],
            &["", "0", "-1", "1.5MB", "MB", "1 mb", "1025GiB", "99999999999999999999", "1e9"],
        );
        let address = "127.0.0.1:9464".parse().expect("an address");
        check(
            &[("off", Listen(None)), ("127.0.0.1:9464", Listen(Some(address)))],
            &["", "9464", "localhost:9464", "127.0.0.1", "127.0.0.1:99999"],
        );
        check(
            &[
                ("sqlite://a/b.db", Database::Sqlite("a/b.db".to_owned())),
                ("sqlite:///var/a.db", Database::Sqlite("/var/a.db".to_owned())),
                ("sqlite::memory:", Database::Memory),
                ("scylla://a:9042,b:9042/sightline", Database::Later),
            ],
            &["", "sqlite", "sqlite://", "postgres://a/b", "/var/a.db"],
        );
        check(&[("text", LogFormat::Text), ("json", LogFormat::Json)], &["", "JSON", "xml"]);
    }
}
