//! Is a region that differs from the background a thing? Questions to its edges.
//!
//! *The same surface in another light* keeps its edges: L. Li, M. Leung, "Integrating intensity and
//! texture differences for robust change detection", IEEE Trans. Image Processing 11, 2002; here as
//! the correlation of the gradients. *A ghost*, where something that the model took for background
//! has gone, has its outline in the model and not in the picture; a thing has it in the picture:
//! J. Connell et al., "Detection and tracking in the IBM PeopleVision system", ICME 2004. *A soft
//! light* fades instead of ending. How a region was found is not known here.

use super::shrink::Grid;
use super::surface::Surfaces;

/// Correlation of the gradients from which on two surfaces are the same.
const SAME_SURFACE: f32 = 0.8;

/// Mean squared gradient below which a surface has no texture, levels per cell squared.
const FLAT: f32 = 9.0;

/// Of fewer cells nothing is told.
const TOLD_CELLS: u32 = 16;

/// The outline of a ghost in the picture has at most this share of its strength in the model, all
/// around and on each side.
const GHOST: f32 = 0.4;
const GHOST_SIDE: f32 = 0.6;

/// The outline of a ghost in the model has at least this contrast, levels.
const OUTLINE: f32 = 4.0;

/// At least so many cells of it can be compared, and this share borders on background.
const OUTLINE_CELLS: u32 = 8;
const SURROUNDED: f32 = 0.5;

/// A cell is as expected if it is off by less than this, levels.
const AS_EXPECTED: f32 = 12.0;

/// From a cell inside a region to the cell outside that it is compared with.
const REACH: usize = 2;

impl Surfaces<'_> {
    /// Whether `cells`, the region that `is_inside` holds for, show the expected surface, only in
    /// another light. Not told of surfaces without texture. Light may have an edge of its own at
    /// the border of the region, so it is enough if the core agrees; a region that is hardly more
    /// than a border must agree as a whole.
    pub(super) fn is_same_surface(
        &self,
        cells: impl Iterator<Item = usize>,
        is_inside: impl Fn(usize) -> bool,
    ) -> bool {
        let (mut core, mut border) = (Gradients::default(), Gradients::default());
        for cell in cells {
            let around = neighbours(self.grid, cell, 1);
            let is_core = around.into_iter().flatten().all(&is_inside);
            let part = if is_core { &mut core } else { &mut border };
            part.add(gradient(self.seen, cell, around), gradient(self.expected, cell, around));
        }
        core.agree() || core.and(border).agree()
    }

    /// Whether `cells`, the region that `is_inside` holds for, are where something has gone. Told
    /// only of regions that border on background (what `is_background` holds for) for the better
    /// part; on every side the outline must be missing, or a plain thing that moves off would
    /// count.
    pub(super) fn is_ghost(
        &self,
        cells: impl Iterator<Item = usize>,
        is_inside: impl Fn(usize) -> bool,
        is_background: impl Fn(usize) -> bool,
    ) -> bool {
        let mut sides = [Side::default(); 4];
        let (mut border, mut background) = (0, 0);
        for cell in cells {
            for (side, outside) in sides.iter_mut().zip(neighbours(self.grid, cell, REACH)) {
                let Some(outside) = outside.filter(|&outside| !is_inside(outside)) else {
                    continue;
                };
                border += 1;
                if is_background(outside) {
                    background += 1;
                    side.compare(self, cell, outside);
                }
            }
        }
        let all = sides.iter().fold(Side::default(), |sum, side| Side {
            cells: sum.cells + side.cells,
            seen: sum.seen + side.seen,
            expected: sum.expected + side.expected,
        });
        background as f32 >= SURROUNDED * border as f32
            && all.cells >= OUTLINE_CELLS
            && all.expected >= OUTLINE * all.cells as f32
            && all.seen <= GHOST * all.expected
            && sides.iter().all(|side| side.seen <= GHOST_SIDE * side.expected)
    }
}

/// The outline of a region on one side.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    /// Cells of it.
    cells: u32,
    /// Sum of the steps across it in the picture, and in the model, levels.
    seen: f32,
    expected: f32,
}

