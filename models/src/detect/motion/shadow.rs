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
