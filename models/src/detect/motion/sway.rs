//! How far the picture is displaced against the model: cameras tremble, creep and get knocked.
//!
//! B. Lucas, T. Kanade, "An iterative image registration technique with an application to stereo
//! vision", IJCAI 1981, for one translation of the whole picture: each cell says how far the
//! surface must have moved along its gradient, least squares joins them, and the step holds only
//! if more cells agree with it than with none. Only what the model expects has a say, so things in
//! front of a plain background do not pull. Rotation and zoom are beyond it.

use super::surface::Surfaces;

/// Only every so many rows are looked at.
const ROW_STEP: usize = 2;

/// Largest step that is told, cells; cells that a longer one would explain have no say.
const MAX_STEP: f32 = 2.0;

/// Difference that is not told from none, levels.
const NOISE: f32 = 6.0;

/// Squared gradient, in the mean over the picture, that is set against a step: where there is
/// nothing to hold on to, there is no step.
const STIFFNESS: f64 = 0.25;

/// Smallest gradient of a cell that votes, levels per cell, and by how much it must be nearer to
/// what is expected, levels.
const EDGE: f32 = 4.0;
const MARGIN: f32 = 0.5;

/// Sums are kept apart for so many columns, so that they become vector code.
const LANES: usize = 8;

/// A displacement in cells, to the right and down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) x: f32,
    pub(super) y: f32,
}

/// How far the picture has moved against what is expected, to first order; `None` where that is
/// less than `least` cells both across and down.
pub(super) fn estimate(surfaces: Surfaces<'_>, least: f32) -> Option<Step> {
    if surfaces.grid.width < 3 {
        return None;
    }
    let step = solve(surfaces);
    if step.x.abs().max(step.y.abs()) < least {
        return None;
    }
    let (still, moved) = vote(surfaces, step);
    (moved > still).then_some(step)
}

/// The step of least squares.
fn solve(surfaces: Surfaces<'_>) -> Step {
    let mut sums = [0.0_f64; 5];
    for row in rows(surfaces) {
        let mut lanes = [[0.0_f32; LANES]; 5];
        row.each(|lane, [gx, gy, difference]| {
            let explained = difference.abs() <= NOISE + MAX_STEP * gx.abs().max(gy.abs());
            let (gx, gy) = if explained { (gx, gy) } else { (0.0, 0.0) };
            lanes[0][lane] += gx * gx;
            lanes[1][lane] += gx * gy;
            lanes[2][lane] += gy * gy;
            lanes[3][lane] += gx * difference;
            lanes[4][lane] += gy * difference;
        });
        for (sum, lanes) in sums.iter_mut().zip(&lanes) {
            *sum += f64::from(lanes.iter().sum::<f32>());
        }
    }
    let [xx, xy, yy, xd, yd] = sums;
    let stiffness = STIFFNESS * (surfaces.grid.len() / ROW_STEP) as f64;
    let (xx, yy) = (xx + stiffness, yy + stiffness);
    let determinant = xx * yy - xy * xy;
    let limit = f64::from(MAX_STEP);
    let cells = |numerator: f64| (numerator / determinant).clamp(-limit, limit) as f32;
    Step { x: cells(xy * yd - yy * xd), y: cells(xy * xd - xx * yd) }
}

/// How many cells at edges would be nearer to what is expected without the step, and with it.
fn vote(surfaces: Surfaces<'_>, step: Step) -> (u32, u32) {
    let (mut still, mut moved) = (0, 0);
    for row in rows(surfaces) {
        let mut lanes = [[0_u32; LANES]; 2];
        row.each(|lane, [gx, gy, difference]| {
            let rest = difference + gx * step.x + gy * step.y;
            let gain = difference.abs() - rest.abs();
            let is_edge = gx.abs().max(gy.abs()) >= EDGE;
            lanes[0][lane] += u32::from(is_edge & (gain < -MARGIN));
            lanes[1][lane] += u32::from(is_edge & (gain > MARGIN));
        });
        still += lanes[0].iter().sum::<u32>();
        moved += lanes[1].iter().sum::<u32>();
    }
    (still, moved)
}

