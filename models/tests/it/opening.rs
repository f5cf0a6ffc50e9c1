//! Models that do not fit: each is refused with a message that says why.

use crate::support::{self, grey, onnx_file};
use models::backend::onnx::{Runtime, SessionOptions};
use models::backend::{Backend, TensorView};
use models::card::{Card, Cards};
use models::detect::heads::HeadKind;
use models::detect::neural::NeuralDetector;
use models::detect::{DetectOptions, Detector};
use models::picture::letterbox::Fit;
use schema::detection::{Category, Class};
use schema::{Error, ErrorKind};
use std::sync::Arc;

const INPUT: (&str, &[i64]) = ("images", &[1, 3, 64, 64]);
const OUTPUT: (&str, &[i64]) = ("output0", &[1, 6, 84]);

/// A YOLOv8-style card of two classes and 64x64 pixels.
fn card() -> Card {
    let mut card = Cards::shipped().get("yolox-nano").expect("it is shipped").clone();
    card.name = "tiny".into();
    card.head = HeadKind::Yolov8;
    (card.input.width, card.input.height, card.input.fit) = (64, 64, Fit::Centre);
    card.output_name = "output0".into();
    card.classes =
        vec![Class::new("person", Category::Person), Class::new("car", Category::Vehicle)];
    card
}

fn open(runtime: &Runtime, bytes: &[u8]) -> schema::Result<NeuralDetector> {
    let session = runtime.open("tiny", bytes, SessionOptions::default())?;
    NeuralDetector::new(card(), Box::new(session))
}

/// Anchors of a 64x64 input, transposed as YOLOv8 has them: one column per anchor.
fn output(columns: &[(usize, [f32; 6])]) -> Vec<f32> {
    let mut data = vec![0.0; 6 * 84];
    for (anchor, values) in columns {
        for (plane, value) in values.iter().enumerate() {
            data[plane * 84 + anchor] = *value;
        }
    }
    data
}

#[test]
fn a_yolov8_model_detects_in_frame_pixels() {
    let Some(runtime) = support::runtime() else { return };
    let data = output(&[
        (0, [32.0, 32.0, 16.0, 8.0, 0.9, 0.1]),
        (1, [33.0, 32.0, 16.0, 8.0, 0.8, 0.1]), // suppressed by the one before
        (2, [33.0, 32.0, 16.0, 8.0, 0.1, 0.7]), // another class
        (3, [32.0, 4.0, 8.0, 4.0, 0.6, 0.1]),   // in the padding above the picture
        (4, [64.0, 32.0, 8.0, 8.0, 0.5, 0.1]),  // over the edge
        (83, [f32::NAN, 32.0, 8.0, 8.0, 0.5, 0.1]),
    ]);
    let model = onnx_file::constant(INPUT, OUTPUT, &data);
    let mut detector = open(&runtime, &model).expect("the model fits the card");
    assert_eq!(
        (detector.info().backend.as_str(), detector.info().precision.as_str()),
        ("onnx", "f32")
    );

    // 128x64 becomes 64x32 with 16 rows above: x doubles, y doubles after 16 are taken off.
    let frames = [Arc::new(grey(128, 64)), Arc::new(grey(64, 64))];
    let options = detector.card().defaults.clone();
    let found = detector.detect(&frames, &options).expect("the model runs");
    assert_eq!(found.len(), 2);
    let rows: Vec<_> = found[0]
        .objects
        .iter()
        .map(|d| (d.class.label.as_ref(), d.score, [d.bbox.x1, d.bbox.y1, d.bbox.x2, d.bbox.y2]))
        .collect();
    assert_eq!(
        rows,
        [
            ("person", 0.9, [48.0, 24.0, 80.0, 40.0]),
            ("car", 0.7, [50.0, 24.0, 82.0, 40.0]),
            ("person", 0.5, [120.0, 24.0, 128.0, 40.0]),
        ]
    );
    assert_eq!((found[0].rejected, found[0].cut), (2, 0));

    let wanted = DetectOptions {
        classes: Some(vec!["car".into()]),
        class_agnostic: true,
        ..options.clone()
    };
    let cars = detector.detect(&frames[..1], &wanted).expect("the model runs");
    assert_eq!(cars[0].objects.len(), 1, "unwanted classes go before suppression");
    let cut = detector.detect(&frames[..1], &DetectOptions { top_k: 1, ..options });
    assert_eq!(cut.expect("the model runs")[0].cut, 4);
}

