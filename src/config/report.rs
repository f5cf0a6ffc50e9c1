//! What is in force, for people and programs; and the documents, made from the table of settings.

use super::key::{Fallback, Key, TABLE};
use super::reader::InForce;
use comfy_table::{Table, presets::NOTHING};
use serde_json::{Value, json};

/// How settings are given; begins both documents.
const SOURCES: &str = "\
A setting is taken from, in this order: its flag, its long variable, its short variable, the TOML file
(`--config FILE`, else `SIGHTLINE_CONFIG`, else `./sightline.toml` if it is there), its default. What is
set to an empty text counts as not set. A list has commas between its items, or is a TOML array.
`sightline config` prints what is in force, and where each value came from.";

/// Variables that `docker-compose.yml` reads beside the settings; ends the example.
const COMPOSE: &str = "
# --- docker-compose.yml ---
# There HOST and DATA_DIR are fixed, and PORT is the port of this machine.

# Password of the server on NATS.
# NATS_PASSWORD=

# Password of those who may only listen on NATS.
# NATS_VIEWER_PASSWORD=
";

/// What is in force as a table for people.
pub(crate) fn table(settings: &[InForce]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["setting", "variable", "value", "from"]);
    for row in settings {
        let value = row.value.clone().unwrap_or_else(|| format!("({})", meaning(row.key)));
        table.add_row([row.key.path(), row.key.variable.to_owned(), value, row.origin.to_string()]);
    }
    format!("{table}\n")
}

/// What is in force as JSON.
pub(crate) fn json(settings: &[InForce], warnings: &[String]) -> Value {
    let row = |row: &InForce| {
        json!({
            "setting": row.key.path(),
            "variable": row.key.variable,
            "value": row.value,
            "from": row.origin.to_string(),
            "about": row.key.about(),
            "expects": row.key.expects,
        })
    };
    let settings: Vec<Value> = settings.iter().map(row).collect();
    json!({ "settings": settings, "warnings": warnings })
}

/// `docs/configuration.md`.
pub(crate) fn markdown() -> String {
    let mut text = format!(
        "# Configuration\n\nMade by `sightline config --markdown`; a test keeps it current.\n\n{SOURCES}\n"
    );
    for (i, key) in TABLE.iter().enumerate() {
        if i == 0 || TABLE[i - 1].section != key.section {
            text += &format!(
                "\n## `[{}]`\n\n| TOML | variables | default | what for | expected |\n|---|---|---|---|---|\n",
                key.section
            );
        }
        let (short, long) = (key.variable, key.long_variable());
        text += &format!(
            "| `{}` | `{short}`, `{long}` | {} | {} | {} |\n",
            key.name,
            default_text(key),
            key.about(),
            key.expects
        );
    }
    text
}

/// `.env.example`: every variable with its default, commented out.
pub(crate) fn env_example() -> String {
    let head = format!(
        "Every variable that Sightline reads; docs/configuration.md has the same.\n{SOURCES}"
    );
    let mut text: String = head.lines().map(|line| format!("# {line}\n")).collect();
    for (i, key) in TABLE.iter().enumerate() {
        if i == 0 || TABLE[i - 1].section != key.section {
            text += &format!("\n# --- {} ---\n", key.section);
        }
        text += &format!("\n# {}. Expected: {}.\n", key.about(), key.expects);
        text += &match key.fallback {
            Fallback::Value(value) => format!("# {}={value}\n", key.variable),
            Fallback::ByEnvironment { development, production } => format!(
                "# In production: {}.\n# {}={development}\n",
                or_none(production),
                key.variable
            ),
            Fallback::Unset(_) | Fallback::Secret(_) => {
                format!("# Where it is not set: {}.\n# {}=\n", meaning(key), key.variable)
            }
        };
    }
    text + COMPOSE
}

fn default_text(key: &Key) -> String {
    let code = |text: &str| match text {
        "" => "none".to_owned(),
        text => format!("`{text}`"),
    };
    match key.fallback {
        Fallback::Value(text) => code(text),
        Fallback::ByEnvironment { development, production } => {
            format!("{}; in production {}", code(development), code(production))
        }
        Fallback::Unset(_) | Fallback::Secret(_) => meaning(key).to_owned(),
    }
}

/// What it means that a setting has no value.
const fn meaning(key: &Key) -> &'static str {
    match key.fallback {
        Fallback::Unset(meaning) | Fallback::Secret(meaning) => meaning,
        Fallback::Value(_) | Fallback::ByEnvironment { .. } => "none",
    }
}

const fn or_none(text: &'static str) -> &'static str {
    if text.is_empty() { "none" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source;

    #[test]
    fn the_file_that_is_told_is_the_file_that_is_read() {
        assert!(SOURCES.contains(&format!("`./{}`", source::DEFAULT_FILE)));
        assert!(SOURCES.contains(&format!("`{}`", source::FILE_VARIABLE)));
    }
}
