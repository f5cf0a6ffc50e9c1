//! What `analyze` tells at its end: the numbers people came for, and where the files lie.

use actors::job::run::Finished;
use actors::pipeline::Stage;
use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use schema::job::result::Provenance;
use schema::job::{JobResults, Warning};
use std::path::PathBuf;
use std::time::Duration;

/// The table of results, the warnings and the files.
pub(super) fn text(input: &str, finished: &Finished, paths: &[PathBuf]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    let provenance = finished.results.provenance();
    table.add_row(["input", input]);
    table.add_row(["counted".to_owned(), counted(provenance)]);
    for (name, value) in numbers(&finished.results) {
        table.add_row([name, value]);
    }
    table.add_row(["frames".to_owned(), frames(provenance, finished.timings.wall)]);
    table.add_row(["busy ms per frame".to_owned(), stages(finished, provenance.frame_count)]);
    let warning = |w: &Warning| format!("warning: {}: {}", w.code, w.message);
    let mut lines = vec![table.to_string()];
    lines.extend(provenance.warnings.iter().map(warning));
    lines.extend(paths.iter().map(|path| path.display().to_string()));
    lines.join("\n") + "\n"
}

fn counted(provenance: &Provenance) -> String {
    let Provenance { counted_classes, model, score_threshold, min_seconds, .. } = provenance;
    let classes = counted_classes.join(", ");
    format!("{classes} by {model}, score from {score_threshold}, seen for {min_seconds} s")
}

/// The numbers of a kind, by name.
fn numbers(results: &JobResults) -> Vec<(String, String)> {
    let row = |name: &str, value: String| (name.to_owned(), value);
    match results {
        JobResults::PeopleCount(r) => vec![
            row("total", r.total_people.to_string()),
            row("at most in a frame", r.peak_people.to_string()),
            row("mean per frame", r.mean_people.to_string()),
        ],
        JobResults::EmergencyCount(r) => {
            let mut rows = vec![
                row("crossings", r.total_crossings.to_string()),
                row("of distinct objects", r.unique_people.to_string()),
                row("objects seen", r.total_objects.to_string()),
            ];
            for count in r.final_counts.values() {
                let value = format!("{} forward, {} backward", count.forward, count.backward);
                rows.push((format!("line {}", count.name), value));
            }
            rows
        }
    }
}

fn frames(provenance: &Provenance, wall: Duration) -> String {
    let Provenance { frame_count, complete, .. } = provenance;
    let rate = *frame_count as f64 / wall.as_secs_f64().max(1e-9);
    let ended = if *complete { "" } else { ", not the whole input" };
    format!("{frame_count} in {:.1} s, {rate:.1} frames/s{ended}", wall.as_secs_f64())
}

fn stages(finished: &Finished, frames: u64) -> String {
    let per_frame = |time: Duration| time.as_secs_f64() * 1e3 / frames.max(1) as f64;
    let busy =
        |stage: Stage| format!("{} {:.2}", stage.name(), per_frame(finished.timings.busy(stage)));
    Stage::ALL.map(busy).join(", ")
}