fn refused(runtime: &Runtime, bytes: &[u8]) -> Error {
    let error = open(runtime, bytes).map(|_| ()).expect_err("it does not fit");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
    println!("{error}");
    error
}

#[test]
fn a_model_that_does_not_fit_its_card_is_named() {
    let Some(runtime) = support::runtime() else { return };
    let check = |bytes: &[u8], expected: &str| {
        let error = refused(&runtime, bytes);
        assert!(error.message().contains(expected), "{error}");
    };
    let data = output(&[]);
    check(
        &onnx_file::constant(("pixels", INPUT.1), OUTPUT, &data),
        r#"model tiny has no input "images", only pixels"#,
    );
    check(
        &onnx_file::constant(("images", &[1, 3, 96, 64]), OUTPUT, &data),
        r#"model tiny has an input "images" of [1, 3, 96, 64] where the card says [1, 3, 64, 64]"#,
    );
    check(
        &onnx_file::constant(INPUT, ("boxes", OUTPUT.1), &data),
        r#"model tiny has no output "output0", only boxes"#,
    );
    check(
        &onnx_file::constant(INPUT, ("output0", &[1, 84, 6]), &data),
        r#"model tiny has an output "output0" of [1, 84, 6] where the card says [1, 6, 84]"#,
    );
    check(&onnx_file::constant_f64(INPUT, OUTPUT), r#"has an output "output0" that is not an f32"#);
}

#[test]
fn what_is_no_model_is_named() {
    let Some(runtime) = support::runtime() else { return };
    let check = |bytes: &[u8], expected: &str| {
        let error = refused(&runtime, bytes);
        assert!(error.message().contains(expected), "{error}");
        assert!(!error.message().contains('\n'), "{error}");
    };
    check(b"", "model tiny is an empty file");
    check(b"\n<!DOCTYPE html><html>404</html>", "model tiny is a web page");
    check(b"version https://git-lfs.github.com/spec/v1", "model tiny cannot be opened");
    let whole = onnx_file::constant(INPUT, OUTPUT, &output(&[]));
    check(&whole[..whole.len() / 2], "model tiny cannot be opened");
}

#[test]
fn a_run_that_fails_is_an_error_and_the_session_lives_on() {
    let Some(runtime) = support::runtime() else { return };
    let model = onnx_file::constant(INPUT, OUTPUT, &output(&[]));
    let mut session = runtime.open("tiny", &model, SessionOptions::default()).expect("it opens");
    let pixels = vec![0.0; 3 * 64 * 64];
    let view = TensorView { name: "images", shape: INPUT.1, data: &pixels };
    let wrong = TensorView { name: "pixels", ..view };
    let error = session.run(&[wrong], &mut |_| Ok(())).expect_err("there is no such input");
    assert!(error.message().contains("model tiny failed"), "{error}");
    let mut shape = Vec::new();
    let mut read = |outputs: &[TensorView<'_>]| {
        shape = outputs[0].shape.to_vec();
        Ok(())
    };
    session.run(&[view], &mut read).expect("the right input works");
    assert_eq!(shape, OUTPUT.1);
}

#[test]
fn the_runtime_is_loaded_once_from_one_place() {
    let Some(runtime) = support::runtime() else { return };
    assert!(runtime.version().starts_with("1."), "{}", runtime.version());
    let again = Runtime::load(runtime.path()).expect("the same library again");
    assert_eq!(again.path(), runtime.path());
    let other = Runtime::load("other/libonnxruntime.so".as_ref()).expect_err("another library");
    assert_eq!(other.kind(), ErrorKind::Conflict);
}
