//! Model cards: everything that must be known of a model before its weights are loaded.
//!
//! A card is a TOML file. Those in `models/cards` are compiled in; a user's models folder may add
//! to them or replace them. Parsing is all or nothing and names every fault at once. What a card
//! says about pixels is in `picture`, about outputs in `detect::heads`; nothing here runs a model.

mod table;
pub mod weights;

use crate::detect::DetectOptions;
use crate::detect::heads::HeadKind;
use crate::picture::letterbox::Fit;
use crate::picture::tensor::{ColourOrder, InputSpec};
use schema::detection::{Category, Class};
use schema::error::FieldFault;
use schema::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use table::Table;

/// The cards that are compiled in: file name and text.
const SHIPPED: [(&str, &str); 2] = [
    ("fastestdet.toml", include_str!("../cards/fastestdet.toml")),
    ("yolox-nano.toml", include_str!("../cards/yolox-nano.toml")),
];

/// What is known of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// Name on the command line: a slug of `a-z`, `0-9`, `_` and `-`.
    pub name: String,
    /// Path of the weights relative to a models folder, with `/` between its parts.
    pub file: String,
    /// SHA-256 of every file that is accepted, in lower-case hexadecimal.
    pub sha256: Vec<String>,
    /// Licence of the weights, as an SPDX expression.
    pub licence: String,
    /// Who published the weights and where, in words.
    pub source: String,
    /// Where they can be downloaded, if anywhere.
    pub url: Option<String>,
    /// How outputs become boxes.
    pub head: HeadKind,
    /// Name of the input tensor.
    pub input_name: String,
    /// Shape and levels of the input tensor.
    pub input: InputSpec,
    /// Name of the output tensor that the head reads.
    pub output_name: String,
    /// Classes in the order of the outputs.
    pub classes: Vec<Class>,
    /// What is asked of the model where nothing is followed: plain detection.
    pub defaults: DetectOptions,
    /// Score from which on a detection begins a track, 0 to 1; the same for every input.
    pub track_score: f32,
}

impl Card {
    /// Reads a card; `from` names it in errors.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every missing, wrong and unknown key.
    pub fn parse(text: &str, from: &str) -> Result<Self> {
        let wrong = |e: toml::de::Error| {
            let fault = FieldFault { field: from.into(), message: e.message().to_owned() };
            Error::validation(vec![fault]).with_source(e)
        };
        let mut table = Table::new(text.parse().map_err(wrong)?);
        let card = Self::read(&mut table);
        let faults: Vec<FieldFault> = table
            .finish()
            .into_iter()
            .map(|f| FieldFault { field: format!("{from}: {}", f.field), ..f })
            .collect();
        if faults.is_empty() { Ok(card) } else { Err(Error::validation(faults)) }
    }

    /// Reads what it can; where something is wrong, the table knows and the value is a stand-in.
    fn read(table: &mut Table) -> Self {
        let slug = "1 to 64 of a-z, 0-9, _ and -";
        let relative = "a relative path without \"..\"";
        let sums = "one or more sums of 64 digits 0-9, a-f";
        let (input_name, input) = table.section("input", read_input);
        let head = table
            .take("head", "\"yolox\", \"fastestdet\" or \"yolov8\"")
            .unwrap_or(HeadKind::Yolox);
        if let Err(message) = head.check_input(input.width, input.height) {
            table.fault("input", message);
        }
        Self {
            name: table.check("name", slug, |t: &String| is_slug(t)).unwrap_or_default(),
            file: table.check("file", relative, |t: &String| is_relative(t)).unwrap_or_default(),
            sha256: table
                .check("sha256", sums, |v: &Vec<String>| {
                    !v.is_empty() && v.iter().all(|t| is_sum(t))
                })
                .unwrap_or_default(),
            licence: text(table, "licence"),
            source: text(table, "source"),
            url: table.optional("url", "a URL"),
            head,
            input_name,
            input,
            output_name: table.section("output", |t| text(t, "name")),
            classes: table.section("classes", read_classes),
            defaults: table.section("defaults", read_defaults),
            track_score: table.section("tracking", |t| share(t, "score_threshold")),
        }
    }

