//! Boxes, points and lines in pixels of the displayed frame, y down.
//!
//! Normalised or `x, y, w, h` forms exist only at the edge that asks for them.

use serde::{Deserialize, Serialize};

/// A point of a picture, in pixels; x to the right, y down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ImagePoint {
    /// Pixels from the left edge.
    pub x: f32,
    /// Pixels from the upper edge.
    pub y: f32,
}

/// An axis-aligned box, `xyxy` in pixels; on the wire `[x1, y1, x2, y2]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f32; 4]", into = "[f32; 4]")]
pub struct BBox {
    /// Left edge.
    pub x1: f32,
    /// Upper edge.
    pub y1: f32,
    /// Right edge.
    pub x2: f32,
    /// Lower edge.
    pub y2: f32,
}

impl From<[f32; 4]> for BBox {
    fn from([x1, y1, x2, y2]: [f32; 4]) -> Self {
        Self { x1, y1, x2, y2 }
    }
}

impl From<BBox> for [f32; 4] {
    fn from(b: BBox) -> Self {
        [b.x1, b.y1, b.x2, b.y2]
    }
}

impl BBox {
    /// A box from its upper left corner and its size.
    #[must_use]
    pub const fn from_xywh(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x1: x, y1: y, x2: x + width, y2: y + height }
    }

    /// Width in pixels, not below zero.
    #[must_use]
    pub const fn width(&self) -> f32 {
        (self.x2 - self.x1).max(0.0)
    }

    /// Height in pixels, not below zero.
    #[must_use]
    pub const fn height(&self) -> f32 {
        (self.y2 - self.y1).max(0.0)
    }

    /// Area in square pixels.
    #[must_use]
    pub const fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// The middle of the box.
    #[must_use]
    pub const fn center(&self) -> ImagePoint {
        ImagePoint { x: (self.x1 + self.x2) / 2.0, y: (self.y1 + self.y2) / 2.0 }
    }

    /// The middle of the lower edge: where a standing thing touches the ground.
    #[must_use]
    pub const fn foot(&self) -> ImagePoint {
        ImagePoint { x: (self.x1 + self.x2) / 2.0, y: self.y2 }
    }

    /// Area shared with `other`.
    #[must_use]
    pub const fn intersection(&self, other: &Self) -> f32 {
        let w = self.x2.min(other.x2) - self.x1.max(other.x1);
        let h = self.y2.min(other.y2) - self.y1.max(other.y1);
        w.max(0.0) * h.max(0.0)
    }

    /// Intersection over union, 0 to 1; 0 for empty boxes.
    #[must_use]
    pub const fn iou(&self, other: &Self) -> f32 {
        let shared = self.intersection(other);
        let union = self.area() + other.area() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }

    /// The part of the box inside a `width` x `height` picture.
    #[must_use]
    pub const fn clipped(&self, width: f32, height: f32) -> Self {
        Self {
            x1: self.x1.clamp(0.0, width),
            y1: self.y1.clamp(0.0, height),
            x2: self.x2.clamp(0.0, width),
            y2: self.y2.clamp(0.0, height),
        }
    }

    /// Whether all four numbers are finite and the box has an area.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.x1.is_finite()
            && self.y1.is_finite()
            && self.x2.is_finite()
            && self.y2.is_finite()
            && self.x2 > self.x1
            && self.y2 > self.y1
    }
}

/// On which side of a directed line a point lies, as seen on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// To the left of the way from the first point to the second.
    Left,
    /// To the right of it: below a line that is drawn from left to right.
    Right,
}

/// A directed line from `p1` to `p2`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Where the line begins.
    pub p1: ImagePoint,
    /// Where it ends.
    pub p2: ImagePoint,
}

impl Line {
    /// Length in pixels.
    #[must_use]
    pub fn length(&self) -> f32 {
        (self.p2.x - self.p1.x).hypot(self.p2.y - self.p1.y)
    }

    /// Signed distance of `p` from the infinite line in pixels: positive on the right-hand side.
    /// Zero for a line without length.
    #[must_use]
    pub fn signed_distance(&self, p: ImagePoint) -> f32 {
        let (dx, dy) = (self.p2.x - self.p1.x, self.p2.y - self.p1.y);
        let length = dx.hypot(dy);
        if length == 0.0 {
            return 0.0;
        }
        (dx * (p.y - self.p1.y) - dy * (p.x - self.p1.x)) / length
    }

    /// The side of `p`; a point on the line counts as right, so that a step onto the line and a
    /// step off it are one crossing, not two or none.
    #[must_use]
    pub fn side(&self, p: ImagePoint) -> Side {
        if self.signed_distance(p) >= 0.0 { Side::Right } else { Side::Left }
    }

    /// Whether the way from `a` to `b` meets the segment: the ends of the segment belong to it.
    #[must_use]
    pub fn is_crossed_by(&self, a: ImagePoint, b: ImagePoint) -> bool {
        if self.side(a) == self.side(b) {
            return false;
        }
        let (da, db) = (self.signed_distance(a), self.signed_distance(b));
        let t = da / (da - db);
        let (x, y) = (a.x + t * (b.x - a.x), a.y + t * (b.y - a.y));
        let (dx, dy) = (self.p2.x - self.p1.x, self.p2.y - self.p1.y);
        let along = ((x - self.p1.x) * dx + (y - self.p1.y) * dy) / (dx * dx + dy * dy);
        (0.0..=1.0).contains(&along)
    }

