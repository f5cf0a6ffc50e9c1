//! One frame as a JPEG picture.

use super::encode::{Encoder, EncoderOptions, Feeder};
use super::error::Code;
use super::format::Colour;
use super::packet::Packet;
use super::sys;
use models::picture::{Chroma, Frame, Matrix, Range};
use schema::{Error, ErrorKind, Result};

/// The scale of quantisation, 1 (best) to 31.
const SCALE: &str = "2";
/// What libav's encoder takes; the format itself has room for 65,535.
const MAX_SIDE: u32 = 65_500;

/// Encodes `frame` as baseline JPEG with JFIF's colours (full range, BT.601), 4:4:4 where the
/// frame is that, else 4:2:0.
///
/// # Errors
/// `MODEL_UNAVAILABLE` where FFmpeg has no JPEG encoder, `MEDIA_LIMIT_EXCEEDED` where the frame is
/// too long for it, `SERVER_ERROR` where it fails.
pub(crate) fn encode_jpeg(frame: &Frame) -> Result<Vec<u8>> {
    super::init();
    let size = (frame.width(), frame.height());
    let chroma = match frame.chroma() {
        Chroma::Yuv444 => Chroma::Yuv444,
        Chroma::Yuv420 | Chroma::Yuv422 => Chroma::Yuv420,
    };
    let colour = Colour { range: Range::Full, matrix: Matrix::Bt601 };
    let mut encoder = Encoder::open(&EncoderOptions {
        name: "mjpeg",
        size,
        max_side: MAX_SIDE,
        chroma,
        colour,
        time_base: sys::AVRational { num: 1, den: 25 },
        frame_rate: 25.0,
        key_interval: 1,
        threads: 1,
        global_header: false,
        private: &[("qmin", SCALE), ("qmax", SCALE), ("strict", "unofficial")],
    })?;
    let mut picture = Feeder::new(size, chroma, colour).picture(frame)?;
    picture.frame_mut().pts = 0;
    let failed = |code: Code| {
        Error::new(ErrorKind::ServerError, format!("encoding a JPEG failed: {code}"))
            .with_source(code)
    };
    let mut packet = Packet::new().map_err(failed)?;
    encoder.send(Some(&mut picture)).map_err(failed)?;
    encoder.send(None).map_err(failed)?;
    if !encoder.receive(&mut packet).map_err(failed)? {
        return Err(failed(Code::END));
    }
    Ok(packet.data().to_vec())
}
