//! Where a frame lies in a model's input: geometry only, no pixels.

use schema::geometry::BBox;
use serde::Deserialize;

/// How a frame is fitted into an input of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Aspect kept, upper left corner, padding to the right and below (YOLOX).
    TopLeft,
    /// Aspect kept, in the middle, padding on both sides (YOLOv5, YOLOv8).
    Centre,
    /// Both sides stretched to the input; no padding (FastestDet).
    Stretch,
}

/// The place of one frame in one model's input.
///
/// A point at `x` in the frame lies at `x * scale.0 + left` in the input; likewise for `y`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Columns of padding to the left of the picture.
    pub left: usize,
    /// Rows of padding above the picture.
    pub top: usize,
    /// Width of the picture in the input.
    pub width: usize,
    /// Height of the picture in the input.
    pub height: usize,
    /// Input pixels per frame pixel, horizontally and vertically.
    pub scale: (f64, f64),
}

impl Placement {
    /// Places a frame of size `frame` (not empty) in an input of size `input`.
    ///
    /// Sizes round as in the models' own preprocessing: down for [`Fit::TopLeft`], to the nearest
    /// for [`Fit::Centre`], and the scale is the same for both axes even where the rounded height
    /// would give another (the difference is below one input pixel).
    #[must_use]
    pub fn new(fit: Fit, frame: (usize, usize), input: (usize, usize)) -> Self {
        let ratio = (input.0 as f64 / frame.0 as f64, input.1 as f64 / frame.1 as f64);
        if fit == Fit::Stretch {
            return Self { left: 0, top: 0, width: input.0, height: input.1, scale: ratio };
        }
        // Integers decide the side that fills the input, so that it does so exactly.
        let wide = frame.0 * input.1 >= frame.1 * input.0;
        let (scale, num, den) =
            if wide { (ratio.0, input.0, frame.0) } else { (ratio.1, input.1, frame.1) };
        let half = if fit == Fit::Centre { den / 2 } else { 0 };
        let side = |length: usize, limit: usize| ((length * num + half) / den).clamp(1, limit);
        let (width, height) = (side(frame.0, input.0), side(frame.1, input.1));
        let (left, top) = match fit {
            Fit::Centre => ((input.0 - width) / 2, (input.1 - height) / 2),
            Fit::TopLeft | Fit::Stretch => (0, 0),
        };
        Self { left, top, width, height, scale: (scale, scale) }
    }

    /// A box in input pixels as a box in frame pixels; not clipped.
    #[must_use]
    pub fn to_frame(&self, b: &BBox) -> BBox {
        let x = |v: f32| ((f64::from(v) - self.left as f64) / self.scale.0) as f32;
        let y = |v: f32| ((f64::from(v) - self.top as f64) / self.scale.1) as f32;
        BBox { x1: x(b.x1), y1: y(b.y1), x2: x(b.x2), y2: y(b.y2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(fit: Fit, frame: (usize, usize), expected: (usize, usize, usize, usize)) {
        let p = Placement::new(fit, frame, (416, 416));
        assert_eq!((p.left, p.top, p.width, p.height), expected, "{fit:?} {frame:?}");
    }

    #[test]
    fn sizes_are_those_of_the_models_own_preprocessing() {
        check(Fit::TopLeft, (1280, 720), (0, 0, 416, 234));
        check(Fit::TopLeft, (720, 1280), (0, 0, 234, 416));
        check(Fit::TopLeft, (640, 425), (0, 0, 416, 276)); // 276.25
        check(Fit::TopLeft, (640, 427), (0, 0, 416, 277)); // 277.55 rounds down
        check(Fit::Centre, (640, 427), (0, 69, 416, 278)); // and here to the nearest
        check(Fit::Centre, (1280, 720), (0, 91, 416, 234));
        check(Fit::Stretch, (1280, 720), (0, 0, 416, 416));
        check(Fit::TopLeft, (416, 416), (0, 0, 416, 416));
        check(Fit::TopLeft, (10_000, 1), (0, 0, 416, 1));
    }

    proptest! {
        #[test]
        fn the_picture_fills_one_side_and_boxes_come_back(
            w in 1usize..5000, h in 1usize..5000,
            fit in prop::sample::select(vec![Fit::TopLeft, Fit::Centre, Fit::Stretch]),
        ) {
            let p = Placement::new(fit, (w, h), (416, 320));
            prop_assert!(p.left + p.width <= 416 && p.top + p.height <= 320);
            prop_assert!(p.width == 416 || p.height == 320);
            let inside = BBox {
                x1: p.left as f32, y1: p.top as f32,
                x2: (p.left as f64 + w as f64 * p.scale.0) as f32,
                y2: (p.top as f64 + h as f64 * p.scale.1) as f32,
            };
            let frame = p.to_frame(&inside);
            prop_assert!(frame.x1.abs() < 1e-2 && frame.y1.abs() < 1e-2);
            prop_assert!((frame.x2 - w as f32).abs() < 0.1 && (frame.y2 - h as f32).abs() < 0.1);
        }
    }
}
