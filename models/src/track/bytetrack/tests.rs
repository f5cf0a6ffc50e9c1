//! ByteTrack on its own rules: life cycle, associations, duplicates, order, endurance.

use super::*;
use proptest::prelude::*;
use schema::detection::{Category, Class};
use schema::id::TrackId;

fn detection(bbox: BBox, score: f32) -> Detection {
    Detection { bbox, score, class: Class::new("person", Category::Person) }
}

/// A sure detection of a standing figure whose left edge is at `x`.
fn figure(x: f32) -> Detection {
    detection(BBox::from_xywh(x, 100.0, 40.0, 120.0), 0.9)
}

fn tracker() -> ByteTrack {
    ByteTrack::new(ByteTrackConfig::default(), 30.0).expect("the defaults are valid")
}

fn ids(objects: &[TrackedObject]) -> Vec<u32> {
    objects.iter().map(|object| object.track_id.0).collect()
}

#[test]
fn the_first_frame_is_believed_at_once_and_counted_from_left_to_right() {
    let mut tracker = tracker();
    let objects = tracker.update(&[figure(500.0), figure(100.0), figure(300.0)]);
    let seen: Vec<_> = objects.iter().map(|o| (o.track_id.0, o.bbox.x1)).collect();
    assert_eq!(seen, [(1, 100.0), (2, 300.0), (3, 500.0)]);
}

#[test]
fn later_tracks_are_told_when_they_are_seen_again() {
    let mut tracker = tracker();
    assert_eq!(ids(&tracker.update(&[])), [0_u32; 0]);
    assert_eq!(ids(&tracker.update(&[figure(300.0)])), [0_u32; 0]);
    assert_eq!(ids(&tracker.update(&[figure(301.0), figure(100.0)])), [1]);
    // Ids follow confirmation: what stands further left came later.
    assert_eq!(ids(&tracker.update(&[figure(302.0), figure(101.0)])), [1, 2]);
}

#[test]
fn what_is_seen_only_once_gets_no_id() {
    let mut tracker = tracker();
    tracker.update(&[]);
    tracker.update(&[figure(300.0)]);
    assert_eq!(ids(&tracker.update(&[])), [0_u32; 0]);
    // Gone at once: the place is not remembered, the next one is tentative again.
    assert_eq!(ids(&tracker.update(&[figure(300.0)])), [0_u32; 0]);
    assert_eq!(ids(&tracker.update(&[figure(300.0)])), [1]);
}

/// The id under which a walker returns who was not seen for `missed` frames.
fn id_after_a_gap(missed: u16, frame_rate: f64) -> Vec<u32> {
    let mut tracker = ByteTrack::new(ByteTrackConfig::default(), frame_rate).expect("valid");
    let at = |frame: u16| figure(100.0 + 2.0 * f32::from(frame));
    for frame in 0..40 {
        assert_eq!(ids(&tracker.update(&[at(frame)])), [1]);
    }
    for _ in 0..missed {
        assert_eq!(ids(&tracker.update(&[])), [0_u32; 0]);
    }
    tracker.update(&[at(40 + missed)]);
    ids(&tracker.update(&[at(41 + missed)]))
}

#[test]
fn an_object_may_return_until_the_buffer_ends() {
    assert_eq!(id_after_a_gap(1, 30.0), [1]);
    assert_eq!(id_after_a_gap(30, 30.0), [1]);
    assert_eq!(id_after_a_gap(31, 30.0), [2]);
    // The buffer is a time: half the frames at half the rate.
    assert_eq!(id_after_a_gap(15, 15.0), [1]);
    assert_eq!(id_after_a_gap(16, 15.0), [2]);
}

#[test]
fn two_that_cross_keep_their_ids() {
    let mut tracker = tracker();
    let (right, left) = (|t: f32| 100.0 + 4.0 * t, |t: f32| 500.0 - 4.0 * t);
    // The one behind is smaller: wholly hidden, but not taken for a duplicate.
    let behind = |x: f32| detection(BBox::from_xywh(x, 100.0, 36.0, 100.0), 0.9);
    for frame in 0..100_u8 {
        let t = f32::from(frame);
        let mut detections = vec![behind(left(t)), figure(right(t))];
        if detections[0].bbox.iou(&detections[1].bbox) > 0.2 {
            detections.remove(0);
        }
        let objects = tracker.update(&detections);
        for object in &objects {
            let truth = if object.track_id == TrackId(1) { right(t) } else { left(t) };
            assert!((object.bbox.x1 - truth).abs() < 8.0, "frame {frame}: {object:?}");
        }
        assert_eq!(objects.len(), detections.len(), "frame {frame}");
        assert!(objects.iter().all(|o| o.track_id.0 <= 2), "frame {frame}: {objects:?}");
    }
}