    /// The last part of [`Card::file`].
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or(&self.file)
    }

    /// The shell command that downloads the weights into `folder`, where they can be downloaded.
    #[must_use]
    pub fn download_command(&self, folder: &Path) -> Option<String> {
        let path = folder.join(&self.file);
        let quote = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        self.url.as_ref().map(|url| {
            let path = quote(&path.display().to_string());
            format!("curl --fail -L --create-dirs -o {path} {}", quote(url))
        })
    }

    /// What to do to have the weights in `folder`, in words.
    #[must_use]
    pub fn how_to_get(&self, folder: &Path) -> String {
        let Self { source, licence, .. } = self;
        match self.download_command(folder) {
            Some(command) => format!("run: {command}  ({source}; {licence})"),
            None => {
                let path = folder.join(&self.file);
                format!("put it at {}: {source} ({licence})", path.display())
            }
        }
    }
}

/// All cards that are known, by name.
#[derive(Debug)]
pub struct Cards {
    known: BTreeMap<String, Card>,
    faults: Vec<Error>,
}

impl Cards {
    /// The cards that are compiled in.
    #[must_use]
    pub fn shipped() -> Self {
        let card = |(file, text)| {
            let card = Card::parse(text, file).expect("shipped cards are valid: a test reads them");
            (card.name.clone(), card)
        };
        Self { known: SHIPPED.into_iter().map(card).collect(), faults: Vec::new() }
    }

    /// The shipped cards and those in `folder/cards/*.toml`, which replace shipped ones of their
    /// name. A folder without `cards` adds nothing; a file that is no card adds a fault, so that
    /// the others stay usable.
    #[must_use]
    pub fn load(folder: &Path) -> Self {
        let mut cards = Self::shipped();
        let mut own: BTreeMap<String, String> = BTreeMap::new();
        for path in cards.files(&folder.join("cards")) {
            let from = path.display().to_string();
            let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&from, e));
            match text.and_then(|text| Card::parse(&text, &from)) {
                Ok(card) => match own.insert(card.name.clone(), from.clone()) {
                    Some(other) => {
                        let message = format!("{:?} is the name in {other} too", card.name);
                        cards.fault(format!("{from}: name"), message);
                    }
                    None => {
                        cards.known.insert(card.name.clone(), card);
                    }
                },
                Err(error) => cards.faults.push(error),
            }
        }
        cards
    }

    /// The TOML files of a folder, sorted.
    fn files(&mut self, folder: &Path) -> Vec<PathBuf> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
            Err(e) => {
                self.faults.push(Error::io(folder.display(), e));
                return Vec::new();
            }
        };
        let mut paths: Vec<_> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
        paths.sort();
        paths
    }

    fn fault(&mut self, field: String, message: String) {
        self.faults.push(Error::validation(vec![FieldFault { field, message }]));
    }

    /// What is wrong with the user's own cards; those are not used.
    #[must_use]
    pub fn faults(&self) -> &[Error] {
        &self.faults
    }

    /// The card of the model `name`.
    ///
    /// # Errors
    /// `NOT_FOUND`, with the names that there are in the hint.
    pub fn get(&self, name: &str) -> Result<&Card> {
        self.known.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.known.keys().map(String::as_str).collect();
            Error::new(ErrorKind::NotFound, format!("there is no model card {name:?}"))
                .with_hint(format!("models with a card: {}", names.join(", ")))
        })
    }

    /// Every card, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = &Card> {
        self.known.values()
    }
}

fn text(table: &mut Table, key: &str) -> String {
    table.check(key, "a text", |t: &String| !t.trim().is_empty()).unwrap_or_default()
}

