//! What a file is, told from its own bytes before any codec library sees it.
//!
//! Names the container, refuses what is not accepted, and reads the few structures that say
//! whether data is missing: box sizes, element sizes, end markers. Parses headers only; never
//! decodes, never trusts a length further than the file reaches. No libav here.

mod ebml;
mod iso;
mod ogg;
mod riff;
mod still;

pub(crate) use still::StillSize;

use schema::{Error, ErrorKind, Result};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// How many bytes from the start are needed to tell a container.
pub(crate) const HEAD: usize = 1024;

/// The accepted container families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// MP4, MOV and relatives (ISO/IEC 14496-12).
    IsoMedia,
    /// AVI (RIFF).
    Avi,
    /// Matroska and WebM (RFC 9559).
    Matroska,
    /// Ogg (RFC 3533).
    Ogg,
    /// A JPEG picture (ITU-T T.81).
    Jpeg,
    /// A PNG picture (ISO/IEC 15948).
    Png,
}

impl Container {
    /// Whether it holds one picture.
    pub(crate) const fn is_still(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::IsoMedia => "MP4 or MOV",
            Self::Avi => "AVI",
            Self::Matroska => "Matroska or WebM",
            Self::Ogg => "Ogg",
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
        }
    }

    const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::IsoMedia => &["mp4", "mov", "m4v", "qt", "3gp", "3g2", "mj2"],
            Self::Avi => &["avi", "divx"],
            Self::Matroska => &["mkv", "webm", "mk3d"],
            Self::Ogg => &["ogg", "ogv", "ogm", "ogx"],
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Png => &["png", "apng"],
        }
    }
}

/// What a look into a file found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inspection {
    /// What it is.
    pub(crate) container: Container,
    /// Whether its own structure says that bytes are missing at the end.
    pub(crate) truncated: bool,
    /// The size of a still picture.
    pub(crate) size: Option<StillSize>,
}

/// Tells the container of a file by its content and looks for missing ends.
///
/// # Errors
/// `INVALID_FILE_TYPE` where it is no media, `UNSUPPORTED_FORMAT` where it is media of a kind
/// that is not accepted, `CORRUPT_MEDIA` where it cannot be read without what is missing.
pub(crate) fn inspect<R: Read + Seek>(reader: &mut R, len: u64) -> Result<Inspection> {
    let mut head = Vec::with_capacity(HEAD);
    let read = reader
        .seek(SeekFrom::Start(0))
        .and_then(|_| reader.by_ref().take(HEAD as u64).read_to_end(&mut head));
    read.map_err(unreadable)?;
    let container = identify(&head)?;
    let (truncated, size) = match container {
        Container::IsoMedia => (iso::inspect(reader, len)?, None),
        Container::Avi | Container::Matroska => {
            let announced = announced_len(container, reader).map_err(unreadable)?;
            (announced.is_some_and(|announced| announced > len), None)
        }
        Container::Ogg => (ogg::is_truncated(reader, len).map_err(unreadable)?, None),
        Container::Jpeg => still::inspect_jpeg(reader)?,
        Container::Png => still::inspect_png(reader, len)?,
    };
    Ok(Inspection { container, truncated, size })
}

fn unreadable(error: io::Error) -> Error {
    Error::io("reading the input", error)
}

/// The least length in bytes that the structure of a video says it has, as far as `reader`, which
/// begins like it, reaches: of a download, the first bytes are enough.
pub(crate) fn announced_len(
    container: Container,
    reader: &mut (impl Read + Seek),
) -> io::Result<Option<u64>> {
    match container {
        Container::IsoMedia => iso::announced_len(reader),
        Container::Avi => riff::announced_len(reader),
        Container::Matroska => ebml::announced_len(reader),
        Container::Ogg | Container::Jpeg | Container::Png => Ok(None),
    }
}

/// How many bytes of the end [`is_tail_cut`] needs.
pub(crate) const TAIL: usize = ogg::TAIL as usize;

/// Whether the last bytes of a video say that it does not end there.
pub(crate) fn is_tail_cut(container: Container, tail: &[u8]) -> bool {
    let is_cut = || ogg::is_truncated(&mut io::Cursor::new(tail), tail.len() as u64);
    container == Container::Ogg && is_cut().unwrap_or(true)
}

/// Reads exactly `N` bytes at `at`, or `None` where the file ends before.
fn read_at<const N: usize>(
    reader: &mut (impl Read + Seek),
    at: u64,
) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    reader.seek(SeekFrom::Start(at))?;
    match reader.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(e),
    }
}

