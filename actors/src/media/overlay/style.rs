//! Sizes of strokes and text by the size of the picture: readable at 426x240, not clumsy at 4K.

/// Sizes in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    /// Width of a box's thin outline.
    pub(super) outline: i32,
    /// Width of a box's corners.
    pub(super) corner: i32,
    /// Radius of rounded corners of boxes and chips.
    pub(super) radius: i32,
    /// Width of a trail at its newest end.
    pub(super) trail: f32,
    /// Width of a counting line.
    pub(super) line: f32,
    /// Height of label text.
    pub(super) text: f32,
    /// Height of the panel's text.
    pub(super) panel_text: f32,
    /// Space between text and the edge of its chip.
    pub(super) padding: i32,
    /// Distance of the panel from the edges of the picture.
    pub(super) margin: i32,
}

/// The picture for which the sizes are drawn up.
const REFERENCE: f32 = 1280.0 * 720.0;

impl Style {
    pub(super) fn for_size(width: u32, height: u32) -> Self {
        let scale = (width as f32 * height as f32 / REFERENCE).sqrt();
        let whole =
            |at_reference: f32, least: i32| ((at_reference * scale).round() as i32).max(least);
        Self {
            outline: whole(1.5, 1),
            corner: whole(3.0, 2),
            radius: whole(6.0, 3),
            trail: (5.0 * scale).max(2.2),
            line: (3.5 * scale).max(2.0),
            text: (18.0 * scale).max(12.0).round(),
            panel_text: (20.0 * scale).max(12.0).round(),
            padding: whole(5.0, 3),
            margin: whole(18.0, 6),
        }
    }
}
