//! A counting line: where it lies, which way is forward, how many crossed, and a flash when one
//! does.

use super::label::{text_width, write};
use super::mask::{Point, Rect, Stroke};
use super::palette::{Colour, FLASH, INK, LINE, QUIET, WHITE};
use super::{AnnotatedLine, Pen};

/// Draws the line itself with its arrow.
pub(super) fn draw(pen: &mut Pen<'_>, annotated: &AnnotatedLine) {
    let highlight = annotated.highlight.clamp(0.0, 1.0);
    let colour = LINE.towards(FLASH, highlight);
    let half = pen.style.line / 2.0;
    let (from, to) = ends(annotated);
    if highlight > 0.0 {
        stroke(pen, (from, to), half * (1.0 + 4.0 * highlight), (FLASH, 0.35 * highlight));
    }
    stroke(pen, (from, to), half + 1.5, (INK, 0.45));
    stroke(pen, (from, to), half * (1.0 + 0.5 * highlight), (colour, 0.95));
    for end in [from, to] {
        for (radius, colour) in [(half * 2.6 + 1.5, INK), (half * 2.6, colour), (half * 1.2, INK)] {
            pen.mask.disc(end, radius);
            pen.canvas.paint(pen.mask, colour, 0.9);
        }
    }
    arrow(pen, annotated, colour);
}

fn ends(annotated: &AnnotatedLine) -> (Point, Point) {
    let (p1, p2) = (annotated.line.p1, annotated.line.p2);
    ((p1.x, p1.y), (p2.x, p2.y))
}

fn stroke(
    pen: &mut Pen<'_>,
    (from, to): (Point, Point),
    half: f32,
    (colour, opacity): (Colour, f32),
) {
    // In pieces, so that a slanted line does not touch the whole rectangle around it.
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    let pieces = (length / 64.0).ceil().clamp(1.0, 256.0);
    let at = |t: f32| (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t);
    for piece in 0..pieces as u32 {
        let (start, end) = (piece as f32 / pieces, (piece + 1) as f32 / pieces);
        let ends = (at(start), at(end));
        let (radius, strength) = ((half, half), (1.0, 1.0));
        pen.mask.stroke(&Stroke { from: ends.0, to: ends.1, radius, strength });
    }
    pen.canvas.paint(pen.mask, colour, opacity);
}

/// The unit vector to the forward side: the right-hand side of the way from p1 to p2.
fn forward(annotated: &AnnotatedLine) -> Point {
    let (from, to) = ends(annotated);
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    if length > 0.0 { (-dy / length, dx / length) } else { (0.0, 1.0) }
}

fn middle(annotated: &AnnotatedLine) -> Point {
    let (from, to) = ends(annotated);
    ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0)
}

/// A short arrow from the middle of the line to its forward side.
fn arrow(pen: &mut Pen<'_>, annotated: &AnnotatedLine, colour: Colour) {
    let unit = pen.style.line;
    let (centre, (nx, ny)) = (middle(annotated), forward(annotated));
    let along = |by: f32| (centre.0 + nx * by, centre.1 + ny * by);
    for (grow, colour, opacity) in [(1.5, INK, 0.45), (0.0, colour, 0.95)] {
        let ends = (along(0.0), along(unit * 5.0));
        let half = unit * 0.5 + grow;
        let (radius, strength) = ((half, half), (1.0, 1.0));
        pen.mask.stroke(&Stroke { from: ends.0, to: ends.1, radius, strength });
        pointer(pen, along(unit * 5.0 - grow), (nx, ny), unit * 2.4 + grow * 1.5);
        pen.canvas.paint(pen.mask, colour, opacity);
    }
}

/// Adds a triangle of this half-width that points along `n` from `base`.
fn pointer(pen: &mut Pen<'_>, base: Point, (nx, ny): Point, half: f32) {
    let at = |along: f32, across: f32| {
        (base.0 + nx * along - ny * across, base.1 + ny * along + nx * across)
    };
    pen.mask.triangle([at(half * 1.5, 0.0), at(0.0, half), at(0.0, -half)]);
}

/// Draws the chip with name and counts at the first end of the line, on its left-hand side.
pub(super) fn draw_count(pen: &mut Pen<'_>, annotated: &AnnotatedLine) {
    let style = *pen.style;
    let (forward_count, backward_count) =
        (annotated.forward.to_string(), annotated.backward.to_string());
    let cap = pen.typeface.cap_height(style.text).round() as i32;
    let (icon, gap) = (cap, style.padding);
    let name_width = text_width(pen, &annotated.name);
    let (forward_width, backward_width) =
        (text_width(pen, &forward_count), text_width(pen, &backward_count));
    let after_name = if name_width > 0 { name_width + 2 * gap } else { 0 };
    let counts = 2 * (icon + gap) + forward_width + 2 * gap + backward_width;
    let (width, height) = (after_name + counts + 4 * gap, cap + 3 * gap);
    let chip = place(pen, annotated, (width, height));
    pen.mask.rounded(chip, style.radius);
    let flash = annotated.highlight.clamp(0.0, 1.0);
    pen.canvas.paint(pen.mask, INK.towards(FLASH, flash), 0.72 + 0.23 * flash);
    let strong = if flash > 0.5 { INK } else { WHITE };
    let quiet = if flash > 0.5 { INK } else { QUIET };
    let baseline = chip.y1 + (height + cap) / 2;
    let mut x = chip.x1 + 2 * gap;
    write(pen, &annotated.name, x, baseline, quiet);
    x += after_name;
    let (nx, ny) = forward(annotated);
    for (n, text, width, colour) in [
        ((nx, ny), &forward_count, forward_width, strong),
        ((-nx, -ny), &backward_count, backward_width, quiet),
    ] {
        let centre = ((x + icon / 2) as f32, baseline as f32 - cap as f32 / 2.0);
        let half = cap as f32 * 0.5;
        pointer(pen, (centre.0 - n.0 * half * 0.7, centre.1 - n.1 * half * 0.7), n, half);
        pen.canvas.paint(pen.mask, colour, 1.0);
        write(pen, text, x + icon + gap, baseline, colour);
        x += icon + gap + width + 2 * gap;
    }
}

fn place(pen: &Pen<'_>, annotated: &AnnotatedLine, (w, h): (i32, i32)) -> Rect {
    let ((x, y), (nx, ny)) = (ends(annotated).0, forward(annotated));
    let away = pen.style.line * 4.0;
    // Beside the first end, on the side that things come from, clear of the line.
    let reach = away + (nx.abs() * w as f32 + ny.abs() * h as f32) / 2.0;
    let (x, y) = (x - nx * reach, y - ny * reach);
    let (width, height) = (pen.canvas.width(), pen.canvas.height());
    let margin = pen.style.padding;
    let inside = |middle: f32, size: i32, all: i32| {
        ((middle - size as f32 / 2.0).round() as i32).min(all - margin - size).max(margin)
    };
    Rect::new(inside(x, w, width), inside(y, h, height), w, h)
}
