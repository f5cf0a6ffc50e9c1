//! YOLOv8 and its kin: decoded boxes, no objectness, one column per anchor.
//!
//! `[1, 4 + classes, anchors]`: centre x, centre y, width, height in input pixels, then class
//! scores past the sigmoid (Jocher et al. 2023; YOLO11 exports the same).

use super::{Candidates, centred};
use crate::backend::TensorView;

pub(super) fn decode(output: &TensorView<'_>, candidates: &mut Candidates<'_>) {
    let anchors = output.shape[2] as usize;
    let (boxes, scores) = output.data.split_at(4 * anchors);
    // Class after class over all anchors, as the numbers lie in memory. NaN wins, so that it is
    // counted.
    let mut best = vec![(f32::NEG_INFINITY, 0u32); anchors];
    for (class, scores) in (0u32..).zip(scores.chunks_exact(anchors)) {
        for (best, &score) in best.iter_mut().zip(scores) {
            if score > best.0 || score.is_nan() {
                *best = (score, class);
            }
        }
    }
    for (anchor, (score, class)) in best.into_iter().enumerate() {
        if score < candidates.min_score() {
            continue;
        }
        let [cx, cy, w, h] = [0, 1, 2, 3].map(|i| boxes[i * anchors + anchor]);
        candidates.offer(score, class as usize, centred(cx, cy, w, h));
    }
}

#[cfg(test)]
mod tests {
    use super::super::HeadKind;
    use super::*;
    use schema::geometry::BBox;

    #[test]
    fn columns_become_boxes() {
        let shape = HeadKind::Yolov8.output_shape((64, 32), 3);
        assert_eq!(shape, [1, 7, 42]);
        let mut data = vec![0.0; 7 * 42];
        let mut column = |anchor: usize, values: [f32; 7]| {
            for (plane, value) in values.into_iter().enumerate() {
                data[plane * 42 + anchor] = value;
            }
        };
        column(0, [10.0, 20.0, 4.0, 8.0, 0.1, 0.2, 0.7]);
        column(5, [10.0, 20.0, 4.0, 8.0, 0.3, 0.2, 0.1]);
        column(6, [10.0, 20.0, 0.0, 8.0, 0.9, 0.2, 0.1]); // no width
        column(7, [10.0, 20.0, 4.0, 8.0, 0.9, f32::NAN, 0.95]);
        column(41, [1.0, 2.0, 2.0, 2.0, 0.2, 0.2, 0.1]); // too weak
        let mut candidates = Candidates::new(0.25, &[true; 3], Vec::new());
        let output = TensorView { name: "output0", shape: &shape, data: &data };
        HeadKind::Yolov8.decode(&output, (64, 32), &mut candidates);
        let (list, rejected) = candidates.finish();
        assert_eq!(rejected, 2);
        let found: Vec<(usize, f32)> = list.iter().map(|c| (c.class, c.score)).collect();
        assert_eq!(found, [(2, 0.7), (0, 0.3)]);
        assert_eq!(list[0].bbox, BBox { x1: 8.0, y1: 16.0, x2: 12.0, y2: 24.0 });
    }
}
