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
    let finding = |what| findings.iter().find(|f| f["what"] == what).expect(what);
    for what in ["ONNX Runtime", "model yolox-nano"] {
        let finding = finding(what);
        assert_eq!((&finding["found"], &finding["instead"]), (&false.into(), &"motion".into()));
    }
    assert_eq!(finding("ONNX Runtime")["get"], "unset ORT_DYLIB_PATH; make setup");
    let model = finding("model yolox-nano");
    let get = model["get"].as_str().expect("a command");
    let start = format!("curl --fail -L --create-dirs -o '{}/", empty.path().display());
    assert!(get.starts_with(&start) && get.ends_with("/yolox_nano.onnx'"), "{get}");
    let detail = model["detail"].as_str().expect("text");
    assert!(detail.contains("Megvii") && detail.contains("(Apache-2.0)"), "{detail}");
}

#[test]
fn what_nothing_needs_by_default_may_be_missing() {
    let Some(models) = data("models") else { return };
    // Only the default model; the others are to be missing.
    let home = tempfile::tempdir().expect("a temporary folder");
    std::os::unix::fs::symlink(models.join("yolox"), home.path().join("yolox")).expect("a link");
    std::fs::create_dir(home.path().join("cards")).expect("can be made");
    std::fs::write(home.path().join("cards/my.toml"), "name = 1").expect("can be written");
    let run = finish(sightline().args(["doctor", "--json", "--models"]).arg(home.path()));
    run.succeeds();
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(report["default_model"], "yolox-nano");
    let findings = report["findings"].as_array().expect("an array");
    let other = findings.iter().find(|f| f["what"] == "model fastestdet").expect("it has a card");
    assert_eq!((&other["found"], &other["instead"]), (&false.into(), &"yolox-nano".into()));
    let card = findings.iter().find(|f| f["what"] == "model card").expect("its fault is told");
    assert!(card["detail"].as_str().is_some_and(|d| d.contains("my.toml")), "{card:#}");
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