impl Side {
    /// Takes the step from a cell to one `outside`, unless that is not as expected either: it may
    /// be another part of the ghost, or the thing itself.
    fn compare(&mut self, surfaces: &Surfaces<'_>, cell: usize, outside: usize) {
        let Surfaces { seen, expected, .. } = surfaces;
        if (seen[outside] - expected[outside]).abs() < AS_EXPECTED {
            self.cells += 1;
            self.seen += (seen[cell] - seen[outside]).abs();
            self.expected += (expected[cell] - expected[outside]).abs();
        }
    }
}

/// How far the cells at the border of a region are from what is expected, and how far those are
/// that lie a little further out on the background; both summed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Edge {
    pub(super) inside: f32,
    pub(super) outside: f32,
}

impl Edge {
    /// Measures the border of `cells`, the region that `is_inside` holds for.
    pub(super) fn measure(
        grid: Grid,
        cells: impl Iterator<Item = usize>,
        is_inside: impl Fn(usize) -> bool,
        is_background: impl Fn(usize) -> bool,
        difference: impl Fn(usize) -> f32,
    ) -> Self {
        let mut edge = Self::default();
        for cell in cells {
            for outside in neighbours(grid, cell, REACH).into_iter().flatten() {
                if !is_inside(outside) && is_background(outside) {
                    edge.inside += difference(cell);
                    edge.outside += difference(outside);
                }
            }
        }
        edge
    }

    /// Both borders as one.
    pub(super) fn and(self, other: Self) -> Self {
        Self { inside: self.inside + other.inside, outside: self.outside + other.outside }
    }

    /// 0 where the difference goes on beyond the border as it is, as that of a soft light does; 1
    /// where it falls to half or less, and where there is no border to be seen.
    pub(super) fn sharpness(self) -> f32 {
        if self.inside > 0.0 {
            (2.0 * (1.0 - self.outside / self.inside)).clamp(0.0, 1.0)
        } else {
            1.0
        }
    }
}

/// What the gradients of both surfaces over some cells have in common.
#[derive(Debug, Clone, Copy, Default)]
struct Gradients {
    cells: u32,
    seen: f32,
    expected: f32,
    both: f32,
}

impl Gradients {
    fn add(&mut self, seen: (f32, f32), expected: (f32, f32)) {
        self.cells += 1;
        self.seen += seen.0 * seen.0 + seen.1 * seen.1;
        self.expected += expected.0 * expected.0 + expected.1 * expected.1;
        self.both += seen.0 * expected.0 + seen.1 * expected.1;
    }

    fn and(self, other: Self) -> Self {
        Self {
            cells: self.cells + other.cells,
            seen: self.seen + other.seen,
            expected: self.expected + other.expected,
            both: self.both + other.both,
        }
    }

    fn agree(self) -> bool {
        self.cells >= TOLD_CELLS
            && self.expected > FLAT * self.cells as f32
            && self.both > SAME_SURFACE * (self.seen * self.expected).sqrt()
    }
}

/// The cells so far to the left, right, above and below.
fn neighbours(grid: Grid, cell: usize, reach: usize) -> [Option<usize>; 4] {
    let (x, y) = (cell % grid.width, cell / grid.width);
    [
        (x >= reach).then(|| cell - reach),
        (x + reach < grid.width).then(|| cell + reach),
        (y >= reach).then(|| cell - reach * grid.width),
        (y + reach < grid.height).then(|| cell + reach * grid.width),
    ]
}

