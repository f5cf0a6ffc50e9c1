//! `multipart/form-data` (RFC 7578, RFC 2046) as a stream, in bounded memory whatever comes.
//!
//! The reader that poem brings collects as much of the body as the network has ready, and all of
//! it while no boundary is found; here what is held is one piece of the network and a boundary.

use crate::middleware::body::BodyFault;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use memchr::memmem::Finder;
use schema::{Error, ErrorKind, Result};
use std::io;
use std::pin::Pin;

/// Longest boundary (RFC 2046).
const MAX_BOUNDARY: usize = 70;
/// Longest head of a part.
const MAX_HEAD: usize = 8 * 1024;
/// Most parts of a form.
const MAX_PARTS: usize = 64;

/// What the head of a part says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name on the client's machine; a part that has one is a file.
    pub file_name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before a boundary: what comes is the part's data, or nobody's before the first one.
    Data,
    /// Right after a boundary.
    Boundary,
    /// After the last boundary.
    End,
}

/// A form that is being read.
pub(crate) struct Multipart<S> {
    stream: Pin<Box<S>>,
    held: BytesMut,
    /// CRLF, two dashes, the boundary.
    delimiter: Finder<'static>,
    stage: Stage,
    parts: usize,
}

/// The boundary in a `Content-Type`.
///
/// # Errors
/// `VALIDATION_ERROR` where there is none.
pub(crate) fn boundary(content_type: &str) -> Result<String> {
    let parameter = parameters(content_type).find(|(name, _)| name == "boundary");
    let sound = |b: &String| {
        (1..=MAX_BOUNDARY).contains(&b.len())
            && b.bytes().all(|c| c.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&c))
    };
    parameter
        .map(|(_, value)| value)
        .filter(sound)
        .ok_or_else(|| malformed("the content type has no boundary"))
}

impl<S: Stream<Item = io::Result<Bytes>>> Multipart<S> {
    /// Reads `stream`, whose parts are separated by `boundary`.
    pub(crate) fn new(stream: S, boundary: &str) -> Self {
        let delimiter = Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        // The first boundary has no line before it.
        let held = BytesMut::from(&b"\r\n"[..]);
        Self { stream: Box::pin(stream), held, delimiter, stage: Stage::Data, parts: 0 }
    }

    /// The next part; what is left of the one before is skipped.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for what is no form or is cut off; what the body says.
    pub(crate) async fn next_part(&mut self) -> Result<Option<Part>> {
        while self.chunk().await?.is_some() {}
        if self.stage == Stage::End {
            return Ok(None);
        }
        // After a boundary: two dashes end the form; spaces may pad the line.
        while self.held.len() < 2 {
            self.fill().await?;
        }
        if self.held.starts_with(b"--") {
            self.stage = Stage::End;
            return Ok(None);
        }
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(malformed(format!("the form has more than {MAX_PARTS} parts")));
        }
        let head = self.head().await?;
        self.stage = Stage::Data;
        Ok(Some(part(&head)?))
    }

    /// The next piece of the present part; `None` at its end.
    ///
    /// # Errors
    /// As [`Multipart::next_part`].
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.stage != Stage::Data {
                return Ok(None);
            }
            let delimiter = self.delimiter.needle().len();
            if let Some(at) = self.delimiter.find(&self.held) {
                let data = self.held.split_to(at).freeze();
                let _ = self.held.split_to(delimiter);
                self.stage = Stage::Boundary;
                return Ok((!data.is_empty()).then_some(data));
            }
            // All but what may be the beginning of a boundary is data.
            let sure = self.held.len().saturating_sub(delimiter - 1);
            if sure > 0 {
                return Ok(Some(self.held.split_to(sure).freeze()));
            }
            self.fill().await?;
        }
    }

    /// The lines after a boundary up to the empty one.
    async fn head(&mut self) -> Result<Bytes> {
        const END: &[u8] = b"\r\n\r\n";
        loop {
            if let Some(at) = memchr::memmem::find(&self.held, END) {
                let head = self.held.split_to(at + END.len()).freeze();
                return Ok(head.slice(..at));
            }
            if self.held.len() > MAX_HEAD {
                return Err(malformed(format!("a part's head is longer than {MAX_HEAD} bytes")));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        match self.stream.next().await {
            Some(Ok(bytes)) => {
                self.held.extend_from_slice(&bytes);
                Ok(())
            }
            Some(Err(error)) => {
                let fault = BodyFault::within(&error);
                Err(fault.map_or_else(
                    || malformed(format!("the body broke off: {error}")),
                    BodyFault::to_error,
                ))
            }
            None => Err(malformed("the form is cut off")),
        }
    }
}

fn part(head: &[u8]) -> Result<Part> {
    let head = String::from_utf8_lossy(head);
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    let disposition = disposition.ok_or_else(|| malformed("a part has no content disposition"))?;
    let find = |wanted: &str| {
        parameters(disposition).find(|(name, _)| name == wanted).map(|(_, value)| value)
    };
    let name = find("name").ok_or_else(|| malformed("a part has no name"))?;
    let extended = find("filename*").and_then(|value| extended_value(&value));
    Ok(Part { name, file_name: extended.or_else(|| find("filename")) })
}

/// The parameters of a header's value: names in lower case, values without their quotes.
fn parameters(value: &str) -> impl Iterator<Item = (String, String)> {
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    std::iter::from_fn(move || {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        rest = after.split_once(';').map_or("", |(_, rest)| rest);
        Some((name.trim().to_ascii_lowercase(), value))
    })
}

/// A value up to its closing quote. Browsers write a quote as `%22`, others as `\"`; a backslash
/// before anything else is itself.
fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = quoted.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value.replace("%22", "\""), &quoted[at + 1..]),
            '\\' if matches!(letters.peek(), Some((_, '"' | '\\'))) => {
                value.extend(letters.next().map(|(_, escaped)| escaped));
            }
            letter => value.push(letter),
        }
    }
    (value, "")
}

