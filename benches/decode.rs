//! Decode and preprocess, ours against FFmpeg's own command line, in turn on the same clip.
//!
//! `cargo bench --bench decode -- CLIP [ROUNDS]`. Ours decodes on a thread of its own and letterboxes
//! every frame into the input tensor of yolox-nano on another; FFmpeg decodes and scales to the
//! same size, planar RGB, and throws it away: with one decoder thread, and as it would by itself.
//! Whole processes are timed. Prints median wall and CPU time per frame and the ratios.

use actors::media::{self, Input, Limits};
use models::card::Cards;
use models::picture::tensor::InputTensor;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

fn main() {
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let clip = arguments.next().map_or_else(default_clip, PathBuf::from);
    let rounds = arguments.next();
    if rounds.as_deref() == Some("ours") {
        println!("{}", decode_and_fill(&clip));
        return;
    }
    if !clip.exists() {
        println!("skipped: {} is missing", clip.display());
        return;
    }
    let rounds = rounds.and_then(|n| n.parse().ok()).unwrap_or(5);
    let frames = decode_and_fill(&clip) as f64;
    let this = std::env::current_exe().expect("this program has a path");
    let commands = [
        (
            "sightline",
            [this.as_os_str(), clip.as_os_str(), "ours".as_ref()].map(Into::into).to_vec(),
        ),
        ("ffmpeg, one thread", ffmpeg(&clip, &["-threads", "1"])),
        ("ffmpeg, its default", ffmpeg(&clip, &[])),
    ];
    let mut figures: Vec<Vec<Cost>> = vec![Vec::new(); commands.len()];
    for _ in 0..rounds {
        for ((_, command), figures) in commands.iter().zip(&mut figures) {
            figures.push(run(command));
        }
    }
    println!("{frames} frames of {}, {rounds} rounds in turn; medians", clip.display());
    let median = |figures: &[Cost], of: fn(&Cost) -> f64| {
        let mut all: Vec<f64> = figures.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let ours = [median(&figures[0], |c| c.wall), median(&figures[0], |c| c.cpu)];
    for ((name, _), figures) in commands.iter().zip(&figures) {
        let [wall, cpu] = [median(figures, |c| c.wall), median(figures, |c| c.cpu)];
        let per_frame = |seconds: f64| seconds * 1e3 / frames;
        println!(
            "{name:20} wall {:.3} ms, cpu {:.3} ms a frame; ours/this: wall {:.2}, cpu {:.2}",
            per_frame(wall),
            per_frame(cpu),
            ours[0] / wall,
            ours[1] / cpu
        );
    }
}

/// What one process took, in seconds.
#[derive(Debug, Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
}

fn run(command: &[OsString]) -> Cost {
    let (begun, used) = (Instant::now(), cpu_of_children());
    let output = Command::new(&command[0]).args(&command[1..]).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    Cost { wall: begun.elapsed().as_secs_f64(), cpu: cpu_of_children() - used }
}

/// CPU time of all processes that were started here and have ended; Linux counts in 1/100 s.
fn cpu_of_children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("the name stands in brackets");
    let fields: Vec<i64> = fields.split_whitespace().filter_map(|f| f.parse().ok()).collect();
    // The state, a letter, is left out: cutime and cstime are fields 16 and 17 of the page.
    (fields[12] + fields[13]) as f64 / 100.0
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

fn ffmpeg(clip: &Path, threads: &[&str]) -> Vec<OsString> {
    let scale = "scale=416:416:force_original_aspect_ratio=decrease:flags=bilinear";
    let mut command: Vec<OsString> = ["ffmpeg", "-v", "error"].map(Into::into).to_vec();
    command.extend(threads.iter().map(Into::into));
    command.extend(["-i".into(), clip.into()]);
    let rest = ["-an", "-fps_mode", "passthrough", "-vf", scale, "-pix_fmt", "gbrp"];
    command.extend(rest.map(OsString::from));
    command.extend(["-f", "null", "-"].map(OsString::from));
    command
}
