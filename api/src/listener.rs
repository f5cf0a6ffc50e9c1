//! Who may listen to what, whether over the WebSocket or by asking for stored events.

use actors::handle::Platform;
use schema::account::Scope;
use schema::subject::{Pattern, Subject};
use schema::{Error, ErrorKind, Result};

/// A wildcard is filtered to what one may read; who names a subject is told that they may not.
///
/// # Errors
/// `FORBIDDEN`; `STORAGE_ERROR`.
pub(crate) async fn expect_readable(
    platform: &Platform,
    scope: &Scope,
    pattern: &Pattern,
) -> Result<()> {
    let job = match pattern.subject() {
        None => return Ok(()),
        Some(Subject::WakeJobs) => None,
        Some(Subject::JobState(id) | Subject::JobResult(id) | Subject::JobProgress(id)) => Some(id),
    };
    if let Some(id) = job {
        match platform.job(scope, id).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            found => return found.map(drop),
        }
    }
    Err(Error::new(ErrorKind::Forbidden, format!("you may not listen to {pattern}")))
}
