//! The panel in the upper left corner: counters and time.

use super::mask::Rect;
use super::palette::{Colour, INK, QUIET, WHITE};
use super::{Annotation, Pen};
use schema::time::MediaTime;

/// Draws the panel, where there is something to count.
pub(super) fn draw(pen: &mut Pen<'_>, annotation: &Annotation) {
    if annotation.counters.is_empty() {
        return;
    }
    let style = *pen.style;
    let size = style.panel_text;
    let rows: Vec<(&str, String)> = annotation
        .counters
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_string()))
        .collect();
    let time = clock(annotation.time);
    let width = |text: &str| pen.typeface.width(text, size).ceil() as i32;
    let names = rows.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let values = rows.iter().map(|(_, value)| width(value)).max().unwrap_or(0);
    let (inset, between) = (style.padding * 2, style.padding * 4);
    let cap = pen.typeface.cap_height(size).round() as i32;
    let pitch = cap + style.padding * 2;
    let inner = (names + between + values).max(width(&time));
    let height = pitch * (rows.len() as i32 + 1) - style.padding * 2 + 2 * inset + style.padding;
    let panel = Rect::new(style.margin, style.margin, inner + 2 * inset, height);
    pen.mask.rounded(panel, style.radius * 4 / 3);
    pen.canvas.paint(pen.mask, INK, 0.66);
    let (left, right) = (panel.x1 + inset, panel.x2 - inset);
    let mut baseline = panel.y1 + inset + cap;
    for (name, value) in &rows {
        write(pen, name, left as f32, baseline, QUIET);
        let x = right as f32 - pen.typeface.width(value, size);
        write(pen, value, x, baseline, WHITE);
        baseline += pitch;
    }
    let rule = baseline - cap - style.padding / 2;
    pen.canvas.fill(Rect { x1: left, y1: rule, x2: right, y2: rule + 1 }, WHITE, 0.18);
    write(pen, &time, left as f32, baseline + style.padding, QUIET);
}

fn write(pen: &mut Pen<'_>, text: &str, x: f32, baseline: i32, colour: Colour) {
    pen.typeface.draw(pen.mask, text, pen.style.panel_text, x, baseline);
    pen.canvas.paint(pen.mask, colour, 1.0);
}

/// Minutes, seconds, tenths; hours where there are any.
fn clock(time: MediaTime) -> String {
    let tenths = time.0.max(0) / 100_000;
    let (hours, minutes) = (tenths / 36_000, tenths / 600 % 60);
    let (seconds, tenth) = (tenths / 10 % 60, tenths % 10);
    match hours {
        0 => format!("{minutes}:{seconds:02}.{tenth}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}.{tenth}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks() {
        let check = |us, text| assert_eq!(clock(MediaTime(us)), text);
        check(0, "0:00.0");
        check(-5, "0:00.0");
        check(59_999_999, "0:59.9");
        check(3_723_450_000, "1:02:03.4");
    }
}
