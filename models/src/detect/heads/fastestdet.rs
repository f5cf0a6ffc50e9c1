//! FastestDet: one anchor-free feature map of stride 16.
//!
//! As in the author's reference code (xuehao.ma 2022): planes of objectness, four regression values
//! and class scores; the score is `objectness^0.6 * class^0.4`, the centre lies at `cell + tanh`,
//! the size is the sigmoid as a share of the input.

use super::{Candidates, best, centred};
use crate::backend::TensorView;

/// Input pixels per cell.
pub(super) const STRIDE: usize = 16;

pub(super) fn decode(
    output: &TensorView<'_>,
    (width, height): (usize, usize),
    candidates: &mut Candidates<'_>,
) {
    let columns = width / STRIDE;
    let area = columns * (height / STRIDE);
    let planes = output.data;
    // Class scores are at most 1: below this objectness no cell can reach the lowest score. The
    // margin is for rounding; `offer` decides.
    let floor = candidates.min_score().powf(1.0 / 0.6) * 0.999;
    for (cell, &objectness) in planes[..area].iter().enumerate() {
        if objectness < floor {
            continue;
        }
        let at = |plane: usize| planes[plane * area + cell];
        let (class, score) = best((5..planes.len() / area).map(at));
        let (x, y) = ((cell % columns) as f32, (cell / columns) as f32);
        let bbox = centred(
            (x + at(1).tanh()) * STRIDE as f32,
            (y + at(2).tanh()) * STRIDE as f32,
            sigmoid(at(3)) * width as f32,
            sigmoid(at(4)) * height as f32,
        );
        candidates.offer(objectness.powf(0.6) * score.powf(0.4), class, bbox);
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::super::HeadKind;
    use super::*;

    #[test]
    fn a_cell_becomes_a_box() {
        let shape = HeadKind::FastestDet.output_shape((64, 32), 2);
        assert_eq!(shape, [1, 7, 2, 4]);
        let mut data = vec![0.0; 7 * 8];
        // Cell 6 is column 2 of row 1; sigmoid(0) is half of the input.
        for (plane, value) in [0.81, 0.0, 1.0, 0.0, 0.0, 0.1, 0.64].into_iter().enumerate() {
            data[plane * 8 + 6] = value;
        }
        data[7] = f32::NAN;
        let mut candidates = Candidates::new(0.65, &[true, true], Vec::new());
        let output = TensorView { name: "758", shape: &shape, data: &data };
        HeadKind::FastestDet.decode(&output, (64, 32), &mut candidates);
        let (list, rejected) = candidates.finish();
        assert_eq!((list.len(), rejected), (1, 1));
        let c = list[0];
        assert!((c.score - 0.81f32.powf(0.6) * 0.64f32.powf(0.4)).abs() < 1e-6 && c.class == 1);
        let cy = (1.0 + 1f32.tanh()) * 16.0;
        let expected = centred(32.0, cy, 32.0, 16.0);
        assert!((c.bbox.x1 - expected.x1).abs() < 1e-4 && (c.bbox.y2 - expected.y2).abs() < 1e-4);
    }
}
