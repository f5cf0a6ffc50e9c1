//! What it costs to pair a track with a detection: one minus the overlap of their boxes.
//!
//! Only pairs that overlap become edges. Detections come ordered from left to right, so that the
//! ones a track may overlap are a short run of them: the work grows with the pairs that are near
//! one another, not with all pairs. Assigns nothing.

use super::assignment::{Edge, Edges};
use schema::geometry::BBox;

/// Boxes from left to right, as they are looked up by their place on the x axis.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    boxes: Vec<BBox>,
    /// The rightmost edge among the boxes up to and with each.
    reach: Vec<f32>,
}

impl Sweep {
    /// Takes new boxes, which must be ordered by their left edge.
    pub(super) fn fill(&mut self, boxes: impl Iterator<Item = BBox>) {
        self.boxes.clear();
        self.boxes.extend(boxes);
        debug_assert!(self.boxes.is_sorted_by(|a, b| a.x1 <= b.x1), "boxes go from left to right");
        self.reach.clear();
        let mut rightmost = f32::NEG_INFINITY;
        self.reach.extend(self.boxes.iter().map(|b| {
            rightmost = rightmost.max(b.x2);
            rightmost
        }));
    }

    /// Every box that overlaps `other`, by its place in the order, with the IoU of the two.
    pub(super) fn overlaps(&self, other: BBox) -> impl Iterator<Item = (usize, f32)> + '_ {
        let first = self.reach.partition_point(|&x2| x2 <= other.x1);
        self.boxes[first..]
            .iter()
            .enumerate()
            .take_while(move |(_, b)| b.x1 < other.x2)
            .map(move |(index, b)| (first + index, b.iou(&other)))
            .filter(|&(_, iou)| iou > 0.0)
    }
}

/// Fills `edges` with `1 - IoU`, or `1 - IoU * score` where scores are given, of each track (row)
/// and each detection that overlaps it (column); `scores` has one entry, 0 to 1, per detection.
pub(super) fn fill_edges(
    edges: &mut Edges,
    tracks: impl Iterator<Item = BBox>,
    detections: &Sweep,
    scores: Option<&[f32]>,
) {
    edges.reset(detections.boxes.len());
    for track in tracks {
        for (column, iou) in detections.overlaps(track) {
            let weight = scores.map_or(1.0, |scores| scores[column]);
            edges.push(Edge {
                column: column as u32,
                cost: 1.0 - f64::from(iou) * f64::from(weight),
            });
        }
        edges.end_row();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        // Whole numbers make edges that touch, and inside-out boxes as a filter may give them.
        fn any_box()(x in 0..60_i8, y in 0..60_i8, w in -2..20_i8, h in -2..20_i8) -> BBox {
            BBox::from_xywh(x.into(), y.into(), w.into(), h.into())
        }
    }

    proptest! {
        #[test]
        fn the_sweep_finds_what_looking_at_all_pairs_finds(
            mut boxes in proptest::collection::vec(any_box(), 0..40),
            other in any_box(),
        ) {
            boxes.sort_by(|a, b| a.x1.total_cmp(&b.x1));
            let mut sweep = Sweep::default();
            sweep.fill(boxes.iter().copied());
            let all: Vec<_> = boxes.iter().map(|b| b.iou(&other)).enumerate().collect();
            let all: Vec<_> = all.into_iter().filter(|&(_, iou)| iou > 0.0).collect();
            prop_assert_eq!(sweep.overlaps(other).collect::<Vec<_>>(), all);
        }
    }

    #[test]
    fn the_score_is_fused_into_the_overlap() {
        let track = BBox::from_xywh(0.0, 0.0, 10.0, 10.0);
        let detections = [track, BBox::from_xywh(5.0, 0.0, 10.0, 10.0), track];
        let mut sweep = Sweep::default();
        sweep.fill([detections[0], detections[2], detections[1]].into_iter());
        let mut edges = Edges::default();
        fill_edges(&mut edges, [track].into_iter(), &sweep, Some(&[0.5, 1.0, 0.9]));
        let costs: Vec<f64> = edges.row(0).iter().map(|e| e.cost).collect();
        let expected = [0.5, 0.0, 1.0 - 0.9 / 3.0];
        assert!(costs.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{costs:?}");
        fill_edges(&mut edges, [track].into_iter(), &sweep, None);
        assert!(edges.row(0)[0].cost.abs() < 1e-9);
    }
}
