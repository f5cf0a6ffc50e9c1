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
    /// Row after row, from left to right.
    runs: Vec<Run>,
    /// The same, component after component.
    sorted: Vec<Run>,
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
        self.sorted.chunk_by(|a, b| a.component == b.component)
    }

    /// The component that the cell at (`x`, `y`) belongs to.
    pub(super) fn at(&self, x: usize, y: usize) -> Option<usize> {
        let next = self.runs.partition_point(|r| (r.y, r.columns.start) <= (y, x));
        let run = &self.runs[next.checked_sub(1)?];
        (run.y == y && run.columns.contains(&x)).then_some(run.component)
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
        self.sorted.clone_from(&self.runs);
        self.sorted.sort_by_key(|run| run.component);
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
