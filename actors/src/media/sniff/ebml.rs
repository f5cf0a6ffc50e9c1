//! Matroska and WebM (EBML, RFC 8794): whether the segment reaches beyond the end of the file.

use super::read_at;
use std::io::{self, Read, Seek};

/// The id of the EBML header, which every such file begins with.
pub(super) const MAGIC: &[u8] = &[0x1a, 0x45, 0xdf, 0xa3];
const SEGMENT: u64 = 0x1853_8067;
/// Elements before the segment that are looked at: header, perhaps padding.
const MAX_ELEMENTS: usize = 16;

/// Whether the segment says that it is longer than the file. Live recordings do not say.
pub(super) fn is_truncated(reader: &mut (impl Read + Seek), len: u64) -> io::Result<bool> {
    let mut at = 0;
    for _ in 0..MAX_ELEMENTS {
        let Some((id, id_len)) = vint(reader, at, false)? else { return Ok(false) };
        let Some((size, size_len)) = vint(reader, at + id_len, true)? else { return Ok(false) };
        let unknown = size == (1 << (7 * size_len)) - 1;
        let end = (at + id_len + size_len).saturating_add(size);
        if id == SEGMENT {
            return Ok(!unknown && end > len);
        }
        if unknown || end >= len {
            return Ok(false);
        }
        at = end;
    }
    Ok(false)
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
