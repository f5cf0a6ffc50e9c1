//! The luma of a picture beside the luma that the model expects, cell by cell.

use super::shrink::Grid;

/// Both, row after row; what is seen is brought to the model's exposure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surfaces<'a> {
    pub(super) grid: Grid,
    pub(super) seen: &'a [f32],
    pub(super) expected: &'a [f32],
}
