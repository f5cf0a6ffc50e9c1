//! `analyze` over real clips whose truth is known.

use crate::support::{analyze, clip, data, frames_of, json, names};
use serde_json::json;
use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn seven_cars_cross_the_line_whoever_works() {
    let (Some(video), Some(models)) = (data("videos/cars.mp4"), data("models")) else { return };
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut left = Vec::new();
    for workers in ["1", "4"] {
        let out = home.path().join(workers);
        let what = ["--job", "emergency-count", "--model", "yolox-nano", "--models", text(&models)];
        let lines = ["--classes", "car,truck,bus", "--line", "0,0.8,1,0.8"];
        let how = ["--no-video", "--workers", workers];
        analyze(&video, &out, what.iter().chain(&lines).chain(&how)).succeeds();
        assert_eq!(names(&out), ["results.json", "tracks.jsonl"]);
        left.push(["results.json", "tracks.jsonl"].map(|f| std::fs::read(out.join(f)).expect(f)));
    }
    assert!(left[0] == left[1], "the number of workers changes the bytes");
    let found: serde_json::Value = serde_json::from_slice(&left[0][0]).expect("JSON");
    assert_eq!(found["final_counts"]["line-1"]["forward"], 7, "{found:#}");
    assert_eq!(found["final_counts"]["line-1"]["backward"], 0);
    assert_eq!(found["unique_people"], 7);
    assert_eq!((&found["complete"], &found["frame_count"]), (&json!(true), &json!(268)));
}

#[test]
fn four_cars_move() {
    let Some(video) = data("videos/car-detection.mp4") else { return };
    let home = tempfile::tempdir().expect("a temporary folder");
    analyze(&video, home.path(), ["--model", "motion"]).succeeds();
    let found = json(&home.path().join("results.json"));
    assert_eq!(found["total_people"], 4, "{found:#}");
    assert_eq!(found["counted_classes"], json!(["moving"]));
    assert_eq!(found["warnings"][0]["code"], "MOVING_OBJECTS_COUNTED");
    assert_eq!(found["tracking_data"].as_array().map(Vec::len), Some(4));
    assert_eq!(frames_of(&home.path().join("annotated.mp4")), 377);
    let rows = std::fs::read_to_string(home.path().join("tracks.jsonl")).expect("rows");
    assert_eq!(rows.lines().count(), 377);
}

#[test]
fn a_picture_gives_a_picture() {
    let (Some(image), Some(models)) = (data("images/crowd.jpg"), data("models")) else { return };
    let home = tempfile::tempdir().expect("a temporary folder");
    analyze(&image, home.path(), ["--models", text(&models)]).succeeds();
    assert_eq!(names(home.path()), ["annotated.jpg", "results.json", "tracks.jsonl"]);
    let found = json(&home.path().join("results.json"));
    assert_eq!((&found["frame_count"], &found["min_seconds"]), (&json!(1), &json!(0.0)));
    assert!(found["total_people"].as_u64().is_some_and(|n| n >= 10), "{found:#}");
}

#[test]
fn what_an_earlier_run_left_does_not_stay_beside_this_one() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (video, out) = (home.path().join("clip.mp4"), home.path().join("out"));
    clip(&video, 1, &[]);
    analyze(&video, &out, ["--model", "motion"]).succeeds();
    assert_eq!(names(&out), ["annotated.mp4", "results.json", "tracks.jsonl"]);
    analyze(&video, &out, ["--model", "motion", "--no-video"]).succeeds();
    assert_eq!(names(&out), ["results.json", "tracks.jsonl"]);
}

#[test]
fn without_weights_motion_stands_in_and_says_so() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let video = home.path().join("clip.mp4");
    clip(&video, 1, &[]);
    let run = analyze(&video, home.path(), ["--models", text(home.path())]);
    run.succeeds();
    let found = json(&home.path().join("results.json"));
    assert_eq!(found["model"], "motion");
    assert_eq!(found["warnings"][0]["code"], "MODEL_FALLBACK");
    assert!(run.stdout.contains("MOVING_OBJECTS_COUNTED"), "{run:#?}");
}
