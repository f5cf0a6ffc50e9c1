//! Whether the people of a scene look like people to a detector that was trained on photographs.

use actors::simulate::{FigureTruth, Scene, SceneConfig};
use models::backend::onnx::{Runtime, SessionOptions, library};
use models::card::Cards;
use models::detect::neural::NeuralDetector;
use models::detect::{DetectOptions, Detector};
use schema::detection::Detection;
use std::path::PathBuf;
use std::sync::Arc;

/// Frames between two that are looked at.
const STEP: usize = 25;

/// `yolox-nano`; prints that the test is skipped where weights or runtime are missing.
fn detector() -> Option<(NeuralDetector, DetectOptions)> {
    let weights = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/models/yolox/yolox_nano.onnx"
    ));
    let Ok(bytes) = std::fs::read(&weights) else {
        println!("skipped: {} is missing", weights.display());
        return None;
    };
    let located = library::locate(None);
    let library = located.path().map_err(|error| println!("skipped: {error}")).ok()?;
    let runtime = Runtime::load(library).expect("a library that is there loads");
    let card = Cards::shipped().get("yolox-nano").expect("it is shipped").clone();
    let options = DetectOptions { classes: Some(vec!["person".into()]), ..card.defaults.clone() };
    let session = runtime.open(&card.name, &bytes, SessionOptions::default()).expect("opens");
    Some((NeuralDetector::new(card, Box::new(session)).expect("the card fits"), options))
}

/// Figures that count: whole in the picture, not hidden, more than 100 pixels tall.
fn counts(figure: &&FigureTruth, config: &SceneConfig) -> bool {
    let (b, right) = (figure.bbox, config.width as f32);
    let whole = b.x1 >= 0.0 && b.x2 <= right && b.y1 >= 0.0 && b.y2 <= config.height as f32;
    whole && figure.visibility >= 0.9 && b.height() >= 100.0
}

fn is_found(figure: &FigureTruth, found: &[Detection], score: f32) -> bool {
    found.iter().any(|d| d.score >= score && d.bbox.iou(&figure.bbox) >= 0.5)
}

#[test]
fn a_detector_trained_on_photographs_finds_the_figures() {
    let Some((mut detector, options)) = detector() else { return };
    let scores = [0.25, 0.4];
    for seed in [1, 2] {
        let scene = Scene::new(SceneConfig { seed, ..SceneConfig::default() }).expect("good");
        let (mut all, mut found) = (0, [0; 2]);
        for index in (0..scene.config().frame_count()).step_by(STEP) {
            let (frame, truth) = scene.shoot(index).expect("renders");
            let detections = detector.detect(&[Arc::new(frame)], &options).expect("detects");
            for figure in truth.iter().filter(|f| counts(f, scene.config())) {
                all += 1;
                for (hits, score) in found.iter_mut().zip(scores) {
                    *hits += usize::from(is_found(figure, &detections[0].objects, score));
                }
            }
        }
        let recall = found.map(|hits| hits as f64 / f64::from(all));
        println!(
            "seed {seed}: of {all} figures {:.3} are found at {}, {:.3} at {}",
            recall[0], scores[0], recall[1], scores[1]
        );
        assert!(all > 100, "seed {seed}: only {all} figures to look for");
        assert!(recall[1] >= 0.8, "seed {seed}: recall {recall:?} at {scores:?}");
    }
}
