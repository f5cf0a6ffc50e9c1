//! Damaged media, deterministic by number: flipped bits, cut ends, absurd lengths, holes, shuffles.
//!
//! Stands alone, so that other test targets can include it by path.

use std::ops::Range;

/// A small generator of numbers (PCG-XSH-RR 64/32, O'Neill 2014): the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (((self.0 >> 18) ^ self.0) >> 27) as u32;
        mixed.rotate_right((self.0 >> 59) as u32)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit.max(1)
    }
}

/// Variant `number` of `file`. The first ones are cut at each of its box boundaries, the others
/// damaged by chance, in headers more often than elsewhere.
pub(crate) fn mutated(file: &[u8], number: usize) -> Vec<u8> {
    let cuts = box_boundaries(file);
    if let Some(cut) = cuts.get(number) {
        return file[..*cut].to_vec();
    }
    let mut numbers = Numbers(number as u64 * 977 + file.len() as u64);
    numbers.next();
    let mut bytes = file.to_vec();
    for _ in 0..=numbers.below(3) {
        match numbers.below(6) {
            0 | 1 => flip_bits(&mut bytes, &mut numbers),
            2 => set_extreme(&mut bytes, &mut numbers),
            3 => overwrite(&mut bytes, &mut numbers),
            4 => splice(&mut bytes, &mut numbers),
            _ => {
                let keep = numbers.below(bytes.len()).max(1);
                bytes.truncate(keep);
            }
        }
    }
    bytes
}

/// A place: half of them where headers and indexes are, at both ends.
fn place(len: usize, numbers: &mut Numbers) -> usize {
    let edge = len.min(1024);
    match numbers.below(4) {
        0 => numbers.below(edge),
        1 => len - 1 - numbers.below(edge),
        _ => numbers.below(len),
    }
}

fn flip_bits(bytes: &mut [u8], numbers: &mut Numbers) {
    for _ in 0..=numbers.below(8) {
        let at = place(bytes.len(), numbers);
        bytes[at] ^= 1 << numbers.below(8);
    }
}

/// Four bytes become a number that lengths and counts should not have.
fn set_extreme(bytes: &mut [u8], numbers: &mut Numbers) {
    let extremes: [u32; 8] =
        [0, 1, 0x7f, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x0fff_fffe];
    let value = extremes[numbers.below(extremes.len())].to_be_bytes();
    let at = place(bytes.len(), numbers);
    let end = (at + 4).min(bytes.len());
    bytes[at..end].copy_from_slice(&value[..end - at]);
}

fn stretch(len: usize, numbers: &mut Numbers) -> Range<usize> {
    let start = place(len, numbers);
    start..(start + 1 + numbers.below(len / 8 + 1)).min(len)
}

fn overwrite(bytes: &mut [u8], numbers: &mut Numbers) {
    let range = stretch(bytes.len(), numbers);
    let value = [0, 0xff, 0x5a][numbers.below(3)];
    bytes[range].fill(value);
}

/// A stretch is taken out, or put in again elsewhere.
fn splice(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let range = stretch(bytes.len(), numbers);
    if numbers.below(2) == 0 && range.len() < bytes.len() {
        bytes.drain(range);
    } else {
        let copy = bytes[range].to_vec();
        let at = place(bytes.len(), numbers);
        bytes.splice(at..at, copy);
    }
}

/// The beginnings of all boxes of an MP4 file, outer and inner; none for other files.
fn box_boundaries(file: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    if file.get(4..8) == Some(b"ftyp") {
        collect(file, 0..file.len(), &mut found);
    }
    found.retain(|at| *at > 0);
    found
}

fn collect(file: &[u8], range: Range<usize>, found: &mut Vec<usize>) {
    const PARENTS: [&[u8; 4]; 9] =
        [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"edts", b"moof", b"traf"];
    let mut at = range.start;
    while at + 8 <= range.end {
        let size =
            u32::from_be_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]]) as usize;
        if size < 8 || at + size > range.end {
            return;
        }
        found.push(at);
        if PARENTS.iter().any(|name| name.as_slice() == &file[at + 4..at + 8]) {
            collect(file, at + 8..at + size, found);
        }
        at += size;
    }
}
