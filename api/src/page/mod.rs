//! The page for people at `/`: sign-in, upload, jobs with their progress, videos with their counts.
//!
//! Its files are compiled into the binary as they stand: ES modules and one style sheet, which
//! every browser of today runs without a build, so that what is served is what is read here, and
//! running or building Sightline needs no Node. Modules have one concern each; where the dashboard
//! outgrows them, a bundler can take them as they are and its output can stand in `assets`.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response, handler};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// What the page may do: nothing but talk to this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

macro_rules! assets {
    ($($path:literal = $file:literal as $content_type:literal,)+) => {
        /// Every file of the page: path, content type, bytes.
        const ASSETS: &[(&str, &str, &[u8])] =
            &[$(($path, $content_type, include_bytes!(concat!("assets/", $file)))),+];
    };
}

assets! {
    "/" = "index.html" as "text/html; charset=utf-8",
    "/page/dom.js" = "dom.js" as "text/javascript; charset=utf-8",
    "/page/icon.svg" = "icon.svg" as "image/svg+xml",
    "/page/job.js" = "job.js" as "text/javascript; charset=utf-8",
    "/page/live.js" = "live.js" as "text/javascript; charset=utf-8",
    "/page/main.js" = "main.js" as "text/javascript; charset=utf-8",
    "/page/result.js" = "result.js" as "text/javascript; charset=utf-8",
    "/page/session.js" = "session.js" as "text/javascript; charset=utf-8",
    "/page/style.css" = "style.css" as "text/css; charset=utf-8",
    "/page/upload.js" = "upload.js" as "text/javascript; charset=utf-8",
    "/page/words.js" = "words.js" as "text/javascript; charset=utf-8",
}

/// The entity tags of the files, by their bytes.
static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let tag = |bytes: &[u8]| {
        let digest = Sha256::digest(bytes);
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("\"{hex}\"")
    };
    ASSETS.iter().map(|(_, _, bytes)| tag(bytes)).collect()
});

/// Serves the files of the page.
///
/// # Errors
/// Not found for every other path.
#[handler]
pub(crate) fn page(request: &Request) -> poem::Result<Response> {
    let path = request.uri().path();
    let found = ASSETS.iter().zip(TAGS.iter()).find(|((at, _, _), _)| *at == path);
    let Some(((_, content_type, bytes), tag)) = found else {
        return Err(poem::error::NotFoundError.into());
    };
    let response = Response::builder()
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::ETAG, tag)
        // Asked again each time, answered without the bytes: a new binary shows its own page.
        .header(header::CACHE_CONTROL, "no-cache");
    let known =
        |value: &HeaderValue| value.to_str().is_ok_and(|v| v.split(',').any(|t| t.trim() == tag));
    if request.headers().get(header::IF_NONE_MATCH).is_some_and(known) {
        return Ok(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    Ok(response.header(header::CONTENT_TYPE, *content_type).body(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::Endpoint;

    async fn get(path: &str, known: Option<&str>) -> poem::Result<Response> {
        let mut request = Request::builder().uri(path.parse().expect("a path"));
        if let Some(known) = known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        page.call(request.finish()).await
    }

    #[tokio::test]
    async fn every_file_that_the_page_names_is_served() {
        for (path, content_type, bytes) in ASSETS {
            let response = get(path, None).await.expect(path);
            assert_eq!(response.content_type(), Some(*content_type));
            let text = std::str::from_utf8(bytes).expect("assets are text");
            for piece in text.split(['"', '\'']) {
                let named = piece.strip_prefix("./").map(|name| format!("/page/{name}"));
                let named = named.unwrap_or_else(|| piece.to_owned());
                if named.starts_with("/page/") {
                    assert!(ASSETS.iter().any(|(at, _, _)| *at == named), "{path} names {named}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_is_known_is_not_sent_again() {
        for ((path, _, _), tag) in ASSETS.iter().zip(TAGS.iter()) {
            let response = get(path, Some(tag)).await.expect(path);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        }
        assert!(get("/page/../Cargo.toml", None).await.is_err());
    }
}
