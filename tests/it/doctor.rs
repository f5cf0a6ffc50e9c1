//! `doctor`, `completions` and what they print.

use crate::support::{data, finish, sightline};
use serde_json::Value;

#[test]
fn doctor_tells_what_is_used_instead_and_how_to_get_the_rest() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let mut command = sightline();
    command.args(["doctor", "--json", "--models"]).arg(empty.path());
    command.env("ORT_DYLIB_PATH", "/nonexistent/libonnxruntime.so");
    let run = finish(&mut command);
    assert_eq!(run.status, 4, "{run:#?}");
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(report["default_model"], "motion");
    let findings = report["findings"].as_array().expect("an array");
    for what in ["ONNX Runtime", "model yolox-nano"] {
        let finding = findings.iter().find(|f| f["what"] == what).expect(what);
        assert_eq!((&finding["found"], &finding["instead"]), (&false.into(), &"motion".into()));
        assert!(finding["get"].as_str().is_some_and(|g| !g.is_empty()), "{finding:#}");
    }
}

#[test]
fn with_everything_there_doctor_is_content() {
    let Some(models) = data("models") else { return };
    let run = finish(sightline().arg("doctor").arg("--models").arg(models));
    run.succeeds();
    assert!(run.stdout.contains("detects with: yolox-nano"), "{run:#?}");
}

#[test]
fn shells_get_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let run = finish(sightline().args(["completions", shell]));
        run.succeeds();
        assert!(run.stdout.contains("analyze"), "{shell}");
    }
}
