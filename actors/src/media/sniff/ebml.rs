//! Matroska and WebM (EBML, RFC 8794): how long the segment says it is.

use super::read_at;
use std::io::{self, Read, Seek};

/// The id of the EBML header, which every such file begins with.
pub(super) const MAGIC: &[u8] = &[0x1a, 0x45, 0xdf, 0xa3];
const SEGMENT: u64 = 0x1853_8067;
/// Elements before the segment that are looked at: header, perhaps padding.
const MAX_ELEMENTS: usize = 16;

/// Where the segment ends, as its header says it. Live recordings do not say.
pub(super) fn announced_len(reader: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    let mut at = 0;
    for _ in 0..MAX_ELEMENTS {
        let Some((id, id_len)) = vint(reader, at, false)? else { break };
        let Some((size, size_len)) = vint(reader, at + id_len, true)? else { break };
        if size == (1 << (7 * size_len)) - 1 {
            break;
        }
        at = (at + id_len + size_len).saturating_add(size);
        if id == SEGMENT {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// A variable-length integer (RFC 8794, section 4) and its length; ids keep their marker bit.
fn vint(reader: &mut (impl Read + Seek), at: u64, strip: bool) -> io::Result<Option<(u64, u64)>> {
    let Some([first]) = read_at::<1>(reader, at)? else { return Ok(None) };
    let length = u64::from(first.leading_zeros()) + 1;
    if length > 8 {
        return Ok(None);
    }
    let keep = if strip { first & (0xff_u16 >> length) as u8 } else { first };
    let mut value = u64::from(keep);
    for offset in 1..length {
        let Some([byte]) = read_at::<1>(reader, at + offset)? else { return Ok(None) };
        value = value << 8 | u64::from(byte);
    }
    Ok(Some((value, length)))
}
