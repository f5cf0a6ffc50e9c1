//! What every scene promises, looked for in rendered frames and in their truth.

use super::*;
use schema::geometry::BBox;
use schema::job::result::CrossingDirection;
use std::collections::BTreeMap;
use std::sync::OnceLock;

type History = Vec<Vec<FigureTruth>>;

const RATE: f64 = 10.0;

fn small(seed: u64) -> Scene {
    let config =
        SceneConfig { seed, width: 480, height: 270, frame_rate: RATE, ..SceneConfig::default() };
    Scene::new(config).expect("the configuration is good")
}

/// Three scenes with the truth of all their frames, made once for all tests.
fn scenes() -> &'static [(Scene, History)] {
    static SCENES: OnceLock<Vec<(Scene, History)>> = OnceLock::new();
    SCENES.get_or_init(|| {
        let with_history = |scene: Scene| {
            let history = (0..scene.config().frame_count()).map(|i| scene.truth(i)).collect();
            (scene, history)
        };
        (1..=3).map(small).map(with_history).collect()
    })
}

/// So many frames as `seconds` take.
fn frames(seconds: f64) -> usize {
    (seconds * RATE) as usize
}

/// The frames and truths of one figure, by id.
fn by_figure(history: &History) -> BTreeMap<u32, Vec<(usize, FigureTruth)>> {
    let mut figures: BTreeMap<u32, Vec<(usize, FigureTruth)>> = BTreeMap::new();
    for (frame, truths) in history.iter().enumerate() {
        for truth in truths {
            figures.entry(truth.id).or_default().push((frame, *truth));
        }
    }
    figures
}

fn bytes(scene: &Scene, index: u64) -> Vec<Vec<u8>> {
    let frame = scene.render(index).expect("renders");
    frame.planes().iter().map(|p| p.bytes.to_vec()).collect()
}

#[test]
fn the_seed_decides_every_byte_and_nothing_else_does() {
    let [(one, _), (other, _), ..] = scenes() else { panic!("there are three") };
    let same = small(1);
    // In another order, so that nothing depends on what was rendered before.
    for index in [399, 0, 210, 130] {
        assert_eq!(bytes(one, index), bytes(&same, index), "frame {index}");
        assert_ne!(bytes(one, index), bytes(other, index), "frame {index}");
    }
    assert_eq!(one.truth(210), same.truth(210));
    assert_ne!(one.truth(210), other.truth(210));
}

#[test]
fn all_events_are_there_whatever_the_seed() {
    for (scene, history) in scenes() {
        let seed = scene.config().seed;
        let figures = by_figure(history);
        assert_eq!(figures.len(), 18, "seed {seed}");
        assert!(figures.values().all(|f| f.iter().any(|(_, t)| t.visibility > 0.5)), "seed {seed}");
        assert!(history[..frames(1.5)].iter().all(Vec::is_empty), "seed {seed}: nobody for 1.5 s");
        let hidden = figures.values().filter(|f| is_fully_hidden(f, history)).count();
        assert!(hidden >= 2, "seed {seed}: {hidden} figures disappear behind others");
        let rests = figures.values().map(|f| longest_rest(f)).max().expect("figures");
        assert!(rests >= frames(5.0), "seed {seed}: the longest stop takes {rests} frames");
        assert!(has_group(&figures), "seed {seed}: no group enters together");
    }
}

/// Whether the figure disappears behind another, which is seen, and comes out again.
fn is_fully_hidden(figure: &[(usize, FigureTruth)], history: &History) -> bool {
    let seen_before = |at: usize| figure[..at].iter().any(|(_, t)| t.visibility > 0.9);
    let seen_after = |at: usize| figure[at..].iter().any(|(_, t)| t.visibility > 0.9);
    figure.iter().enumerate().any(|(at, (frame, truth))| {
        let behind = history[*frame].iter().any(|o| {
            o.id != truth.id
                && o.visibility > 0.8
                && o.bbox.intersection(&truth.bbox) > 0.7 * truth.bbox.area()
        });
        truth.visibility <= 0.05 && behind && seen_before(at) && seen_after(at)
    })
}

/// Frames for which the foot point stays within 2 % of the figure's height.
fn longest_rest(figure: &[(usize, FigureTruth)]) -> usize {
    let mut longest = 0;
    let mut from = 0;
    for at in 0..figure.len() {
        let (a, b) = (figure[from].1.bbox, figure[at].1.bbox);
        let moved = (a.foot().x - b.foot().x).hypot(a.foot().y - b.foot().y);
        if moved > 1.0 + 0.02 * b.height() {
            from = at;
        }
        longest = longest.max(at - from);
    }
    longest
}

/// Whether three enter within two seconds at one edge and are still together five seconds later.
fn has_group(figures: &BTreeMap<u32, Vec<(usize, FigureTruth)>>) -> bool {
    let apart = |a: &BBox, b: &BBox| (a.foot().x - b.foot().x).abs() / a.height().max(b.height());
    figures.values().any(|one| {
        let (first, truth) = one[0];
        let with_it = figures.values().filter(|other| {
            let later = |f: &[(usize, FigureTruth)]| {
                f.iter().find(|(frame, _)| *frame == first + frames(5.0)).map(|(_, t)| t.bbox)
            };
            other[0].0.abs_diff(first) <= frames(2.0)
                && apart(&other[0].1.bbox, &truth.bbox) < 1.0
                && later(one).zip(later(other)).is_some_and(|(a, b)| apart(&a, &b) < 1.0)
        });
        with_it.count() >= 3
    })
}

