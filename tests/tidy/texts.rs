//! How errors, logs and expectations are worded.

use crate::source::{Source, all, none};
use crate::style::is_test_only;
use syn::visit::{self, Visit};

/// Macros whose first string literal is told to a person.
const LOGS: &[&str] = &["error", "warn", "info", "debug", "trace"];

struct Texts<'a> {
    source: &'a Source,
    found: Vec<String>,
}

impl Texts<'_> {
    fn tell(&mut self, what: &str, text: &str) {
        self.found.push(format!("{}: {what}: {text:?}", self.source.path));
    }

    /// Messages begin in lower case (or with a name, a number or a placeholder) and have no full
    /// stop at the end.
    fn message(&mut self, text: &str) {
        let first_word = text.split([' ', ':', ',']).next().unwrap_or_default();
        let begins_upper = text.chars().next().is_some_and(char::is_uppercase);
        let is_name = first_word.chars().skip(1).any(|c| c.is_uppercase() || c.is_ascii_digit());
        if begins_upper && !is_name {
            self.tell("a message in upper case", text);
        }
        if text.ends_with('.') {
            self.tell("a message with a full stop", text);
        }
    }

    fn literal_of(&self, argument: &syn::Expr) -> Option<String> {
        match argument {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            syn::Expr::Macro(m) if m.mac.path.is_ident("format") => first_literal(&m.mac.tokens),
            syn::Expr::Reference(r) => self.literal_of(&r.expr),
            _ => None,
        }
    }
}

fn first_literal(tokens: &proc_macro2::TokenStream) -> Option<String> {
    tokens.clone().into_iter().find_map(|token| {
        let proc_macro2::TokenTree::Literal(literal) = token else { return None };
        syn::parse_str::<syn::LitStr>(&literal.to_string()).ok().map(|l| l.value())
    })
}

impl<'ast> Visit<'ast> for Texts<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test_only(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test_only(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(path) = &*call.func {
            let names: Vec<String> =
                path.path.segments.iter().map(|s| s.ident.to_string()).collect();
            let is_error = names.len() >= 2 && names[names.len() - 2] == "Error";
            let message = match names.last().map(String::as_str) {
                Some("new") if is_error => call.args.get(1),
                Some("io") if is_error => call.args.first(),
                _ => None,
            };
            if let Some(text) = message.and_then(|m| self.literal_of(m)) {
                self.message(&text);
            }
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let last = item.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        if LOGS.contains(&last.as_str())
            && let Some(text) = first_literal(&item.tokens)
        {
            self.message(&text);
        }
        if last == "panic" {
            self.tell("a panic outside tests", &item.tokens.to_string());
        }
        visit::visit_macro(self, item);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "unwrap" && call.args.is_empty() {
            self.tell("unwrap outside tests", "say by `expect` what should hold");
        }
        if call.method == "expect"
            && let Some(text) = call.args.first().and_then(|a| self.literal_of(a))
            && text.split_whitespace().count() < 3
        {
            self.tell("an `expect` that does not say what should hold", &text);
        }
        visit::visit_expr_method_call(self, call);
    }
}

#[test]
fn errors_logs_and_expectations_are_well_worded() {
    let mut findings = Vec::new();
    for source in all().iter().filter(|s| !s.is_test()) {
        let mut texts = Texts { source, found: Vec::new() };
        texts.visit_file(&source.syntax);
        findings.extend(texts.found);
    }
    none("texts", &findings);
}

#[test]
fn the_rules_see_what_they_forbid() {
    let text = r#"
        fn f() -> Result<(), Error> {
            x.unwrap();
            y.expect("works");
            tracing::warn!(id, "Bad thing.");
            Err(Error::new(Kind::A, format!("Could not {x}")))
        }
        #[cfg(test)] mod tests { fn g() { x.unwrap(); } }
    "#;
    let source = Source {
        path: "example.rs".to_owned(),
        text: text.to_owned(),
        syntax: syn::parse_file(text).expect("the example is Rust"),
    };
    let mut texts = Texts { source: &source, found: Vec::new() };
    texts.visit_file(&source.syntax);
    assert_eq!(texts.found.len(), 5, "{:?}", texts.found);
}
