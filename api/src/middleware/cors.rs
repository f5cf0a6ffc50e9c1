//! Cross-origin requests (Fetch standard, 3.2): pages on the list may call, others are told
//! nothing.
//!
//! poem's own middleware is not used: with an empty list it allows every origin, and it refuses
//! requests of others, which the page's own `POST` with its own origin is among.

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// Those of our clients, and what libraries of the first seed's add by themselves.
const HEADERS: &str = "accept, accept-language, authorization, content-type, idempotency-key, \
                       if-none-match, if-range, range, x-csrftoken, x-request-id, x-requested-with";
const EXPOSED: &str = "accept-ranges, content-disposition, content-range, etag, link, location, \
                       retry-after, x-request-id, x-total-count";

/// The origin of `request`, where it is on the list.
#[must_use]
pub fn allowed_origin(request: &Request, list: &[String]) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    list.iter().any(|allowed| allowed == text).then(|| origin.clone())
}

/// The answer to a preflight; nothing where `request` is none.
#[must_use]
pub fn preflight(request: &Request) -> Option<Response> {
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && request.headers().contains_key(header::ORIGIN);
    (request.method() == Method::OPTIONS && asks)
        .then(|| Response::builder().status(StatusCode::NO_CONTENT).finish())
}

/// Tells the browser what the page of `origin` may do.
pub fn apply(headers: &mut HeaderMap, origin: Option<HeaderValue>, is_preflight: bool) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if is_preflight {
        let mut insert = |name, value| headers.insert(name, HeaderValue::from_static(value));
        insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        insert(header::ACCESS_CONTROL_MAX_AGE, "600");
    } else {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}