    /// Whether any part of the segment lies in a `width` x `height` frame, its edges included
    /// (Liang and Barsky 1984).
    #[must_use]
    pub fn touches_frame(&self, width: f32, height: f32) -> bool {
        let (dx, dy) = (self.p2.x - self.p1.x, self.p2.y - self.p1.y);
        let (mut enters, mut leaves) = (0.0_f32, 1.0_f32);
        // Per edge: how fast the way p1 -> p2 nears it from within, and how far p1 is from it.
        for (speed, room) in
            [(-dx, self.p1.x), (dx, width - self.p1.x), (-dy, self.p1.y), (dy, height - self.p1.y)]
        {
            if speed < 0.0 {
                enters = enters.max(room / speed);
            } else if speed > 0.0 {
                leaves = leaves.min(room / speed);
            } else if room < 0.0 {
                return false;
            }
        }
        enters <= leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn p(x: f32, y: f32) -> ImagePoint {
        ImagePoint { x, y }
    }

    #[test]
    fn boxes_are_four_numbers_on_the_wire() {
        let b = BBox { x1: 1.0, y1: 2.0, x2: 3.5, y2: 4.0 };
        assert_eq!(serde_json::to_string(&b).expect("serialises"), "[1.0,2.0,3.5,4.0]");
        assert_eq!(serde_json::from_str::<BBox>("[1,2,3.5,4]").expect("a box"), b);
    }

    #[test]
    fn a_line_touches_the_frame_or_not() {
        let touches =
            |x1, y1, x2, y2| Line { p1: p(x1, y1), p2: p(x2, y2) }.touches_frame(100.0, 50.0);
        assert!(touches(-10.0, 25.0, 110.0, 25.0), "through both sides");
        assert!(touches(40.0, 10.0, 60.0, 20.0), "all inside");
        assert!(touches(0.0, 50.0, 100.0, 50.0), "on the lower edge");
        assert!(touches(-10.0, 10.0, 10.0, -10.0), "through a corner");
        assert!(!touches(-10.0, 9.0, 9.0, -10.0), "past a corner");
        assert!(!touches(0.0, 51.0, 100.0, 51.0), "below");
        assert!(!touches(110.0, 0.0, 200.0, 50.0), "to the right");
        assert!(!touches(-20.0, 25.0, -10.0, 25.0), "ends before the frame");
    }

    #[test]
    fn below_a_line_drawn_to_the_right_is_its_right() {
        let line = Line { p1: p(0.0, 10.0), p2: p(20.0, 10.0) };
        assert_eq!(line.side(p(5.0, 11.0)), Side::Right);
        assert_eq!(line.side(p(5.0, 10.0)), Side::Right);
        assert_eq!(line.side(p(5.0, 9.0)), Side::Left);
        assert!((line.signed_distance(p(5.0, 13.0)) - 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_way_past_the_end_is_no_crossing() {
        let line = Line { p1: p(0.0, 10.0), p2: p(20.0, 10.0) };
        assert!(line.is_crossed_by(p(5.0, 0.0), p(5.0, 20.0)));
        assert!(line.is_crossed_by(p(5.0, 20.0), p(6.0, 0.0)));
        assert!(!line.is_crossed_by(p(25.0, 0.0), p(25.0, 20.0)));
        assert!(!line.is_crossed_by(p(5.0, 0.0), p(5.0, 9.9)));
    }

    prop_compose! {
        fn any_box()(x in -50f32..500.0, y in -50f32..500.0, w in 0f32..200.0, h in 0f32..200.0)
            -> BBox { BBox::from_xywh(x, y, w, h) }
    }

    proptest! {
        #[test]
        fn iou_is_symmetric_and_within_0_and_1(a in any_box(), b in any_box()) {
            let iou = a.iou(&b);
            prop_assert!((0.0..=1.0001).contains(&iou));
            prop_assert_eq!(iou, b.iou(&a));
        }

        #[test]
        fn boxes_round_trip(b in any_box()) {
            let text = serde_json::to_string(&b).expect("serialises");
            prop_assert_eq!(serde_json::from_str::<BBox>(&text).expect("its own form"), b);
        }

        #[test]
        fn clipping_stays_inside(b in any_box()) {
            let c = b.clipped(100.0, 80.0);
            prop_assert!(c.x1 >= 0.0 && c.y1 >= 0.0 && c.x2 <= 100.0 && c.y2 <= 80.0);
        }

        #[test]
        fn crossing_back_is_crossing(ax in 0f32..100.0, ay in 0f32..100.0, bx in 0f32..100.0, by in 0f32..100.0) {
            let line = Line { p1: p(10.0, 50.0), p2: p(90.0, 50.0) };
            let (a, b) = (p(ax, ay), p(bx, by));
            prop_assert_eq!(line.is_crossed_by(a, b), line.is_crossed_by(b, a));
        }
    }
}
