//! Text in Roboto Medium: laid out with kerning, rasterised once per glyph, size and quarter of a
//! pixel.

use super::mask::Mask;
use ab_glyph::{Font, FontRef, Glyph, GlyphId, PxScale, ScaleFont, point};
use std::collections::HashMap;

/// Roboto Medium, Apache-2.0; see `font/README.md`.
const ROBOTO: &[u8] = include_bytes!("font/Roboto-Medium.ttf");
/// Glyphs are kept at so many places between two pixels.
const PHASES: f32 = 4.0;

/// The typeface with the glyphs that were needed so far.
pub(super) struct Typeface {
    font: FontRef<'static>,
    glyphs: HashMap<Key, Stamp>,
}

/// Which glyph, at which size in 64ths of a pixel, at which quarter of a pixel.
type Key = (GlyphId, u32, u8);

/// Coverage of a glyph, relative to its place on the base line.
#[derive(Default)]
struct Stamp {
    left: i32,
    top: i32,
    width: usize,
    coverage: Vec<u8>,
}

impl Typeface {
    pub(super) fn new() -> Self {
        let font = FontRef::try_from_slice(ROBOTO).expect("the font that is compiled in is valid");
        Self { font, glyphs: HashMap::new() }
    }

    /// Width of `text` at `size`, in pixels.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        self.layout(text, size).1
    }

    /// Height of a capital letter at `size`, in pixels.
    pub(super) fn cap_height(&self, size: f32) -> f32 {
        // Of Roboto: 1456 of 2048 units per em; ascent and descent together make the size.
        let scaled = self.font.as_scaled(size);
        1456.0 * scaled.scale_factor().vertical
    }

    /// Adds `text` to the mask, beginning at `x`, standing on `baseline`.
    pub(super) fn draw(&mut self, mask: &mut Mask, text: &str, size: f32, x: f32, baseline: i32) {
        let (glyphs, _) = self.layout(text, size);
        for (id, offset) in glyphs {
            let at = x + offset;
            let phase = ((at - at.floor()) * PHASES) as u8;
            let key = (id, (size * 64.0) as u32, phase);
            let font = &self.font;
            let stamp = self.glyphs.entry(key).or_insert_with(|| rasterise(font, id, size, phase));
            let (left, top) = (at.floor() as i32 + stamp.left, baseline + stamp.top);
            mask.stamp(left, top, stamp.width, &stamp.coverage);
        }
    }

    /// Where each glyph begins, and the width of all.
    fn layout(&self, text: &str, size: f32) -> (Vec<(GlyphId, f32)>, f32) {
        let font = self.font.as_scaled(size);
        let (mut at, mut last) = (0.0, None);
        let glyphs = text.chars().filter(|c| !c.is_control()).map(|c| {
            let id = font.glyph_id(c);
            at += last.map_or(0.0, |last| font.kern(last, id));
            let glyph = (id, at);
            at += font.h_advance(id);
            last = Some(id);
            glyph
        });
        let glyphs: Vec<_> = glyphs.collect();
        (glyphs, at)
    }
}

fn rasterise(font: &FontRef<'static>, id: GlyphId, size: f32, phase: u8) -> Stamp {
    let position = point(f32::from(phase) / PHASES, 0.0);
    let Some(outline) = font.outline_glyph(Glyph { id, scale: PxScale::from(size), position })
    else {
        return Stamp::default();
    };
    let bounds = outline.px_bounds();
    let (width, height) = (bounds.width().ceil() as usize, bounds.height().ceil() as usize);
    let mut coverage = vec![0; width * height];
    outline.draw(|x, y, share| {
        if let Some(value) = coverage.get_mut(y as usize * width + x as usize) {
            *value = (share.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        }
    });
    Stamp { left: bounds.min.x.floor() as i32, top: bounds.min.y.floor() as i32, width, coverage }
}