/// `UTF-8''na%C3%AFve.mp4` (RFC 8187).
fn extended_value(text: &str) -> Option<String> {
    let (charset, rest) = text.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ValidationError, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use proptest::prelude::*;

    type Parts = Vec<(Part, Vec<u8>)>;

    /// Reads `body` in pieces of `size` bytes.
    fn read(body: &[u8], size: usize) -> Result<Parts> {
        let pieces: Vec<io::Result<Bytes>> =
            body.chunks(size.max(1)).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let mut form = Multipart::new(stream::iter(pieces), "XX");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut parts = Vec::new();
            while let Some(part) = form.next_part().await? {
                let mut data = Vec::new();
                while let Some(piece) = form.chunk().await? {
                    data.extend_from_slice(&piece);
                }
                parts.push((part, data));
            }
            Ok(parts)
        })
    }

    fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, file, data) in parts {
            let file = file.map(|f| format!("; filename=\"{f}\"")).unwrap_or_default();
            let head = format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n");
            body.extend(head.as_bytes());
            body.extend(b"Content-Type: video/mp4\r\n\r\n");
            body.extend(*data);
            body.extend(b"\r\n");
        }
        body.extend(b"--XX--\r\n");
        body
    }

    proptest! {
        #[test]
        fn parts_are_what_was_sent_however_it_is_cut(
            data in prop::collection::vec(prop::collection::vec(
                prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'X')],
                0..200), 0..4),
            size in 1_usize..300,
        ) {
            prop_assume!(!data.iter().any(|d| memchr::memmem::find(d, b"\r\n--XX").is_some()
                || d.starts_with(b"\n--XX")));
            let sent: Vec<_> = data.iter().map(|d| ("f", Some("a.mp4"), d.as_slice())).collect();
            let got = read(&form(&sent), size).expect("a form");
            let got: Vec<Vec<u8>> = got.into_iter().map(|(_, data)| data).collect();
            prop_assert_eq!(got, data);
        }

        #[test]
        fn whatever_comes_is_a_form_or_an_error(
            body in prop::collection::vec(any::<u8>(), 0..400), size in 1_usize..100,
        ) {
            let _ = read(&body, size);
        }
    }

    #[test]
    fn heads_are_read_as_browsers_write_them() {
        let name = |file: &str| {
            let parts = read(&form(&[("video", Some(file), b"x")]), 7).expect("a form");
            parts[0].0.file_name.clone().expect("a file")
        };
        assert_eq!(name("a b.mp4"), "a b.mp4");
        assert_eq!(name("a%22b.mp4"), "a\"b.mp4");
        assert_eq!(name("a\\\"b;c.mp4"), "a\"b;c.mp4");
        assert_eq!(name("C:\\clips\\n.mp4"), "C:\\clips\\n.mp4");
        assert_eq!(name("ünï.mp4"), "ünï.mp4");
        let part = part(
            b"content-disposition: form-data; NAME=f; filename=\"_\"; filename*=utf-8''na%C3%AFve",
        );
        assert_eq!(part.expect("a part").file_name.as_deref(), Some("na\u{ef}ve"));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let whole = form(&[("a", None, b"1"), ("b", Some("x"), b"22")]);
        for end in 0..whole.len() - 4 {
            assert!(read(&whole[..end], 50).is_err(), "cut at {end}");
        }
        assert_eq!(read(&whole, 1).expect("whole").len(), 2);
        assert!(read(b"--XX\r\n\r\nno head\r\n--XX--", 9).is_err());
        let long = [b"--XX\r\nX: ".to_vec(), vec![b'a'; 100_000]].concat();
        assert!(read(&long, 1000).is_err(), "an endless head");
        let many: Vec<_> = (0..65).map(|_| ("a", None, &b""[..])).collect();
        assert!(read(&form(&many), 1000).is_err(), "65 parts");
    }

    #[test]
    fn boundaries_are_looked_at() {
        assert_eq!(boundary("multipart/form-data; boundary=abc").expect("there"), "abc");
        assert_eq!(
            boundary("multipart/form-data; charset=x; Boundary=\"a b:c\"").expect("there"),
            "a b:c"
        );
        for bad in
            ["multipart/form-data", "multipart/form-data; boundary=", "x; boundary=\"\u{e4}\""]
        {
            assert!(boundary(bad).is_err(), "{bad}");
        }
        assert!(boundary(&format!("x; boundary={}", "a".repeat(71))).is_err());
    }
}
