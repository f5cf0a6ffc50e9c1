//! From YUV to RGB: one 3 x 4 matrix per standard and range.
//!
//! Only the numbers live here; who walks over pixels is `tensor`.

use super::{Matrix, Range};

/// An affine map from 8-bit Y, U, V to RGB in 0 to 255, before clamping.
///
/// `rgb[i] = row[i][0] * y + row[i][1] * u + row[i][2] * v + row[i][3]`, rows in the order R, G, B.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct YuvToRgb {
    /// The rows R, G, B: factors of Y, U and V, then the constant.
    pub rows: [[f32; 4]; 3],
}

impl YuvToRgb {
    /// The map of `matrix` (luma coefficients of ITU-R BT.601, BT.709, BT.2020) and `range`
    /// (quantisation of BT.601 section 2.5.3 and its successors).
    #[must_use]
    pub fn new(matrix: Matrix, range: Range) -> Self {
        let (kr, kb) = match matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        };
        let (black, luma, chroma) = match range {
            Range::Limited => (16.0, 255.0 / 219.0, 255.0 / 224.0),
            Range::Full => (0.0, 1.0, 1.0),
        };
        let kg = 1.0 - kr - kb;
        let (rv, bu) = (2.0 * (1.0 - kr) * chroma, 2.0 * (1.0 - kb) * chroma);
        let (gu, gv) = (-kb / kg * bu, -kr / kg * rv);
        let row = |u: f64, v: f64| {
            [luma as f32, u as f32, v as f32, (-black * luma - 128.0 * (u + v)) as f32]
        };
        Self { rows: [row(0.0, rv), row(gu, gv), row(bu, 0.0)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rgb(matrix: Matrix, range: Range, yuv: [f32; 3]) -> [f32; 3] {
        YuvToRgb::new(matrix, range)
            .rows
            .map(|r| r[0] * yuv[0] + r[1] * yuv[1] + r[2] * yuv[2] + r[3])
    }

    fn check(matrix: Matrix, range: Range, yuv: [f32; 3], expected: [f32; 3]) {
        let got = rgb(matrix, range, yuv);
        for (g, e) in got.iter().zip(expected) {
            // Codes are rounded to whole numbers, and blue doubles that.
            assert!((g - e).abs() < 1.5, "{matrix:?} {range:?} {yuv:?}: {got:?}, not {expected:?}");
        }
    }

    #[test]
    fn black_white_and_grey_have_no_colour() {
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            check(matrix, Range::Limited, [16.0, 128.0, 128.0], [0.0; 3]);
            check(matrix, Range::Limited, [235.0, 128.0, 128.0], [255.0; 3]);
            check(matrix, Range::Full, [0.0, 128.0, 128.0], [0.0; 3]);
            check(matrix, Range::Full, [255.0, 128.0, 128.0], [255.0; 3]);
        }
    }

    #[test]
    fn primaries_of_the_standards() {
        // The 8-bit codes of pure red, green and blue (100 % bars) that the standards give.
        check(Matrix::Bt601, Range::Limited, [81.0, 90.0, 240.0], [255.0, 0.0, 0.0]);
        check(Matrix::Bt601, Range::Limited, [145.0, 54.0, 34.0], [0.0, 255.0, 0.0]);
        check(Matrix::Bt709, Range::Limited, [63.0, 102.0, 240.0], [255.0, 0.0, 0.0]);
        check(Matrix::Bt709, Range::Limited, [173.0, 42.0, 26.0], [0.0, 255.0, 0.0]);
        check(Matrix::Bt709, Range::Limited, [32.0, 240.0, 118.0], [0.0, 0.0, 255.0]);
        check(Matrix::Bt601, Range::Full, [76.0, 85.0, 255.0], [254.0, 0.0, 0.0]);
    }
}