/// Differences across a cell, one-sided at the border of the picture.
fn gradient(plane: &[f32], cell: usize, around: [Option<usize>; 4]) -> (f32, f32) {
    let [left, right, above, below] = around.map(|other| plane[other.unwrap_or(cell)]);
    (right - left, below - above)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { factor: 1, width: 60, height: 40 };

    fn is_inside(cell: usize) -> bool {
        (20..40).contains(&(cell % GRID.width)) && (10..30).contains(&(cell / GRID.width))
    }

    fn inside() -> impl Iterator<Item = usize> {
        (0..GRID.len()).filter(|&cell| is_inside(cell))
    }

    fn ground(cell: usize) -> f32 {
        let (x, y) = ((cell % GRID.width) as f32, (cell / GRID.width) as f32);
        100.0 + 8.0 * (x * 0.9).sin() + 8.0 * (y * 0.7).cos()
    }

    /// A plane that is `thing` inside and ground outside.
    fn plane(thing: impl Fn(usize) -> f32) -> Vec<f32> {
        (0..GRID.len()).map(|c| if is_inside(c) { thing(c) } else { ground(c) }).collect()
    }

    fn surfaces<'a>(seen: &'a [f32], expected: &'a [f32]) -> Surfaces<'a> {
        Surfaces { grid: GRID, seen, expected }
    }

    #[test]
    fn other_light_is_the_same_surface_and_a_thing_is_not() {
        let expected = plane(ground);
        for (factor, shift) in [(0.5, 0.0), (1.6, 0.0), (1.0, 60.0), (0.7, -20.0)] {
            let lit = plane(|c| factor * ground(c) + shift);
            assert!(
                surfaces(&lit, &expected).is_same_surface(inside(), is_inside),
                "{factor}, {shift}"
            );
        }
        let plain = plane(|_| 60.0);
        assert!(!surfaces(&plain, &expected).is_same_surface(inside(), is_inside));
        let other = plane(|c| ground(c * 7 + 11));
        assert!(!surfaces(&other, &expected).is_same_surface(inside(), is_inside));
    }

    #[test]
    fn of_plain_surfaces_nothing_is_told() {
        let flat = vec![100.0; GRID.len()];
        assert!(!surfaces(&flat, &flat).is_same_surface(inside(), is_inside));
        assert!(!surfaces(&flat, &flat).is_ghost(inside(), is_inside, |_| true));
    }

    #[test]
    fn a_ghost_has_its_outline_in_the_model_and_a_thing_in_the_picture() {
        let (empty, thing) = (plane(ground), plane(|_| 180.0));
        assert!(surfaces(&empty, &thing).is_ghost(inside(), is_inside, |_| true));
        assert!(!surfaces(&thing, &empty).is_ghost(inside(), is_inside, |_| true));
        let other = plane(|_| 30.0);
        assert!(!surfaces(&other, &thing).is_ghost(inside(), is_inside, |_| true));
    }

    #[test]
    fn a_thing_ends_at_its_border_and_light_fades() {
        let distance = |cell: usize| {
            let (x, y) = ((cell % GRID.width) as f32 - 29.5, (cell / GRID.width) as f32 - 19.5);
            x.abs().max(y.abs())
        };
        let measure = |difference: &dyn Fn(usize) -> f32| {
            Edge::measure(GRID, inside(), is_inside, |_| true, difference).sharpness()
        };
        assert_eq!(measure(&|cell| if is_inside(cell) { 40.0 } else { 2.0 }), 1.0);
        assert!(measure(&|cell| 30.0 - distance(cell)) < 0.3);
        assert_eq!(Edge::default().sharpness(), 1.0);
    }

    #[test]
    fn what_is_in_the_midst_of_something_else_is_no_ghost() {
        let (empty, thing) = (plane(ground), plane(|_| 180.0));
        let few = |cell: usize| cell % GRID.width < 20;
        assert!(!surfaces(&empty, &thing).is_ghost(inside(), is_inside, few));
    }

    #[test]
    fn one_side_with_an_outline_is_enough_for_a_thing() {
        // A plain thing that moves to the right and has left its colour behind in the model.
        let seen = plane(|_| 130.0);
        let mut expected = plane(ground);
        let mut seen_and_left = seen.clone();
        for cell in (0..GRID.len()).filter(|c| (0..20).contains(&(c % GRID.width))) {
            seen_and_left[cell] = 130.0;
            expected[cell] = 130.0;
        }
        assert!(!surfaces(&seen_and_left, &expected).is_ghost(inside(), is_inside, |_| true));
    }
}
