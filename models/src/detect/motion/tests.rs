//! The whole detector on small scenes whose truth is known.

pub(super) mod stage;

use super::{MotionConfig, MotionDetector};
use crate::detect::SourceDetector;
use crate::picture::{Chroma, Frame, Range};
use schema::ErrorKind;
use schema::detection::Detection;
use schema::geometry::BBox;
use stage::{Shot, Stage, Thing};

const RED: [f32; 3] = [90.0, 100.0, 190.0];
const WHITE: [f32; 3] = [210.0, 128.0, 128.0];
const BLACK: [f32; 3] = [24.0, 128.0, 128.0];

fn detector(stage: &Stage) -> MotionDetector {
    MotionDetector::new(MotionConfig::default(), stage.frame_rate).expect("good parameters")
}

/// What is found in each of `seconds` of video in which `things` and `shot` follow the time.
fn watch(
    stage: &Stage,
    seconds: f64,
    things: impl Fn(f64) -> Vec<Thing>,
    shot: impl Fn(f64) -> Shot,
) -> Vec<(f64, Vec<Detection>)> {
    let mut detector = detector(stage);
    let frames = (seconds * stage.frame_rate) as u64;
    let mut found = Vec::new();
    for index in 0..frames {
        let time = index as f64 / stage.frame_rate;
        let frame = stage.film(index, &things(time), shot(time));
        found.push((time, detector.detect(&frame).expect("a good frame").objects));
    }
    found
}

/// A red rectangle that walks in from the left after two seconds.
fn walker(t: f64) -> Vec<Thing> {
    vec![Thing::new(-90.0 + 40.0 * t as f32, 60.0, 30.0, 44.0, RED)]
}

fn steady(_: f64) -> Shot {
    Shot::default()
}

/// The part of the box that the picture shows.
fn visible(stage: &Stage, bbox: BBox) -> BBox {
    bbox.clipped(stage.width as f32, stage.height as f32)
}

fn best<'a>(found: &'a [Detection], truth: &BBox) -> Option<&'a Detection> {
    found.iter().max_by(|a, b| a.bbox.iou(truth).total_cmp(&b.bbox.iou(truth)))
}

/// Share of the frames between two times in which the thing has a box with this IoU and score.
fn recall(
    found: &[(f64, Vec<Detection>)],
    between: std::ops::Range<f64>,
    truth: impl Fn(f64) -> BBox,
    (iou, score): (f32, f32),
) -> f64 {
    let frames: Vec<_> = found.iter().filter(|(time, _)| between.contains(time)).collect();
    let hits = frames.iter().filter(|(time, objects)| {
        best(objects, &truth(*time))
            .is_some_and(|d| d.bbox.iou(&truth(*time)) >= iou && d.score >= score)
    });
    hits.count() as f64 / frames.len() as f64
}

/// Boxes between two times that overlap with none of the true ones.
fn strays(
    found: &[(f64, Vec<Detection>)],
    between: std::ops::Range<f64>,
    truth: impl Fn(f64) -> Vec<Thing>,
) -> usize {
    let is_stray = |time: f64, d: &Detection| {
        truth(time).iter().all(|t| t.bbox.intersection(&d.bbox) < 0.3 * d.bbox.area())
    };
    let frames = found.iter().filter(|(time, _)| between.contains(time));
    frames.map(|(time, objects)| objects.iter().filter(|d| is_stray(*time, d)).count()).sum()
}

#[test]
fn moving_rectangles_are_found_with_tight_boxes() {
    let stage = Stage::default();
    let scene = |t: f64| {
        let t = t as f32 - 1.5;
        vec![
            Thing::new(-30.0 + 40.0 * t, 30.0, 30.0, 44.0, RED),
            Thing::new(320.0 - 30.0 * t, 90.0, 50.0, 26.0, WHITE),
            Thing::new(-14.0 + 25.0 * t, 150.0 - 4.0 * t, 14.0, 24.0, BLACK),
        ]
    };
    let found = watch(&stage, 7.0, scene, steady);
    for thing in 0..3 {
        let truth = |t: f64| visible(&stage, scene(t)[thing].bbox);
        let share = recall(&found, 2.2..7.0, truth, (0.85, 0.7));
        assert!(share >= 0.99, "thing {thing}: recall {share}");
    }
    assert_eq!(strays(&found, 0.0..7.0, scene), 0);
    assert!(found.iter().all(|(_, d)| d.is_sorted_by(|a, b| a.score >= b.score)), "best first");
    assert!(found.iter().flat_map(|(_, d)| d).all(|d| (0.0..=1.0).contains(&d.score)));
}