fn read_input(table: &mut Table) -> (String, InputSpec) {
    let side = |table: &mut Table, key| {
        table.check(key, "a whole number, 32 to 4096", |n| (32..=4096).contains(n)).unwrap_or(32)
    };
    table.check("layout", "\"nchw\"", |t: &String| t == "nchw");
    let level = |v: &f32| (0.0..=255.0).contains(v);
    let spec = InputSpec {
        width: side(table, "width"),
        height: side(table, "height"),
        fit: table.take("fit", "\"top-left\", \"centre\" or \"stretch\"").unwrap_or(Fit::Stretch),
        order: table.take("order", "\"rgb\" or \"bgr\"").unwrap_or(ColourOrder::Rgb),
        pad: table.check("pad", "a level, 0 to 255", level).unwrap_or_default(),
        mean: table
            .check("mean", "three levels, 0 to 255", |v: &[f32; 3]| v.iter().all(level))
            .unwrap_or_default(),
        std: table
            .check("std", "three numbers above 0, up to 255", |v: &[f32; 3]| {
                v.iter().all(|v| level(v) && *v > 0.0)
            })
            .unwrap_or([1.0; 3]),
    };
    (text(table, "name"), spec)
}

fn read_classes(table: &mut Table) -> Vec<Class> {
    let labels: Vec<String> = table
        .check("labels", "a list of at least one label", |v: &Vec<String>| !v.is_empty())
        .unwrap_or_default();
    let categories: BTreeMap<String, Vec<String>> =
        table.optional("categories", "a table of lists of labels").unwrap_or_default();
    let mut category_of: BTreeMap<&str, Category> = BTreeMap::new();
    for (name, members) in &categories {
        let Ok(category) = toml::Value::String(name.clone()).try_into() else {
            table.fault("categories", format!("{name:?} is not a category"));
            continue;
        };
        for label in members {
            if !labels.contains(label) {
                table.fault("categories", format!("{label:?} is not one of the labels"));
            } else if category_of.insert(label, category).is_some() {
                table.fault("categories", format!("{label:?} stands there twice"));
            }
        }
    }
    let class = |label: &String| {
        let category = category_of.get(label.as_str()).copied().unwrap_or(Category::Object);
        Class::new(Arc::from(label.as_str()), category)
    };
    let classes: Vec<Class> = labels.iter().map(class).collect();
    for (i, label) in labels.iter().enumerate() {
        if labels[..i].contains(label) {
            table.fault("labels", format!("{label:?} stands there twice"));
        }
    }
    classes
}

fn read_defaults(table: &mut Table) -> DetectOptions {
    DetectOptions {
        classes: None,
        min_score: share(table, "min_score"),
        nms_iou: share(table, "nms_iou"),
        class_agnostic: table.take("class_agnostic", "true or false").unwrap_or_default(),
        top_k: table
            .check("top_k", "a whole number, 1 to 100000", |n| (1..=100_000).contains(n))
            .unwrap_or_default(),
    }
}

fn share(table: &mut Table, key: &str) -> f32 {
    table.check(key, "a number, 0 to 1", |v: &f32| (0.0..=1.0).contains(v)).unwrap_or_default()
}

