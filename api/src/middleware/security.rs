//! Headers that tell a browser what it must not do with an answer.

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};

/// For answers that are data: nothing in them runs, nothing frames them.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// Adds what is missing; a page that brings its own policy keeps it.
pub fn apply(headers: &mut HeaderMap, is_encrypted: bool) {
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(header::REFERRER_POLICY, "no-referrer");
    default(header::X_FRAME_OPTIONS, "DENY");
    default(header::CONTENT_SECURITY_POLICY, DATA_POLICY);
    default(header::CACHE_CONTROL, "no-store");
    default(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    if is_encrypted {
        default(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}
