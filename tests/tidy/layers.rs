//! Who may know of whom: crates, engines, rooms.

use crate::source::{all, code, has_word, none, root};
use std::collections::BTreeSet;

/// Every crate, and the crates of ours that it may depend on.
const LAYERS: &[(&str, &str, &[&str])] = &[
    ("schema", "schema/Cargo.toml", &[]),
    ("models", "models/Cargo.toml", &["schema"]),
    ("actors", "actors/Cargo.toml", &["models", "schema"]),
    ("api", "api/Cargo.toml", &["actors", "schema"]),
    ("sightline", "Cargo.toml", &["actors", "api", "models", "schema"]),
];

/// Crates whose types stay in one folder.
const ENGINES: &[(&str, &str)] = &[
    ("ort", "models/src/backend/onnx"),
    ("candle_core", "models/src/backend/candle"),
    ("ffmpeg_next", "actors/src/media/ffmpeg"),
    ("tiny_skia", "actors/src/simulate"),
    ("ab_glyph", "actors/src/media/overlay"),
    ("actix", "actors/src/compute"),
    ("rusqlite", "actors/src/drivers/sqlite"),
    ("scylla", "actors/src/drivers/scylla"),
    ("async_nats", "actors/src/drivers/nats"),
    ("object_store", "actors/src/drivers/objects"),
    ("ractor", "actors/src"),
    ("poem", "api"),
    ("poem_openapi", "api/src"),
    ("clap", "src"),
];

/// Crates that ask others over HTTP, and who may use them: the demo and the tests are clients of our
/// own server, and take no address from anybody else.
const HTTP_CLIENTS: &[(&str, &[&str])] = &[
    ("reqwest", &["src/cli/demo/", "tests/it/service.rs", "tests/it/serving.rs"]),
    ("ureq", &[]),
    ("isahc", &[]),
];

/// Rooms that share messages and `pipeline`, never each other's code.
const APART: &[&str] = &["camera", "job", "task", "gallery"];

/// Words that a crate must not say, with the files that may.
const ABSENT: &[(&str, &str, &[&str])] = &[
    ("schema/src", "tokio", &[]),
    ("schema/src", "std::fs", &[]),
    ("schema/src", "std::net", &[]),
    ("schema/src", "Instant", &[]),
    ("schema/src", "SystemTime", &[]),
    ("models/src", "tokio", &[]),
    ("models/src", "std::net", &[]),
    ("models/src", "Instant", &[]),
    ("models/src", "SystemTime", &[]),
    // Weights, their cards and the runtime library are the only files that models reads.
    ("models/src", "std::fs", &["models/src/card", "models/src/backend/onnx"]),
    ("actors/src", "StatusCode", &[]),
    ("src", "StatusCode", &[]),
];

#[test]
fn crates_depend_downward_only() {
    let mut findings = Vec::new();
    for (name, manifest, allowed) in LAYERS {
        let text = std::fs::read_to_string(root().join(manifest)).expect("a manifest");
        let table: toml::Table = text.parse().expect("manifests are TOML");
        let ours: BTreeSet<&str> = LAYERS.iter().map(|l| l.0).collect();
        let dependencies = table["dependencies"].as_table().expect("a table");
        for dependency in dependencies.keys().map(String::as_str).filter(|d| ours.contains(d)) {
            if !allowed.contains(&dependency) {
                findings.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    none("upward or sideways dependencies", &findings);
}

#[test]
fn each_engine_is_named_in_one_folder() {
    let mut findings = Vec::new();
    for source in all().iter().filter(|s| !s.path.starts_with("tests/tidy/")) {
        for (engine, folder) in ENGINES {
            // A bench may drive an engine by itself, as the peer that ours is measured by, and a test
            // of the whole as the stranger that ours meets.
            let inside = source.path.starts_with(&format!("{folder}/"))
                || source.path == format!("{folder}.rs")
                || source.path.contains("/benches/")
                || source.path.starts_with("tests/it/");
            for (number, line) in source.text.lines().enumerate() {
                let path = format!("{engine}::");
                if !inside && has_word(code(line), engine) && code(line).contains(&path) {
                    findings.push(format!("{}:{}: {engine}", source.path, number + 1));
                }
            }
        }
    }
    none("engines outside their folder", &findings);
}

#[test]
fn http_clients_stay_in_their_rooms() {
    let mut findings = Vec::new();
    for source in all().iter().filter(|s| !s.path.starts_with("tests/tidy/")) {
        for (client, rooms) in HTTP_CLIENTS {
            let inside = rooms.iter().any(|room| source.path.starts_with(room));
            let names = |line: &str| {
                has_word(code(line), client) && code(line).contains(&format!("{client}::"))
            };
            if !inside && source.text.lines().any(names) {
                findings.push(format!("{}: {client}", source.path));
            }
        }
    }
    none("HTTP clients outside their rooms", &findings);
}

#[test]
fn rooms_that_are_apart_do_not_import_one_another() {
    let mut findings = Vec::new();
    for source in all() {
        for room in APART.iter().filter(|r| source.path.starts_with(&format!("actors/src/{r}"))) {
            for other in APART.iter().filter(|o| *o != room) {
                if source.text.lines().any(|l| code(l).contains(&format!("crate::{other}::"))) {
                    findings.push(format!("{} imports {other}", source.path));
                }
            }
        }
    }
    none("rooms that know of one another", &findings);
}

#[test]
fn what_must_be_absent_is_absent() {
    let mut findings = Vec::new();
    for source in all() {
        for (folder, word, except) in ABSENT {
            let excepted = except.iter().any(|e| source.path.starts_with(e));
            if excepted || !source.path.starts_with(&format!("{folder}/")) {
                continue;
            }
            let lines = source.production_lines().into_iter();
            for (number, _) in lines.filter(|(_, line)| has_word(code(line), word)) {
                findings.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    none("words in crates that must not know of them", &findings);
}

#[test]
fn the_pipeline_knows_no_actors() {
    let sources = all();
    let pipeline = sources.iter().filter(|s| s.path.starts_with("actors/src/pipeline/"));
    let mut findings = Vec::new();
    for source in pipeline {
        if source.text.contains("ractor") || source.text.contains("crate::job") {
            findings.push(source.path.clone());
        }
    }
    none("pipeline files that know who drives them", &findings);
}

/// The handle is what all of `actors` is seen through: nothing below it knows of it.
#[test]
fn nothing_below_the_handle_imports_it() {
    const ABOVE: [&str; 3] = ["actors/src/handle/", "actors/src/testing/", "actors/src/lib.rs"];
    let below = |path: &str| {
        path.starts_with("actors/src/") && !ABOVE.iter().any(|above| path.starts_with(above))
    };
    let mut findings = Vec::new();
    for source in all().iter().filter(|source| below(&source.path)) {
        if source.text.lines().any(|line| code(line).contains("crate::handle")) {
            findings.push(source.path.clone());
        }
    }
    none("files below the handle that import it", &findings);
}
