//! Which part of a file is asked for (RFC 9110, sections 13 and 14).

use std::ops::Range;

/// What a `Range` header comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The whole: there is no range, an invalid one, or several.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Nothing that there is.
    Unsatisfiable,
}

/// What the header `range` comes to for a file of `size` bytes.
#[must_use]
pub fn wanted(range: Option<&str>, size: u64) -> Wanted {
    let spec = range
        .and_then(|r| r.split_once('='))
        .filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = spec.and_then(|(_, spec)| spec.trim().split_once('-')) else {
        return Wanted::Whole;
    };
    let (Some(first), Some(last)) = (number(first), number(last)) else { return Wanted::Whole };
    match (first, last) {
        (None, None) => Wanted::Whole,
        (Some(first), Some(last)) if first > last => Wanted::Whole,
        (Some(first), _) if first >= size => Wanted::Unsatisfiable,
        (Some(first), last) => {
            Wanted::Part(first..last.map_or(size, |last| last.saturating_add(1).min(size)))
        }
        (None, Some(0)) => Wanted::Unsatisfiable,
        (None, Some(_)) if size == 0 => Wanted::Unsatisfiable,
        (None, Some(suffix)) => Wanted::Part(size.saturating_sub(suffix)..size),
    }
}

/// `Some(None)` of nothing, `None` of what is no number; one too large for this machine is as
/// large as can be.
fn number(text: &str) -> Option<Option<u64>> {
    match text {
        "" => Some(None),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(Some(digits.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}

/// Whether the condition `if_range` holds for a file with this strong `etag`; without one it does.
/// A date never does: no file here has one.
#[must_use]
pub fn still_the_same(if_range: Option<&str>, etag: &str) -> bool {
    if_range.is_none_or(|condition| condition.trim() == etag)
}

/// Whether `etag` is among those of `If-None-Match`, compared weakly.
#[must_use]
pub fn is_known(if_none_match: Option<&str>, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    if_none_match.is_some_and(|known| {
        known.trim() == "*" || known.split(',').any(|tag| bare(tag) == bare(etag))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Wanted::{Part, Unsatisfiable, Whole};

    #[test]
    fn f41_ranges() {
        let check = |range: &str, expected: Wanted| {
            assert_eq!(wanted(Some(range), 10), expected, "{range}");
        };
        check("bytes=0-0", Part(0..1));
        check("bytes=2-5", Part(2..6));
        check("bytes=3-", Part(3..10));
        check("bytes=-1", Part(9..10));
        check("bytes=-100", Part(0..10));
        check("bytes=-0", Unsatisfiable);
        check("bytes=5-2", Whole);
        check("bytes=9-9", Part(9..10));
        check("bytes=10-", Unsatisfiable);
        check("bytes=10-20", Unsatisfiable);
        check("bytes=5-9223372036854775808", Part(5..10));
        check("bytes=5-18446744073709551616", Part(5..10));
        check("bytes=9223372036854775808-", Unsatisfiable);
        check("bytes=18446744073709551616-", Unsatisfiable);
        check("bytes=-18446744073709551616", Part(0..10));
        check("bytes=0-1,3-4", Whole);
        check(&format!("bytes={}", vec!["0-1"; 1000].join(",")), Whole);
        for junk in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "items=0-1",
            "bytes=1",
            "bytes=--1",
            "bytes=1-2-3",
            "bytes= 0x1-2",
        ] {
            check(junk, Whole);
        }
        assert_eq!(wanted(None, 10), Whole);
        for any in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            assert_eq!(wanted(Some(any), 0), Unsatisfiable, "{any} of nothing");
        }
    }

    #[test]
    fn conditions_compare_tags() {
        let etag = "\"abc\"";
        assert!(still_the_same(None, etag) && still_the_same(Some(etag), etag));
        for other in ["\"x\"", "W/\"abc\"", "Sat, 21 Nov 2026 10:53:21 GMT", ""] {
            assert!(!still_the_same(Some(other), etag), "{other}");
        }
        assert!(is_known(Some("W/\"abc\""), etag) && is_known(Some("\"x\", \"abc\""), etag));
        assert!(is_known(Some("*"), etag));
        assert!(!is_known(None, etag) && !is_known(Some("\"x\""), etag));
    }
}
