//! What is known of a connected region, and how sure it is a moving thing.

use super::components::Run;
use super::mixture::Seen;
use super::texture::Edge;

/// A region of foreground, in cells.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Blob {
    /// Left and upper edge; right and lower edge, which lie one past the last cell.
    pub(super) x1: usize,
    pub(super) y1: usize,
    pub(super) x2: usize,
    pub(super) y2: usize,
    /// Cells of the mask.
    pub(super) area: usize,
    /// Cells among them that are foreground: closing adds others.
    pub(super) foreground: usize,
    /// Cells among those that have not changed for long.
    pub(super) still: usize,
    /// Sum of the contrast of the foreground cells, 0 to 255 each.
    pub(super) contrast: usize,
    /// How the difference to the background falls off at the border.
    pub(super) edge: Edge,
}

impl Blob {
    /// Measures the component with these `runs` in a picture of `width` columns; cells that have
    /// looked the same for `still` units or longer count as still.
    pub(super) fn measure(runs: &[Run], width: usize, seen: &Seen, still: u8) -> Self {
        let mut blob = Self {
            x1: usize::MAX,
            y1: usize::MAX,
            x2: 0,
            y2: 0,
            area: 0,
            foreground: 0,
            still: 0,
            contrast: 0,
            edge: Edge::default(),
        };
        for run in runs {
            blob.x1 = blob.x1.min(run.columns.start);
            blob.y1 = blob.y1.min(run.y);
            blob.x2 = blob.x2.max(run.columns.end);
            blob.y2 = blob.y2.max(run.y + 1);
            blob.area += run.columns.len();
            for cell in run.cells(width).filter(|&cell| seen.contrast[cell] > 0) {
                blob.foreground += 1;
                blob.contrast += usize::from(seen.contrast[cell]);
                blob.still += usize::from(seen.still[cell] >= still);
            }
        }
        blob
    }

    /// Columns.
    pub(super) const fn width(&self) -> usize {
        self.x2 - self.x1
    }

    /// Rows.
    pub(super) const fn height(&self) -> usize {
        self.y2 - self.y1
    }

    /// Makes `other` a part of this blob.
    pub(super) fn join(&mut self, other: &Self) {
        self.x1 = self.x1.min(other.x1);
        self.y1 = self.y1.min(other.y1);
        self.x2 = self.x2.max(other.x2);
        self.y2 = self.y2.max(other.y2);
        self.area += other.area;
        self.foreground += other.foreground;
        self.still += other.still;
        self.contrast += other.contrast;
        self.edge = self.edge.and(other.edge);
    }

    /// How sure it is that this is a moving thing, 0 to 1: the product of four shares.
    ///
    /// *Contrast*: how far its cells are beyond the threshold of the background, in terms of its
    /// noise; 0.75 at twice the threshold. *Sharpness*: light fades where a thing ends; 1 if the
    /// difference to the background falls to half across the border. *Size*: 2/3 for a blob of
    /// `min_area` cells, growing to 1. *Motion*: what does not change is rather a trace than a
    /// thing, unless it is large; 0.3 for a small blob that is quite still, hardly less than 1 for
    /// one of many times `large_area` cells. A tracker with two thresholds (ByteTrack) so begins
    /// tracks with what moves, and keeps them with what has come to a stand.
    pub(super) fn score(&self, min_area: f32, large_area: f32) -> f32 {
        let (area, foreground) = (self.area as f32, self.foreground.max(1) as f32);
        let contrast = self.contrast as f32 / (255.0 * foreground);
        let size = area / (area + 0.5 * min_area);
        let smallness = large_area / (large_area + area);
        let motion = 1.0 - 0.7 * smallness * self.still as f32 / foreground;
        contrast * self.edge.sharpness() * size * motion
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVING: Blob = Blob {
        x1: 0,
        y1: 0,
        x2: 20,
        y2: 40,
        area: 800,
        foreground: 750,
        still: 0,
        contrast: 240 * 750,
        edge: Edge { inside: 100.0, outside: 10.0 },
    };

    fn score(blob: &Blob) -> f32 {
        blob.score(40.0, 1000.0)
    }

    #[test]
    fn what_moves_begins_tracks_and_what_stands_keeps_them() {
        assert!(score(&MOVING) > 0.8, "{}", score(&MOVING));
        let standing = Blob { still: 750, ..MOVING };
        assert!((0.3..0.6).contains(&score(&standing)), "{}", score(&standing));
        let near = Blob {
            area: 20_000,
            foreground: 20_000,
            still: 20_000,
            contrast: 240 * 20_000,
            ..MOVING
        };
        assert!(score(&near) > 0.85, "{}", score(&near));
    }

    #[test]
    fn faint_and_tiny_things_score_low() {
        assert!(score(&Blob { contrast: 60 * 750, ..MOVING }) < 0.3);
        let tiny = Blob { area: 40, foreground: 40, contrast: 240 * 40, ..MOVING };
        assert!((0.5..0.65).contains(&score(&tiny)), "{}", score(&tiny));
        assert_eq!(score(&Blob { foreground: 0, contrast: 0, ..MOVING }), 0.0);
        let light = Edge { inside: 100.0, outside: 85.0 };
        assert!(score(&Blob { edge: light, ..MOVING }) < 0.3);
    }
}
