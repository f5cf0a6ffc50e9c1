//! Cutting MP4 files at their boxes.

/// Where each top-level box begins and ends.
pub(crate) fn top_level(file: &[u8]) -> Vec<(String, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + 8 <= file.len() {
        let size = u32::from_be_bytes(file[at..at + 4].try_into().expect("4 bytes")) as usize;
        let name = String::from_utf8_lossy(&file[at + 4..at + 8]).into_owned();
        assert!(size >= 8, "a box of {size} bytes");
        found.push((name, at..at + size));
        at += size;
    }
    found
}

/// The same video with the index behind the data.
pub(crate) fn index_last(file: &[u8]) -> Vec<u8> {
    let boxes = top_level(file);
    let range = |name: &str| boxes.iter().find(|(own, _)| own == name).expect(name).1.clone();
    let (moov, mdat) = (range("moov"), range("mdat"));
    assert!(moov.start < mdat.start, "the index is first");
    let mut moov_bytes = file[moov.clone()].to_vec();
    shift_offsets(&mut moov_bytes, moov.len());
    [&file[..moov.start], &file[moov.end..], &moov_bytes].concat()
}

/// The size of the last sample, from the last entry of the sample size table.
pub(crate) fn last_sample_size(file: &[u8]) -> usize {
    let at = file.windows(4).position(|name| name == b"stsz").expect("sample sizes");
    let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().expect("4")) as usize;
    number(at + 16 + 4 * (number(at + 12) - 1))
}

/// Lowers every chunk offset (boxes `stco`) by `by`.
fn shift_offsets(moov: &mut [u8], by: usize) {
    let at = moov.windows(4).position(|name| name == b"stco").expect("chunk offsets");
    let number =
        |at: usize, moov: &[u8]| u32::from_be_bytes(moov[at..at + 4].try_into().expect("4"));
    for entry in 0..number(at + 8, moov) as usize {
        let place = at + 12 + 4 * entry;
        let offset = number(place, moov) - u32::try_from(by).expect("small");
        moov[place..place + 4].copy_from_slice(&offset.to_be_bytes());
    }
}

/// The same video with 64-bit chunk offsets (boxes `co64`), all of them `offset`.
pub(crate) fn with_offsets(file: &[u8], offset: u64) -> Vec<u8> {
    let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().expect("4")) as usize;
    let at = file.windows(4).position(|name| name == b"stco").expect("chunk offsets") - 4;
    let (size, count) = (number(at), number(at + 12));
    let offsets = offset.to_be_bytes().repeat(count);
    let head = [&(16 + 8 * count as u32).to_be_bytes()[..], b"co64", &file[at + 8..at + 16]];
    let mut bytes = [&file[..at], &head.concat(), &offsets, &file[at + size..]].concat();
    for parent in [b"moov", b"trak", b"mdia", b"minf", b"stbl"] {
        let at = file.windows(4).position(|name| name == parent).expect("a parent") - 4;
        let grown = (number(at) + 4 * count) as u32;
        bytes[at..at + 4].copy_from_slice(&grown.to_be_bytes());
    }
    bytes
}
