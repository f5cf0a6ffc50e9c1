//! Files of jobs over HTTP: ranges, conditions, names, and who may have them.

pub mod range;
pub mod sign;

use crate::app::Services;
use crate::auth::scheme::authenticate;
use crate::config::MediaAuth;
use crate::context::Context;
use crate::failure::Failure;
use actors::handle::Platform;
use futures_util::TryStreamExt;
use poem::http::{StatusCode, header};
use poem::{Body, Request, Response};
use range::Wanted;
use schema::account::Scope;
use schema::job::record::MediaFile;
use schema::{ErrorKind, Result};
use std::io;

/// Answers a request for the file `key`: `exp` and `sig` are from the URL's query.
///
/// # Errors
/// `UNAUTHENTICATED`, `TOKEN_EXPIRED`; `NOT_FOUND`, also for what the caller may not see;
/// `STORAGE_ERROR`.
pub async fn serve(
    request: &Request,
    key: &str,
    exp: Option<i64>,
    sig: Option<&str>,
    with_body: bool,
) -> Result<Response, Failure> {
    let services = Services::of(request);
    let file = authorise(services, request, key, exp, sig).await?;
    // The tag is of the content alone, so that every URL and every answer agrees on it.
    let etag = format!("\"{}\"", file.sha256);
    let header = |name| request.header(name);
    if range::is_known(header(header::IF_NONE_MATCH), &etag) {
        return Ok(common(&etag).status(StatusCode::NOT_MODIFIED).finish());
    }
    let same = range::still_the_same(header(header::IF_RANGE), &etag);
    // Ranges are for GET alone (RFC 9110, 14.2).
    let asked = if same && with_body { header(header::RANGE) } else { None };
    let (status, part) = match range::wanted(asked, file.size) {
        Wanted::Whole => (StatusCode::OK, 0..file.size),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::Unsatisfiable => {
            let range = format!("bytes */{}", file.size);
            return Ok(common(&etag)
                .status(StatusCode::RANGE_NOT_SATISFIABLE)
                .header(header::CONTENT_RANGE, range)
                .finish());
        }
    };
    let mut response = common(&etag)
        .status(status)
        .content_type(&file.content_type)
        .header(header::CONTENT_LENGTH, part.end - part.start)
        .header(header::CONTENT_DISPOSITION, disposition(&file.file_name));
    if ["image/", "video/"].iter().any(|kind| file.content_type.starts_with(kind)) {
        response = response.header(header::CONTENT_SECURITY_POLICY, WATCHED);
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{}", part.start, part.end - 1, file.size);
        response = response.header(header::CONTENT_RANGE, range);
    }
    if !with_body {
        return Ok(response.finish());
    }
    let bytes = services.platform.read(&file, part).await?;
    Ok(response.body(Body::from_bytes_stream(bytes.map_err(io::Error::other))))
}

/// A browser that opens a video by itself makes a page around it, which has to load it from here;
/// nothing in that page runs, nothing frames it.
const WATCHED: &str = "default-src 'none'; img-src 'self'; media-src 'self'; style-src \
                       'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors \
                       'none'; sandbox allow-same-origin";

fn common(etag: &str) -> poem::ResponseBuilder {
    Response::builder()
        .header(header::ETAG, etag)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CACHE_CONTROL, "private, max-age=300")
        .header(header::VARY, "Authorization")
}

/// The file, where the request may have it.
async fn authorise(
    services: &Services,
    request: &Request,
    key: &str,
    exp: Option<i64>,
    sig: Option<&str>,
) -> Result<MediaFile> {
    let platform: &Platform = &services.platform;
    let urls = &services.media;
    if urls.auth() == MediaAuth::Public {
        return platform.media(&Scope::System, key).await;
    }
    if let (MediaAuth::Signed, Some(exp), Some(sig)) = (urls.auth(), exp, sig) {
        let user = urls.verify(key, exp, sig, platform.clock().now())?;
        return platform.signed_media(user, key).await;
    }
    match authenticate(request).await {
        Ok(principal) => {
            Context::of(request).set_caller(&principal);
            platform.media(&principal.scope(), key).await
        }
        Err(error) if error.kind() == ErrorKind::Unauthenticated => {
            Err(error.with_hint("use a url that an answer of the API gives, or send a token"))
        }
        Err(error) => Err(error),
    }
}

/// `inline`, under the file's name (RFC 6266): as ASCII for old clients, and whole.
fn disposition(name: &str) -> String {
    let plain =
        |c: char| if c.is_ascii_graphic() && !"\"\\;%".contains(c) || c == ' ' { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let encoded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    format!("inline; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_their_header() {
        assert_eq!(
            disposition("a \"b\"\r\n\u{fc}.mp4"),
            "inline; filename=\"a _b____.mp4\"; filename*=UTF-8''a%20%22b%22%0D%0A%C3%BC%2Emp4"
        );
    }
}
