//! `openapi` and `asyncapi`: the documents that clients are made from.

use super::stdout;
use clap::Args;
use schema::Result;

/// Print the AsyncAPI document: subjects and messages on NATS and on the WebSocket
#[derive(Debug, Args)]
pub(super) struct AsyncapiArgs {
    /// What all subjects on NATS begin with
    #[arg(long, value_name = "WORDS", env = "NATS_PREFIX", default_value = "sightline.v1")]
    prefix: String,
}

/// Prints the OpenAPI document, the same as `/openapi.json`.
///
/// # Errors
/// `SERVER_ERROR` where it cannot be made; what writing to standard output says.
pub(super) fn openapi() -> Result<()> {
    stdout::print(api::openapi::document()?.json.as_bytes())
}

/// Prints the AsyncAPI document.
///
/// # Errors
/// What writing to standard output says.
pub(super) fn asyncapi(args: &AsyncapiArgs) -> Result<()> {
    let document = api::asyncapi::document(env!("CARGO_PKG_VERSION"), &args.prefix);
    stdout::print(format!("{document:#}\n"))
}
