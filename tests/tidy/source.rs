//! The project's Rust files, read and parsed once per test.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// One source file.
pub(crate) struct Source {
    /// Path from the root of the project, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
}

impl Source {
    /// Takes `text` as the file at `path`, from the root of the project.
    ///
    /// Panics where it is not Rust.
    pub(crate) fn parse(path: String, text: String) -> Self {
        let syntax = syn::parse_file(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
        Self { path, text, syntax }
    }

    /// Whether the whole file is test code.
    pub(crate) fn is_test(&self) -> bool {
        let in_folder =
            |name| self.path.starts_with(name) || self.path.contains(&format!("/{name}"));
        in_folder("tests/") || in_folder("benches/") || self.path.ends_with("tests.rs")
    }

    /// The lines that are not compiled for tests only, with their numbers from 1 on.
    pub(crate) fn production_lines(&self) -> Vec<(usize, &str)> {
        let mut tests = TestItems(Vec::new());
        tests.visit_file(&self.syntax);
        let is_test = |number| tests.0.iter().any(|lines| lines.contains(&number));
        let numbered = self.text.lines().enumerate().map(|(i, line)| (i + 1, line));
        numbered.filter(|(number, _)| !is_test(*number)).collect()
    }
}

/// The lines of the items that are compiled for tests only, their attributes and docs included.
struct TestItems(Vec<RangeInclusive<usize>>);

impl TestItems {
    /// Notes `item` where it is for tests only; tells whether it is.
    fn note(&mut self, attributes: &[syn::Attribute], item: &impl Spanned) -> bool {
        let is_test = is_test_only(attributes);
        if is_test {
            self.0.push(item.span().start().line..=item.span().end().line);
        }
        is_test
    }
}

impl<'ast> Visit<'ast> for TestItems {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !self.note(attributes(item), item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !self.note(&item.attrs, item) {
            visit::visit_impl_item_fn(self, item);
        }
    }
}

/// The attributes of an item of any kind.
pub(crate) fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(i) => &i.attrs,
        syn::Item::Enum(i) => &i.attrs,
        syn::Item::Fn(i) => &i.attrs,
        syn::Item::Impl(i) => &i.attrs,
        syn::Item::Macro(i) => &i.attrs,
        syn::Item::Mod(i) => &i.attrs,
        syn::Item::Static(i) => &i.attrs,
        syn::Item::Struct(i) => &i.attrs,
        syn::Item::Trait(i) => &i.attrs,
        syn::Item::Type(i) => &i.attrs,
        syn::Item::Use(i) => &i.attrs,
        _ => &[],
    }
}

/// Whether attributes say that their item is compiled for tests only.
pub(crate) fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        let test = a.path().segments.last().is_some_and(|s| s.ident == "test");
        let cfg = a.path().is_ident("cfg")
            && a.meta.require_list().is_ok_and(|l| l.tokens.to_string() == "test");
        test || cfg
    })
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
        if entry.is_dir() {
            if !is_built(&entry) {
                collect(&entry, files);
            }
        } else if entry.extension().is_some_and(|e| e == "rs") {
            files.push(entry);
        }
    }
}

/// Whether a folder holds what cargo built or npm installed, wherever it lies.
fn is_built(folder: &Path) -> bool {
    folder.ends_with("target") || folder.ends_with("node_modules")
}

fn read(path: &Path) -> Source {
    let text = std::fs::read_to_string(path).expect("source files are text");
    let path = path.strip_prefix(root()).expect("below the root").display().to_string();
    Source::parse(path, text)
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
fn only_test_items_are_left_out() {
    let text = "//! Doc.\n#[cfg(test)]\nmod tests;\nfn one() {}\n\n/// Tested.\n#[test]\nfn t() {\n}\n\
                mod inner {\n    #[cfg(test)]\n    use x::y;\n    fn two() {}\n}\n\
                impl A {\n    #[cfg(test)]\n    fn b() {}\n}\n";
    let source = Source::parse("example.rs".to_owned(), text.to_owned());
    let numbers: Vec<usize> = source.production_lines().iter().map(|(n, _)| *n).collect();
    assert_eq!(numbers, [1, 4, 5, 10, 13, 14, 15, 18]);
}

#[test]
fn what_cargo_built_is_left_out_at_any_depth() {
    for folder in ["target", "benches/peers/target"] {
        assert!(is_built(&root().join(folder)), "{folder}");
    }
    assert!(!is_built(&root().join("src/targets")));
    assert!(all().iter().all(|s| !s.path.contains("target/")));
}

#[test]
fn words_are_words() {
    assert!(has_word("use ort::session;", "ort"));
    assert!(!has_word("let sorted = import(x);", "ort"));
}