#[test]
fn a_plain_thing_that_moves_off_keeps_its_whole_box() {
    // Behind it lies what the model took for background: a ghost must not eat it from there.
    let scene = |t: f64| vec![Thing::new(-20.0 + 30.0 * t as f32, 60.0, 40.0, 50.0, RED)];
    let found = watch(&Stage { texture: 6.0, ..Stage::default() }, 5.0, scene, steady);
    let share = recall(&found, 2.2..5.0, |t| scene(t)[0].bbox, (0.85, 0.7));
    assert!(share > 0.99, "recall {share}");
}

#[test]
fn large_frames_are_reduced_and_boxes_come_back_in_pixels() {
    let stage = Stage { width: 1283, height: 721, texture: 0.0, ..Stage::default() };
    let scene = |t: f64| vec![Thing::new(100.0 + 200.0 * t as f32, 300.0, 120.0, 200.0, RED)];
    let found = watch(&stage, 2.0, scene, steady);
    let share = recall(&found, 1.2..2.0, |t| scene(t)[0].bbox, (0.9, 0.7));
    assert!(share >= 0.95, "recall {share}");
}

#[test]
fn every_sampling_and_range_works_with_odd_sizes() {
    for chroma in [Chroma::Yuv420, Chroma::Yuv422, Chroma::Yuv444] {
        for range in [Range::Limited, Range::Full] {
            let stage = Stage { width: 161, height: 91, chroma, range, ..Stage::default() };
            let scene = |t: f64| vec![Thing::new(-60.0 + 40.0 * t as f32, 30.0, 25.0, 30.0, RED)];
            let found = watch(&stage, 3.5, scene, steady);
            let share = recall(&found, 2.0..3.5, |t| scene(t)[0].bbox, (0.8, 0.6));
            assert!(share >= 0.9, "{chroma:?} {range:?}: recall {share}");
        }
    }
}

#[test]
fn nothing_is_found_in_noise_alone() {
    for noise in [0.0, 3.0, 12.0] {
        let found = watch(&Stage { noise, ..Stage::default() }, 5.0, |_| Vec::new(), steady);
        assert_eq!(strays(&found, 0.0..5.0, |_| Vec::new()), 0, "noise {noise}");
    }
}

#[test]
fn nothing_is_told_while_the_background_is_learnt() {
    let scene = |t: f64| vec![Thing::new(60.0 * t as f32, 60.0, 40.0, 40.0, WHITE)];
    let found = watch(&Stage::default(), 2.0, scene, steady);
    let first = found.iter().find(|(_, d)| !d.is_empty()).expect("a moving thing").0;
    assert!((1.0..1.2).contains(&first), "first told after {first} s");
}

#[test]
fn what_is_there_from_the_start_leaves_no_ghost_for_long() {
    for leaves_at in [0.5, 3.0] {
        let scene = move |t: f64| {
            let way = 80.0 * (t - leaves_at).max(0.0) as f32;
            vec![Thing::new(100.0 + way, 60.0, 40.0, 50.0, WHITE)]
        };
        let found = watch(&Stage::default(), leaves_at + 6.0, scene, steady);
        let gone = leaves_at + 2.0;
        assert_eq!(strays(&found, gone..60.0, scene), 0, "leaves at {leaves_at} s");
        let share =
            recall(&found, leaves_at + 1.2..leaves_at + 2.2, |t| scene(t)[0].bbox, (0.7, 0.5));
        assert!(share > 0.9, "the thing itself: recall {share}");
    }
}

/// A thing that comes in, stops from 3 s on and goes on `rest` seconds later.
fn stops(rest: f64) -> impl Fn(f64) -> Vec<Thing> {
    move |t| {
        let moving = t.min(3.0) + (t - 3.0 - rest).max(0.0);
        vec![Thing::new(-30.0 + 50.0 * moving as f32, 60.0, 24.0, 48.0, BLACK)]
    }
}

#[test]
fn who_stops_for_some_seconds_stays_detected() {
    let found = watch(&Stage::default(), 12.0, stops(5.0), steady);
    let truth = |t: f64| stops(5.0)(t)[0].bbox;
    assert!(recall(&found, 3.0..8.0, truth, (0.8, 0.1)) > 0.98);
    assert!(recall(&found, 8.5..10.0, truth, (0.7, 0.6)) > 0.9);
    assert_eq!(strays(&found, 1.0..12.0, stops(5.0)), 0, "no ghost where it stood");
}

