//! Reads NumPy's `.npy` files of `u8` and little-endian `f32`, version 1.

use std::path::Path;

/// The numbers of a C-ordered array as f32.
pub(crate) fn read(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).expect("the array can be read");
    assert_eq!(bytes[..8], *b"\x93NUMPY\x01\x00", "{}", path.display());
    let length = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..length]).expect("the header is a text");
    assert!(header.contains("'fortran_order': False"), "{header}");
    let body = &bytes[length..];
    if header.contains("'|u1'") {
        body.iter().map(|&b| f32::from(b)).collect()
    } else {
        assert!(header.contains("'<f4'"), "{header}");
        let number = |b: &[u8]| f32::from_le_bytes(b.try_into().expect("chunks of four"));
        body.chunks_exact(4).map(number).collect()
    }
}
