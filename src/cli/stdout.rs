//! Writing to standard output, the one way that commands do it.

use schema::{Error, Result};
use std::io::{self, ErrorKind, Write};

/// Prints `text` as it stands. A reader who has closed the pipe has seen enough: that is no error.
///
/// # Errors
/// `INSUFFICIENT_STORAGE` or `STORAGE_ERROR` where the text cannot be written.
pub(super) fn print(text: impl AsRef<[u8]>) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_ref()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::io("standard output", e)),
        _ => Ok(()),
    }
}
