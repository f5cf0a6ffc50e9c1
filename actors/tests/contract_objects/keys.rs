//! What is no key: three hundred ways out of a folder.

use actors::objects::ObjectKey;

/// Ways up, and names that mean something to a file system, a shell or a URL.
const STEPS: &[&str] = &[
    "..",
    "../..",
    ".",
    "./",
    "..;",
    "....//",
    "..\\",
    "..\\..",
    ".\\.",
    "%2e%2e",
    "%2E%2E",
    "%2e.",
    ".%2e",
    "%252e%252e",
    "%c0%ae%c0%ae",
    "%e0%80%ae",
    "\u{2024}\u{2024}",
    "\u{ff0e}\u{ff0e}",
    "..%00",
    "..\0",
    "..%0d%0a",
    "..\n",
    " ..",
    ".. ",
    "~",
    "~root",
    "$HOME",
    "`id`",
    "..:",
];
/// What stands between steps.
const SEPARATORS: &[&str] = &["/", "\\", "%2f", "%5c", "//", "\u{2215}", "\u{ff0f}"];
/// Whole strings.
const WHOLE: &[&str] = &[
    "",
    "/",
    "//",
    "\0",
    "a\0b",
    "a/../b",
    "a/./b",
    "a//b",
    "/etc/passwd",
    "//etc/passwd",
    "a/",
    "file:///etc/passwd",
    "C:\\windows",
    "C:/windows",
    "\\\\host\\share",
    ".hidden",
    "a/.hidden",
    ".staging",
    ".staging/x",
    "a b",
    "a\tb",
    "a\r\nb",
    "a:b",
    "a*b",
    "a?b",
    "a|b",
    "a<b>",
    "a\"b",
    "a'b",
    "a;b",
    "a&b",
    "a%2fb",
    "a%00",
    "a+b",
    "a@b",
    "a#b",
    "a=b",
    "a,b",
    "(a)",
    "[a]",
    "{a}",
    "a\u{202e}b",
    "a\u{200b}b",
    "\u{e4}",
    "\u{1f600}",
    "\u{7f}",
    "a\\b",
    "-\u{0301}",
    "a/ ",
    " a",
    "...",
    "a/...",
    "..a",
    "a/..b",
    "/proc/self/environ",
    "/dev/null",
    "a/../../../etc/shadow",
];

fn traversals() -> Vec<String> {
    let mut all: Vec<String> = WHOLE.iter().map(|s| (*s).to_owned()).collect();
    for step in STEPS {
        for separator in SEPARATORS {
            all.push(format!("uploads{separator}{step}{separator}secret"));
        }
        all.push(format!("{step}/{step}/etc/passwd"));
        all.push(format!("/{step}"));
    }
    all.push("x".repeat(257));
    all.push("x/".repeat(200) + "x");
    all
}

#[test]
fn nothing_that_leads_elsewhere_is_a_key() {
    let all = traversals();
    assert!(all.len() >= 300, "{} strings", all.len());
    let taken: Vec<_> = all.iter().filter(|s| s.parse::<ObjectKey>().is_ok()).collect();
    assert!(taken.is_empty(), "taken as keys: {taken:?}");
}

#[test]
fn keys_are_their_text() {
    for good in ["a", "uploads/people-count_1.mp4", "A-1/b_2/c.3", "x..y", &"x".repeat(256)] {
        assert_eq!(good.parse::<ObjectKey>().expect(good).as_str(), good);
    }
}
