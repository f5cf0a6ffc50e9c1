//! The trackers, each as its users would call it: rows in, its own types made from them, tracks
//! out. What is timed is all of that, frame by frame.

use crate::scene::{Row, Scene};
use models::track::{ByteTrack, ByteTrackConfig, Tracker};
use schema::detection::{Category, Class, Detection};
use schema::geometry::BBox;
use similari::trackers::sort::DEFAULT_SORT_IOU_THRESHOLD;
use similari::trackers::sort::PositionalMetricType::IoU;
use similari::trackers::sort::simple_api::Sort;
use similari::trackers::tracker_api::TrackerAPI;
use similari::utils::bbox::BoundingBox;
use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

/// The name under which Sightline's tracker is measured.
pub const SIGHTLINE: &str = "sightline ByteTrack";

/// Detections below this score are kept from similari: SORT begins a track with each that it
/// cannot pair, so its users drop the unsure ones; with them it takes several times as long.
const SIMILARI_MIN_SCORE: f32 = 0.6;

/// Scenes are repeated for so long: many ticks of the scheduler, by which CPU time is counted.
const LEAST_TIME: Duration = Duration::from_millis(300);

/// What came out of one tracker over one scene.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Microseconds of CPU time per frame, over all threads.
    pub cpu_us: f64,
    /// Microseconds of wall time per frame.
    pub wall_us: f64,
    /// Boxes that were told, over all frames.
    pub boxes: usize,
    /// Different ids among them.
    pub tracks: usize,
}

/// Times Sightline's ByteTrack with its defaults.
pub fn sightline(scene: &Scene) -> Outcome {
    let class = Class::new("person", Category::Person);
    let new = || ByteTrack::new(ByteTrackConfig::default(), 30.0).expect("valid defaults");
    time(scene, new, |tracker, rows, ids| {
        let detections: Vec<Detection> = rows
            .iter()
            .map(|&Row { xywh: [x, y, w, h], score }| Detection {
                bbox: BBox::from_xywh(x, y, w, h),
                score,
                class: class.clone(),
            })
            .collect();
        ids.extend(tracker.update(&detections).iter().map(|object| u64::from(object.track_id.0)));
    })
}

/// Times similari's SORT with `shards` worker threads: Kalman filter and an IoU of 0.3 or more, no
/// history (its advice for use online), a track survives 30 frames unseen. Scores do not lessen
/// the IoU, which would end tracks and begin others, at a cost; no constraints on the distance,
/// which its own benchmark sets but which make it slower.
pub fn similari(scene: &Scene, shards: usize) -> Outcome {
    let new = || Sort::new(shards, 1, 30, IoU(DEFAULT_SORT_IOU_THRESHOLD), 1.0, None);
    let mut frame = 0;
    time(scene, new, |tracker, rows, ids| {
        let boxes: Vec<_> = rows
            .iter()
            .filter(|row| row.score >= SIMILARI_MIN_SCORE)
            .map(|&Row { xywh: [x, y, w, h], score }| {
                (BoundingBox::new_with_confidence(x, y, w, h, score).into(), None)
            })
            .collect();
        ids.extend(tracker.predict(&boxes).iter().map(|track| track.id));
        frame += 1;
        if frame % 100 == 0 {
            // Else the tracks that ended are kept for ever.
            tracker.clear_wasted();
        }
    })
}

/// Runs new trackers over the scene until the time is long enough to be measured.
fn time<T>(
    scene: &Scene,
    new: impl Fn() -> T,
    mut update: impl FnMut(&mut T, &[Row], &mut Vec<u64>),
) -> Outcome {
    let mut ids = Vec::new();
    let (mut frames, cpu, wall) = (0, cpu_time(), Instant::now());
    let (cpu, wall) = loop {
        let mut tracker = new();
        ids.clear();
        for rows in &scene.frames {
            update(&mut tracker, rows, &mut ids);
        }
        frames += scene.frames.len();
        if wall.elapsed() >= LEAST_TIME {
            // Read while the tracker's own threads live.
            break (cpu_time() - cpu, wall.elapsed());
        }
    };
    let per_frame = |spent: Duration| spent.as_secs_f64() * 1e6 / frames as f64;
    Outcome {
        cpu_us: per_frame(cpu),
        wall_us: per_frame(wall),
        boxes: ids.len(),
        tracks: ids.into_iter().collect::<HashSet<_>>().len(),
    }
}

/// CPU time of all threads that live, as exact as the scheduler's tick of a few milliseconds.
fn cpu_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux lists the threads of a process");
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse().ok())
        .map(Duration::from_nanos)
        .sum()
}
