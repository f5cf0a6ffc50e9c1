//! Values of the configuration that are more than a number or a word.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// How often: so many in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many.
    pub count: NonZeroU32,
    /// In this time, which is not zero.
    pub per: Duration,
}

impl Rate {
    /// `factor` times as many in the same time.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        let factor = match NonZeroU32::new(factor) {
            Some(factor) => factor,
            None => NonZeroU32::MIN,
        };
        Self { count: self.count.saturating_mul(factor), per: self.per }
    }
}

/// `600/min`; the units are `s`, `min` and `h`.
impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected a number, a stroke and s, min or h, as 600/min".to_owned();
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        let seconds = match unit.trim() {
            "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" | "hour" => 3600,
            _ => return Err(wrong()),
        };
        let count = count.trim().parse().map_err(|_| wrong())?;
        Ok(Self { count, per: Duration::from_secs(seconds) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per.as_secs() {
            1 => write!(f, "{}/s", self.count),
            60 => write!(f, "{}/min", self.count),
            3600 => write!(f, "{}/h", self.count),
            other => write!(f, "{}/{other}s", self.count),
        }
    }
}

/// A network of addresses, `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, other) = (bits(self.address), bits(address.to_canonical()));
        match (own, other) {
            ((own, 32), (other, 32)) | ((own, 128), (other, 128)) => {
                let width = if self.address.is_ipv4() { 32 } else { 128 };
                let shift = u32::from(width - self.prefix);
                own.checked_shr(shift).unwrap_or(0) == other.checked_shr(shift).unwrap_or(0)
            }
            _ => false,
        }
    }
}

/// The address as a number, and how many bits it has.
fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)), 32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?}: expected an address or a network, as 10.0.0.0/8");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let width = bits(address).1;
        let prefix = match prefix {
            None => width,
            Some(prefix) => prefix.parse().ok().filter(|p| *p <= width).ok_or_else(wrong)?,
        };
        Ok(Self { address, prefix })
    }
}

/// Whether `text` is what a browser sends as `Origin`: scheme, host, perhaps a port, nothing more.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:[]".contains(&b);
        !host.is_empty() && host.bytes().all(allowed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_their_text() {
        for text in ["600/min", "5/s", "3/h"] {
            assert_eq!(text.parse::<Rate>().expect(text).to_string(), text);
        }
        for bad in ["", "600", "0/min", "-1/s", "5/day", "/min", "1e9/s"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn networks_hold_addresses() {
        let check = |network: &str, address: &str| {
            let network: Network = network.parse().expect(network);
            network.contains(address.parse().expect(address))
        };
        assert!(check("10.0.0.0/8", "10.255.0.1"));
        assert!(check("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(check("0.0.0.0/0", "8.8.8.8"));
        assert!(check("127.0.0.1", "127.0.0.1"));
        assert!(check("fd00::/8", "fd12::1"));
        assert!(!check("10.0.0.0/8", "11.0.0.1"));
        assert!(!check("127.0.0.1", "127.0.0.2"));
        assert!(!check("::/0", "8.8.8.8"));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "host", "::/129", "1.2.3.4/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn origins_have_no_path() {
        for good in ["http://localhost:3000", "https://a.example", "http://[::1]:8000"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in ["*", "null", "https://", "https://a/b", "ftp://a", "https://a b", "https://A"] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
