//! Decoded pictures and the ways into a model's input.
//!
//! A [`Frame`] owns (shares) the bytes of its planes and is made once, by `media`, or by a
//! synthetic source; this module does not know where it came from. Everything is planar 8-bit
//! YUV: decoders give that, and detectors, background model, overlay and encoder all read it
//! without a conversion in between. What is not (RGB, 10-bit, semi-planar) is converted on the
//! way in.

pub mod colour;
pub mod letterbox;
mod resample;
pub mod tensor;

use bytes::Bytes;
use schema::frame::FrameMeta;
use schema::{Error, ErrorKind, Result};

/// How the two chroma planes are sampled against the luma plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chroma {
    /// Half the width, half the height.
    Yuv420,
    /// Half the width.
    Yuv422,
    /// Full size.
    Yuv444,
}

impl Chroma {
    /// Right shifts that turn luma coordinates (x, y) into chroma coordinates.
    #[must_use]
    pub const fn shift(self) -> (u32, u32) {
        match self {
            Self::Yuv420 => (1, 1),
            Self::Yuv422 => (1, 0),
            Self::Yuv444 => (0, 0),
        }
    }

    /// Size of a chroma plane of a `width` x `height` picture; odd sizes round up.
    #[must_use]
    pub const fn plane_size(self, width: u32, height: u32) -> (u32, u32) {
        let (sx, sy) = self.shift();
        ((width + (1 << sx) - 1) >> sx, (height + (1 << sy) - 1) >> sy)
    }
}

/// Which numbers mean black and white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Range {
    /// Luma 16 to 235, chroma 16 to 240: most video.
    Limited,
    /// 0 to 255: JPEG, some cameras.
    Full,
}

/// The coefficients between RGB and YUV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// ITU-R BT.601: standard definition, JPEG.
    Bt601,
    /// ITU-R BT.709: high definition.
    Bt709,
    /// ITU-R BT.2020, non-constant luminance.
    Bt2020,
}

/// One plane: shared bytes and the distance between the starts of two rows.
#[derive(Debug, Clone)]
pub struct Plane {
    /// The rows, `stride` apart; may be longer than needed.
    pub bytes: Bytes,
    /// Bytes from one row to the next, at least the plane's width.
    pub stride: usize,
}

/// A picture as it is displayed (after rotation and sample aspect): planar 8-bit YUV.
///
/// Cheap to clone; the bytes are shared.
#[derive(Debug, Clone)]
pub struct Frame {
    meta: FrameMeta,
    planes: [Plane; 3],
    chroma: Chroma,
    range: Range,
    matrix: Matrix,
}

impl Frame {
    /// Puts a frame together from its planes Y, U, V.
    ///
    /// # Errors
    /// `SERVER_ERROR` where a plane is smaller than size, sampling and stride demand, or empty.
    pub fn new(
        meta: FrameMeta,
        planes: [Plane; 3],
        chroma: Chroma,
        range: Range,
        matrix: Matrix,
    ) -> Result<Self> {
        let luma = (meta.width, meta.height);
        let sub = chroma.plane_size(meta.width, meta.height);
        for (name, plane, (w, h)) in
            [("y", &planes[0], luma), ("u", &planes[1], sub), ("v", &planes[2], sub)]
        {
            let (w, h) = (w as usize, h as usize);
            let need = plane.stride.saturating_mul(h.saturating_sub(1)).saturating_add(w);
            if w == 0 || h == 0 || plane.stride < w || plane.bytes.len() < need {
                return Err(Error::new(
                    ErrorKind::ServerError,
                    format!(
                        "plane {name} of a {}x{} {chroma:?} frame: {} bytes with stride {} where {w}x{h} are needed",
                        meta.width,
                        meta.height,
                        plane.bytes.len(),
                        plane.stride
                    ),
                ));
            }
        }
        Ok(Self { meta, planes, chroma, range, matrix })
    }

    /// Index, time and displayed size.
    #[must_use]
    pub const fn meta(&self) -> &FrameMeta {
        &self.meta
    }

    /// Displayed width in pixels.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.meta.width
    }

    /// Displayed height in pixels.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.meta.height
    }

    /// The planes Y, U, V.
    #[must_use]
    pub const fn planes(&self) -> &[Plane; 3] {
        &self.planes
    }

    /// How chroma is sampled.
    #[must_use]
    pub const fn chroma(&self) -> Chroma {
        self.chroma
    }

    /// Which numbers mean black and white.
    #[must_use]
    pub const fn range(&self) -> Range {
        self.range
    }

    /// The coefficients between RGB and YUV.
    #[must_use]
    pub const fn matrix(&self) -> Matrix {
        self.matrix
    }

    /// Width and height of plane `index` in samples.
    #[must_use]
    pub const fn plane_size(&self, index: usize) -> (usize, usize) {
        let (w, h) = match index {
            0 => (self.meta.width, self.meta.height),
            _ => self.chroma.plane_size(self.meta.width, self.meta.height),
        };
        (w as usize, h as usize)
    }

    /// Row `y` of plane `index`, exactly as wide as the plane.
    ///
    /// # Panics
    /// Where `index` is not 0, 1 or 2 or `y` is not a row of that plane.
    #[must_use]
    pub fn row(&self, index: usize, y: usize) -> &[u8] {
        let (w, _) = self.plane_size(index);
        let start = y * self.planes[index].stride;
        &self.planes[index].bytes[start..start + w]
    }
}
