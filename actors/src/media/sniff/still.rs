//! JPEG and PNG: size, end marker, and whether so few bytes can hold so many pixels at all.
//!
//! The last is what keeps a small hostile file from claiming the memory of a huge picture.

use super::read_at;
use schema::{Error, ErrorKind, Result};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// The signature of a PNG file.
pub(super) const PNG_MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Deflate never expands by more than this (RFC 1951: 258 bytes from 2 bits).
const DEFLATE_RATIO: u64 = 1032;
/// Bytes that are looked through at once.
const BLOCK: usize = 1 << 16;
/// Most bytes of compressed texts and colour profiles in a PNG.
const MAX_NOTES: u64 = 200_000;
/// Segments before the frame header of a JPEG.
const MAX_SEGMENTS: usize = 65_536;
/// Chunks of a PNG; usual ones are of 8 kB.
const MAX_CHUNKS: usize = 1_000_000;

/// A picture as its header announces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StillSize {
    /// Width and height as stored.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The fewest bytes that such a picture can be coded in.
    least_bytes: u64,
}

impl StillSize {
    /// Makes sure that a file of `len` bytes can hold the picture.
    ///
    /// # Errors
    /// `CORRUPT_MEDIA`.
    pub(crate) fn check_plausible(self, len: u64) -> Result<()> {
        let Self { width, height, least_bytes } = self;
        if width > 0 && height > 0 && least_bytes <= len {
            return Ok(());
        }
        let message = format!("a picture of {width}x{height} cannot be in {len} bytes");
        Err(Error::new(ErrorKind::CorruptMedia, message))
    }
}

type Found = (bool, Option<StillSize>);

/// Whether the end is missing, and the size.
///
/// # Errors
/// `CORRUPT_MEDIA` where there is no frame header.
pub(super) fn inspect_jpeg<R: Read + Seek>(reader: &mut R) -> Result<Found> {
    let header = jpeg_header(reader).map_err(super::unreadable)?;
    let Some((at, width, height)) = header else {
        return Err(Error::new(ErrorKind::CorruptMedia, "the JPEG has no frame header"));
    };
    // Every block of 8 x 8 pixels takes at least one bit.
    let least_bytes = u64::from(width.div_ceil(8)) * u64::from(height.div_ceil(8)) / 8;
    // Thumbnails, in the segments before, have ends of their own.
    let truncated = !has_end_of_image(reader, at).map_err(super::unreadable)?;
    Ok((truncated, Some(StillSize { width, height, least_bytes })))
}

/// Where the start-of-frame segment (T.81, B.2.2) lies, and the width and height in it.
fn jpeg_header(reader: &mut (impl Read + Seek)) -> io::Result<Option<(u64, u32, u32)>> {
    let mut at = 2;
    for _ in 0..MAX_SEGMENTS {
        let Some([0xff, marker]) = read_at::<2>(reader, at)? else { return Ok(None) };
        match marker {
            0xff => at += 1,
            0x01 | 0xd0..=0xd7 => at += 2,
            0xd9 | 0xda => return Ok(None),
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let frame = read_at::<9>(reader, at)?;
                return Ok(frame.map(|[_, _, _, _, _, h1, h0, w1, w0]| {
                    let size = [[w1, w0], [h1, h0]].map(|side| u16::from_be_bytes(side).into());
                    (at, size[0], size[1])
                }));
            }
            _ => {
                let Some(length) = read_at::<2>(reader, at + 2)? else { return Ok(None) };
                at += 2 + u64::from(u16::from_be_bytes(length));
            }
        }
    }
    Ok(None)
}

/// Whether the end is missing, and the size.
///
/// # Errors
/// `CORRUPT_MEDIA` where the header is missing.
pub(super) fn inspect_png<R: Read + Seek>(reader: &mut R, len: u64) -> Result<Found> {
    let header = read_at::<26>(reader, 0).map_err(super::unreadable)?;
    let Some([.., b'I', b'H', b'D', b'R', w3, w2, w1, w0, h3, h2, h1, h0, depth, colour]) = header
    else {
        return Err(Error::new(ErrorKind::CorruptMedia, "the PNG has no header (chunk IHDR)"));
    };
    let (width, height) =
        (u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0]));
    let channels = match colour {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    let samples = u64::from(width).saturating_mul(u64::from(height)).saturating_mul(channels);
    let least_bytes = samples.saturating_mul(u64::from(depth)) / 8 / DEFLATE_RATIO;
    let chunks = walk_chunks(reader, len).map_err(super::unreadable)?;
    if chunks.notes > MAX_NOTES {
        let message = format!("the PNG has {} bytes of compressed notes", chunks.notes);
        return Err(Error::new(ErrorKind::MediaLimitExceeded, message));
    }
    if chunks.count > MAX_CHUNKS {
        let message = format!("the PNG has more than {MAX_CHUNKS} chunks");
        return Err(Error::new(ErrorKind::MediaLimitExceeded, message));
    }
    Ok((!chunks.has_end, Some(StillSize { width, height, least_bytes })))
}

/// What the chunks of a PNG up to its end tell.
#[derive(Debug, Default)]
struct Chunks {
    count: usize,
    /// Bytes of those that are inflated whole, however large that makes them.
    notes: u64,
    /// Whether the last one (IEND) is there.
    has_end: bool,
}

fn walk_chunks(reader: &mut (impl Read + Seek), len: u64) -> io::Result<Chunks> {
    let mut found = Chunks::default();
    let mut at = PNG_MAGIC.len() as u64;
    while !found.has_end && found.count <= MAX_CHUNKS {
        let Some([l3, l2, l1, l0, kind @ ..]) = read_at::<8>(reader, at)? else { break };
        let length = u64::from(u32::from_be_bytes([l3, l2, l1, l0]));
        match &kind {
            b"zTXt" | b"iTXt" | b"iCCP" => found.notes += length.min(len),
            b"IEND" => found.has_end = true,
            _ => {}
        }
        found.count += 1;
        at += 12 + length;
    }
    Ok(found)
}

/// Whether an end-of-image marker stands behind `at`. In coded data no other byte than 0 and those
/// of restart markers follows 0xff (T.81, B.1.1.5); cameras append previews and films.
fn has_end_of_image(reader: &mut (impl Read + Seek), at: u64) -> io::Result<bool> {
    let mut reader = BufReader::with_capacity(BLOCK, reader);
    reader.seek(SeekFrom::Start(at))?;
    let mut was_marker = false;
    loop {
        let block = reader.fill_buf()?;
        if block.is_empty() {
            return Ok(false);
        }
        if was_marker && block[0] == 0xd9 || block.windows(2).any(|pair| pair == [0xff, 0xd9]) {
            return Ok(true);
        }
        was_marker = block.last() == Some(&0xff);
        let read = block.len();
        reader.consume(read);
    }
}