fn is_slug(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_relative(text: &str) -> bool {
    !text.contains('\\') && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YOLOX: &str = SHIPPED[1].1;

    #[test]
    fn shipped_cards_are_valid_and_complete() {
        let cards = Cards::shipped();
        let names: Vec<&str> = cards.iter().map(|card| card.name.as_str()).collect();
        assert_eq!(names, ["fastestdet", "yolox-nano"]);
        for card in cards.iter() {
            assert_eq!(card.classes.len(), 80);
            assert_eq!(card.classes[0], Class::new("person", Category::Person));
            assert_eq!(card.classes[2], Class::new("car", Category::Vehicle));
            assert_eq!(card.classes[16], Class::new("dog", Category::Animal));
            assert_eq!(card.classes[79], Class::new("toothbrush", Category::Object));
        }
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let text = YOLOX
            .replace("width = 416", "width = \"wide\"")
            .replace("pad = 114", "pad = 300\ncolour = 1")
            .replace("licence = \"Apache-2.0\"\n", "")
            .replace("yolox/yolox_nano.onnx\"\n#", "../yolox_nano.onnx\"\n#")
            .replace("\"person\", \"bicycle\"", "\"person\", \"car\"")
            .replace("nms_iou = 0.45", "nms_iou = nan");
        let error = Card::parse(&text, "my.toml").unwrap_err();
        let fields: Vec<&str> = error.fields().iter().map(|f| f.field.as_str()).collect();
        for field in [
            "file",
            "licence",
            "input.width",
            "input.pad",
            "input.colour",
            "defaults.nms_iou",
            "classes.labels",
            "classes.categories",
        ] {
            assert!(fields.contains(&format!("my.toml: {field}").as_str()), "{field}: {fields:?}");
        }
        assert_eq!(fields.len(), 8, "{error}");
        assert!(error.message().contains("\"wide\" where a whole number"), "{error}");
    }

    #[test]
    fn an_input_that_the_head_cannot_use_is_a_fault() {
        let error = Card::parse(&YOLOX.replace("height = 416", "height = 400"), "x").unwrap_err();
        assert!(error.message().contains("multiples of 32"), "{error}");
    }

    #[test]
    fn the_command_that_downloads_is_one_for_the_shell() {
        let cards = Cards::shipped();
        let mut card = cards.get("yolox-nano").unwrap().clone();
        card.url = Some("https://example.org/a?b=1&c='2'".to_owned());
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("it's $HOME \\ `here`");
        let command = card.download_command(&folder).unwrap();
        let script = format!(r#"curl() {{ printf '%s\n' "$@"; }}; {command}"#);
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        let path = folder.join(&card.file);
        let words = ["--fail", "-L", "--create-dirs", "-o", path.to_str().unwrap()];
        let words = words.into_iter().chain(card.url.as_deref());
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), words.collect::<Vec<_>>());
        assert!(card.how_to_get(&folder).contains(&command));
        card.url = None;
        assert_eq!(card.download_command(&folder), None);
        assert!(card.how_to_get(&folder).starts_with("put it at "));
    }

    #[test]
    fn what_is_no_toml_is_told() {
        for text in ["<html>", "name = ", "\u{0}"] {
            assert_eq!(Card::parse(text, "x").unwrap_err().kind(), ErrorKind::ValidationError);
        }
    }

    #[test]
    fn a_folder_adds_and_replaces() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Cards::load(dir.path()).known, Cards::shipped().known);
        let cards = dir.path().join("cards");
        std::fs::create_dir(&cards).unwrap();
        let tiny = YOLOX.replace("name = \"yolox-nano\"", "name = \"yolox-tiny\"");
        std::fs::write(cards.join("tiny.toml"), tiny).unwrap();
        let own = YOLOX.replace("min_score = 0.25", "min_score = 0.5");
        std::fs::write(cards.join("own.toml"), &own).unwrap();
        std::fs::write(cards.join("notes.txt"), "not a card").unwrap();
        let loaded = Cards::load(dir.path());
        assert!(loaded.faults().is_empty());
        assert_eq!(loaded.iter().count(), 3);
        assert_eq!(loaded.get("yolox-nano").unwrap().defaults.min_score, 0.5);

        std::fs::write(cards.join("same.toml"), own).unwrap();
        std::fs::write(cards.join("worst.toml"), "name = 7").unwrap();
        let loaded = Cards::load(dir.path());
        assert_eq!((loaded.iter().count(), loaded.faults().len()), (3, 2), "the others stay");
        assert!(loaded.faults()[0].message().contains("own.toml"));
        assert!(loaded.faults()[1].message().contains("worst.toml"));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = Cards::shipped().get("yolo").map(|_| ()).unwrap_err();
        assert_eq!(error.hint(), Some("models with a card: fastestdet, yolox-nano"));
    }
}
