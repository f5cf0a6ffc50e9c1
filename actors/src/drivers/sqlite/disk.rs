//! Which disks a database may lie on: SQLite's write-ahead log is shared memory, and its locks are
//! those of one kernel. On a network file system neither holds, and a database is damaged sooner or
//! later.

use schema::{Error, ErrorKind, Result};
use std::io;
use std::path::Path;

/// File systems that are another machine's, by the number that `statfs(2)` gives and the kernel's
/// `magic.h` lists.
const NETWORK: &[(u32, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB 2"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x564c, "NCP"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
];

/// File systems that say how they are reached, not where they are: sandboxes and desktop containers
/// use them for local disks. They are taken, with a word of warning.
const OPAQUE: &[(u32, &str)] = &[(0x6573_5546, "FUSE"), (0x0102_1997, "9p")];

/// Makes sure that what lies at `path`, which `what` names, does not lie on another machine.
///
/// # Errors
/// `STORAGE_ERROR` where it does, or cannot be looked at.
pub fn expect_local(path: &Path, what: &str) -> Result<()> {
    let at = |e| Error::io(format_args!("{what} {}", path.display()), e);
    let number = file_system(path).map_err(at)?;
    if let Some(name) = name_in(OPAQUE, number) {
        let path = path.display();
        tracing::warn!(%path, "{what} is on {name}: it must be a disk of this machine");
    }
    judge(number, path, what)
}

/// The number of the file system that `path` lies on.
fn file_system(path: &Path) -> io::Result<u32> {
    // A word whose width and sign are the platform's; the numbers have 32 bits.
    Ok((rustix::fs::statfs(path)?.f_type as u64 & 0xffff_ffff) as u32)
}

fn judge(number: u32, path: &Path, what: &str) -> Result<()> {
    let Some(name) = name_in(NETWORK, number) else { return Ok(()) };
    let path = path.display();
    let message = format!("{what} {path} is on a network file system, {name}: locks fail there");
    Err(Error::new(ErrorKind::StorageError, message)
        .with_hint("keep the database and DATA_DIR on a disk of this machine"))
}

fn name_in(table: &[(u32, &'static str)], number: u32) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_refused_and_others_are_not() {
        let path = Path::new("/srv/data");
        for (number, name) in [
            (0x6969, "NFS"),
            (0xff53_4d42, "CIFS"),
            (0xfe53_4d42, "SMB 2"),
            (0x517b, "SMB"),
            (0x00c3_6400, "Ceph"),
        ] {
            let refused = judge(number, path, "database").expect_err(name);
            assert_eq!(refused.kind(), ErrorKind::StorageError);
            let begins = format!("database /srv/data is on a network file system, {name}:");
            assert!(refused.message().starts_with(&begins), "{refused}");
            assert!(refused.hint().is_some(), "{name}");
        }
        // ext4, XFS, btrfs, ZFS, tmpfs, overlay, F2FS, 9p, FUSE.
        for number in [
            0xef53,
            0x5846_5342,
            0x9123_683e,
            0x2fc1_2fc1,
            0x0102_1994,
            0x794c_7630,
            0xf2f5_2010,
            0x0102_1997,
            0x6573_5546,
        ] {
            assert!(judge(number, path, "database").is_ok(), "{number:#x}");
        }
    }

    #[test]
    fn what_is_really_there_is_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        expect_local(folder.path(), "folder").expect("temporary files are on this machine");
        assert_eq!(file_system(Path::new("/proc")).expect("it is mounted"), 0x9fa0);
        let missing = folder.path().join("missing");
        let failed = expect_local(&missing, "folder").expect_err("there is nothing");
        assert!(failed.message().contains("missing"), "{failed}");
    }
}
