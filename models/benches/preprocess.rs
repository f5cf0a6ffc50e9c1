//! What one frame costs around inference: letterbox, decode, suppression; and inference itself.
//!
//! Prints the median and the fastest of many rounds in milliseconds, on one core; `--json` prints
//! one object per line instead. Inference needs ONNX Runtime and the weights of `yolox-nano` in
//! `../shared/data/models`; without them it is skipped.

use bytes::Bytes;
use models::backend::onnx::{Runtime, SessionOptions, library};
use models::backend::{Backend, TensorView};
use models::card::{Card, Cards, weights};
use models::detect::Detector;
use models::detect::heads::Candidates;
use models::detect::neural::NeuralDetector;
use models::detect::nms::suppress;
use models::picture::tensor::InputTensor;
use models::picture::{Chroma, Frame, Matrix, Plane, Range};
use schema::frame::FrameMeta;
use schema::time::MediaTime;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let card = Cards::shipped().get("yolox-nano").expect("it is shipped").clone();
    for (width, height) in [(1280, 720), (1920, 1080), (640, 360)] {
        let frame = frame(width, height);
        let mut tensor = InputTensor::new(card.input.clone());
        measure(&format!("letterbox {width}x{height} 4:2:0 -> 416"), 300, || {
            black_box(tensor.fill(black_box(&frame)));
        });
    }
    for objects in [0, 10, 100] {
        decode(&card, objects);
    }
    if let Err(error) = inference(&card) {
        println!("skipped: {error}");
    }
}

/// Runs `work` often and prints what one round costs.
fn measure(what: &str, rounds: usize, mut work: impl FnMut()) {
    let mut times: Vec<f64> = (0..rounds + rounds / 10)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e3
        })
        .skip(rounds / 10)
        .collect();
    times.sort_by(f64::total_cmp);
    let (median, best) = (times[times.len() / 2], times[0]);
    if std::env::args().any(|arg| arg == "--json") {
        println!("{{\"what\":{what:?},\"median_ms\":{median:.4},\"best_ms\":{best:.4}}}");
    } else {
        println!("{what:<44} median {median:>8.4} ms   best {best:>8.4} ms");
    }
}

/// Decoding and suppression of a made output: `objects` clusters of six neighbouring cells.
fn decode(card: &Card, objects: usize) {
    let input = (card.input.width, card.input.height);
    let shape = card.head.output_shape(input, card.classes.len());
    let columns = shape[2] as usize;
    let mut data = vec![0.01f32; shape.iter().product::<i64>() as usize];
    for (i, row) in data.chunks_exact_mut(columns).enumerate() {
        if i % 25 < 6 && i / 25 < objects {
            row[..6].copy_from_slice(&[0.5, 0.5, 1.5, 2.0, 0.9 - (i % 25) as f32 / 50.0, 0.9]);
        }
    }
    let wanted = vec![true; card.classes.len()];
    let mut list = Vec::new();
    measure(&format!("decode 3549 cells, {objects} objects"), 1000, || {
        let view = TensorView { name: "output", shape: &shape, data: black_box(&data) };
        let taken = std::mem::take(&mut list);
        let mut found = Candidates::new(card.defaults.min_score, &wanted, taken);
        card.head.decode(&view, input, &mut found);
        (list, _) = found.finish();
    });
    let mut kept = Vec::new();
    measure(&format!("suppression of {} candidates", list.len()), 1000, || {
        kept.clone_from(&list);
        black_box(suppress(&mut kept, &card.defaults));
    });
}

/// The model alone, and the whole way from a frame to detections.
fn inference(card: &Card) -> schema::Result<()> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/models"));
    let runtime = Runtime::load(library::locate(None).path()?)?;
    let weights = weights::find(card, folder)?;
    let mut session = runtime.open(&card.name, &weights.bytes, SessionOptions::default())?;
    let frames = [Arc::new(frame(1280, 720))];
    let mut tensor = InputTensor::new(card.input.clone());
    tensor.fill(&frames[0]);
    let shape = [1, 3, card.input.height as i64, card.input.width as i64];
    let view = TensorView { name: &card.input_name, shape: &shape, data: tensor.data() };
    measure("inference yolox-nano, one thread", 60, || {
        let mut read = |outputs: &[TensorView<'_>]| {
            black_box(outputs);
            Ok(())
        };
        session.run(&[view], &mut read).expect("the model runs");
    });
    let mut detector = NeuralDetector::new(card.clone(), Box::new(session))?;
    measure("detect 1280x720 yolox-nano, one thread", 60, || {
        black_box(detector.detect(&frames, &card.defaults).expect("the model runs"));
    });
    Ok(())
}

/// A textured frame: 4:2:0, limited range, BT.709.
fn frame(width: u32, height: u32) -> Frame {
    let plane = |w: u32, h: u32, seed: u32| Plane {
        bytes: Bytes::from_iter(
            (0..w * h).map(|i| ((i % w * 7) ^ (i / w * 13) ^ seed) as u8 / 2 + 64),
        ),
        stride: w as usize,
    };
    let (cw, ch) = Chroma::Yuv420.plane_size(width, height);
    let meta = FrameMeta {
        frame_index: 0,
        media_time_us: MediaTime(0),
        wall_time_us: None,
        width,
        height,
    };
    let planes = [plane(width, height, 0), plane(cw, ch, 85), plane(cw, ch, 170)];
    Frame::new(meta, planes, Chroma::Yuv420, Range::Limited, Matrix::Bt709)
        .expect("planes are as large as the frame needs")
}
