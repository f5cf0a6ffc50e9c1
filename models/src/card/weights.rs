//! Finds a model's weights below a folder and accepts them by their SHA-256 alone.
//!
//! Reads files and nothing else. Names decide where to look, the sum decides what is taken, so a
//! renamed or moved file is no different from one in its place.

use super::Card;
use schema::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// How deep below the models folder weights are looked for.
const MAX_DEPTH: usize = 8;
/// How many files and folders are looked at before the search gives up.
const MAX_ENTRIES: usize = 20_000;

/// The weights of one model, read and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weights {
    /// Where they were found.
    pub path: PathBuf,
    /// The file, whole.
    pub bytes: Vec<u8>,
}

/// Reads the weights of `card` from below `folder`: at the card's relative path, else any file of
/// that name, in the order of their paths.
///
/// # Errors
/// `MODEL_UNAVAILABLE` where there is none or only files with another sum; the hint says what to
/// run to get it.
pub fn find(card: &Card, folder: &Path) -> Result<Weights> {
    let (mut refused, mut unreadable) = (None, None);
    for path in candidates(card, folder) {
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) => {
                unreadable.get_or_insert((path, e));
                continue;
            }
        };
        let sum = hex(&Sha256::digest(&bytes));
        if card.sha256.contains(&sum) {
            return Ok(Weights { path, bytes });
        }
        refused.get_or_insert((path, sum));
    }
    let name = &card.name;
    let message = match (refused, unreadable) {
        (None, Some((path, e))) if e.kind() != std::io::ErrorKind::NotFound => {
            format!("weights of model {name}: {}: {e}", path.display())
        }
        (Some((path, sum)), _) => format!(
            "weights of model {name}: {} has sha256 {sum}, expected {}",
            path.display(),
            card.sha256.join(" or ")
        ),
        _ if !folder.is_dir() => {
            format!("weights of model {name}: there is no folder {}", folder.display())
        }
        _ => format!(
            "weights of model {name}: no file {} below {}",
            card.file_name(),
            folder.display()
        ),
    };
    Err(Error::new(ErrorKind::ModelUnavailable, message).with_hint(card.how_to_get(folder)))
}

fn candidates(card: &Card, folder: &Path) -> Vec<PathBuf> {
    let home = folder.join(&card.file);
    let mut found = Vec::new();
    if home.is_file() {
        found.push(home.clone());
    }
    let mut walk = Walk { name: card.file_name(), seen: BTreeSet::new(), left: MAX_ENTRIES };
    walk.visit(folder, MAX_DEPTH, &mut found);
    if let Some(again) = found.iter().skip(1).position(|path| *path == home) {
        found.remove(again + 1);
    }
    found
}

struct Walk<'a> {
    name: &'a str,
    /// Folders by their real path: a link back up is not followed twice.
    seen: BTreeSet<PathBuf>,
    left: usize,
}

impl Walk<'_> {
    /// Files of this folder first, then what is below, each in the order of names.
    fn visit(&mut self, folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
        let fresh = std::fs::canonicalize(folder).is_ok_and(|real| self.seen.insert(real));
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        if !fresh {
            return;
        }
        let mut paths: Vec<PathBuf> =
            entries.take(self.left).filter_map(|entry| entry.ok().map(|e| e.path())).collect();
        self.left -= paths.len();
        paths.sort();
        let named = |path: &&PathBuf| path.file_name().is_some_and(|n| n == self.name);
        found.extend(paths.iter().filter(named).filter(|path| path.is_file()).cloned());
        if depth > 0 {
            for path in paths.iter().filter(|path| path.is_dir()) {
                self.visit(path, depth - 1, found);
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::super::Cards;
    use super::*;
    use std::fs;

    /// The shipped card of `yolox-nano`, made to expect the bytes `weights`.
    fn card() -> Card {
        let mut card = Cards::shipped().get("yolox-nano").unwrap().clone();
        card.sha256 = vec![hex(&Sha256::digest(b"weights"))];
        card
    }

    #[test]
    fn finds_the_home_path_first_and_any_other_by_name() {
        let (card, dir) = (card(), tempfile::tempdir().unwrap());
        let deep = dir.path().join("a/b/yolox_nano.onnx");
        fs::create_dir_all(deep.parent().unwrap()).unwrap();
        fs::write(&deep, b"weights").unwrap();
        assert_eq!(find(&card, dir.path()).unwrap().path, deep);

        let home = dir.path().join("yolox/yolox_nano.onnx");
        fs::create_dir_all(home.parent().unwrap()).unwrap();
        fs::write(&home, b"another release").unwrap();
        assert_eq!(find(&card, dir.path()).unwrap().path, deep, "a wrong sum is passed over");
        fs::write(&home, b"weights").unwrap();
        assert_eq!(find(&card, dir.path()).unwrap().path, home);
    }

    #[test]
    fn what_is_missing_is_told_with_the_command_that_gets_it() {
        let (card, dir) = (card(), tempfile::tempdir().unwrap());
        let error = find(&card, dir.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
        assert!(error.message().contains("no file yolox_nano.onnx"), "{error}");
        let hint = error.hint().unwrap();
        let target = dir.path().join("yolox/yolox_nano.onnx");
        assert!(hint.contains(&card.download_command(dir.path()).unwrap()), "{hint}");
        assert!(hint.contains(&target.display().to_string()), "{hint}");

        let error = find(&card, &dir.path().join("none")).unwrap_err();
        assert!(error.message().contains("there is no folder"), "{error}");
    }

    #[test]
    fn a_wrong_file_is_named_with_both_sums() {
        let (card, dir) = (card(), tempfile::tempdir().unwrap());
        fs::write(dir.path().join("yolox_nano.onnx"), b"<html>not found</html>").unwrap();
        let error = find(&card, dir.path()).unwrap_err();
        let sum = hex(&Sha256::digest(b"<html>not found</html>"));
        assert!(error.message().contains(&sum) && error.message().contains(&card.sha256[0]));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_back_up_ends_the_walk() {
        let (card, dir) = (card(), tempfile::tempdir().unwrap());
        let below = dir.path().join("below");
        fs::create_dir(&below).unwrap();
        std::os::unix::fs::symlink(dir.path(), below.join("loop")).unwrap();
        fs::write(below.join("yolox_nano.onnx"), b"wrong").unwrap();
        assert_eq!(candidates(&card, dir.path()), [below.join("yolox_nano.onnx")]);
    }
}
