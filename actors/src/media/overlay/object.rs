//! An object's box and the trail of its foot point.

use super::mask::{Rect, Stroke};
use super::palette::{INK, WHITE, of_track};
use super::{AnnotatedObject, Pen};
use schema::geometry::{BBox, ImagePoint};

/// The box in whole pixels, at least as large as its own corners. What lies absurdly far outside
/// is brought nearer, so that sums fit.
pub(super) fn pixels(bbox: &BBox, least: i32) -> Rect {
    const FAR: f32 = 100_000.0;
    let whole = |value: f32| value.clamp(-FAR, FAR).round() as i32;
    let (x1, y1) = (whole(bbox.x1), whole(bbox.y1));
    Rect { x1, y1, x2: whole(bbox.x2).max(x1 + least), y2: whole(bbox.y2).max(y1 + least) }
}

/// Draws a thin outline with strong, rounded corners: the object stays visible inside.
pub(super) fn draw_box(pen: &mut Pen<'_>, object: &AnnotatedObject) {
    let style = pen.style;
    let rect = pixels(&object.bbox, 2 * style.radius);
    let colour = of_track(object.track_id);
    let side = rect.width().min(rect.height());
    let arm = (side / 4).clamp(style.radius, 6 * style.radius);
    let radius = style.radius.min(side / 2);
    // A dark casing keeps it visible on bright ground.
    outline(pen, rect.grown(1), (arm, radius + 1, style.outline + 2), (INK, 0.28));
    outline(pen, rect, (arm, radius, style.outline), (colour, 0.65));
    corners(pen, rect, (arm, radius, style.corner), colour);
}

/// The straight parts between the corners.
fn outline(
    pen: &mut Pen<'_>,
    rect: Rect,
    (arm, _, width): (i32, i32, i32),
    (colour, opacity): (super::palette::Colour, f32),
) {
    let Rect { x1, y1, x2, y2 } = rect;
    let sides = [
        Rect { x1: x1 + arm, y1, x2: x2 - arm, y2: y1 + width },
        Rect { x1: x1 + arm, y1: y2 - width, x2: x2 - arm, y2 },
        Rect { x1, y1: y1 + arm, x2: x1 + width, y2: y2 - arm },
        Rect { x1: x2 - width, y1: y1 + arm, x2, y2: y2 - arm },
    ];
    for side in sides {
        pen.canvas.fill(side, colour, opacity);
    }
}

fn corners(
    pen: &mut Pen<'_>,
    rect: Rect,
    (arm, radius, width): (i32, i32, i32),
    colour: super::palette::Colour,
) {
    for (right, lower) in [(false, false), (true, false), (false, true), (true, true)] {
        for (grow, colour, opacity) in [(1, INK, 0.28), (0, colour, 1.0)] {
            corner(pen, rect.grown(grow), (right, lower), (arm, radius + grow, width + 2 * grow));
            pen.canvas.paint(pen.mask, colour, opacity);
        }
    }
}

/// Adds one corner to the mask: a quarter ring and two arms.
fn corner(
    pen: &mut Pen<'_>,
    rect: Rect,
    (right, lower): (bool, bool),
    (arm, radius, width): (i32, i32, i32),
) {
    let arm = arm.max(radius);
    let (x, inner_x) = if right { (rect.x2, -1) } else { (rect.x1, 1) };
    let (y, inner_y) = if lower { (rect.y2, -1) } else { (rect.y1, 1) };
    let between = |a: i32, b: i32| (a.min(b), a.max(b));
    let area = |dx: (i32, i32), dy: (i32, i32)| {
        let (x1, x2) = between(x + inner_x * dx.0, x + inner_x * dx.1);
        let (y1, y2) = between(y + inner_y * dy.0, y + inner_y * dy.1);
        Rect { x1, y1, x2, y2 }
    };
    let centre = ((x + inner_x * radius) as f32, (y + inner_y * radius) as f32);
    pen.mask.arc(area((0, radius), (0, radius)), centre, radius as f32, width as f32);
    pen.mask.shape(area((radius, arm), (0, width)), |_, _| 1.0);
    pen.mask.shape(area((0, width), (radius, arm)), |_, _| 1.0);
}

/// Draws where the foot point was: thin and faint long ago, thick and clear now.
pub(super) fn draw_trail(pen: &mut Pen<'_>, object: &AnnotatedObject) {
    let colour = of_track(object.track_id);
    let half = pen.style.trail / 2.0;
    let trail = smoothed(object, pen.style.trail);
    let steps = trail.len().saturating_sub(1).max(1) as f32;
    // A casing below, as with the boxes.
    for (grow, colour, opacity) in [(1.0, INK, 0.3), (0.0, colour, 0.95)] {
        for (index, pair) in trail.windows(2).enumerate() {
            let age = (index as f32 / steps, (index + 1) as f32 / steps);
            let radius = |age: f32| half * (0.3 + 0.7 * age) + grow;
            pen.mask.stroke(&Stroke {
                from: (pair[0].x, pair[0].y),
                to: (pair[1].x, pair[1].y),
                radius: (radius(age.0), radius(age.1)),
                strength: (age.0.sqrt(), age.1.sqrt()),
            });
        }
        pen.canvas.paint(pen.mask, colour, opacity);
    }
    if let Some(foot) = object.trail.last() {
        for (radius, colour) in [(half * 2.0 + 0.5, INK), (half * 2.0, WHITE), (half * 1.3, colour)]
        {
            pen.mask.disc((foot.x, foot.y), radius);
            pen.canvas.paint(pen.mask, colour, 0.95);
        }
    }
}

/// The trail without steps that are shorter than it is wide: who stands still leaves a point, not
/// a scribble.
fn smoothed(object: &AnnotatedObject, least: f32) -> Vec<ImagePoint> {
    let mut kept: Vec<ImagePoint> = Vec::with_capacity(object.trail.len());
    for point in object.trail.iter().rev() {
        let is_far = |last: &ImagePoint| (last.x - point.x).hypot(last.y - point.y) >= least;
        if kept.last().is_none_or(is_far) {
            kept.push(*point);
        }
    }
    kept.reverse();
    kept
}
