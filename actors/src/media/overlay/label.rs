//! The chip that names an object: id and label, where it hides no other chip.

use super::mask::Rect;
use super::object::pixels;
use super::palette::{Colour, INK, of_track};
use super::{AnnotatedObject, Pen};

/// Where chips lie already.
#[derive(Default)]
pub(super) struct Placed(Vec<Rect>);

/// Draws the chip of an object above its box, or inside, or below, wherever there is room; where
/// there is none for all of it, the number alone.
pub(super) fn draw(pen: &mut Pen<'_>, object: &AnnotatedObject, placed: &mut Placed) {
    let style = *pen.style;
    let bbox = pixels(&object.bbox, 2 * style.radius);
    let id = object.track_id.to_string();
    let full = if object.label.is_empty() { id.clone() } else { format!("{id} {}", object.label) };
    // A long name over a tiny object hides its neighbours.
    let is_fit = text_width(pen, &full) <= bbox.width().max(6 * style.text as i32);
    let candidates = if is_fit { vec![full, id] } else { vec![id] };
    let chips = candidates.iter().flat_map(|text| places(pen, bbox, text).map(|chip| (text, chip)));
    let chips: Vec<_> = chips.collect();
    let is_free = |(_, chip): &&(&String, Rect)| !placed.0.iter().any(|o| o.overlaps(*chip));
    let Some(&(text, chip)) = chips.iter().find(is_free).or(chips.last()) else { return };
    pen.mask.rounded(chip, style.radius * 2 / 3);
    pen.canvas.paint(pen.mask, of_track(object.track_id), 0.9);
    write(pen, text, chip.x1 + style.padding, chip.y2 - style.padding, INK);
    placed.0.push(chip);
}

/// Where the chip for `text` may lie, the best first.
fn places(pen: &Pen<'_>, bbox: Rect, text: &str) -> [Rect; 4] {
    let (style, gap) = (pen.style, pen.style.corner / 2 + 1);
    let cap = pen.typeface.cap_height(style.text).round() as i32;
    let (w, h) = (text_width(pen, text) + 2 * style.padding, cap + 2 * style.padding);
    let (width, height) = (pen.canvas.width(), pen.canvas.height());
    let x = bbox.x1.min(width - w).max(0);
    let within = |y: i32| Rect::new(x, y.min(height - h).max(0), w, h);
    [bbox.y1 - gap - h, bbox.y1 + gap + 1, bbox.y2 + gap, bbox.y2 - gap - h].map(within)
}

/// Width of label text in pixels.
pub(super) fn text_width(pen: &Pen<'_>, text: &str) -> i32 {
    pen.typeface.width(text, pen.style.text).ceil() as i32
}

/// Writes `text` on a base line.
pub(super) fn write(pen: &mut Pen<'_>, text: &str, x: i32, baseline: i32, colour: Colour) {
    pen.typeface.draw(pen.mask, text, pen.style.text, x as f32, baseline);
    pen.canvas.paint(pen.mask, colour, 1.0);
}
