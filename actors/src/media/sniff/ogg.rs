//! Ogg (RFC 3533): whether the last page is whole and marked as the end of its stream.

use std::io::{self, Read, Seek, SeekFrom};

/// The capture pattern of every page.
pub(super) const MAGIC: &[u8] = b"OggS";
/// Bytes at the end in which the last page is whole, even where the cut-off beginning of one is
/// behind it: a page is at most 27 bytes of header, 255 lacing values and 255 x 255 bytes long.
pub(super) const TAIL: u64 = 2 * (27 + 255 + 255 * 255);
const END_OF_STREAM: u8 = 0x04;

/// Whether the last page is cut, or does not end its stream.
pub(super) fn is_truncated(reader: &mut (impl Read + Seek), len: u64) -> io::Result<bool> {
    let mut tail = Vec::new();
    reader.seek(SeekFrom::Start(len.saturating_sub(TAIL)))?;
    reader.by_ref().take(TAIL).read_to_end(&mut tail)?;
    let Some(start) = tail.windows(4).rposition(|window| window == MAGIC) else {
        return Ok(true);
    };
    let page = &tail[start..];
    let (Some(flags), Some(&segments)) = (page.get(5), page.get(26)) else { return Ok(true) };
    let Some(lacing) = page.get(27..27 + usize::from(segments)) else { return Ok(true) };
    let body: usize = lacing.iter().copied().map(usize::from).sum();
    Ok(page.len() < 27 + lacing.len() + body || flags & END_OF_STREAM == 0)
}
