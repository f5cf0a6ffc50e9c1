//! `doctor`: what this machine has, what is used in place of what it has not, and the command that
//! would get it.

use super::analyze::models_folder;
use actors::job::model::{MOTION, PREFERRED};
use actors::media;
use clap::Args;
use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use models::backend::onnx::{Runtime, library};
use models::card::{Cards, weights};
use schema::{Error, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Say what this machine has, and what is used in place of what it has not
///
/// Ends with status 0 where everything is there, 4 where something is missing that has a stand-in
/// or is needed for a part only.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Folder with model weights [default: ~/.local/share/sightline/models]
    #[arg(long, value_name = "DIR", env = "SIGHTLINE_MODELS")]
    models: Option<PathBuf>,
}

/// One thing that was looked for.
#[derive(Debug, Serialize)]
struct Finding {
    /// What: `ffmpeg`, `encoder`, `onnxruntime`, `model yolox-nano`.
    what: String,
    /// Whether it is there.
    found: bool,
    /// Version and place, or why it cannot be used.
    detail: String,
    /// What is used in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<String>,
    /// The command that gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    get: Option<String>,
}

impl Finding {
    fn found(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { what: what.into(), found: true, detail: detail.into(), instead: None, get: None }
    }

    fn missing(what: impl Into<String>, error: &Error, instead: &str) -> Self {
        Self {
            what: what.into(),
            found: false,
            detail: error.message().to_owned(),
            instead: Some(instead.to_owned()),
            get: error.hint().map(str::to_owned),
        }
    }
}

#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    cores: usize,
    cpu_features: Vec<&'static str>,
    models_folder: PathBuf,
    default_model: &'static str,
    findings: Vec<Finding>,
}

/// Looks at everything and tells it.
///
/// # Errors
/// `VALIDATION_ERROR` for a model card of the user that cannot be read.
pub(super) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    let folder = models_folder(args.models.as_deref());
    let runtime = onnxruntime();
    let mut findings = vec![Finding::found("ffmpeg", media::ffmpeg_version()), encoder(), runtime];
    let runs_onnx = findings[2].found;
    let preferred_at = findings.len();
    findings.extend(model_findings(&folder)?);
    let is_preferred = |f: &&Finding| f.what == format!("model {PREFERRED}") && f.found;
    let has_preferred = runs_onnx && findings[preferred_at..].iter().any(|f| is_preferred(&f));
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        cpu_features: cpu_features(),
        models_folder: folder,
        default_model: if has_preferred { PREFERRED } else { MOTION },
        findings,
    };
    if args.json {
        let text = serde_json::to_string_pretty(&report)
            .map_err(|e| Error::new(schema::ErrorKind::ServerError, format!("report: {e}")))?;
        println!("{text}");
    } else {
        print(&report);
    }
    let healthy = report.findings.iter().all(|f| f.found);
    Ok(ExitCode::from(if healthy { 0 } else { 4 }))
}

fn encoder() -> Finding {
    match media::check_h264_encoder() {
        Ok(name) => Finding::found("H.264 encoder", name),
        Err(error) => Finding::missing("H.264 encoder", &error, "analyze --no-video"),
    }
}

fn onnxruntime() -> Finding {
    let runtime = library::locate(None).path().and_then(Runtime::load);
    match runtime {
        Ok(runtime) => {
            let detail = format!("{} at {}", runtime.version(), runtime.path().display());
            Finding::found("ONNX Runtime", detail)
        }
        Err(error) => Finding::missing("ONNX Runtime", &error, MOTION),
    }
}

fn model_findings(folder: &Path) -> Result<Vec<Finding>> {
    let mut findings =
        vec![Finding::found(format!("model {MOTION}"), "built in, needs no weights")];
    for card in Cards::load(folder).iter() {
        let what = format!("model {}", card.name);
        findings.push(match weights::find(card, folder) {
            Ok(found) => {
                Finding::found(what, format!("{} ({})", found.path.display(), card.licence))
            }
            Err(error) => Finding::missing(what, &error, MOTION),
        });
    }
    Ok(findings)
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

fn print(report: &Report) {
    let Report { version, cores, cpu_features, models_folder, default_model, findings } = report;
    println!("sightline {version} on {cores} cores ({})", cpu_features.join(", "));
    println!("models folder: {}", models_folder.display());
    println!("detects with: {default_model}");
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    for finding in findings {
        let mark = if finding.found { "ok" } else { "missing" };
        table.add_row([mark, &finding.what, &finding.detail]);
    }
    println!("{table}");
    for finding in findings.iter().filter(|f| !f.found) {
        let instead = finding.instead.as_deref().unwrap_or("nothing");
        let get = finding.get.as_deref().unwrap_or("see the README");
        println!("{}: used instead: {instead}\n  {get}", finding.what);
    }
}
