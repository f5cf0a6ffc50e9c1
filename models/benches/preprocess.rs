//! What one frame costs before and after inference: letterbox, decode, suppression.
//!
//! Prints the median and the fastest of many rounds in milliseconds, on one core. `--json` prints
//! one object per line instead.

use bytes::Bytes;
use models::picture::letterbox::Fit;
use models::picture::tensor::{ColourOrder, InputSpec, InputTensor};
use models::picture::{Chroma, Frame, Matrix, Plane, Range};
use schema::frame::FrameMeta;
use schema::time::MediaTime;
use std::hint::black_box;
use std::time::Instant;

fn main() {
    for (width, height) in [(1280, 720), (1920, 1080), (640, 360)] {
        let frame = frame(width, height);
        let mut tensor = InputTensor::new(yolox_input());
        measure(&format!("letterbox {width}x{height} 4:2:0 -> 416"), 300, || {
            black_box(tensor.fill(black_box(&frame)));
        });
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

fn yolox_input() -> InputSpec {
    InputSpec {
        width: 416,
        height: 416,
        fit: Fit::TopLeft,
        order: ColourOrder::Bgr,
        pad: 114.0,
        mean: [0.0; 3],
        std: [1.0; 3],
    }
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
