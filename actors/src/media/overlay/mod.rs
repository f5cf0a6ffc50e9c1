//! Draws what was found onto the pictures: boxes, ids, trails, lines, counts.
//!
//! Works on the Y, U and V planes of a private copy of each frame, so no colour conversion lies
//! between decoder and encoder. Knows nothing of trackers and counters: it draws what an
//! [`Annotation`] says. Deterministic: same frame and annotation, same picture.

mod canvas;
mod hud;
mod label;
mod line;
mod mask;
mod object;
mod palette;
mod style;
mod text;

use canvas::Canvas;
use mask::Mask;
use models::picture::Frame;
use schema::Result;
use schema::geometry::{BBox, ImagePoint, Line};
use schema::id::TrackId;
use schema::time::MediaTime;
use style::Style;
use text::Typeface;

/// One tracked object as it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct AnnotatedObject {
    /// Chooses the colour, and is written beside the label.
    pub track_id: TrackId,
    /// Pixels of the frame.
    pub bbox: BBox,
    /// What it is, as `person`; may be empty.
    pub label: String,
    /// Where its foot point was, the oldest first; fades towards the oldest.
    pub trail: Vec<ImagePoint>,
}

/// A counting line as it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct AnnotatedLine {
    /// Pixels of the frame; an arrow shows its forward side, the right-hand one.
    pub line: Line,
    /// What it is called; may be empty.
    pub name: String,
    /// Crossings from its left to its right so far.
    pub forward: u64,
    /// Crossings from its right to its left so far.
    pub backward: u64,
    /// How brightly it lights up for a crossing: 1 at the crossing, falling to 0.
    pub highlight: f32,
}

/// All that is drawn onto one frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotation {
    /// The objects, drawn in this order: later ones lie above.
    pub objects: Vec<AnnotatedObject>,
    /// The lines, drawn below the objects.
    pub lines: Vec<AnnotatedLine>,
    /// Names and values for the panel in the upper left corner; none, no panel.
    pub counters: Vec<(String, u64)>,
    /// The time shown in the panel.
    pub time: MediaTime,
}

/// Draws annotations onto frames of one size.
///
/// Keeps only what saves work from frame to frame: sizes, glyphs, scratch memory.
pub struct Overlay {
    style: Style,
    typeface: Typeface,
    mask: Mask,
}

impl Overlay {
    /// An overlay for pictures of `width` x `height` pixels; strokes and text are sized for them.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        let style = Style::for_size(width, height);
        let typeface = Typeface::new();
        Self { style, typeface, mask: Mask::new(width, height) }
    }

    /// A copy of `frame`, sampled 4:2:0, with the annotation drawn onto it.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the frame is not of the overlay's size.
    pub fn draw(&mut self, frame: &Frame, annotation: &Annotation) -> Result<Frame> {
        self.mask.expect_size(frame.width(), frame.height())?;
        let mut pen = Pen {
            canvas: Canvas::copy_of(frame),
            mask: &mut self.mask,
            typeface: &mut self.typeface,
            style: &self.style,
        };
        for line in &annotation.lines {
            line::draw(&mut pen, line);
        }
        for object in &annotation.objects {
            object::draw_trail(&mut pen, object);
        }
        for object in &annotation.objects {
            object::draw_box(&mut pen, object);
        }
        let mut labels = label::Placed::default();
        for object in annotation.objects.iter().rev() {
            label::draw(&mut pen, object, &mut labels);
        }
        for line in &annotation.lines {
            line::draw_count(&mut pen, line);
        }
        hud::draw(&mut pen, annotation);
        pen.canvas.into_frame(frame)
    }
}

/// What every drawing function needs.
struct Pen<'a> {
    canvas: Canvas,
    mask: &'a mut Mask,
    typeface: &'a mut Typeface,
    style: &'a Style,
}

#[cfg(test)]
mod tests;
