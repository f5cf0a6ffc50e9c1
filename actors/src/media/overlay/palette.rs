//! Colours: one per track, far from that of its neighbours in number; and the few of the overlay.

use models::picture::{Matrix, Range};
use schema::id::TrackId;

/// A colour in sRGB, 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8);

pub(super) const WHITE: Colour = Colour(0xff, 0xff, 0xff);
/// Text on bright chips, casings, the panel.
pub(super) const INK: Colour = Colour(0x0d, 0x11, 0x17);
/// Counting lines at rest.
pub(super) const LINE: Colour = Colour(0xe8, 0xee, 0xf6);
/// Counting lines at a crossing.
pub(super) const FLASH: Colour = Colour(0xff, 0xc8, 0x2e);
/// Less important text.
pub(super) const QUIET: Colour = Colour(0xb4, 0xc0, 0xcf);

/// Of even lightness, bright enough for dark text, neighbours far apart in hue.
const TRACKS: [Colour; 12] = [
    Colour(0x3d, 0xd6, 0xf5), // cyan
    Colour(0xff, 0x6b, 0x6b), // coral
    Colour(0x7b, 0xe4, 0x6b), // green
    Colour(0xc0, 0x8c, 0xff), // violet
    Colour(0xff, 0xc2, 0x3d), // amber
    Colour(0x5c, 0xa8, 0xff), // blue
    Colour(0xff, 0x7a, 0xc6), // pink
    Colour(0x2e, 0xe0, 0xb0), // teal
    Colour(0xff, 0x93, 0x4f), // orange
    Colour(0x8e, 0x9b, 0xff), // periwinkle
    Colour(0xd3, 0xe8, 0x4a), // lime
    Colour(0xee, 0x82, 0xee), // orchid
];

/// The colour of a track.
pub(super) const fn of_track(id: TrackId) -> Colour {
    TRACKS[(id.0 as usize).wrapping_sub(1) % TRACKS.len()]
}

/// A colour as luma and chroma of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink {
    pub(super) y: u8,
    pub(super) u: u8,
    pub(super) v: u8,
}

impl Colour {
    /// In the numbers of a frame (ITU-R BT.601, BT.709, BT.2020; section 3 of each).
    pub(super) fn ink(self, range: Range, matrix: Matrix) -> Ink {
        let [r, g, b] = [self.0, self.1, self.2].map(|value| f32::from(value) / 255.0);
        let (kr, kb) = match matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        };
        let y = kr * r + (1.0 - kr - kb) * g + kb * b;
        let (u, v) = ((b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr)));
        let (black, luma, chroma) = match range {
            Range::Limited => (16.0, 219.0, 224.0),
            Range::Full => (0.0, 255.0, 255.0),
        };
        let byte = |value: f32| value.round().clamp(0.0, 255.0) as u8;
        Ink { y: byte(black + luma * y), u: byte(128.0 + chroma * u), v: byte(128.0 + chroma * v) }
    }

    /// `share` of the way to `other`, 0 to 1.
    pub(super) fn towards(self, other: Self, share: f32) -> Self {
        let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share) as u8;
        Self(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colours() {
        let limited = |c: Colour| c.ink(Range::Limited, Matrix::Bt601);
        assert_eq!(limited(WHITE), Ink { y: 235, u: 128, v: 128 });
        assert_eq!(limited(Colour(255, 0, 0)), Ink { y: 81, u: 90, v: 240 });
        let full = |c: Colour| c.ink(Range::Full, Matrix::Bt709);
        assert_eq!(full(Colour(0, 0, 0)), Ink { y: 0, u: 128, v: 128 });
        assert_eq!(full(Colour(0, 0, 255)), Ink { y: 18, u: 255, v: 116 });
    }

    #[test]
    fn neighbours_differ() {
        for id in 1..=24 {
            let ink = |id| of_track(TrackId(id)).ink(Range::Full, Matrix::Bt601);
            let (a, b) = (ink(id), ink(id + 1));
            let distance = f32::from(a.u.abs_diff(b.u)).hypot(f32::from(a.v.abs_diff(b.v)));
            assert!(distance > 60.0, "tracks {id} and {}: {distance}", id + 1);
        }
        assert_eq!(of_track(TrackId(1)), of_track(TrackId(13)));
    }
}
