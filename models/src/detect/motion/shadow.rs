//! What a cast shadow does to a colour.
//!
//! A. Prati, I. Mikic, M. Trivedi, R. Cucchiara, "Detecting moving shadows: algorithms and
//! evaluation", IEEE TPAMI 25, 2003: the deterministic, colour-based test, here in YUV. Less light
//! lowers luma and takes chroma (its distance from grey) down by the same factor; another thing
//! has another chroma, or is darker than any shadow. A dark grey thing on grey ground cannot be
//! told from a shadow by its colour; that is the limit of this test.

/// What counts as a shadow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Params {
    /// Darkest shadow: luma against that of the background, 0 to 1; 1 turns the test off.
    pub(super) darkest: f32,
    /// Chroma may be this far from that of the darkened background, levels.
    pub(super) chroma_tolerance: f32,
}

/// Below this luma (levels above black) noise hides the difference between shadow and thing.
const DARK: f32 = 16.0;

impl Params {
    /// Whether `seen` could be a shadow on `background`; `black` is the luma without light, U and V
    /// are around 0.
    #[inline(always)]
    pub(super) fn covers(&self, background: [f32; 3], seen: [f32; 3], black: f32) -> bool {
        let light = (seen[0] - black) / (background[0] - black);
        let u = seen[1] - light * background[1];
        let v = seen[2] - light * background[2];
        (background[0] - black >= DARK)
            & (light >= self.darkest)
            & (light < 1.0)
            & (u * u + v * v <= self.chroma_tolerance * self.chroma_tolerance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: Params = Params { darkest: 0.5, chroma_tolerance: 6.0 };
    const GRASS: [f32; 3] = [100.0, -20.0, -10.0];

    fn check(seen: [f32; 3], expected: bool) {
        assert_eq!(PARAMS.covers(GRASS, seen, 0.0), expected, "{seen:?}");
    }

    #[test]
    fn shadow_is_less_light_of_the_same_colour() {
        check([60.0, -12.0, -6.0], true);
        check([95.0, -19.0, -9.5], true);
        check([51.0, -10.0, -5.0], true);
        check([49.0, -10.0, -5.0], false);
        check([101.0, -20.0, -10.0], false);
        check([60.0, -12.0, 2.0], false);
        check([60.0, -20.0, -10.0], false);
    }

    #[test]
    fn light_is_counted_from_the_black_of_the_exposure() {
        assert!(PARAMS.covers([100.0, 0.0, 0.0], [60.0, 0.0, 0.0], 0.0));
        assert!(!PARAMS.covers([100.0, 0.0, 0.0], [60.0, 0.0, 0.0], 40.0));
    }

    #[test]
    fn in_the_dark_there_are_no_shadows() {
        assert!(!PARAMS.covers([10.0, 0.0, 0.0], [8.0, 0.0, 0.0], 0.0));
        assert!(!Params { darkest: 1.0, ..PARAMS }.covers(GRASS, [90.0, -18.0, -9.0], 0.0));
    }
}
