//! Binary morphology with square structuring elements.
//!
//! P. Soille, "Morphological Image Analysis", 2003: opening takes away what is thinner than the
//! element, closing fills gaps that are narrower. A square is applied as a row and a column, each as
//! `radius` steps to the direct neighbours. Outside the mask nothing is
//! known: it counts as set for erosion and as clear for dilation, so that an object that leaves
//! the picture is not eaten from the border. Masks are bytes, 0 or 1, row after row.

/// A binary mask with the memory that the operations need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mask {
    pub(super) width: usize,
    pub(super) height: usize,
    /// 0 or 1 for each cell.
    pub(super) cells: Vec<u8>,
    scratch: Vec<u8>,
}

impl Mask {
    /// A clear mask.
    pub(super) fn new(width: usize, height: usize) -> Self {
        let cells = vec![0; width * height];
        Self { width, height, scratch: cells.clone(), cells }
    }

    /// Takes away what does not hold a square of side `2 * radius + 1`.
    pub(super) fn open(&mut self, radius: usize) {
        self.erode(radius);
        self.dilate(radius);
    }

    /// Fills what a square of side `2 * radius + 1` cannot enter without touching the mask.
    pub(super) fn close(&mut self, radius: usize) {
        self.dilate(radius);
        self.erode(radius);
    }

    /// Keeps the cells around which the whole square is set.
    pub(super) fn erode(&mut self, radius: usize) {
        self.sweep(radius, |a, b| a & b);
    }

    /// Sets the cells around which any cell of the square is set.
    pub(super) fn dilate(&mut self, radius: usize) {
        self.sweep(radius, |a, b| a | b);
    }

    /// Joins every cell with its neighbours up to `radius` away, along rows, then along columns.
    fn sweep(&mut self, radius: usize, join: impl Fn(u8, u8) -> u8 + Copy) {
        let width = self.width;
        for _ in 0..radius {
            for (row, out) in
                self.cells.chunks_exact(width).zip(self.scratch.chunks_exact_mut(width))
            {
                join_neighbours(row, out, join);
            }
            for y in 0..self.height {
                let above = &self.scratch[y.saturating_sub(1) * width..][..width];
                let here = &self.scratch[y * width..][..width];
                let below = &self.scratch[(y + 1).min(self.height - 1) * width..][..width];
                let out = &mut self.cells[y * width..][..width];
                for (x, cell) in out.iter_mut().enumerate() {
                    *cell = join(join(above[x], here[x]), below[x]);
                }
            }
        }
    }
}

/// Joins every cell of a row with its direct neighbours.
fn join_neighbours(row: &[u8], out: &mut [u8], join: impl Fn(u8, u8) -> u8) {
    let last = row.len() - 1;
    if last == 0 {
        out[0] = row[0];
        return;
    }
    out[0] = join(row[0], row[1]);
    out[last] = join(row[last - 1], row[last]);
    for (cell, window) in out[1..last].iter_mut().zip(row.windows(3)) {
        *cell = join(join(window[0], window[1]), window[2]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mask(width: usize, cells: Vec<u8>) -> Mask {
        let mut mask = Mask::new(width, cells.len() / width);
        mask.cells = cells;
        mask
    }

    /// The square around each cell, as far as it lies in the mask.
    fn brute(mask: &Mask, radius: usize, of: fn(&mut dyn Iterator<Item = u8>) -> u8) -> Vec<u8> {
        let (w, h) = (mask.width, mask.height);
        let span = |at: usize, len: usize| at.saturating_sub(radius)..(at + radius + 1).min(len);
        let square = |x: usize, y: usize| {
            let mut cells = span(y, h).flat_map(|y| span(x, w).map(move |x| mask.cells[y * w + x]));
            of(&mut cells)
        };
        (0..w * h).map(|i| square(i % w, i / w)).collect()
    }

    fn any_mask() -> impl Strategy<Value = Mask> {
        (1_usize..24, 1_usize..16, 1_u8..9).prop_flat_map(|(w, h, density)| {
            let cell = (0_u8..10).prop_map(move |n| u8::from(n < density));
            prop::collection::vec(cell, w * h).prop_map(move |cells| mask(w, cells))
        })
    }

    proptest! {
        #[test]
        fn erosion_and_dilation_are_least_and_greatest_of_a_square(
            mask in any_mask(),
            radius in 0_usize..5,
        ) {
            let (mut eroded, mut dilated) = (mask.clone(), mask.clone());
            eroded.erode(radius);
            dilated.dilate(radius);
            prop_assert_eq!(eroded.cells, brute(&mask, radius, |c| c.min().unwrap_or(0)));
            prop_assert_eq!(dilated.cells, brute(&mask, radius, |c| c.max().unwrap_or(0)));
        }

        #[test]
        fn opening_takes_away_and_closing_adds_and_twice_is_once(
            mask in any_mask(),
            radius in 0_usize..4,
        ) {
            let (mut opened, mut closed) = (mask.clone(), mask.clone());
            opened.open(radius);
            closed.close(radius);
            prop_assert!(opened.cells.iter().zip(&mask.cells).all(|(a, b)| a <= b));
            prop_assert!(closed.cells.iter().zip(&mask.cells).all(|(a, b)| a >= b));
            let (mut twice_opened, mut twice_closed) = (opened.clone(), closed.clone());
            twice_opened.open(radius);
            twice_closed.close(radius);
            prop_assert_eq!(twice_opened.cells, opened.cells);
            prop_assert_eq!(twice_closed.cells, closed.cells);
        }
    }
}