#[test]
fn pictures_and_boxes_tell_the_same() {
    let (scene, history) = &scenes()[2];
    for index in [80, 120, 170, 200, 320] {
        let (picture, empty) = scene.without_noise(index);
        let truths = &history[index as usize];
        assert!(!truths.is_empty());
        let width = 480;
        let change = |x: usize, y: usize| {
            i32::from(picture[y * width + x]) - i32::from(empty[y * width + x])
        };
        let boxes: Vec<BBox> = truths.iter().map(|t| grown(&t.bbox, 3.0)).collect();
        let mut stray = 0;
        for (x, y) in (0..270).flat_map(|y| (0..width).map(move |x| (x, y))) {
            // Outside of the boxes there are only shadows: darker, and on the ground.
            let step = change(x, y);
            let shadow = step < 0 && y > 140;
            let inside = boxes.iter().any(|b| contains(b, x, y));
            stray += i32::from(step.abs() > 1 && !shadow && !inside);
        }
        // Soft edges of the door let a little through of who is still behind the wall.
        assert!(stray <= 20, "frame {index}: {stray} pixels changed outside of all boxes");
        for truth in truths.iter().filter(|t| t.visibility > 0.98) {
            let b = truth.bbox;
            let row =
                |y: f32| (b.x1 as usize..b.x2 as usize).any(|x| change(x, y as usize).abs() > 3);
            assert!(row(b.y1 + 1.0) && row(b.y2 - 2.0), "frame {index}: {truth:?} is not tight");
        }
    }
}

fn grown(b: &BBox, by: f32) -> BBox {
    BBox { x1: b.x1 - by, y1: b.y1 - by, x2: b.x2 + by, y2: b.y2 + by }
}

fn contains(b: &BBox, x: usize, y: usize) -> bool {
    let (x, y) = (x as f32, y as f32);
    b.x1 <= x && x < b.x2 && b.y1 <= y && y < b.y2
}

#[test]
fn whoever_is_in_front_is_seen() {
    let (_, history) = &scenes()[1];
    for truths in history {
        let free = |t: &FigureTruth| {
            let inside = t.bbox.x1 >= 0.0 && t.bbox.x2 <= 480.0;
            // The nearest figures stand lowest; from z = 13 on nothing of the square is in front.
            inside
                && t.bbox.y2 > 190.0
                && truths.iter().all(|o| o.id == t.id || o.bbox.y2 < t.bbox.y2)
        };
        for truth in truths.iter().filter(|t| free(t)) {
            assert!(truth.visibility > 0.999, "{truth:?}");
        }
    }
}

#[test]
fn a_cloud_passes() {
    let (scene, _) = &scenes()[0];
    let mean = |index: u64| {
        let (_, empty) = scene.without_noise(index);
        empty.iter().map(|&v| f64::from(v) - 16.0).sum::<f64>() / empty.len() as f64
    };
    let (before, under, after) = (mean(160), mean(264), mean(399));
    assert!(under < 0.82 * before, "{before} to {under}");
    assert!((after - before).abs() < 1.0, "{before} and {after}");
    let steepest = (180..360).map(|i| (mean(i + 1) - mean(i)).abs()).fold(0.0, f64::max);
    assert!(steepest < 0.03 * before, "the light jumps by {steepest} of {before}");
}

#[test]
fn crossings_are_those_of_the_boxes() {
    for (scene, history) in scenes() {
        let seed = scene.config().seed;
        let mut tally = Tally::new(scene.lines());
        for (index, truths) in history.iter().enumerate() {
            tally.observe(index as u64, truths);
        }
        let totals = tally.totals();
        assert_eq!(totals.unique_figures, 18);
        for line in &totals.lines {
            let expected = crossings_by_hand(line, history);
            assert_eq!(line.crossings, expected, "seed {seed}, line {}", line.id);
            let forward = expected.iter().filter(|c| c.direction == CrossingDirection::Forward);
            assert_eq!(line.forward as usize, forward.count());
            assert_eq!((line.forward + line.backward) as usize, expected.len());
            assert!(line.forward >= 3 && line.backward >= 3, "seed {seed}: {line:?}");
            let mut last: BTreeMap<u32, u64> = BTreeMap::new();
            let mut twice = 0;
            for c in &line.crossings {
                if let Some(before) = last.insert(c.figure, c.frame) {
                    assert!(
                        c.frame - before > frames(1.2) as u64,
                        "seed {seed}: {c:?} wavers on {}",
                        line.id
                    );
                    twice += 1;
                }
            }
            assert!(twice >= 1, "seed {seed}: nobody crosses {} twice", line.id);
        }
        assert!(totals.crossing_figures < 18, "seed {seed}: somebody never crosses");
    }
}

/// Segment against segment, by the signs of areas, in exact arithmetic (boxes are whole pixels).
fn crossings_by_hand(line: &LineTruth, history: &History) -> Vec<Crossing> {
    let whole = |v: f32| (2.0 * v) as i64;
    let (a, b) = (line.p1.map(whole), line.p2.map(whole));
    let area = |p: [i64; 2], q: [i64; 2], r: [i64; 2]| {
        (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
    };
    let foot = |t: &FigureTruth| [(t.bbox.x1 + t.bbox.x2) as i64, whole(t.bbox.y2)];
    let mut found = Vec::new();
    for (index, pair) in history.windows(2).enumerate() {
        for now in &pair[1] {
            let Some(before) = pair[0].iter().find(|t| t.id == now.id) else { continue };
            let (p, q) = (foot(before), foot(now));
            let (from_left, to_left) = (area(a, b, p) < 0, area(a, b, q) < 0);
            let (s, t) = (area(p, q, a), area(p, q, b));
            let meets = s.signum() * t.signum() <= 0;
            if from_left != to_left && meets {
                let direction = if from_left {
                    CrossingDirection::Forward
                } else {
                    CrossingDirection::Backward
                };
                found.push(Crossing { frame: index as u64 + 2, figure: now.id, direction });
            }
        }
    }
    found
}
