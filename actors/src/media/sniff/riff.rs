//! AVI (RIFF, with the OpenDML extension): whether a RIFF chunk reaches beyond the end of the file.

use super::read_at;
use std::io::{self, Read, Seek};

/// RIFF chunks of about 1 GB each; more are not looked at.
const MAX_CHUNKS: usize = 4096;

/// Whether a RIFF chunk is longer than what is left. Unfinished recordings say 0: not known.
pub(super) fn is_truncated(reader: &mut (impl Read + Seek), len: u64) -> io::Result<bool> {
    let mut at = 0;
    for _ in 0..MAX_CHUNKS {
        let Some([b'R', b'I', b'F', b'F', size @ ..]) = read_at::<8>(reader, at)? else { break };
        let size = u64::from(u32::from_le_bytes(size));
        if size == 0 {
            break;
        }
        let end = at + 8 + size;
        if end > len {
            return Ok(true);
        }
        at = end + size % 2;
    }
    Ok(false)
}
