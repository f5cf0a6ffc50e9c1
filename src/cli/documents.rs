//! `openapi` and `asyncapi`: the documents that clients are made from.

use super::stdout;
use schema::Result;

/// Prints the OpenAPI document, the same as `/openapi.json`.
///
/// # Errors
/// `SERVER_ERROR` where it cannot be made; what writing to standard output says.
pub(super) fn openapi() -> Result<()> {
    stdout::print(api::openapi::document()?.json.as_bytes())
}
