//! Connected components of a mask: which cells hang together, side by side or corner to corner.
//!
//! K. Wu, E. Otoo, K. Suzuki, "Optimizing two-pass connected-component labeling algorithms",
//! Pattern Analysis and Applications 12, 2009, on runs instead of cells: the runs of a row are
//! joined with those of the row above in a union-find forest. What a component means is decided
//! elsewhere.

use super::morphology::Mask;
use std::ops::Range;

/// Set cells next to one another in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// The row.
    pub(super) y: usize,
    /// The columns.
    pub(super) columns: Range<usize>,
    /// Which component it belongs to: numbered from 0 in the order of their first cells.
    pub(super) component: usize,
}

impl Run {
    /// The cells, counted through a picture of `width` columns.
    pub(super) const fn cells(&self, width: usize) -> Range<usize> {
        self.y * width + self.columns.start..self.y * width + self.columns.end
    }
}

/// The components of a mask (8-connected).
#[derive(Debug, Default)]
pub(super) struct Components {
    /// Component after component, each row after row, from left to right.
    runs: Vec<Run>,
    parents: Vec<usize>,
}

impl Components {
    /// Finds the components of `mask`, in place of those that were found before.
    pub(super) fn find(&mut self, mask: &Mask) {
        self.runs.clear();
        self.parents.clear();
        let (mut above, mut row_start) = (0, 0);
        for (y, row) in mask.cells.chunks_exact(mask.width).enumerate() {
            let mut x = 0;
            while let Some(columns) = next_run(row, x) {
                x = columns.end;
                while above < row_start && self.runs[above].columns.end < columns.start {
                    above += 1;
                }
                let run = self.runs.len();
                self.parents.push(run);
                let touching = self.runs[above..row_start]
                    .iter()
                    .take_while(|other| other.columns.start <= columns.end)
                    .count();
                for other in above..above + touching {
                    join(&mut self.parents, run, other);
                }
                self.runs.push(Run { y, columns, component: 0 });
            }
            (above, row_start) = (row_start, self.runs.len());
        }
        self.number();
    }

    /// Each component as its runs.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[Run]> {
        self.runs.chunk_by(|a, b| a.component == b.component)
    }

    /// Replaces roots by numbers.
    fn number(&mut self) {
        let mut count = 0;
        for run in 0..self.runs.len() {
            let root = find_root(&mut self.parents, run);
            if root == run {
                self.runs[run].component = count;
                count += 1;
            } else {
                self.runs[run].component = self.runs[root].component;
            }
        }
        self.runs.sort_by_key(|run| run.component);
    }
}

/// The first run of set cells from column `x` on.
fn next_run(row: &[u8], x: usize) -> Option<Range<usize>> {
    let start = x + row[x..].iter().position(|&cell| cell != 0)?;
    let length = row[start..].iter().position(|&cell| cell == 0);
    Some(start..length.map_or(row.len(), |length| start + length))
}

/// The root of `node`; halves the way to it.
fn find_root(parents: &mut [usize], mut node: usize) -> usize {
    while parents[node] != node {
        parents[node] = parents[parents[node]];
        node = parents[node];
    }
    node
}

/// Joins two trees; the earlier root stays, so that a root is always the first run.
fn join(parents: &mut [usize], a: usize, b: usize) {
    let (a, b) = (find_root(parents, a), find_root(parents, b));
    parents[a.max(b)] = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers the components by filling each from its first cell, in reading order.
    fn flood(mask: &Mask) -> Vec<Option<usize>> {
        let (w, h) = (mask.width, mask.height);
        let mut labels = vec![None; w * h];
        let mut count = 0;
        for first in 0..w * h {
            if mask.cells[first] == 0 || labels[first].is_some() {
                continue;
            }
            let mut open = vec![first];
            while let Some(cell) = open.pop() {
                if mask.cells[cell] == 0 || labels[cell].is_some() {
                    continue;
                }
                labels[cell] = Some(count);
                let (x, y) = (cell % w, cell / w);
                for ny in y.saturating_sub(1)..(y + 2).min(h) {
                    open.extend((x.saturating_sub(1)..(x + 2).min(w)).map(|nx| ny * w + nx));
                }
            }
            count += 1;
        }
        labels
    }

    fn any_mask() -> impl Strategy<Value = Mask> {
        (1_usize..30, 1_usize..20, 1_u8..9).prop_flat_map(|(w, h, density)| {
            let cell = (0_u8..10).prop_map(move |n| u8::from(n < density));
            prop::collection::vec(cell, w * h).prop_map(move |cells| {
                let mut mask = Mask::new(w, h);
                mask.cells = cells;
                mask
            })
        })
    }

    proptest! {
        #[test]
        fn components_are_those_of_a_flood_fill(first in any_mask(), mask in any_mask()) {
            let mut components = Components::default();
            components.find(&first);
            components.find(&mask);
            let mut labels = vec![None; mask.cells.len()];
            for (number, runs) in components.iter().enumerate() {
                for run in runs {
                    prop_assert_eq!(run.component, number);
                    run.cells(mask.width).for_each(|cell| labels[cell] = Some(number));
                }
            }
            prop_assert_eq!(labels, flood(&mask));
        }
    }

    #[test]
    fn arms_that_meet_below_are_one() {
        let mut mask = Mask::new(7, 3);
        mask.cells = [[1, 0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0, 1], [1, 1, 1, 1, 1, 0, 1]].concat();
        let mut components = Components::default();
        components.find(&mask);
        assert_eq!(components.iter().map(<[Run]>::len).collect::<Vec<_>>(), [7, 3]);
    }
}
