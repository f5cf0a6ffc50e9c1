//! ISO base media files (MP4, MOV; ISO/IEC 14496-12): boxes, the index, references to other files.

use super::read_at;
use schema::{Error, ErrorKind, Result};
use std::io::{self, Read, Seek};

/// A file of more boxes, nested ones included, is not walked to its end.
const MAX_BOXES: usize = 1_000_000;
/// Tracks of one index that are looked at; more are not opened anyhow.
const MAX_TRACKS: usize = 64;
/// Samples that a few bytes can announce without listing them: a demuxer takes 24 bytes for each.
const MAX_ENTRIES: u64 = 4_000_000;
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

/// Reads boxes, so many and no more.
struct Boxes<'a, R> {
    reader: &'a mut R,
    left: usize,
}

impl<R: Read + Seek> Boxes<'_, R> {
    /// The box at `at`, in a parent that ends at `limit`; `None` where there is none.
    fn at(&mut self, at: u64, limit: u64) -> io::Result<Option<BoxAt>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let Some(head) = read_at::<8>(self.reader, at)? else { return Ok(None) };
        let [s0, s1, s2, s3, kind @ ..] = head;
        let (header, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
            0 => (8, limit.saturating_sub(at)),
            1 => match read_at::<8>(self.reader, at + 8)? {
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

    /// A number of 32 bits; 0 beyond the end.
    fn number(&mut self, at: u64) -> io::Result<u64> {
        Ok(read_at::<4>(self.reader, at)?.map_or(0, u32::from_be_bytes).into())
    }
}

/// Where the last top-level box ends whose header is there. One that goes on to the end of the
/// file does not say.
pub(super) fn announced_len(reader: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    let mut boxes = Boxes { reader, left: MAX_BOXES };
    let mut at = 0;
    while let Some(current) = boxes.at(at, 0)? {
        at = current.end;
    }
    Ok((at > 0).then_some(at))
}

/// Walks the top-level boxes; tells whether the last one reaches beyond the end of the file.
///
/// # Errors
/// `CORRUPT_MEDIA` without a whole index, `UNSUPPORTED_FORMAT` where a video track lies in
/// another file, `MEDIA_LIMIT_EXCEEDED` where the index announces more samples than are taken.
pub(super) fn inspect<R: Read + Seek>(reader: &mut R, len: u64) -> Result<bool> {
    let found = walk(reader, len).map_err(super::unreadable)?;
    let corrupt = |message: &str| {
        Error::new(ErrorKind::CorruptMedia, message)
            .with_hint("was the recording ended properly, the file copied whole?")
    };
    match found.index {
        None => Err(corrupt("there is no index (box moov)")),
        Some(index) if index.end > len => Err(corrupt("the index (box moov) is cut off")),
        Some(_) if found.external => Err(Error::new(
            ErrorKind::UnsupportedFormat,
            "the video track lies in another file (external data reference)",
        )
        .with_hint("export it as a self-contained file")),
        Some(_) if found.compressed => Err(Error::new(
            ErrorKind::UnsupportedFormat,
            "a compressed index (box cmov) is not accepted",
        )
        .with_hint("convert it first, as with: ffmpeg -i IN -c copy OUT.mp4")),
        Some(_) if found.entries > MAX_ENTRIES => {
            let entries = found.entries;
            let message =
                format!("the index announces {entries} samples, the limit is {MAX_ENTRIES}");
            Err(Error::new(ErrorKind::MediaLimitExceeded, message))
        }
        Some(_) => Ok(found.truncated),
    }
}

#[derive(Debug, Default)]
struct Walk {
    index: Option<BoxAt>,
    external: bool,
    /// The index is deflated, as some movies of the last century have it: nothing of it can be
    /// checked before it is in memory.
    compressed: bool,
    /// Entries that a demuxer will make of tables that do not list them one by one.
    entries: u64,
    truncated: bool,
}

fn walk(reader: &mut (impl Read + Seek), len: u64) -> io::Result<Walk> {
    let mut boxes = Boxes { reader, left: MAX_BOXES };
    let mut found = Walk::default();
    let mut at = 0;
    // A few stray bytes at the end are harmless; what is no box ends the walk.
    while at < len
        && let Some(current) = boxes.at(at, len)?
    {
        if &current.kind == b"moov" && found.index.is_none() {
            found.index = Some(current);
        }
        if current.end <= len {
            let tracks = tracks(&mut boxes, current)?;
            found.compressed |= tracks.iter().any(|track| track.is_compressed);
            for track in tracks {
                found.external |= track.external && track.handler == *b"vide";
                found.entries = found.entries.saturating_add(track.entries());
            }
        }
        found.truncated = current.end > len;
        at = current.end;
    }
    Ok(found)
}

/// What is told of a track in the index, or in a fragment.
#[derive(Debug, Default)]
struct Track {
    handler: [u8; 4],
    is_compressed: bool,
    /// A data reference is not the file itself.
    external: bool,
    /// Samples that are announced by their number alone.
    unlisted: u64,
    edits: u64,
    /// Every sample lasts one tick, as in uncompressed sound, whose samples no demuxer lists.
    is_ticking: bool,
}

impl Track {
    fn entries(&self) -> u64 {
        if self.is_ticking && self.handler == *b"soun" {
            return 0;
        }
        self.unlisted.saturating_mul(self.edits.max(1))
    }
}

/// The tracks of a `moov`, the fragments of a `moof`, nothing of other boxes.
fn tracks(boxes: &mut Boxes<'_, impl Read + Seek>, parent: BoxAt) -> io::Result<Vec<Track>> {
    let mut found = Vec::new();
    if !matches!(&parent.kind, b"moov" | b"moof") {
        return Ok(found);
    }
    let mut at = parent.payload;
    while at < parent.end && found.len() < MAX_TRACKS {
        let Some(child) = boxes.at(at, parent.end)? else { break };
        if matches!(&child.kind, b"trak" | b"traf" | b"cmov") {
            let is_compressed = &child.kind == b"cmov";
            let mut track = Track { is_compressed, ..Track::default() };
            read_track(boxes, child, &mut track, 0)?;
            found.push(track);
        }
        at = child.end;
    }
    Ok(found)
}

fn read_track(
    boxes: &mut Boxes<'_, impl Read + Seek>,
    parent: BoxAt,
    track: &mut Track,
    depth: usize,
) -> io::Result<()> {
    let mut at = parent.payload;
    while at < parent.end && depth < MAX_DEPTH {
        let Some(child) = boxes.at(at, parent.end)? else { break };
        // Version and flags come first in all of these.
        let mut number = |offset: u64| boxes.number(child.payload.saturating_add(offset));
        match &child.kind {
            // The component type, then the handler; not that of a data reference.
            b"hdlr" if &parent.kind == b"mdia" => {
                track.handler = (number(8)? as u32).to_be_bytes();
            }
            b"stsz" if number(4)? > 0 => track.unlisted += number(8)?,
            b"stts" => track.is_ticking = number(4)? == 1 && number(12)? == 1,
            b"elst" => track.edits += number(4)?.min((child.end - child.payload) / 12),
            // Bits 8 to 11: fields that each sample has.
            b"trun" if number(0)? & 0xf00 == 0 => track.unlisted += number(4)?,
            b"trak" | b"mdia" | b"minf" | b"dinf" | b"stbl" | b"edts" | b"traf" => {
                read_track(boxes, child, track, depth + 1)?;
            }
            b"dref" => track.external |= has_external_entry(boxes, child)?,
            _ => {}
        }
        at = child.end;
    }
    Ok(())
}

/// A data reference is the file itself where bit 0 of its flags is set.
fn has_external_entry(boxes: &mut Boxes<'_, impl Read + Seek>, dref: BoxAt) -> io::Result<bool> {
    let mut at = dref.payload + 8;
    while at < dref.end {
        let Some(entry) = boxes.at(at, dref.end)? else { break };
        let flags = read_at::<4>(boxes.reader, entry.payload)?.map_or(1, u32::from_be_bytes);
        if flags & 1 == 0 && entry.end <= dref.end {
            return Ok(true);
        }
        at = entry.end;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, SeekFrom};

    /// Counts what is read of it.
    struct Counted(Cursor<Vec<u8>>, usize);

    impl Read for Counted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            self.0.read(buffer)
        }
    }

    impl Seek for Counted {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn an_index_of_tiny_boxes_is_not_read_for_ever() {
        let (tiny, count) = (b"\0\0\0\x08free", 2 * MAX_BOXES);
        for (outer, inner) in [("moov", ""), ("moov", "trak"), ("moof", "traf")] {
            let mut body = tiny.repeat(count);
            for name in [inner, outer].into_iter().filter(|name| !name.is_empty()) {
                let size = (body.len() as u32 + 8).to_be_bytes();
                body = [&size, name.as_bytes(), &body].concat();
            }
            let len = body.len() as u64;
            let mut reader = Counted(Cursor::new(body), 0);
            walk(&mut reader, len).expect("memory reads");
            assert!(reader.1 <= MAX_BOXES + 10, "{outer}/{inner}: {} reads", reader.1);
        }
    }
}
