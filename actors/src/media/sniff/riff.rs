//! AVI (RIFF, with the OpenDML extension): how long its RIFF chunks say they are.

use super::read_at;
use std::io::{self, Read, Seek};

/// RIFF chunks of about 1 GB each; more are not looked at.
const MAX_CHUNKS: usize = 4096;

/// Where the last RIFF chunk ends, as the headers that are there say it. Unfinished recordings say
/// 0: not known.
pub(super) fn announced_len(reader: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    let (mut at, mut end) = (0, None);
    for _ in 0..MAX_CHUNKS {
        let Some([b'R', b'I', b'F', b'F', size @ ..]) = read_at::<8>(reader, at)? else { break };
        let size = u64::from(u32::from_le_bytes(size));
        if size == 0 {
            break;
        }
        end = Some(at + 8 + size);
        at += 8 + size.next_multiple_of(2);
    }
    Ok(end)
}
