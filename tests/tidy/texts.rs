//! How errors, logs and expectations are worded.

use crate::source::{Source, all, attributes, is_test_only, none};
use syn::visit::{self, Visit};

/// Macros whose first string literal is told to a person.
const LOGS: &[&str] = &["error", "warn", "info", "debug", "trace"];

/// Methods that keep a text as it is.
const CONVERSIONS: &[&str] = &["to_owned", "to_string", "into"];

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

    /// Checks every text that `expression` can come to.
    fn messages(&mut self, expression: &syn::Expr) {
        for text in literals_of(expression) {
            self.message(&text);
        }
    }
}

/// The texts that an expression can come to, as far as they stand in it.
fn literals_of(expression: &syn::Expr) -> Vec<String> {
    use syn::Expr;
    let last_of = |block: &syn::Block| match block.stmts.last() {
        Some(syn::Stmt::Expr(last, None)) => literals_of(last),
        _ => Vec::new(),
    };
    match expression {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => vec![text.value()],
        Expr::Macro(m) if m.mac.path.is_ident("format") => {
            first_literal(&m.mac.tokens).into_iter().collect()
        }
        Expr::Reference(r) => literals_of(&r.expr),
        Expr::Paren(p) => literals_of(&p.expr),
        Expr::MethodCall(c) if CONVERSIONS.iter().any(|name| c.method == name) => {
            literals_of(&c.receiver)
        }
        Expr::Match(m) => m.arms.iter().flat_map(|arm| literals_of(&arm.body)).collect(),
        Expr::Block(b) => last_of(&b.block),
        Expr::If(i) => {
            let otherwise = i.else_branch.iter().flat_map(|(_, e)| literals_of(e));
            last_of(&i.then_branch).into_iter().chain(otherwise).collect()
        }
        _ => Vec::new(),
    }
}

fn first_literal(tokens: &proc_macro2::TokenStream) -> Option<String> {
    tokens.clone().into_iter().find_map(|token| {
        let proc_macro2::TokenTree::Literal(literal) = token else { return None };
        syn::parse_str::<syn::LitStr>(&literal.to_string()).ok().map(|l| l.value())
    })
}

impl<'ast> Visit<'ast> for Texts<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_only(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        let pattern = match &local.pat {
            syn::Pat::Type(typed) => &*typed.pat,
            other => other,
        };
        if let (syn::Pat::Ident(name), Some(init)) = (pattern, &local.init)
            && name.ident == "message"
        {
            self.messages(&init.expr);
        }
        visit::visit_local(self, local);
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if matches!(&field.member, syn::Member::Named(name) if name == "message") {
            self.messages(&field.expr);
        }
        visit::visit_field_value(self, field);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(path) = &*call.func {
            let names: Vec<String> =
                path.path.segments.iter().map(|s| s.ident.to_string()).collect();
            let of = |name: &str| names.len() >= 2 && names[names.len() - 2] == name;
            let message = match names.last().map(String::as_str) {
                Some("new") if of("Error") || of("Warning") => call.args.get(1),
                Some("io") if of("Error") => call.args.first(),
                _ => None,
            };
            if let Some(message) = message {
                self.messages(message);
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
        if let (true, Some(hint)) = (call.method == "with_hint", call.args.first()) {
            self.messages(hint);
        }
        if let (true, Some(reason)) = (call.method == "expect", call.args.first()) {
            for text in literals_of(reason) {
                if text.split_whitespace().count() < 3 {
                    self.tell("an `expect` that does not say what should hold", &text);
                }
            }
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
            let message = if x { format!("Ended {x}") } else { "right".to_owned() };
            warnings.push(Warning::new("CODE", "ends with a stop."));
            let fault = FieldFault { field, message: "Is required".to_owned() };
            Err(Error::new(Kind::A, format!("Could not {x}")).with_hint("Do something"))
        }
        #[cfg(test)] mod tests { fn g() { x.unwrap(); } }
    "#;
    let source = Source::parse("example.rs".to_owned(), text.to_owned());
    let mut texts = Texts { source: &source, found: Vec::new() };
    texts.visit_file(&source.syntax);
    assert_eq!(texts.found.len(), 9, "{:?}", texts.found);
}
