//! Limits on a request's body that hold whatever it says of itself: bytes, pauses, time.

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use poem::Body;
use schema::{Error, ErrorKind};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;

/// Largest body that is no upload, in bytes; and what the form around an uploaded file may weigh.
pub const FORM_BYTES: u64 = 1 << 20;

/// How a body broke its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// More than so many bytes.
    TooLarge(u64),
    /// A piece of it may take so long, or all of it, but for what a large one is given more.
    TooSlow(Duration),
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => {
                write!(f, "the body is larger than the limit of {limit} bytes")
            }
            Self::TooSlow(limit) => {
                write!(f, "the body came too slowly: it may take {} s", limit.as_secs())
            }
        }
    }
}

impl std::error::Error for BodyFault {}

impl BodyFault {
    /// The fault behind `error`, however deep.
    #[must_use]
    pub fn within(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(fault) = error.downcast_ref::<Self>() {
            return Some(*fault);
        }
        // What an I/O error was made of is not its source: that is the source of what it is.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Self::within(inner),
            None => error.source().and_then(Self::within),
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn to_error(self) -> Error {
        let kind = match self {
            Self::TooLarge(_) => ErrorKind::FileTooLarge,
            Self::TooSlow(_) => ErrorKind::RequestTimeout,
        };
        Error::new(kind, self.to_string())
    }
}

/// What a body may cost.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Bytes.
    pub bytes: u64,
    /// Between two pieces, and from the first to the last.
    pub idle: Duration,
    /// Bytes that give the whole a second more each time they have come; `None` for no more time.
    pub rate: Option<u64>,
}

struct Guarded<S> {
    body: Pin<Box<S>>,
    received: u64,
    begun: Instant,
    limits: BodyLimits,
}

/// `body`, which fails as soon as it breaks `limits`.
#[must_use]
pub fn guard(body: Body, limits: BodyLimits) -> Body {
    let begun = Instant::now();
    let body = Box::pin(body.into_bytes_stream());
    let guarded = Guarded { body, received: 0, begun, limits };
    Body::from_bytes_stream(stream::unfold(Some(guarded), |guarded| async {
        let mut guarded = guarded?;
        match guarded.next().await {
            Some(Ok(bytes)) => Some((Ok(bytes), Some(guarded))),
            Some(Err(error)) => Some((Err(error), None)),
            None => None,
        }
    }))
}

impl<S: Stream<Item = io::Result<Bytes>>> Guarded<S> {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let earned = self.limits.rate.map_or(0, |rate| self.received / rate.max(1));
        let all = self.begun + self.limits.idle + Duration::from_secs(earned);
        let until = all.min(Instant::now() + self.limits.idle);
        let Ok(piece) = tokio::time::timeout_at(until, self.body.next()).await else {
            return Some(Err(io::Error::other(BodyFault::TooSlow(self.limits.idle))));
        };
        let piece = piece?;
        if let Ok(bytes) = &piece {
            self.received = self.received.saturating_add(bytes.len() as u64);
            if self.received > self.limits.bytes {
                return Some(Err(io::Error::other(BodyFault::TooLarge(self.limits.bytes))));
            }
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BodyLimits = BodyLimits { bytes: 10, idle: Duration::from_secs(60), rate: None };

    fn fault(result: Result<Vec<u8>, poem::error::ReadBodyError>) -> Option<BodyFault> {
        BodyFault::within(&result.err()?)
    }

    #[tokio::test]
    async fn the_first_byte_over_the_limit_is_noticed() {
        let read = |bytes: usize| guard(Body::from(vec![0; bytes]), LIMITS).into_vec();
        assert_eq!(read(10).await.expect("exactly the limit").len(), 10);
        assert_eq!(fault(read(11).await), Some(BodyFault::TooLarge(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_and_the_whole_time_are_bounded() {
        let begun = Instant::now();
        let silent = Body::from_bytes_stream(stream::pending::<io::Result<Bytes>>());
        let result = guard(silent, LIMITS).into_vec().await;
        assert_eq!(fault(result), Some(BodyFault::TooSlow(LIMITS.idle)));
        assert_eq!(begun.elapsed(), Duration::from_secs(60));

        let begun = Instant::now();
        let result = guard(drip(Duration::from_secs(59)), LIMITS).into_vec().await;
        assert_eq!(fault(result), Some(BodyFault::TooSlow(LIMITS.idle)));
        assert_eq!(begun.elapsed(), Duration::from_secs(60));
    }

    /// A byte at a time.
    fn drip(pause: Duration) -> Body {
        let every = tokio::time::interval_at(Instant::now(), pause);
        Body::from_bytes_stream(stream::unfold(every, |mut every| async {
            every.tick().await;
            Some((Ok::<_, io::Error>(Bytes::from_static(b"x")), every))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_gives_time_for_more() {
        let rated = BodyLimits { bytes: 1000, rate: Some(1), ..LIMITS };
        let (begun, enough) = (Instant::now(), Duration::from_millis(900));
        let result = guard(drip(enough), rated).into_vec().await;
        assert_eq!(fault(result), Some(BodyFault::TooLarge(1000)), "in {:?}", begun.elapsed());
        let begun = Instant::now();
        let result = guard(drip(Duration::from_secs(2)), rated).into_vec().await;
        assert_eq!(fault(result), Some(BodyFault::TooSlow(LIMITS.idle)));
        let took = begun.elapsed().as_secs();
        assert!((110..130).contains(&took), "a byte in two seconds for {took} s");
    }
}