#[test]
fn what_stays_becomes_background_after_its_time() {
    let stage = Stage { frame_rate: 10.0, ..Stage::default() };
    let config = MotionConfig { absorb_seconds: 6.0, ..MotionConfig::default() };
    let mut detector = MotionDetector::new(config, 10.0).expect("good parameters");
    let mut last = 0.0;
    for index in 0..200 {
        let time = index as f64 / 10.0;
        let frame = stage.film(index, &stops(100.0)(time), Shot::default());
        if !detector.detect(&frame).expect("a good frame").objects.is_empty() {
            last = time;
        }
    }
    assert!((8.0..12.0).contains(&last), "stopped at 3 s, last told at {last} s");
}

#[test]
fn slow_things_are_found_at_any_frame_rate() {
    for frame_rate in [5.0, 10.0, 30.0] {
        let stage = Stage { frame_rate, texture: 8.0, ..Stage::default() };
        let scene = |t: f64| vec![Thing::new(10.0 + 5.0 * t as f32, 60.0, 30.0, 50.0, RED)];
        let start = |t: f64| if t < 2.0 { Vec::new() } else { scene(t) };
        let found = watch(&stage, 12.0, start, steady);
        let share = recall(&found, 2.2..12.0, |t| scene(t)[0].bbox, (0.8, 0.1));
        assert!(share > 0.95, "{frame_rate} frames/s: recall {share}");
    }
}

#[test]
fn a_change_of_exposure_hides_nothing_and_shows_nothing() {
    let shot = |t: f64| Shot { gain: if t < 3.0 { 1.0 } else { 0.6 }, ..Shot::default() };
    let found = watch(&Stage::default(), 5.0, walker, shot);
    assert_eq!(strays(&found, 0.0..5.0, walker), 0);
    assert!(recall(&found, 2.4..5.0, |t| walker(t)[0].bbox, (0.85, 0.7)) > 0.99);
}

#[test]
fn a_flickering_lamp_shows_nothing() {
    let stage = Stage::default();
    let is_bright = |t: f64| ((t * stage.frame_rate).round() as u64).is_multiple_of(2);
    let shot = |t: f64| Shot { gain: if is_bright(t) { 1.0 } else { 0.85 }, ..Shot::default() };
    let found = watch(&stage, 5.0, walker, shot);
    assert_eq!(strays(&found, 0.0..5.0, walker), 0);
    assert!(recall(&found, 2.4..5.0, |t| walker(t)[0].bbox, (0.85, 0.7)) > 0.99);
}

#[test]
fn a_picture_that_changes_as_a_whole_is_learnt_anew() {
    let shot = |t: f64| Shot { negative: t >= 2.0, ..Shot::default() };
    let found = watch(&Stage::default(), 6.0, walker, shot);
    let mut while_learning = found.iter().filter(|(t, _)| (2.0..3.0).contains(t));
    assert!(while_learning.all(|(_, d)| d.is_empty()), "no box as large as the picture");
    assert!(recall(&found, 4.2..6.0, |t| walker(t)[0].bbox, (0.85, 0.7)) > 0.99);
}

#[test]
fn a_camera_that_trembles_and_creeps_shows_nothing() {
    let stage = Stage { texture: 40.0, ..Stage::default() };
    let shot = |t: f64| {
        let tremble = (t * 9.0).sin() * 2.0;
        Shot { shift: ((t + tremble).round() as i32, tremble.round() as i32), ..Shot::default() }
    };
    let seen = |t: f64| {
        let (Thing { bbox: b, colour }, (x, y)) = (walker(t)[0], shot(t).shift);
        vec![Thing::new(b.x1 - x as f32, b.y1 - y as f32, b.width(), b.height(), colour)]
    };
    let found = watch(&stage, 6.0, walker, shot);
    assert_eq!(strays(&found, 0.0..6.0, seen), 0);
    assert!(recall(&found, 2.5..6.0, |t| seen(t)[0].bbox, (0.8, 0.6)) > 0.99);
}

#[test]
fn shadows_are_no_part_of_a_thing() {
    let stage = Stage { texture: 6.0, ..Stage::default() };
    let scene = |t: f64| {
        let b = walker(t)[0].bbox;
        // Two thirds of the light on ground of 110 above 16.
        let shadow = Thing::new(b.x1 - 50.0, b.y2, 70.0, 20.0, [78.0, 128.0, 128.0]);
        vec![shadow, walker(t)[0]]
    };
    let found = watch(&stage, 5.0, scene, steady);
    let share = recall(&found, 2.5..5.0, |t| walker(t)[0].bbox, (0.85, 0.7));
    assert!(share > 0.99, "recall {share}");
}

