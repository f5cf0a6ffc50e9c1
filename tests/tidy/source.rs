//! The project's Rust files, read and parsed once per test.

use std::path::{Path, PathBuf};

/// One source file.
pub(crate) struct Source {
    /// Path from the root of the project, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
}

impl Source {
    /// Whether the whole file is test code.
    pub(crate) fn is_test(&self) -> bool {
        let in_folder =
            |name| self.path.starts_with(name) || self.path.contains(&format!("/{name}"));
        in_folder("tests/") || in_folder("benches/") || self.path.ends_with("tests.rs")
    }

    /// Lines that are neither tests nor behind them.
    pub(crate) fn production_lines(&self) -> usize {
        let tests = self.text.lines().position(|l| l.trim() == "#[cfg(test)]");
        tests.unwrap_or_else(|| self.text.lines().count())
    }
}

/// The root of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the workspace, by path.
pub(crate) fn all() -> Vec<Source> {
    let mut files = Vec::new();
    for folder in ["src", "schema", "models", "actors", "api", "tests", "benches"] {
        collect(&root().join(folder), &mut files);
    }
    files.sort();
    assert!(files.len() > 30, "the rules would pass over nothing: {} files", files.len());
    files.iter().map(|path| read(path)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.map(|e| e.expect("a readable folder").path()) {
        if entry.is_dir() && entry.file_name().is_none_or(|n| n != "target") {
            collect(&entry, files);
        } else if entry.extension().is_some_and(|e| e == "rs") {
            files.push(entry);
        }
    }
}

fn read(path: &Path) -> Source {
    let text = std::fs::read_to_string(path).expect("source files are text");
    let syntax = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let path = path.strip_prefix(root()).expect("below the root").display().to_string();
    Source { path, text, syntax }
}

/// Fails with every finding at once.
pub(crate) fn none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}:\n  {}", findings.join("\n  "));
}

/// Whether `word` stands in `line` as a word of its own.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_none_or(|c| !part(c));
        let after = line[at + word.len()..].chars().next().is_none_or(|c| !part(c));
        before && after
    })
}

/// A line without what stands behind `//`.
pub(crate) fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

#[test]
fn words_are_words() {
    assert!(has_word("use ort::session;", "ort"));
    assert!(!has_word("let sorted = import(x);", "ort"));
}
