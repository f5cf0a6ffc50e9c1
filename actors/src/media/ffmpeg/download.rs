//! A URL as bytes, through libav's own protocols; and whether all of them came.

use super::dictionary::Dictionary;
use super::error::{Code, check};
use super::sys;
use super::watch::Watch;
use crate::media::sniff;
use schema::{Error, ErrorKind, Result};
use std::ffi::{CString, c_int};
use std::ptr;
use std::rc::Rc;

/// Network protocols that a URL and its redirections may use.
const PROTOCOLS: &str = "http,https,tcp,tls,crypto";
/// Whether the certificates of servers are checked.
const VERIFY: &str = "tls_verify";

/// As C has them: from the start, and from where it is.
pub(super) const SEEK_SET: c_int = 0;
pub(super) const SEEK_CUR: c_int = 1;

/// An open connection, and what became of it.
pub(super) struct Download {
    context: *mut sys::AVIOContext,
    // Outlives the context, which asks it.
    watch: Rc<Watch>,
    /// The offset of the next byte.
    at: u64,
    /// Length in bytes, as the server said it.
    told_len: Option<u64>,
    /// Length that nobody had told, once the end was met.
    found_len: Option<u64>,
    /// An offset from which nothing was to be had, and has not been since, and why.
    failure: Option<(u64, Code)>,
    /// The last bytes that came in one piece: [`sniff::TAIL`] of them, or a few more.
    tail: Vec<u8>,
}

impl Download {
    /// Connects to `url`.
    ///
    /// # Errors
    /// `DOWNLOAD_FAILED` where it cannot be used, `DOWNLOAD_ERROR` where it stalls, `CANCELLED`.
    pub(super) fn open(url: &str, watch: &Rc<Watch>) -> Result<Self> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            let message = format!("url {url:?} does not begin with http:// or https://");
            return Err(Error::new(ErrorKind::DownloadFailed, message));
        }
        let address = CString::new(url).map_err(|_| {
            Error::new(ErrorKind::DownloadFailed, format!("url {url:?} holds a zero byte"))
        })?;
        let mut options = Dictionary::new(&[
            ("protocol_whitelist", PROTOCOLS),
            ("user_agent", concat!("sightline/", env!("CARGO_PKG_VERSION"))),
            ("reconnect", "0"),
            // Off by default. Taken out by https only, and by http when it is sent there.
            (VERIFY, "1"),
        ])?;
        let mut context = ptr::null_mut();
        let (flags, callback) = (sys::AVIO_FLAG_READ, watch.callback());
        // SAFETY: all arguments live over the call; the watch outlives the context.
        let opened = watch.wait(|| unsafe {
            let options = options.as_mut_ptr();
            check(sys::avio_open2(&mut context, address.as_ptr(), flags, &callback, options))
        });
        opened.map_err(|code| watch.error().unwrap_or_else(|| refused(url, code)))?;
        let mut download = Self {
            context,
            watch: Rc::clone(watch),
            at: 0,
            told_len: None,
            found_len: None,
            failure: None,
            tail: Vec::new(),
        };
        if scheme == "http" {
            options.remove(VERIFY);
        }
        options.expect_used()?;
        // SAFETY: a valid context; a length that is not known is negative.
        download.told_len = u64::try_from(unsafe { sys::avio_size(download.context) }).ok();
        Ok(download)
    }

    /// Reads what has come, but waits for at least a byte; 0 at the end.
    ///
    /// # Errors
    /// Where the connection broke, or ended before the length that the server had told.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Code> {
        let size = c_int::try_from(buffer.len()).unwrap_or(c_int::MAX);
        // SAFETY: a valid context, and a buffer of that size.
        let read = self.watch.wait(|| unsafe {
            check(sys::avio_read_partial(self.context, buffer.as_mut_ptr(), size))
        });
        match read {
            Ok(read) if read > 0 => {
                let read = read as usize;
                self.took(&buffer[..read]);
                Ok(read)
            }
            Ok(_) | Err(Code::END) => Ok(self.ended()),
            // So libav says it of a server that hangs up: how else could it end what it told no
            // length of?
            Err(Code::INPUT_OUTPUT) if self.told_len.is_none() => Ok(self.ended()),
            Err(code) => Err(self.failed(self.at, code)),
        }
    }

    fn took(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len() as u64;
        self.failure = self.failure.filter(|(missing, _)| !(self.at..end).contains(missing));
        self.at = end;
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > 2 * sniff::TAIL {
            self.tail.drain(..self.tail.len() - sniff::TAIL);
        }
    }

    fn ended(&mut self) -> usize {
        if self.told_len.is_none() {
            self.found_len = Some(self.at);
        }
        0
    }

    fn failed(&mut self, at: u64, code: Code) -> Code {
        self.failure.get_or_insert((at, code));
        code
    }

    /// Goes to the byte `to`, with a new request where that is far.
    ///
    /// # Errors
    /// `END` beyond the end; where the server does not serve what is there.
    pub(super) fn seek(&mut self, to: i64) -> Result<u64, Code> {
        let at = u64::try_from(to).map_err(|_| Code::INVALID)?;
        if self.len().is_some_and(|len| at > len) {
            return Err(Code::END);
        }
        // SAFETY: a valid context.
        let sought = self.watch.wait(|| unsafe { sys::avio_seek(self.context, to, SEEK_SET) });
        match check(sought.min(0) as c_int) {
            Ok(_) => {
                if at != self.at {
                    self.tail.clear();
                }
                self.at = at;
                Ok(at)
            }
            Err(code) if self.is_seekable() => Err(self.failed(at, code)),
            Err(code) => Err(code),
        }
    }

    /// Length in bytes: as the server told it, or as it turned out.
    pub(super) fn len(&self) -> Option<u64> {
        self.told_len.or(self.found_len)
    }

    /// Whether the server told how long it is.
    pub(super) const fn is_len_told(&self) -> bool {
        self.told_len.is_some()
    }

    /// Whether it can jump; a server may not serve ranges.
    pub(super) const fn is_seekable(&self) -> bool {
        // SAFETY: a valid context.
        unsafe { (*self.context).seekable != 0 }
    }

    /// Why something that was asked for has not come, if so.
    pub(super) fn failure(&self) -> Option<Code> {
        self.failure.map(|(_, code)| code)
    }

    /// The last bytes, once the end was met.
    pub(super) fn tail(&self) -> Option<&[u8]> {
        (self.len() == Some(self.at)).then_some(&self.tail)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // SAFETY: owned.
        unsafe { sys::avio_closep(&mut self.context) };
    }
}

fn refused(url: &str, code: Code) -> Error {
    Error::new(ErrorKind::DownloadFailed, format!("url {url}: {code}"))
        .with_source(code)
        .with_hint("check address, network and certificate, as with: curl -I URL")
}

/// The error for a download that did not come whole.
pub(super) fn broke_off(code: Code) -> Error {
    let message = format!("the download broke off: {code}");
    Error::new(ErrorKind::DownloadError, message).with_source(code)
}