/// Tells the container from the first bytes ([`HEAD`] of them, or all there are).
///
/// # Errors
/// `INVALID_FILE_TYPE` and `UNSUPPORTED_FORMAT`, as [`inspect`].
pub(crate) fn identify(head: &[u8]) -> Result<Container> {
    if head.is_empty() {
        return Err(Error::new(ErrorKind::InvalidFileType, "the file is empty"));
    }
    if let Some(container) = accepted(head) {
        return Ok(container);
    }
    if let Some(name) = playlist(head) {
        return Err(Error::new(
            ErrorKind::UnsupportedFormat,
            format!("{name} refers to other files, which is not allowed"),
        )
        .with_hint("give the media file itself"));
    }
    if let Some(name) = unaccepted(head) {
        return Err(Error::new(ErrorKind::UnsupportedFormat, format!("{name} is not accepted"))
            .with_hint(format!("{ACCEPTED}; convert it first, as with: ffmpeg -i IN OUT.mp4")));
    }
    Err(Error::new(ErrorKind::InvalidFileType, "the content is of no known media type")
        .with_hint(ACCEPTED))
}

const ACCEPTED: &str =
    "accepted are MP4, MOV, AVI, MKV, WebM and OGG videos, JPEG and PNG pictures";

fn accepted(head: &[u8]) -> Option<Container> {
    let at = |range: std::ops::Range<usize>| head.get(range).unwrap_or_default();
    match () {
        () if iso::is_iso(head) => Some(Container::IsoMedia),
        () if at(0..4) == b"RIFF" && at(8..12) == b"AVI " => Some(Container::Avi),
        () if at(0..4) == ebml::MAGIC => Some(Container::Matroska),
        () if at(0..4) == ogg::MAGIC => Some(Container::Ogg),
        () if at(0..3) == b"\xff\xd8\xff" => Some(Container::Jpeg),
        () if at(0..8) == still::PNG_MAGIC => Some(Container::Png),
        () => None,
    }
}

/// Text formats that make a demuxer open something else.
fn playlist(head: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let starts = |prefix: &str| {
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let is_xml = starts("<");
    match () {
        () if starts("#EXTM3U") => Some("an M3U playlist (HLS)"),
        () if starts("ffconcat version") => Some("an ffconcat list"),
        () if starts("[playlist]") => Some("a PLS playlist"),
        () if starts("[Reference]") => Some("a reference file"),
        () if starts("<asx") => Some("an ASX playlist"),
        () if is_xml && text.contains("<MPD") => Some("a DASH manifest"),
        () if is_xml && text.contains("<SmoothStreamingMedia") => Some("a streaming manifest"),
        () if is_xml && text.contains("<smil") => Some("a SMIL presentation"),
        () if is_xml && text.contains("<svg") => Some("an SVG drawing"),
        () => None,
    }
}

/// Media that exists and is not accepted: (offset, magic, name).
const UNACCEPTED: &[(usize, &[u8], &str)] = &[
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (8, b"WAVE", "WAVE audio"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"FLV\x01", "Flash video"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF (WMV)"),
    (0, b"\0\0\x01\xba", "an MPEG program stream"),
    (0, b"\0\0\x01\xb3", "an MPEG video stream"),
    (0, b"\0\0\0\x01", "a raw video stream"),
    (0, b"fLaC", "FLAC audio"),
    (0, b"ID3", "MP3 audio"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
];

fn unaccepted(head: &[u8]) -> Option<&'static str> {
    if iso::is_heif(head) {
        return Some("HEIF or AVIF");
    }
    let packet = |n: usize| head.get(n * 188) == Some(&0x47);
    if packet(0) && packet(1) && packet(2) {
        return Some("an MPEG transport stream");
    }
    let known = |(at, magic, _): &&(usize, &[u8], &str)| {
        head.get(*at..).is_some_and(|rest| rest.starts_with(magic))
    };
    UNACCEPTED.iter().find(known).map(|(_, _, name)| *name)
}

/// Refuses an extension of another family than the content; none at all is fine.
///
/// # Errors
/// `INVALID_FILE_TYPE`.
pub(crate) fn check_extension(path: &Path, container: Container) -> Result<()> {
    let Some(extension) = path.extension() else { return Ok(()) };
    let extension = extension.to_string_lossy().to_ascii_lowercase();
    if container.extensions().contains(&extension.as_str()) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidFileType,
        format!(
            "the extension .{extension} contradicts the content, which is {}",
            container.name()
        ),
    )
    .with_hint(format!("rename it to .{}", container.extensions()[0])))
}
