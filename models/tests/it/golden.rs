//! Real weights against recordings of ONNX Runtime in Python.
//!
//! Three steps, so that a difference has an address: the head alone on recorded outputs, session
//! and head on recorded inputs, and everything from the JPEG on.

use crate::support::{self, Playback, frame_444, grey, npy};
use models::backend::TensorInfo;
use models::backend::onnx::SessionOptions;
use models::card::{Card, Cards, weights};
use models::detect::neural::NeuralDetector;
use models::detect::{Detections, Detector};
use models::picture::Frame;
use models::picture::tensor::InputTensor;
use schema::detection::Detection;
use schema::geometry::BBox;
use std::path::Path;
use std::sync::Arc;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// One recording.
struct Golden {
    name: String,
    card: Card,
    /// The still, where it is one.
    jpeg: Option<std::path::PathBuf>,
    size: (usize, usize),
    boxes: Vec<Detection>,
}

/// The recordings of models that there is a card for.
fn goldens(data: &Path) -> Vec<Golden> {
    let text = std::fs::read_to_string(data.join("models/golden/golden.json")).expect("readable");
    let all: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    let cards = Cards::shipped();
    let golden = |(name, entry): (&String, &serde_json::Value)| {
        let card = cards.iter().find(|card| entry["model"] == card.file)?.clone();
        let image = data.join(entry["image"].as_str().expect("a path").split(' ').next()?);
        let jpeg = image.extension().is_some_and(|e| e == "jpg").then_some(image);
        // The two clips with recorded frames are 1280x720.
        let size = jpeg.as_deref().map_or((1280, 720), |path| decode(path).0);
        let corners = entry["decode"].as_str().expect("a text").starts_with("x0");
        let boxes = entry["decoded"].as_array().expect("a list").iter();
        let boxes = boxes.map(|row| detection(row, corners, size, &card)).collect();
        Some(Golden { name: name.clone(), card, jpeg, size, boxes })
    };
    all.as_object().expect("an object").iter().filter_map(golden).collect()
}

fn detection(
    row: &serde_json::Value,
    corners: bool,
    size: (usize, usize),
    card: &Card,
) -> Detection {
    let at = |i: usize| row[i].as_f64().expect("a number") as f32;
    let bbox = if corners {
        BBox { x1: at(0), y1: at(1), x2: at(2), y2: at(3) }
    } else {
        BBox::from_xywh(at(0), at(1), at(2), at(3))
    };
    let bbox = bbox.clipped(size.0 as f32, size.1 as f32);
    Detection { bbox, score: at(4), class: card.classes[at(5) as usize].clone() }
}

/// Size and Y, Cb, Cr of a JPEG.
fn decode(path: &Path) -> ((usize, usize), Vec<u8>) {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::YCbCr);
    let bytes = std::fs::read(path).expect("the still can be read");
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().expect("the still decodes");
    (decoder.dimensions().expect("known after decoding"), pixels)
}

fn detect(golden: &Golden, backend: Playback, frame: Frame) -> Detections {
    let mut detector = NeuralDetector::new(golden.card.clone(), Box::new(backend))
        .expect("the card is of this model");
    let mut found =
        detector.detect(&[Arc::new(frame)], &golden.card.defaults).expect("the model runs");
    found.pop().expect("one answer for one frame")
}

/// The largest differences in pixels and score between boxes of the same class.
fn compare(golden: &Golden, found: &Detections, score_step: f32) -> (f32, f32) {
    assert_eq!(found.objects.len(), golden.boxes.len(), "{}: {:?}", golden.name, found.objects);
    let mut worst = (0f32, 0f32);
    for expected in &golden.boxes {
        let nearest = found
            .objects
            .iter()
            .filter(|d| d.class == expected.class)
            .max_by(|a, b| a.bbox.iou(&expected.bbox).total_cmp(&b.bbox.iou(&expected.bbox)))
            .unwrap_or_else(|| panic!("{}: no {} was found", golden.name, expected.class.label));
        let (a, b) = (nearest.bbox, expected.bbox);
        for (a, b) in [(a.x1, b.x1), (a.y1, b.y1), (a.x2, b.x2), (a.y2, b.y2)] {
            worst.0 = worst.0.max((a - b).abs());
        }
        let score = (nearest.score / score_step).round() * score_step;
        worst.1 = worst.1.max((score - expected.score).abs());
    }
    worst
}