#[test]
fn unsure_detections_keep_tracks_but_begin_none() {
    let unsure = |x: f32, score: f32| Detection { score, ..figure(x) };
    let mut tracker = tracker();
    assert_eq!(ids(&tracker.update(&[figure(100.0), unsure(300.0, 0.69)])), [1]);
    let kept = tracker.update(&[unsure(101.0, 0.1), unsure(300.0, 0.69)]);
    assert_eq!((ids(&kept), kept[0].score), (vec![1], 0.1));
    // Below the lowest score it is as if it were not there, and a lost track wants a sure one.
    assert_eq!(ids(&tracker.update(&[unsure(102.0, 0.09)])), [0_u32; 0]);
    assert_eq!(ids(&tracker.update(&[unsure(103.0, 0.5)])), [0_u32; 0]);
    assert_eq!(ids(&tracker.update(&[unsure(104.0, 0.6)])), [1]);
}

#[test]
fn of_two_tracks_upon_one_another_the_older_stays() {
    let mut tracker = tracker();
    // The older one stands still and is hidden from frame 40 on; the younger walks past it,
    // so steadily that its own track always fits it better.
    let mut told = Vec::new();
    for frame in 0..80_u8 {
        let mut detections = Vec::new();
        if frame < 40 {
            detections.push(figure(100.0));
        }
        if frame >= 30 {
            detections.push(figure(165.0 - f32::from(frame)));
        }
        told.push(ids(&tracker.update(&detections)));
    }
    assert_eq!((told[35].clone(), told[50].clone()), (vec![1, 2], vec![2]));
    assert_eq!(told[70], [1], "{told:?}");
}

/// Which of these tracks are left once duplicates are removed: left edge, first and last frame in
/// which it was seen, and whether it is lost since.
fn left_of(tracks: &[(f32, u64, u64, bool)]) -> Vec<(f32, u64, u64, bool)> {
    let mut tracker = tracker();
    for &(x, first, last, is_lost) in tracks {
        let mut track = Track::begin(&figure(x), first);
        track.see(&figure(x), last, &mut tracker.ids);
        if is_lost {
            track.lose();
        }
        tracker.tracks.push(track);
    }
    tracker.remove_duplicates();
    let is_left = |&&(x, first, last, is_lost): &&(f32, u64, u64, bool)| {
        tracker.tracks.iter().any(|t| {
            let is_its_state = (t.state == State::Lost) == is_lost;
            is_its_state && t.age() == last - first && t.bbox() == figure(x).bbox
        })
    };
    tracks.iter().filter(is_left).copied().collect()
}

#[test]
fn of_duplicates_the_longer_life_stays_and_of_equals_the_lost_one() {
    let lost = |x, first, last| (x, first, last, true);
    let seen = |x, first, last| (x, first, last, false);
    let check = |tracks: &[_], left: &[_]| assert_eq!(left_of(tracks), left, "{tracks:?}");
    check(&[lost(100.0, 1, 20), seen(100.0, 25, 30)], &[lost(100.0, 1, 20)]);
    check(&[lost(100.0, 1, 5), seen(100.0, 10, 30)], &[seen(100.0, 10, 30)]);
    // As the authors' program has it: what is seen goes unless its life is strictly the longer.
    check(&[lost(100.0, 1, 10), seen(100.0, 11, 20)], &[lost(100.0, 1, 10)]);
    check(&[lost(100.0, 1, 10), seen(100.0, 11, 21)], &[seen(100.0, 11, 21)]);
    // An IoU of 37/43 is above 0.85, one of 36/44 is not.
    check(&[lost(100.0, 1, 20), seen(103.0, 25, 30)], &[lost(100.0, 1, 20)]);
    let apart = [lost(100.0, 1, 20), seen(104.0, 25, 30)];
    check(&apart, &apart);
    // Two that are seen, or two that are lost, are no duplicates.
    let alike = [seen(100.0, 1, 20), seen(100.0, 5, 20), lost(300.0, 1, 9), lost(300.0, 2, 9)];
    check(&alike, &alike);
    // Pairs are judged at once: what goes for one still beats another.
    let chain = [lost(100.0, 1, 20), seen(100.0, 21, 31), lost(100.0, 1, 6)];
    check(&chain, &chain[..1]);
}

/// Whether a track that was seen at 100 in `frames` frames goes on with a `score` at `x`.
fn is_matched(config: ByteTrackConfig, frames: u8, x: f32, score: f32) -> bool {
    let mut tracker = ByteTrack::new(config, 30.0).expect("valid");
    tracker.update(&[]);
    for _ in 0..frames {
        tracker.update(&[figure(100.0)]);
    }
    ids(&tracker.update(&[Detection { score, ..figure(x) }])) == [1]
}

