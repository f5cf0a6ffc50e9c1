//! Greedy non-maximum suppression.
//!
//! Works on candidates in any coordinates; deterministic, also for equal scores.

use super::DetectOptions;
use super::heads::Candidate;

/// Keeps the best of overlapping `candidates`, best first, and returns how many were cut because
/// they were beyond `top_k`.
///
/// Candidates are sorted by score, equal ones by their place in the list. One is dropped where a
/// better one that is kept overlaps it by more than `nms_iou`; unless `class_agnostic`, only boxes
/// of its own class count.
pub fn suppress(candidates: &mut Vec<Candidate>, options: &DetectOptions) -> u64 {
    // A stable sort: equals keep their order.
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let cut = candidates.len().saturating_sub(options.top_k);
    candidates.truncate(options.top_k);
    let mut kept = 0;
    for i in 0..candidates.len() {
        let candidate = candidates[i];
        let overlaps = |other: &Candidate| {
            (options.class_agnostic || other.class == candidate.class)
                && other.bbox.iou(&candidate.bbox) > options.nms_iou
        };
        if !candidates[..kept].iter().any(overlaps) {
            candidates[kept] = candidate;
            kept += 1;
        }
    }
    candidates.truncate(kept);
    cut as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use schema::geometry::BBox;

    fn options(class_agnostic: bool, top_k: usize) -> DetectOptions {
        DetectOptions { classes: None, min_score: 0.0, nms_iou: 0.5, class_agnostic, top_k }
    }

    fn candidate(x: f32, score: f32, class: usize) -> Candidate {
        Candidate { bbox: BBox::from_xywh(x, 0.0, 10.0, 10.0), score, class }
    }

    #[test]
    fn classes_suppress_one_another_only_when_asked() {
        let list = [candidate(0.0, 0.5, 0), candidate(1.0, 0.9, 0), candidate(2.0, 0.7, 1)];
        let mut per_class = list.to_vec();
        assert_eq!(suppress(&mut per_class, &options(false, 100)), 0);
        assert_eq!(per_class, [list[1], list[2]]);
        let mut agnostic = list.to_vec();
        suppress(&mut agnostic, &options(true, 100));
        assert_eq!(agnostic, [list[1]]);
    }

    #[test]
    fn a_suppressed_box_suppresses_nothing() {
        // Each overlaps its neighbour by 2/3 and the one after that by 1/3.
        let list = [candidate(0.0, 0.9, 0), candidate(2.0, 0.8, 0), candidate(4.0, 0.7, 0)];
        let mut kept = list.to_vec();
        suppress(&mut kept, &options(false, 100));
        assert_eq!(kept, [list[0], list[2]]);
    }

    #[test]
    fn what_is_beyond_top_k_is_cut_and_counted() {
        let mut list: Vec<Candidate> =
            (0..10).map(|i| candidate(i as f32 * 20.0, i as f32 / 10.0, 0)).collect();
        assert_eq!(suppress(&mut list, &options(false, 4)), 6);
        let scores: Vec<f32> = list.iter().map(|c| c.score).collect();
        assert_eq!(scores, [0.9, 0.8, 0.7, 0.6]);
    }

    #[test]
    fn equal_scores_keep_their_order() {
        let list = [candidate(0.0, 0.5, 0), candidate(1.0, 0.5, 0), candidate(50.0, 0.5, 1)];
        let mut kept = list.to_vec();
        suppress(&mut kept, &options(false, 100));
        assert_eq!(kept, [list[0], list[2]]);
    }

    proptest! {
        #[test]
        fn no_two_that_are_kept_overlap_and_every_dropped_one_is_covered(
            list in prop::collection::vec((0f32..60.0, 0u8..20, 0usize..3), 0..60)
        ) {
            let all: Vec<Candidate> =
                list.into_iter().map(|(x, s, class)| candidate(x, f32::from(s) / 20.0, class)).collect();
            let mut kept = all.clone();
            suppress(&mut kept, &options(false, 1000));
            let overlap = |a: &Candidate, b: &Candidate| a.class == b.class && a.bbox.iou(&b.bbox) > 0.5;
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(kept[..i].iter().all(|b| !overlap(a, b) && b.score >= a.score));
            }
            for c in &all {
                prop_assert!(kept.iter().any(|k| k == c || (overlap(k, c) && k.score >= c.score)));
            }
        }
    }
}