fn check(golden: &Golden, found: &Detections) {
    // FastestDet's recorded scores are rounded to whole hundredths.
    let step = if golden.card.name == "fastestdet" { 0.01 } else { 1e-6 };
    let (pixels, score) = compare(golden, found, step);
    println!(
        "{}: {} boxes, at most {pixels:.3} px and {score:.4} of score from the recording",
        golden.name,
        found.objects.len()
    );
    assert!(pixels < 1.0 && score < 0.0101, "{}: {pixels} px, {score}", golden.name);
}

#[test]
fn heads_agree_on_recorded_outputs() {
    let Some(data) = support::data("") else { return };
    for golden in goldens(&data) {
        let card = &golden.card;
        let (width, height) = (card.input.width, card.input.height);
        let info = |name: &str, shape: Vec<i64>| vec![TensorInfo { name: name.into(), shape }];
        let recording = data.join(format!("models/golden/{}.out0.npy", golden.name));
        let backend = Playback::Output {
            inputs: info(&card.input_name, vec![1, 3, height as i64, width as i64]),
            outputs: info(
                &card.output_name,
                card.head.output_shape((width, height), card.classes.len()),
            ),
            data: npy::read(&recording),
        };
        check(&golden, &detect(&golden, backend, grey(golden.size.0, golden.size.1)));
    }
}

#[test]
fn sessions_agree_on_recorded_inputs() {
    let (Some(data), Some(runtime)) = (support::data(""), support::runtime()) else { return };
    for golden in goldens(&data) {
        let weights = weights::find(&golden.card, &data.join("models")).expect("weights are there");
        let session = runtime
            .open(&golden.card.name, &weights.bytes, SessionOptions::default())
            .expect("the model opens");
        let recording = data.join(format!("models/golden/{}.input.npy", golden.name));
        let backend = Playback::Input(Box::new(session), npy::read(&recording));
        check(&golden, &detect(&golden, backend, grey(golden.size.0, golden.size.1)));
    }
}

#[test]
fn our_own_input_is_close_to_the_recorded_one() {
    let Some(data) = support::data("") else { return };
    let runtime = support::runtime();
    for golden in goldens(&data) {
        let Some(jpeg) = &golden.jpeg else { continue };
        let ((width, height), pixels) = decode(jpeg);
        let frame = frame_444(width, height, &pixels);
        let mut tensor = InputTensor::new(golden.card.input.clone());
        tensor.fill(&frame);
        let recording = npy::read(&data.join(format!("models/golden/{}.input.npy", golden.name)));
        let levels = golden.card.input.std[0];
        let differences = tensor.data().iter().zip(&recording).map(|(a, b)| (a - b).abs() * levels);
        let (mean, most) = differences.fold((0.0, 0f32), |(sum, most), d| (sum + d, most.max(d)));
        let mean = mean / recording.len() as f32;
        println!(
            "{}: {mean:.3} levels from the recording on average, {most:.1} at most",
            golden.name
        );
        assert!(mean < 1.0, "{}: {mean} levels on average", golden.name);

        let Some(runtime) = &runtime else { continue };
        let weights = weights::find(&golden.card, &data.join("models")).expect("weights are there");
        let session = runtime
            .open(&golden.card.name, &weights.bytes, SessionOptions::default())
            .expect("the model opens");
        let backend = Playback::Input(Box::new(session), tensor.data().to_vec());
        let found = detect(&golden, backend, grey(width, height));
        let kept = golden.boxes.iter().filter(|b| {
            found.objects.iter().any(|d| d.class == b.class && d.bbox.iou(&b.bbox) > 0.8)
        });
        let kept = kept.count();
        println!(
            "{}: {kept} of {} recorded boxes, {} found",
            golden.name,
            golden.boxes.len(),
            found.objects.len()
        );
        assert!(kept * 10 >= golden.boxes.len() * 8, "{}: {kept}", golden.name);
    }
}
