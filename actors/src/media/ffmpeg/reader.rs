//! Demuxer and decoder joined: pictures in display order until the data ends.
//!
//! What does not decode is counted and skipped; what ends too early is noticed.

use super::decode::{Decoder, DecoderOptions, Received};
use super::demux::{Demuxer, Read};
use super::error::Code;
use super::packet::Packet;
use super::picture::Picture;
use super::sys;
use crate::media::Limits;
use schema::{Error, ErrorKind, Result};
use std::ffi::c_int;

/// After so many unreadable stretches in a row the rest is given up.
const MAX_DAMAGE: u32 = 256;

/// What happened so far, beside the pictures.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Findings {
    /// Packets that did not decode.
    pub(super) corrupt_packets: u64,
    /// The data ended before its own structure said so.
    pub(super) truncated: bool,
}

/// An open container with its decoder.
pub(super) struct Reader {
    demuxer: Demuxer,
    decoder: Decoder,
    packet: Packet,
    findings: Findings,
    /// Unreadable stretches since the last packet.
    damage: u32,
    draining: bool,
}

impl Reader {
    /// Opens the decoder for what `demuxer` opened; `truncated` is what is known already.
    pub(super) fn new(demuxer: Demuxer, limits: &Limits, truncated: bool) -> Result<Self> {
        let is_still = demuxer.container().is_still();
        let options = DecoderOptions {
            time_base: demuxer.time_base(),
            max_pixels: limits.pixels(is_still),
            threads: if is_still { 1 } else { limits.decoder_threads },
        };
        let decoder = Decoder::open(demuxer.codec(), demuxer.parameters(), &options)?;
        let findings = Findings { corrupt_packets: 0, truncated };
        let packet = Packet::new().map_err(out_of_memory)?;
        Ok(Self { demuxer, decoder, packet, findings, damage: 0, draining: false })
    }

    pub(super) const fn demuxer(&self) -> &Demuxer {
        &self.demuxer
    }

    pub(super) const fn findings(&self) -> Findings {
        self.findings
    }

    /// The next picture, or `None` at the end of the data.
    ///
    /// # Errors
    /// `DOWNLOAD_ERROR` where a URL stalled or broke off, `CANCELLED` where it was stopped.
    pub(super) fn next(&mut self) -> Result<Option<Picture>> {
        let mut picture = Picture::new().map_err(out_of_memory)?;
        loop {
            match self.decoder.receive(&mut picture) {
                Received::Picture => {
                    if is_concealed(&picture) {
                        self.findings.corrupt_packets += 1;
                    }
                    return Ok(Some(picture));
                }
                Received::Corrupt => {
                    self.findings.corrupt_packets += 1;
                    self.damage += 1;
                    if self.draining && self.damage > MAX_DAMAGE {
                        return Ok(None);
                    }
                    self.feed()?;
                }
                Received::Hungry if !self.draining => self.feed()?,
                Received::Hungry | Received::End => return Ok(None),
            }
        }
    }

    /// Gives the decoder the next packet, or the end.
    fn feed(&mut self) -> Result<()> {
        if self.draining {
            // What is left in the decoder comes out by receiving alone.
            return Ok(());
        }
        if let Some(error) = self.demuxer.source().watch().error() {
            return Err(error);
        }
        match self.demuxer.read(&mut self.packet)? {
            Read::Packet => {
                self.damage = 0;
                let flagged = self.packet.is_corrupt();
                self.findings.truncated |= flagged && self.demuxer.source().is_exhausted();
                let sent = self.decoder.send(Some(&mut self.packet));
                self.packet.clear();
                match sent {
                    Err(Code::OUT_OF_MEMORY) => return Err(out_of_memory(Code::OUT_OF_MEMORY)),
                    Err(_) => self.findings.corrupt_packets += 1,
                    Ok(()) => self.findings.corrupt_packets += u64::from(flagged),
                }
            }
            Read::Damaged => {
                self.damage += 1;
                self.findings.corrupt_packets += 1;
                if self.damage > MAX_DAMAGE {
                    self.findings.truncated = true;
                    self.end()?;
                }
            }
            Read::End => self.end()?,
        }
        Ok(())
    }

    /// No more packets: checks that the data was whole, then empties the decoder.
    fn end(&mut self) -> Result<()> {
        self.findings.truncated |= self.demuxer.is_cut();
        if let Some(error) = self.demuxer.source().cut_short().filter(|_| self.findings.truncated) {
            return Err(error);
        }
        self.draining = true;
        // An error here is an error of the packets before, which the next call reports.
        let _ = self.decoder.send(None);
        Ok(())
    }
}

fn out_of_memory(code: Code) -> Error {
    Error::new(ErrorKind::MediaLimitExceeded, "not enough memory to decode this").with_source(code)
}

/// Whether parts of the picture were made up because their data was damaged.
fn is_concealed(picture: &Picture) -> bool {
    let frame = picture.frame();
    let damaged = sys::FF_DECODE_ERROR_INVALID_BITSTREAM | sys::FF_DECODE_ERROR_CONCEALMENT_ACTIVE;
    frame.decode_error_flags & damaged as c_int != 0
        || frame.flags & sys::AV_FRAME_FLAG_CORRUPT as c_int != 0
}
