//! Looks at an ELF library without loading it.
//!
//! The loader maps a file and trusts it: one that is cut off kills the process by SIGBUS, and one
//! that is no library at all runs its constructors first. So what can be seen from the outside is
//! checked before: format, machine, that every segment is there, and that the entry point is among
//! its names. After the ELF-64 specification, little-endian; in safe Rust and a few small reads.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// `e_machine` of the machine this is compiled for, where it is known.
const MACHINE: Option<u16> = if cfg!(target_arch = "x86_64") {
    Some(62)
} else if cfg!(target_arch = "aarch64") {
    Some(183)
} else {
    None
};
const SHARED_OBJECT: u16 = 3;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_STRTAB: u64 = 5;
const DT_STRSZ: u64 = 10;
/// More segments or larger tables than any library has: the file is nonsense.
const MAX_SEGMENTS: u16 = 256;
const MAX_TABLE: u64 = 64 << 20;

/// One entry of the program header table.
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

/// Checks that `file` is a whole library of this machine that names `symbol`.
///
/// # Errors
/// What is wrong with it, to be put after the file's name.
pub(super) fn check(file: &mut File, symbol: &str) -> Result<(), String> {
    let length = file.metadata().map_err(|e| e.to_string())?.len();
    let header = read(file, 0, 64, length).map_err(|_| not_elf(length))?;
    if header[..4] != *b"\x7fELF" {
        return Err(not_elf(length));
    }
    if header[4..6] != [2, 1] {
        return Err("is not a 64-bit little-endian library".into());
    }
    let (kind, machine) = (u16_at(&header, 16), u16_at(&header, 18));
    if kind != SHARED_OBJECT {
        return Err(format!("is an ELF file of type {kind}, not a shared library"));
    }
    if MACHINE.is_some_and(|own| own != machine) {
        return Err(format!(
            "is for another machine (ELF machine {machine}), not for {}",
            std::env::consts::ARCH
        ));
    }
    let segments = segments(file, &header, length)?;
    for s in segments.iter().filter(|s| s.kind == PT_LOAD) {
        let end = s.offset.saturating_add(s.size);
        if end > length {
            return Err(format!("is cut off: {length} bytes of at least {end}"));
        }
    }
    let names = dynamic_names(file, &segments, length)?;
    let wanted = [b"\0", symbol.as_bytes(), b"\0"].concat();
    if names.windows(wanted.len()).any(|name| name == wanted) {
        Ok(())
    } else {
        Err(format!("does not export {symbol}, so it is not ONNX Runtime"))
    }
}

fn not_elf(length: u64) -> String {
    format!("is not an ELF library ({length} bytes)")
}

fn segments(file: &mut File, header: &[u8], length: u64) -> Result<Vec<Segment>, String> {
    let (offset, size, count) = (u64_at(header, 32), u16_at(header, 54), u16_at(header, 56));
    if size != 56 || count > MAX_SEGMENTS {
        return Err("has a damaged ELF header".into());
    }
    let table = read(file, offset, u64::from(size) * u64::from(count), length)?;
    let segment = |entry: &[u8]| Segment {
        kind: u32_at(entry, 0),
        offset: u64_at(entry, 8),
        address: u64_at(entry, 16),
        size: u64_at(entry, 32),
    };
    Ok(table.chunks_exact(56).map(segment).collect())
}

/// The string table of the dynamic symbols: all names that the library exports or imports.
fn dynamic_names(file: &mut File, segments: &[Segment], length: u64) -> Result<Vec<u8>, String> {
    let dynamic = segments.iter().find(|s| s.kind == PT_DYNAMIC).ok_or("has no dynamic section")?;
    let table = read(file, dynamic.offset, dynamic.size, length)?;
    let entry =
        |tag: u64| table.chunks_exact(16).find(|e| u64_at(e, 0) == tag).map(|e| u64_at(e, 8));
    let (address, size) =
        entry(DT_STRTAB).zip(entry(DT_STRSZ)).ok_or("has no table of dynamic names")?;
    let home = segments
        .iter()
        .find(|s| {
            s.kind == PT_LOAD && (s.address..s.address.saturating_add(s.size)).contains(&address)
        })
        .ok_or("has its table of dynamic names outside of its segments")?;
    read(file, home.offset.saturating_add(address - home.address), size, length)
}

fn read(file: &mut File, offset: u64, size: u64, length: u64) -> Result<Vec<u8>, String> {
    if size > MAX_TABLE || offset.saturating_add(size) > length {
        return Err(format!(
            "is cut off or damaged: a table of {size} bytes at {offset} is not there"
        ));
    }
    let mut bytes = vec![0; size as usize];
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|e| e.to_string())?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
