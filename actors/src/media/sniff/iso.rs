//! ISO base media files (MP4, MOV; ISO/IEC 14496-12): boxes, the index, references to other files.

use super::read_at;
use schema::{Error, ErrorKind, Result};
use std::io::{self, Read, Seek};

/// A file of more top-level boxes is not walked to its end.
const MAX_BOXES: usize = 1_000_000;
/// Boxes nest no deeper than this on the way to a data reference (moov, trak, mdia, minf, dinf).
const MAX_DEPTH: usize = 8;

const TOP_LEVEL: [&[u8; 4]; 10] =
    [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx"];
const HEIF_BRANDS: [&[u8; 4]; 7] = [b"heic", b"heix", b"heim", b"mif1", b"msf1", b"avif", b"avis"];

/// Whether the first bytes are a box that such files begin with.
pub(super) fn is_iso(head: &[u8]) -> bool {
    let kind = head.get(4..8).unwrap_or_default();
    TOP_LEVEL.iter().any(|name| name.as_slice() == kind) && !is_heif(head)
}

/// Whether it is a picture in the same clothes.
pub(super) fn is_heif(head: &[u8]) -> bool {
    let brand = head.get(8..12).unwrap_or_default();
    head.get(4..8) == Some(b"ftyp") && HEIF_BRANDS.iter().any(|name| name.as_slice() == brand)
}

/// Where a box lies: its payload and its end, which may be beyond the end of the file.
#[derive(Debug, Clone, Copy)]
struct BoxAt {
    kind: [u8; 4],
    payload: u64,
    end: u64,
}

fn box_at(reader: &mut (impl Read + Seek), at: u64, limit: u64) -> io::Result<Option<BoxAt>> {
    let Some(head) = read_at::<8>(reader, at)? else { return Ok(None) };
    let [s0, s1, s2, s3, kind @ ..] = head;
    let (header, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
        0 => (8, limit.saturating_sub(at)),
        1 => match read_at::<8>(reader, at + 8)? {
            Some(large) => (16, u64::from_be_bytes(large)),
            None => return Ok(None),
        },
        size => (8, u64::from(size)),
    };
    if size < header {
        return Ok(None);
    }
    Ok(Some(BoxAt { kind, payload: at + header, end: at.saturating_add(size) }))
}

/// Walks the top-level boxes; tells whether the last one reaches beyond the end of the file.
///
/// # Errors
/// `CORRUPT_MEDIA` without a whole index, `UNSUPPORTED_FORMAT` where a video track lies in
/// another file.
pub(super) fn inspect<R: Read + Seek>(reader: &mut R, len: u64) -> Result<bool> {
    let found = walk(reader, len).map_err(|e| Error::io("reading the input", e))?;
    let corrupt = |message: &str| {
        Error::new(ErrorKind::CorruptMedia, message)
            .with_hint("was the recording ended properly, the file copied whole?")
    };
    match found.index {
        Some(index) if index.end > len => Err(corrupt("the index (box moov) is cut off")),
        Some(_) if found.external => Err(Error::new(
            ErrorKind::UnsupportedFormat,
            "the video track lies in another file (external data reference)",
        )
        .with_hint("export it as a self-contained file")),
        Some(_) => Ok(found.truncated),
        None => Err(corrupt("there is no index (box moov)")),
    }
}

#[derive(Debug, Default)]
struct Walk {
    index: Option<BoxAt>,
    external: bool,
    truncated: bool,
}

fn walk(reader: &mut (impl Read + Seek), len: u64) -> io::Result<Walk> {
    let mut found = Walk::default();
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        let Some(current) = box_at(reader, at, len)? else {
            // A few stray bytes at the end are harmless; what is no box ends the walk.
            break;
        };
        if &current.kind == b"moov" && found.index.is_none() {
            found.index = Some(current);
            if current.end <= len {
                found.external = has_external_video(reader, current, 0)?;
            }
        }
        found.truncated = current.end > len;
        at = current.end;
        if at >= len {
            break;
        }
    }
    Ok(found)
}

/// Whether a video track below `parent` has a data reference that is not the file itself.
fn has_external_video(
    reader: &mut (impl Read + Seek),
    parent: BoxAt,
    depth: usize,
) -> io::Result<bool> {
    let (mut at, mut is_video, mut external) = (parent.payload, true, false);
    while at < parent.end && depth < MAX_DEPTH {
        let Some(child) = box_at(reader, at, parent.end)? else { break };
        match &child.kind {
            // version and flags, component type, then the subtype that names the handler.
            b"hdlr" if &parent.kind == b"mdia" => {
                is_video = read_at::<4>(reader, child.payload + 8)? == Some(*b"vide");
            }
            b"trak" | b"mdia" | b"minf" | b"dinf" => {
                external |= has_external_video(reader, child, depth + 1)?;
            }
            b"dref" => external |= has_external_entry(reader, child)?,
            _ => {}
        }
        at = child.end;
    }
    Ok(is_video && external)
}

/// A data reference is the file itself where bit 0 of its flags is set.
fn has_external_entry(reader: &mut (impl Read + Seek), dref: BoxAt) -> io::Result<bool> {
    let mut at = dref.payload + 8;
    while at < dref.end {
        let Some(entry) = box_at(reader, at, dref.end)? else { break };
        let flags = read_at::<4>(reader, entry.payload)?.map_or(1, u32::from_be_bytes);
        if flags & 1 == 0 && entry.end <= dref.end {
            return Ok(true);
        }
        at = entry.end;
    }
    Ok(false)
}
