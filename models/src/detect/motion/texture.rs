//! Is a region that differs from the background a thing? Two questions to its edges.
//!
//! *The same surface in another light* keeps its edges: L. Li, M. Leung, "Integrating intensity and
//! texture differences for robust change detection", IEEE Trans. Image Processing 11, 2002; here as
//! the correlation of the gradients. *A ghost*, where something that the model took for background
//! has gone, has its outline in the model and not in the picture; a thing has it in the picture:
//! J. Connell et al., "Detection and tracking in the IBM PeopleVision system", ICME 2004. How a
//! region was found is not known here.

use super::shrink::Grid;
use super::surface::Surfaces;

/// Correlation of the gradients from which on two surfaces are the same.
const SAME_SURFACE: f32 = 0.8;

/// Mean squared gradient below which a surface has no texture, levels per cell squared.
const FLAT: f32 = 9.0;

/// The outline of a ghost is weaker in the picture than in the model by this factor.
const GHOST: f32 = 0.4;

/// The outline of a ghost in the model has at least this contrast, levels.
const OUTLINE: f32 = 4.0;

/// Cells at the border of a region from which on it has an outline.
const OUTLINE_CELLS: u32 = 8;

/// From a cell inside a region to the cell outside that it is compared with.
const REACH: usize = 2;

impl Surfaces<'_> {
    /// Whether `cells` show the expected surface, only in another light. Not for surfaces without
    /// texture, of which that cannot be told.
    pub(super) fn is_same_surface(&self, cells: impl Iterator<Item = usize>) -> bool {
        let (mut both, mut seen, mut expected, mut count) = (0.0, 0.0, 0.0, 0.0);
        for cell in cells {
            let (sx, sy) = gradient(self.seen, self.grid, cell);
            let (ex, ey) = gradient(self.expected, self.grid, cell);
            both += sx * ex + sy * ey;
            seen += sx * sx + sy * sy;
            expected += ex * ex + ey * ey;
            count += 1.0;
        }
        expected > FLAT * count && both > SAME_SURFACE * (seen * expected).sqrt()
    }

    /// Whether `cells`, the region that `is_inside` holds for, are where something has gone. Told
    /// only of regions that border on ground (what `is_ground` holds for) for the better part.
    pub(super) fn is_ghost(
        &self,
        cells: impl Iterator<Item = usize>,
        is_inside: impl Fn(usize) -> bool,
        is_ground: impl Fn(usize) -> bool,
    ) -> bool {
        let (mut seen, mut expected, mut ground, mut border) = (0.0, 0.0, 0_u32, 0_u32);
        for cell in cells {
            for outside in neighbours(self.grid, cell).into_iter().flatten() {
                if is_inside(outside) {
                    continue;
                }
                border += 1;
                if is_ground(outside) {
                    ground += 1;
                    seen += (self.seen[cell] - self.seen[outside]).abs();
                    expected += (self.expected[cell] - self.expected[outside]).abs();
                }
            }
        }
        let told = ground >= OUTLINE_CELLS && 2 * ground >= border;
        told && seen < GHOST * expected && expected > OUTLINE * ground as f32
    }
}

/// The cells [`REACH`] to the left, right, above and below.
fn neighbours(grid: Grid, cell: usize) -> [Option<usize>; 4] {
    let (x, y) = (cell % grid.width, cell / grid.width);
    [
        (x >= REACH).then(|| cell - REACH),
        (x + REACH < grid.width).then(|| cell + REACH),
        (y >= REACH).then(|| cell - REACH * grid.width),
        (y + REACH < grid.height).then(|| cell + REACH * grid.width),
    ]
}

/// Differences across a cell, one-sided at the border of the picture.
fn gradient(plane: &[f32], grid: Grid, cell: usize) -> (f32, f32) {
    let (x, y) = (cell % grid.width, cell / grid.width);
    let left = if x > 0 { cell - 1 } else { cell };
    let right = if x + 1 < grid.width { cell + 1 } else { cell };
    let above = if y > 0 { cell - grid.width } else { cell };
    let below = if y + 1 < grid.height { cell + grid.width } else { cell };
    (plane[right] - plane[left], plane[below] - plane[above])
}