/// A row of what is seen with three rows of what is expected.
struct Row<'a> {
    seen: &'a [f32],
    above: &'a [f32],
    here: &'a [f32],
    below: &'a [f32],
}

/// The rows that are looked at; none at the border.
fn rows<'a>(surfaces: Surfaces<'a>) -> impl Iterator<Item = Row<'a>> {
    let width = surfaces.grid.width;
    let expected = move |y: usize| &surfaces.expected[y * width..][..width];
    (1..surfaces.grid.height.saturating_sub(1)).step_by(ROW_STEP).map(move |y| Row {
        seen: &surfaces.seen[y * width..][..width],
        above: expected(y - 1),
        here: expected(y),
        below: expected(y + 1),
    })
}

impl Row<'_> {
    /// Calls `f` for each cell not at the border with its lane, the gradient of what is expected,
    /// and what is seen beyond it.
    #[inline(always)]
    fn each(&self, mut f: impl FnMut(usize, [f32; 3])) {
        let inner = self.here.len() - 2;
        let (seen, here) = (&self.seen[1..][..inner], &self.here[1..][..inner]);
        let (above, below) = (&self.above[1..][..inner], &self.below[1..][..inner]);
        let (left, right) = (&self.here[..inner], &self.here[2..][..inner]);
        let at =
            |i: usize| [0.5 * (right[i] - left[i]), 0.5 * (below[i] - above[i]), seen[i] - here[i]];
        let whole = inner - inner % LANES;
        for start in (0..whole).step_by(LANES) {
            for lane in 0..LANES {
                f(lane, at(start + lane));
            }
        }
        for i in whole..inner {
            f(i - whole, at(i));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::motion::shrink::Grid;

    const GRID: Grid = Grid { factor: 1, width: 120, height: 80 };

    /// A soft pattern, moved to the right and down.
    fn pattern(x: f32, y: f32) -> Vec<f32> {
        let at = |i: usize| {
            let (px, py) = ((i % GRID.width) as f32 - x, (i / GRID.width) as f32 - y);
            100.0
                + 40.0 * (px * 0.31).sin() * (py * 0.23).cos()
                + 20.0 * (px * 0.11 + py * 0.4).sin()
        };
        (0..GRID.len()).map(at).collect()
    }

    #[test]
    fn a_displacement_is_found() {
        let expected = pattern(0.0, 0.0);
        for (x, y) in [(0.5, 0.0), (-1.0, 0.4), (1.2, -1.2), (0.0, 1.5)] {
            let seen = pattern(x, y);
            let surfaces = Surfaces { grid: GRID, seen: &seen, expected: &expected };
            let step = estimate(surfaces, 0.2).expect("a step");
            assert!((step.x - x).abs() < 0.25 && (step.y - y).abs() < 0.25, "{step:?} of {x}, {y}");
        }
    }

    #[test]
    fn what_moves_in_front_is_not_followed() {
        let expected = pattern(0.0, 0.0);
        let (mut seen, moved) = (expected.clone(), pattern(1.5, 0.0));
        for cell in (0..GRID.len()).filter(|cell| cell % GRID.width < 40) {
            seen[cell] = moved[cell];
        }
        let surfaces = Surfaces { grid: GRID, seen: &seen, expected: &expected };
        assert_eq!(estimate(surfaces, 0.2), None);
    }

    #[test]
    fn without_edges_there_is_no_step() {
        let expected = vec![100.0; GRID.len()];
        let seen: Vec<f32> = (0..GRID.len()).map(|i| 100.0 + (i * 31 % 7) as f32).collect();
        let surfaces = Surfaces { grid: GRID, seen: &seen, expected: &expected };
        assert_eq!(estimate(surfaces, 0.2), None);
    }
}