#[test]
fn what_is_smaller_than_the_least_area_is_not_told() {
    let scene = |t: f64| vec![Thing::new(40.0 * t as f32, 60.0, 10.0, 10.0, WHITE)];
    let stage = Stage::default();
    assert!(
        recall(&watch(&stage, 4.0, scene, steady), 1.5..4.0, |t| scene(t)[0].bbox, (0.5, 0.1))
            > 0.9
    );
    let config = MotionConfig { min_area: 0.01, ..MotionConfig::default() };
    let mut detector = MotionDetector::new(config, 25.0).expect("good parameters");
    for index in 0..100 {
        let frame = stage.film(index, &scene(index as f64 / 25.0), Shot::default());
        assert_eq!(detector.detect(&frame).expect("a good frame").objects, []);
    }
}

#[test]
fn two_runs_are_equal() {
    let run = || {
        watch(&Stage::default(), 3.0, stops(1.0), |t| Shot {
            gain: 1.0 - 0.05 * t as f32,
            ..Shot::default()
        })
    };
    assert_eq!(run(), run());
}

#[test]
fn times_that_do_not_advance_are_replaced_by_the_frame_rate() {
    let stage = Stage::default();
    let frozen = Stage { frame_rate: 1e9, ..stage.clone() };
    let mut detector = detector(&stage);
    let mut told = 0;
    for index in 0..60 {
        let things = [Thing::new(3.0 * index as f32, 60.0, 40.0, 40.0, WHITE)];
        let frame = frozen.film(index, &things, Shot::default());
        assert_eq!(frame.meta().media_time_us.0, 0);
        told += detector.detect(&frame).expect("a good frame").objects.len();
    }
    assert!((30..=36).contains(&told), "one box in each of 60 frames but the first 25: {told}");
}

#[test]
fn tiny_frames_are_no_fault() {
    for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 3), (17, 2), (3, 40)] {
        let stage = Stage { width, height, ..Stage::default() };
        let scene = |t: f64| vec![Thing::new(10.0 * t as f32, 0.0, 2.0, 9.0, WHITE)];
        watch(&stage, 3.0, scene, |t| Shot { negative: t > 2.0, ..Shot::default() });
    }
}

#[test]
fn a_frame_of_another_size_begins_a_new_scene() {
    let scene = |t: f64| vec![Thing::new(30.0 * t as f32, 40.0, 30.0, 40.0, RED)];
    let film = |stage: &Stage, index: u64| -> Frame {
        stage.film(index, &scene(index as f64 / stage.frame_rate), Shot::default())
    };
    let (first, second) = (Stage::default(), Stage { width: 200, ..Stage::default() });
    let mut changed = detector(&first);
    for index in 0..40 {
        changed.detect(&film(&first, index)).expect("a good frame");
    }
    let mut fresh = detector(&second);
    let mut told = 0;
    for index in 40..90 {
        let (a, b) = (changed.detect(&film(&second, index)), fresh.detect(&film(&second, index)));
        assert_eq!(a.expect("a good frame"), b.as_ref().expect("a good frame").clone());
        told += b.expect("a good frame").objects.len();
    }
    assert!(told > 20, "{told} boxes");
}

#[test]
fn faulty_parameters_are_named_all_at_once() {
    let config = MotionConfig {
        working_side: 5,
        absorb_seconds: f32::NAN,
        background_share: 1.5,
        ..MotionConfig::default()
    };
    let error = MotionDetector::new(config, 25.0).expect_err("three faults");
    assert_eq!(error.kind(), ErrorKind::ValidationError);
    let fields: Vec<_> = error.fields().iter().map(|f| f.field.as_str()).collect();
    assert_eq!(fields, ["working_side", "absorb_seconds", "background_share"]);
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = MotionDetector::new(MotionConfig::default(), rate).expect_err("no rate");
        assert_eq!(error.fields()[0].field, "frame_rate");
    }
}

#[test]
fn parameters_may_be_given_in_part_and_unknown_ones_are_refused() {
    let config: MotionConfig = toml::from_str("absorb_seconds = 20").expect("known");
    assert_eq!(config, MotionConfig { absorb_seconds: 20.0, ..MotionConfig::default() });
    assert!(toml::from_str::<MotionConfig>("absorb = 20").is_err());
}
