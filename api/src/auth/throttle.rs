//! How often somebody may try: a keyed rate limiter (GCRA) whose memory is bounded.

use crate::config::Rate;
use crate::failure::Failure;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use schema::ErrorKind;
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Keys after which those that would be let through anyway are forgotten.
const MANY_KEYS: usize = 10_000;

/// Lets so many of each key through.
pub struct Limiter<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
    what: &'static str,
}

impl<K: Hash + Eq + Clone> fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("what", &self.what).finish_non_exhaustive()
    }
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// Lets `rate` of each key through; `what` is too many of: `requests`.
    #[must_use]
    pub fn new(rate: Rate, what: &'static str) -> Self {
        let period = (rate.per / rate.count.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(period).expect("it is not zero").allow_burst(rate.count);
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default(), what }
    }

    /// Counts one of `key`.
    ///
    /// # Errors
    /// `RATE_LIMITED`, with the time after which one more is let through.
    pub fn check(&self, key: &K) -> Result<(), Failure> {
        if self.limiter.len() > MANY_KEYS {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Failure::wait(ErrorKind::RateLimited, format!("too many {}", self.what), wait)
        })
    }
}

/// What stands for one client: its address, of IPv6 the network that one customer has.
#[must_use]
pub fn client_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Sign-ins: so many per account, four times as many per address. Accounts that do not exist are
/// counted alike.
#[derive(Debug)]
pub struct LoginThrottle {
    accounts: Limiter<String>,
    addresses: Limiter<IpAddr>,
}

impl LoginThrottle {
    /// Lets `rate` through for each account.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let what = "attempts to sign in";
        let addresses = Limiter::new(rate.times(4), what);
        Self { accounts: Limiter::new(rate, what), addresses }
    }

    /// Counts an attempt to sign in as `username` from `address`.
    ///
    /// # Errors
    /// `RATE_LIMITED`.
    pub fn check(&self, username: &str, address: IpAddr) -> Result<(), Failure> {
        self.addresses.check(&client_key(address))?;
        let account: String = username.chars().take(64).flat_map(char::to_lowercase).collect();
        self.accounts.check(&account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn accounts_and_addresses_are_counted_apart() {
        let throttle = LoginThrottle::new("2/min".parse().expect("a rate"));
        let attempt = |name: &str, ip: &str| throttle.check(name, address(ip)).is_ok();
        assert!(attempt("ann", "10.0.0.1") && attempt("Ann", "10.0.0.2"));
        assert!(!attempt("ANN", "10.0.0.3"), "the third for one account");
        let many = (0..7).filter(|i| attempt(&format!("u{i}"), "10.0.0.1")).count();
        assert_eq!(many, 7, "eight from one address");
        assert!(!attempt("u8", "10.0.0.1"), "the ninth");
        assert!(!attempt("u9", "::ffff:10.0.0.1"), "the same address, written as IPv6");
    }

    #[test]
    fn who_is_refused_is_told_how_long() {
        let limiter = Limiter::new("1/min".parse().expect("a rate"), "requests");
        limiter.check(&1).expect("the first");
        let failure = limiter.check(&1).expect_err("the second");
        let seconds = failure.retry_after_seconds().expect("told");
        assert!((1..=60).contains(&seconds), "{seconds}");
    }

    #[test]
    fn a_customer_with_a_network_is_one_client() {
        let key = |text: &str| client_key(address(text));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    }
}
