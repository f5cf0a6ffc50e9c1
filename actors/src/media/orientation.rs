//! The eight ways in which a picture may lie, and turning planes upright. Pure; no libav.

/// What is to be done to a stored picture to show it upright: first transpose, then mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Orientation {
    /// Swap rows and columns.
    pub(crate) transpose: bool,
    /// Mirror left and right, after transposing.
    pub(crate) flip_x: bool,
    /// Mirror top and bottom, after transposing.
    pub(crate) flip_y: bool,
}

/// Rows and columns are turned in tiles of this size, so that both sides stay in cache.
const TILE: usize = 32;

impl Orientation {
    /// From the upper-left part `[a, b, c, d]` of a display matrix (ISO/IEC 14496-12, 6.2.2):
    /// a stored point (x, y) is shown at (ax + cy, bx + dy). What is no multiple of a quarter
    /// turn (perhaps mirrored) is left as it is stored.
    pub(crate) fn from_matrix([a, b, c, d]: [i32; 4]) -> Self {
        let size = |v: i32| i64::from(v).abs();
        let straight = size(a).min(size(d)) > 2 * size(b).max(size(c));
        let turned = size(b).min(size(c)) > 2 * size(a).max(size(d));
        match (straight, turned) {
            (true, _) => Self { transpose: false, flip_x: a < 0, flip_y: d < 0 },
            (_, true) => Self { transpose: true, flip_x: c < 0, flip_y: b < 0 },
            _ => Self::default(),
        }
    }

    /// Whether nothing is to be done.
    pub(crate) fn is_upright(self) -> bool {
        self == Self::default()
    }

    /// The size as shown of a picture stored as `width` x `height`.
    pub(crate) const fn size(self, width: u32, height: u32) -> (u32, u32) {
        if self.transpose { (height, width) } else { (width, height) }
    }

    /// Turns a plane of `width` x `height` samples, rows `stride` apart, into a dense upright one.
    pub(crate) fn apply(self, plane: &[u8], stride: usize, width: usize, height: usize) -> Vec<u8> {
        let (out_w, out_h) = if self.transpose { (height, width) } else { (width, height) };
        let mut out = vec![0; out_w * out_h];
        for ty in (0..out_h).step_by(TILE) {
            for tx in (0..out_w).step_by(TILE) {
                for y in ty..(ty + TILE).min(out_h) {
                    let row = &mut out[y * out_w..][..out_w];
                    let v = if self.flip_y { out_h - 1 - y } else { y };
                    for (x, value) in row.iter_mut().enumerate().take(tx + TILE).skip(tx) {
                        let u = if self.flip_x { out_w - 1 - x } else { x };
                        let (sx, sy) = if self.transpose { (v, u) } else { (u, v) };
                        *value = plane[sy * stride + sx];
                    }
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 x 2, rows 4 apart: `1 2 3 / 4 5 6`.
    const PLANE: [u8; 7] = [1, 2, 3, 0, 4, 5, 6];
    const ONE: i32 = 1 << 16;

    fn check(matrix: [i32; 4], size: (u32, u32), expected: [u8; 6]) {
        let orientation = Orientation::from_matrix(matrix);
        assert_eq!(orientation.size(3, 2), size, "{matrix:?}");
        assert_eq!(orientation.apply(&PLANE, 4, 3, 2), expected, "{matrix:?}");
    }

    #[test]
    fn all_eight() {
        check([ONE, 0, 0, ONE], (3, 2), [1, 2, 3, 4, 5, 6]);
        check([-ONE, 0, 0, ONE], (3, 2), [3, 2, 1, 6, 5, 4]);
        check([ONE, 0, 0, -ONE], (3, 2), [4, 5, 6, 1, 2, 3]);
        check([-ONE, 0, 0, -ONE], (3, 2), [6, 5, 4, 3, 2, 1]);
        // A quarter turn clockwise: (x, y) is shown at (-y, x).
        check([0, ONE, -ONE, 0], (2, 3), [4, 1, 5, 2, 6, 3]);
        check([0, -ONE, ONE, 0], (2, 3), [3, 6, 2, 5, 1, 4]);
        check([0, ONE, ONE, 0], (2, 3), [1, 4, 2, 5, 3, 6]);
        check([0, -ONE, -ONE, 0], (2, 3), [6, 3, 5, 2, 4, 1]);
    }

    #[test]
    fn a_slanted_or_empty_matrix_changes_nothing() {
        for matrix in [[0; 4], [ONE, ONE, -ONE, ONE], [i32::MIN; 4]] {
            assert!(Orientation::from_matrix(matrix).is_upright(), "{matrix:?}");
        }
    }

    #[test]
    fn planes_larger_than_a_tile() {
        let (w, h) = (TILE * 2 + 3, TILE + 5);
        let plane: Vec<u8> = (0..w * h).map(|i| (i % 251) as u8).collect();
        let quarter = Orientation::from_matrix([0, ONE, -ONE, 0]);
        let mut turned = plane.clone();
        let (mut tw, mut th) = (w, h);
        for _ in 0..4 {
            turned = quarter.apply(&turned, tw, tw, th);
            (tw, th) = (th, tw);
        }
        assert_eq!(turned, plane);
    }
}
