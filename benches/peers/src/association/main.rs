//! Times Sightline's tracker beside `similari` and Python's `trackers`, over the same scenes and
//! in alternate rounds, and prints microseconds per frame and ratios.
//!
//! usage: association [PYTHON_SCRIPT]; without the script only what is in Rust is compared.

mod peers;
mod scene;

use peers::Outcome;
use scene::{Kind, Scene};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Objects and frames of the scenes of each kind.
const SCENES: [(usize, usize); 3] = [(10, 2000), (100, 500), (500, 60)];
const ROUNDS: usize = 5;

/// What was measured over one scene: by tracker, one outcome per round.
type Measured = BTreeMap<String, Vec<Outcome>>;

fn main() -> io::Result<()> {
    let script = std::env::args_os().nth(1).map(PathBuf::from);
    let scenes: Vec<Scene> = [Kind::Apart, Kind::Crowd]
        .into_iter()
        .flat_map(|kind| SCENES.map(|(objects, frames)| Scene::generate(kind, objects, frames)))
        .collect();
    let folder = std::env::temp_dir().join(format!("sightline-association-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let measured = measure(&scenes, script.as_deref(), &folder);
    fs::remove_dir_all(&folder)?;
    let measured = measured?;

    println!(
        "microseconds per frame, median of {ROUNDS} alternate rounds, and how many times ours"
    );
    for scene in &scenes {
        print_scene(scene, &measured[&scene.name()]);
    }
    Ok(())
}

fn measure(
    scenes: &[Scene],
    script: Option<&Path>,
    folder: &Path,
) -> io::Result<BTreeMap<String, Measured>> {
    for scene in scenes {
        let path = folder.join(format!("{}.txt", scene.name()));
        let mut out = BufWriter::new(File::create(path)?);
        scene.write(&mut out)?;
        out.flush()?;
    }
    let mut measured: BTreeMap<String, Measured> = BTreeMap::new();
    let mut add = |scene: String, tracker: &str, outcome| {
        measured.entry(scene).or_default().entry(tracker.to_owned()).or_default().push(outcome);
    };
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for scene in scenes {
            add(scene.name(), peers::SIGHTLINE, peers::sightline(scene));
            for shards in [1, 2] {
                let tracker = format!("similari 0.26.2 SORT, {shards} shards");
                add(scene.name(), &tracker, peers::similari(scene, shards));
            }
        }
        for (tracker, scene, outcome) in run_python(script, folder)? {
            add(scene, &tracker, outcome);
        }
    }
    Ok(measured)
}

/// Tracker, scene and outcome, as the script prints them.
fn run_python(script: Option<&Path>, folder: &Path) -> io::Result<Vec<(String, String, Outcome)>> {
    let Some(script) = script else { return Ok(Vec::new()) };
    let output =
        Command::new("python3").arg(script).arg(folder).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{}: {}", script.display(), output.status)));
    }
    let fault = |line: &str| io::Error::other(format!("{}: prints {line:?}", script.display()));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| parse_line(line).ok_or_else(|| fault(line))).collect()
}

fn parse_line(line: &str) -> Option<(String, String, Outcome)> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [tracker, scene, cpu_us, wall_us, boxes, tracks] = columns[..] else { return None };
    let outcome = Outcome {
        cpu_us: cpu_us.parse().ok()?,
        wall_us: wall_us.parse().ok()?,
        boxes: boxes.parse().ok()?,
        tracks: tracks.parse().ok()?,
    };
    Some((tracker.to_owned(), scene.to_owned(), outcome))
}

fn print_scene(scene: &Scene, measured: &Measured) {
    println!("\n{}, {} frames", scene.name(), scene.frames.len());
    println!(
        "  {:36} {:>11} {:>7} {:>11} {:>7}   boxes tracks",
        "", "CPU", "ratio", "wall", "ratio"
    );
    let ours = &measured[peers::SIGHTLINE];
    let (our_cpu, our_wall) = (median(ours, |o| o.cpu_us), median(ours, |o| o.wall_us));
    for (tracker, outcomes) in measured {
        let (cpu, wall) = (median(outcomes, |o| o.cpu_us), median(outcomes, |o| o.wall_us));
        let (cpu_ratio, wall_ratio) = (cpu / our_cpu, wall / our_wall);
        let Outcome { boxes, tracks, .. } = outcomes[0];
        println!(
            "  {tracker:36} {cpu:11.1} {cpu_ratio:6.1}x {wall:11.1} {wall_ratio:6.1}x {boxes:7} {tracks:6}"
        );
    }
}

fn median(outcomes: &[Outcome], value: impl Fn(&Outcome) -> f64) -> f64 {
    let mut all: Vec<f64> = outcomes.iter().map(value).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