#[test]
fn each_association_has_its_cost_and_its_limit() {
    let published = ByteTrackConfig::default;
    let at_iou = |iou: f32| 100.0 + 40.0 * (1.0 - iou) / (1.0 + iou);
    // First: the score is fused, 0.9 * 0.105 is below the 0.1 that the limit asks for.
    assert!(is_matched(published(), 9, at_iou(0.12), 0.9));
    assert!(!is_matched(published(), 9, at_iou(0.105), 0.9));
    let plain = ByteTrackConfig { fuse_score: false, ..published() };
    assert!(is_matched(plain.clone(), 9, at_iou(0.105), 0.9));
    assert!(!is_matched(plain, 9, at_iou(0.095), 0.9));
    // Second: the score is not fused.
    assert!(is_matched(published(), 9, at_iou(0.52), 0.3));
    assert!(!is_matched(published(), 9, at_iou(0.48), 0.3));
    // Tentative: fused.
    assert!(is_matched(published(), 1, at_iou(0.35), 0.9));
    assert!(!is_matched(published(), 1, at_iou(0.32), 0.9));
}

#[test]
fn the_class_is_that_of_the_matched_detection() {
    let mut tracker = tracker();
    tracker.update(&[figure(100.0)]);
    let truck = Class::new("truck", Category::Vehicle);
    let objects = tracker.update(&[Detection { class: truck.clone(), ..figure(101.0) }]);
    assert_eq!((ids(&objects), &objects[0].class), (vec![1], &truck));
}

#[test]
fn what_is_no_box_does_not_matter() {
    let faulty = [
        detection(BBox { x1: f32::NAN, y1: 0.0, x2: 9.0, y2: 9.0 }, 0.9),
        detection(BBox { x1: 0.0, y1: 0.0, x2: f32::INFINITY, y2: 9.0 }, 0.9),
        detection(BBox { x1: -3e38, y1: 0.0, x2: 3e38, y2: 9.0 }, 0.9),
        detection(BBox { x1: 9.0, y1: 9.0, x2: 9.0, y2: 20.0 }, 0.9),
        detection(BBox { x1: 20.0, y1: 9.0, x2: 10.0, y2: 20.0 }, 0.9),
        Detection { score: f32::NAN, ..figure(100.0) },
        Detection { score: f32::INFINITY, ..figure(100.0) },
    ];
    let (mut plain, mut disturbed) = (tracker(), tracker());
    for frame in 0..50_u8 {
        let sound = figure(100.0 + f32::from(frame));
        let mut all = faulty.to_vec();
        all.insert(usize::from(frame) % 8, sound.clone());
        assert_eq!(disturbed.update(&all), plain.update(&[sound]));
    }
}

#[test]
fn a_hundred_thousand_frames_do_not_wear_it_out() {
    let mut tracker = tracker();
    let mut state = 1_u32;
    let mut random = move || {
        // Numerical Recipes' linear congruential generator: any noise will do.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0
    };
    for frame in 0..100_000_u32 {
        let t = frame as f32 / 50.0;
        let detections: Vec<_> = (0..4_u8)
            .map(|i| {
                let (x, y) = ((t + f32::from(i)).sin() * 400.0, (0.7 * t).cos() * 200.0);
                let noise = random() * 6.0;
                let bbox = BBox::from_xywh(
                    x + noise,
                    y + random() * 6.0,
                    20.0 + noise,
                    0.1 + 80.0 * random(),
                );
                detection(bbox, random())
            })
            .collect();
        let objects = tracker.update(&detections);
        assert!(objects.iter().all(|o| o.bbox.is_valid()), "frame {frame}: {objects:?}");
        assert!(tracker.tracks.len() <= 4 * 32, "{} tracks", tracker.tracks.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_detections_does_not_matter(
        frames in proptest::collection::vec(
            proptest::collection::vec((0..200_u8, 0..100_u8, 10..60_u8, 0..=10_u8), 0..12), 1..30,
        ),
        turn in 0..12_usize,
    ) {
        let (mut one, mut other) = (tracker(), tracker());
        for frame in frames {
            let mut detections: Vec<_> = frame
                .into_iter()
                .map(|(x, y, size, score)| {
                    let bbox =
                        BBox::from_xywh(x.into(), y.into(), size.into(), 2.0 * f32::from(size));
                    detection(bbox, f32::from(score) / 10.0)
                })
                .collect();
            let objects = one.update(&detections);
            prop_assert!(objects.is_sorted_by(|a, b| a.track_id.0 < b.track_id.0));
            detections.reverse();
            let turn = turn % detections.len().max(1);
            detections.rotate_left(turn);
            prop_assert_eq!(objects, other.update(&detections));
        }
    }
}

#[test]
fn every_faulty_parameter_is_named() {
    let config = ByteTrackConfig {
        high_score: f32::NAN,
        low_score: -0.1,
        new_score: 1.5,
        first_limit: 0.0,
        second_limit: 1.1,
        tentative_limit: f32::NAN,
        duplicate_iou: 2.0,
        ..ByteTrackConfig::default()
    };
    let error = config.validate().expect_err("faulty");
    let fields: Vec<_> = error.fields().iter().map(|f| f.field.as_str()).collect();
    let expected = "high_score low_score new_score first_limit second_limit tentative_limit \
                    duplicate_iou";
    assert_eq!(fields.join(" "), expected);
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = ByteTrack::new(ByteTrackConfig::default(), rate).expect_err("no rate");
        assert_eq!(error.fields()[0].field, "frame_rate");
    }
}
