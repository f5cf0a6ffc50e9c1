//! Decode and preprocess, ours against FFmpeg's own command line, in turn on the same clip.
//!
//! `cargo bench --bench decode -- CLIP [ROUNDS]`. Ours decodes and letterboxes every frame into the
//! input tensor of yolox-nano; FFmpeg decodes and scales to the same size, planar RGB, and throws
//! it away. Prints the best and the median wall time of each and their ratio.

use actors::media::{self, Input, Limits};
use models::card::Cards;
use models::picture::tensor::InputTensor;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

fn main() {
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let clip = arguments.next().map_or_else(default_clip, PathBuf::from);
    let rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(5);
    if !clip.exists() {
        println!("skipped: {} is missing", clip.display());
        return;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut frames = 0;
    for _ in 0..rounds {
        let begun = Instant::now();
        frames = decode_and_fill(&clip);
        ours.push(begun.elapsed());
        theirs.push(ffmpeg(&clip));
    }
    println!("{} frames of {}, {rounds} rounds in turn", frames, clip.display());
    for (name, times) in [("sightline", &mut ours), ("ffmpeg", &mut theirs)] {
        times.sort();
        let per_frame = |t: Duration| t.as_secs_f64() * 1e3 / frames as f64;
        let (best, median) = (per_frame(times[0]), per_frame(times[times.len() / 2]));
        println!("{name:10} best {best:.3} ms, median {median:.3} ms per frame");
    }
    let ratio = |i: usize| ours[i].as_secs_f64() / theirs[i].as_secs_f64();
    println!("ratio      best {:.2}, median {:.2}", ratio(0), ratio(rounds / 2));
}

fn default_clip() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/videos/cars.mp4")
}

fn decode_and_fill(clip: &Path) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let cards = Cards::shipped();
        let card = cards.get("yolox-nano").expect("it is shipped");
        let mut tensor = InputTensor::new(card.input.clone());
        let input = Input::File(clip.to_owned());
        let mut source = media::open(&input, &Limits::default()).await.expect("it opens");
        let mut frames = 0;
        while let Some(frame) = source.next().await.expect("it decodes") {
            std::hint::black_box(tensor.fill(&frame));
            frames += 1;
        }
        frames
    })
}

fn ffmpeg(clip: &Path) -> Duration {
    let begun = Instant::now();
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-threads", "1", "-i"])
        .arg(clip)
        .args(["-an", "-fps_mode", "passthrough"])
        .args(["-vf", "scale=416:416:force_original_aspect_ratio=decrease:flags=bilinear"])
        .args(["-pix_fmt", "gbrp", "-f", "null", "-"])
        .status()
        .expect("ffmpeg is installed");
    assert!(status.success());
    begun.elapsed()
}
