//! How files and functions look.

use crate::exceptions::{LONG_FILES, LONG_FUNCTIONS};
use crate::source::{Source, all, code, is_test_only, none};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Lines of a file, tests left out.
const FILE_LINES: usize = 500;
/// Lines of a function, from its signature to its closing brace.
const FUNCTION_LINES: usize = 60;

#[test]
fn every_file_says_what_it_is_for() {
    let bare = all().into_iter().filter(|s| !s.text.starts_with("//! ")).map(|s| s.path);
    none("files that do not begin with `//!`", &bare.collect::<Vec<_>>());
}

#[test]
fn no_file_is_too_long() {
    let long = |s: &Source| s.production_lines().len() > FILE_LINES && !s.is_test();
    let excepted = |s: &Source| LONG_FILES.iter().any(|(path, _)| *path == s.path);
    let findings = all().into_iter().filter(|s| long(s) && !excepted(s));
    let told: Vec<String> =
        findings.map(|s| format!("{}: {} lines", s.path, s.production_lines().len())).collect();
    none("files that are too long", &told);
}

struct Functions<'a> {
    path: &'a str,
    found: Vec<String>,
}

impl Functions<'_> {
    fn check(&mut self, name: &syn::Ident, from: &impl Spanned, block: &syn::Block) {
        let lines = block.span().end().line - from.span().start().line + 1;
        let name = name.to_string();
        let excepted = LONG_FUNCTIONS.iter().any(|(p, n, _)| *p == self.path && *n == name);
        if lines > FUNCTION_LINES && !excepted {
            self.found.push(format!("{}: {name}: {lines} lines", self.path));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test_only(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.check(&item.sig.ident, &item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.check(&item.sig.ident, &item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.check(&item.sig.ident, &item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[test]
fn functions_of_every_sort_are_measured() {
    let body = "{\n".to_owned() + &"    f();\n".repeat(FUNCTION_LINES) + "}\n";
    let long = format!(
        "fn a() {body} trait T {{ fn b() {body} fn bare(); }} impl T for X {{ fn c() {body} }}
        #[cfg(test)] mod tests {{ fn d() {body} }}"
    );
    let syntax = syn::parse_file(&long).expect("the example is Rust");
    let mut functions = Functions { path: "example.rs", found: Vec::new() };
    functions.visit_file(&syntax);
    assert_eq!(functions.found.len(), 3, "{:?}", functions.found);
}

#[test]
fn every_function_fits_in_one_look() {
    let mut findings = Vec::new();
    for source in all().iter().filter(|s| !s.is_test()) {
        let mut functions = Functions { path: &source.path, found: Vec::new() };
        functions.visit_file(&source.syntax);
        findings.extend(functions.found);
    }
    none("functions that are too long", &findings);
}

#[test]
fn nothing_is_silenced_or_left_for_later() {
    let mut findings = Vec::new();
    for source in all().iter().filter(|s| !s.path.starts_with("tests/tidy/")) {
        for (number, line) in source.text.lines().enumerate() {
            let marks = ["TODO", "FIXME", "XXX", "#[ignore", "todo!(", "unimplemented!("];
            if marks.iter().any(|m| line.contains(m)) {
                findings.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    none("silenced tests and unfinished work", &findings);
}

#[test]
fn the_wall_clock_is_read_in_one_place() {
    let mut findings = Vec::new();
    for source in all().iter().filter(|s| !s.path.starts_with("tests/tidy/")) {
        let reads = |l: &str| code(l).contains("SystemTime::now") || code(l).contains("Utc::now");
        if source.path != "actors/src/clock.rs" && source.text.lines().any(reads) {
            findings.push(source.path.clone());
        }
    }
    none("files that read the wall clock", &findings);
}

#[test]
fn tests_wait_for_what_they_wait_for() {
    let sleeps = |l: &str| code(l).contains("thread::sleep(") || code(l).contains("time::sleep(");
    // Supervisors wait before they try again: there, with the runtime's timer, it is no guess.
    let may_be_timer = |l: &str| code(l).contains("tokio::time::sleep(");
    let mut findings = Vec::new();
    for source in all().iter().filter(|s| !s.path.starts_with("tests/tidy/")) {
        let timers = match source.is_test() {
            true => 0,
            false => source.production_lines().iter().filter(|(_, l)| may_be_timer(l)).count(),
        };
        if source.text.lines().filter(|l| sleeps(l)).count() > timers {
            findings.push(source.path.clone());
        }
    }
    none("files that sleep", &findings);
}
