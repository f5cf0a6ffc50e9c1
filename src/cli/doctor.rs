//! `doctor`: what this machine has, what is used in place of what it has not, and the command that
//! would get it.

use super::{exit, stdout};
use crate::config::models_folder;
use actors::compute::ModelFiles;
use actors::job::model::{MOTION, PREFERRED};
use actors::media;
use clap::Args;
use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use models::backend::onnx::Runtime;
use models::backend::onnx::library::{self, Origin, VARIABLE};
use models::card::{Card, Cards, weights};
use schema::{Error, ErrorKind, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Say what this machine has, and what is used in place of what it has not
///
/// Ends with status 4 where the ONNX Runtime, the H.264 encoder or the model that is taken by
/// default is missing, else with 0.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Folder with model weights [default: ~/.local/share/sightline/models]
    #[arg(long, value_name = "DIR", env = "SIGHTLINE_MODELS_DIR")]
    models: Option<PathBuf>,
}

/// One thing that was looked for.
#[derive(Debug, Serialize)]
struct Finding {
    /// What: `ffmpeg`, `H.264 encoder`, `ONNX Runtime`, `model yolox-nano`.
    what: String,
    /// Whether it is there.
    found: bool,
    /// Version and place, or why it cannot be used and where it comes from.
    detail: String,
    /// What is used in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<String>,
    /// The shell command that gets it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    get: Option<String>,
    /// Whether everything that is done by default needs it.
    #[serde(skip)]
    needed: bool,
}

impl Finding {
    fn found(what: impl Into<String>, detail: impl Into<String>) -> Self {
        let (what, detail) = (what.into(), detail.into());
        Self { what, found: true, detail, instead: None, get: None, needed: false }
    }

    fn missing(what: impl Into<String>, detail: String, instead: &str) -> Self {
        let instead = Some(instead.to_owned());
        Self { what: what.into(), found: false, detail, instead, get: None, needed: true }
    }
}

#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    cores: usize,
    cpu_features: Vec<&'static str>,
    models_folder: PathBuf,
    default_model: String,
    findings: Vec<Finding>,
}

/// Looks at everything and tells it.
///
/// # Errors
/// As [`stdout::print`].
pub(super) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    let folder = models_folder(args.models.clone());
    let cards = Cards::load(&folder);
    let default_model = default_model(&cards, &folder).to_owned();
    let mut findings = vec![
        Finding::found("ffmpeg", media::ffmpeg_version()),
        encoder(),
        onnxruntime(&default_model),
        Finding::found(format!("model {MOTION}"), "built in, needs no weights"),
    ];
    findings.extend(cards.iter().map(|card| model(card, &folder, &default_model)));
    findings.extend(cards.faults().iter().map(faulty_card));
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        cpu_features: cpu_features(),
        models_folder: folder,
        default_model,
        findings,
    };
    if args.json {
        let json = serde_json::to_string_pretty(&report)
            .map_err(|e| Error::new(ErrorKind::ServerError, format!("report: {e}")))?;
        stdout::print(json + "\n")?;
    } else {
        stdout::print(text(&report))?;
    }
    let healthy = report.findings.iter().all(|f| f.found || !f.needed);
    Ok(ExitCode::from(if healthy { 0 } else { exit::status(ErrorKind::ModelUnavailable) }))
}

/// What is taken where no model is asked for.
fn default_model(cards: &Cards, folder: &Path) -> &'static str {
    let files = ModelFiles { folder: folder.to_owned(), library: None };
    let found = cards.get(PREFERRED).and_then(|card| files.loader(card));
    found.map_or(MOTION, |_| PREFERRED)
}

fn encoder() -> Finding {
    let what = "H.264 encoder";
    match media::check_h264_encoder() {
        Ok(name) => Finding::found(what, name),
        Err(error) => Finding::missing(what, with_hint(&error), "analyze --no-video"),
    }
}

fn onnxruntime(default_model: &str) -> Finding {
    let what = "ONNX Runtime";
    let located = library::locate(None);
    match located.path().and_then(Runtime::load) {
        Ok(runtime) => {
            let detail = format!("{} at {}", runtime.version(), runtime.path().display());
            Finding::found(what, detail)
        }
        Err(error) => {
            let setup = library::SETUP_COMMAND;
            // While the variable is set, no other library stands in for the one that it names.
            let is_set = located.places.iter().any(|p| p.origin == Origin::Environment);
            let get = if is_set { format!("unset {VARIABLE}; {setup}") } else { setup.to_owned() };
            let get = Some(get);
            Finding { get, ..Finding::missing(what, with_hint(&error), default_model) }
        }
    }
}

fn model(card: &Card, folder: &Path, default_model: &str) -> Finding {
    let Card { name, source, licence, .. } = card;
    let what = format!("model {name}");
    match weights::find(card, folder) {
        Ok(found) => Finding::found(what, format!("{} ({licence})", found.path.display())),
        Err(error) => {
            let detail = format!("{error}; from {source} ({licence})");
            Finding {
                get: card.download_command(folder),
                needed: name == PREFERRED,
                ..Finding::missing(what, detail, default_model)
            }
        }
    }
}

fn faulty_card(fault: &Error) -> Finding {
    let (what, detail) = ("model card".to_owned(), with_hint(fault));
    Finding { what, found: false, detail, instead: None, get: None, needed: false }
}

fn with_hint(error: &Error) -> String {
    error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))
}

/// Instruction sets that matter to inference, of those that this processor has.
fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let known = [
        ("sse4.2", std::is_x86_feature_detected!("sse4.2")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("fma", std::is_x86_feature_detected!("fma")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ("avx512vnni", std::is_x86_feature_detected!("avx512vnni")),
    ];
    #[cfg(target_arch = "aarch64")]
    let known = [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        ("dotprod", std::arch::is_aarch64_feature_detected!("dotprod")),
    ];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let known: [(&str, bool); 0] = [];
    known.into_iter().filter_map(|(name, has)| has.then_some(name)).collect()
}

fn text(report: &Report) -> String {
    let Report { version, cores, cpu_features, models_folder, default_model, findings } = report;
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    for finding in findings {
        let mark = if finding.found { "ok" } else { "missing" };
        table.add_row([mark, &finding.what, &finding.detail]);
    }
    let mut lines = vec![
        format!("sightline {version} on {cores} cores ({})", cpu_features.join(", ")),
        format!("models folder: {}", models_folder.display()),
        format!("detects with: {default_model}"),
        table.to_string(),
    ];
    for Finding { what, instead, get, .. } in findings.iter().filter(|f| !f.found) {
        lines.extend(instead.iter().map(|instead| format!("{what}: used instead: {instead}")));
        lines.extend(get.iter().map(|command| format!("  {command}")));
    }
    lines.join("\n") + "\n"
}
