//! YOLOX: anchor-free, three strides, objectness times class score.
//!
//! Ge et al. 2021, "YOLOX: Exceeding YOLO Series in 2021". Rows of `x, y, w, h, objectness,
//! classes...`; offsets are in cells, sizes are logarithms in cells, scores are past the sigmoid.

use super::{Candidates, STRIDES, best, centred};
use crate::backend::TensorView;

pub(super) fn decode(
    output: &TensorView<'_>,
    (width, height): (usize, usize),
    candidates: &mut Candidates<'_>,
) {
    let columns = output.shape[2] as usize;
    let cells = STRIDES.into_iter().flat_map(|stride| {
        let (columns, rows) = (width / stride, height / stride);
        (0..rows).flat_map(move |y| (0..columns).map(move |x| (x as f32, y as f32, stride as f32)))
    });
    for (row, (x, y, stride)) in output.data.chunks_exact(columns).zip(cells) {
        let objectness = row[4];
        // Class scores are at most 1, so most cells end here.
        if objectness < candidates.min_score() {
            continue;
        }
        let (class, score) = best(row[5..].iter().copied());
        let bbox = centred(
            (row[0] + x) * stride,
            (row[1] + y) * stride,
            row[2].exp() * stride,
            row[3].exp() * stride,
        );
        candidates.offer(objectness * score, class, bbox);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Candidate, HeadKind};
    use super::*;
    use schema::geometry::BBox;

    /// A 64x64 input has 64 + 16 + 4 = 84 cells; two classes.
    fn decode_with(cells: &[(usize, [f32; 7])], wanted: &[bool]) -> (Vec<Candidate>, u64) {
        let shape = HeadKind::Yolox.output_shape((64, 64), 2);
        assert_eq!(shape, [1, 84, 7]);
        let mut data = vec![0.0; 84 * 7];
        for (cell, row) in cells {
            data[cell * 7..cell * 7 + 7].copy_from_slice(row);
        }
        let mut candidates = Candidates::new(0.25, wanted, Vec::new());
        let output = TensorView { name: "output", shape: &shape, data: &data };
        HeadKind::Yolox.decode(&output, (64, 64), &mut candidates);
        candidates.finish()
    }

    #[test]
    fn cells_lie_row_by_row_in_every_stride() {
        let e = 1f32.exp().ln(); // a size of e cells
        let row = [0.5, 0.25, e, 0.0, 0.8, 0.1, 0.5];
        let (list, rejected) = decode_with(&[(9, row), (64 + 6, row), (80 + 3, row)], &[true; 2]);
        assert_eq!(rejected, 0);
        let size = 1f32.exp();
        for (candidate, (x, y, stride)) in
            list.iter().zip([(1.0, 1.0, 8.0), (2.0, 1.0, 16.0), (1.0, 1.0, 32.0)])
        {
            let (cx, cy) = ((x + 0.5) * stride, (y + 0.25) * stride);
            let expected = centred(cx, cy, size * stride, stride);
            let close = |a: f32, b: f32| (a - b).abs() < 1e-4;
            let (b, e): (BBox, BBox) = (candidate.bbox, expected);
            assert!(close(b.x1, e.x1) && close(b.y1, e.y1) && close(b.x2, e.x2), "{b:?} {e:?}");
            assert!(close(candidate.score, 0.4) && candidate.class == 1);
        }
        assert_eq!(list.len(), 3);
    }

    #[test]
    fn what_is_weak_or_unwanted_is_passed_over_and_what_is_no_number_is_counted() {
        let good = [0.0, 0.0, 0.0, 0.0, 0.9, 0.9, 0.1];
        let with = |i: usize, value: f32| {
            let mut row = good;
            row[i] = value;
            row
        };
        let (list, rejected) = decode_with(&[(0, with(4, 0.26)), (1, good)], &[true; 2]);
        assert_eq!((list.len(), rejected), (1, 0), "0.26 x 0.9 is below 0.25");
        assert_eq!(decode_with(&[(0, good)], &[false, true]), (vec![], 0));
        for row in [
            with(4, f32::NAN),
            with(5, f32::NAN),
            with(0, f32::NAN),
            with(2, 1e9),
            with(3, f32::NEG_INFINITY),
        ] {
            assert_eq!(decode_with(&[(0, row)], &[true; 2]), (vec![], 1), "{row:?}");
        }
    }
}
