//! Which blobs are fragments of one thing.
//!
//! A thing falls apart where it looks like the background or like a shadow on it: a grey coat in
//! front of a white wall leaves a head and legs. Fragments of a larger blob are what lies in its
//! box, and smaller blobs above, below or closely beside it if what lies between them is shadow
//! for the most part. Two blobs of like size are never joined: that would make one of two people.

use super::morphology::Mask;
use super::objects::Blob;
use std::ops::Range;

/// More blobs than this are not looked at; the largest are kept.
pub(super) const MAX_BLOBS: usize = 256;

/// A fragment has at most this share of the area of the whole.
const MINOR: f32 = 0.3;

/// What is in the box of a larger blob has at most this share of its area, and this share of its
/// own box in the other.
const INNER: f32 = 0.5;
const INSIDE: f32 = 0.7;

/// Fragments stand above or beside the whole with this share of their side, and of what lies
/// between, if anything does, this share is set.
const ALIGNED: f32 = 0.5;
const FILLED: f32 = 0.7;

/// Joins fragments with what they are fragments of; `cover` is set where there is foreground or
/// shadow. The largest come first. Tells how many blobs were left out.
pub(super) fn merge(mut blobs: Vec<Blob>, cover: &Mask) -> (Vec<Blob>, usize) {
    sort(&mut blobs);
    let cut = blobs.len().saturating_sub(MAX_BLOBS);
    blobs.truncate(MAX_BLOBS);
    loop {
        let before = blobs.len();
        let mut whole: Vec<Blob> = Vec::with_capacity(before);
        for blob in blobs {
            match whole.iter_mut().find(|w| is_fragment(&blob, w, cover)) {
                Some(owner) => owner.join(&blob),
                None => whole.push(blob),
            }
        }
        blobs = whole;
        sort(&mut blobs);
        if blobs.len() == before {
            return (blobs, cut);
        }
    }
}

/// By falling area; of equals the upper, then the left one first.
fn sort(blobs: &mut [Blob]) {
    blobs.sort_by_key(|b| (std::cmp::Reverse(b.area), b.y1, b.x1));
}

/// Whether `small` is a part of the larger blob `whole`.
fn is_fragment(small: &Blob, whole: &Blob, cover: &Mask) -> bool {
    let columns = shared(small.x1..small.x2, whole.x1..whole.x2);
    let rows = shared(small.y1..small.y2, whole.y1..whole.y2);
    let share = small.area as f32 / whole.area as f32;
    let inside = (columns.len() * rows.len()) as f32 / (small.width() * small.height()) as f32;
    if inside >= INSIDE && share <= INNER {
        return true;
    }
    if share > MINOR {
        return false;
    }
    let above = between(small.y1..small.y2, whole.y1..whole.y2);
    let left = between(small.x1..small.x2, whole.x1..whole.x2);
    let is_stacked = columns.len() as f32 >= ALIGNED * small.width() as f32;
    let is_beside = rows.len() as f32 >= ALIGNED * small.height() as f32;
    (is_stacked && is_filled(cover, columns, above)) || (is_beside && is_filled(cover, left, rows))
}

/// Whether a rectangle is set for the most part; an empty one is.
fn is_filled(cover: &Mask, columns: Range<usize>, rows: Range<usize>) -> bool {
    let area = (columns.len() * rows.len()) as f32;
    let set: usize = rows
        .map(|y| &cover.cells[y * cover.width..][columns.clone()])
        .map(|row| row.iter().map(|&cell| usize::from(cell)).sum::<usize>())
        .sum();
    set as f32 >= FILLED * area
}

/// What two ranges have in common.
fn shared(a: Range<usize>, b: Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

/// What lies between two ranges.
fn between(a: Range<usize>, b: Range<usize>) -> Range<usize> {
    let start = a.end.min(b.end);
    start..a.start.max(b.start).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::motion::texture::Edge;

    const WIDTH: usize = 100;
    const HEIGHT: usize = 100;

    fn blob(x: usize, y: usize, w: usize, h: usize) -> Blob {
        Blob {
            x1: x,
            y1: y,
            x2: x + w,
            y2: y + h,
            area: w * h,
            foreground: w * h,
            still: 0,
            contrast: 200 * w * h,
            edge: Edge::default(),
        }
    }

    /// How many things there are, with shadow in these rectangles (x, y, w, h).
    fn count(blobs: &[Blob], shadow: &[(usize, usize, usize, usize)]) -> usize {
        let mut cover = Mask::new(WIDTH, HEIGHT);
        for &(x, y, w, h) in shadow {
            for row in y..y + h {
                cover.cells[row * WIDTH + x..row * WIDTH + x + w].fill(1);
            }
        }
        merge(blobs.to_vec(), &cover).0.len()
    }

    #[test]
    fn a_head_above_a_coat_like_the_wall_belongs_to_the_legs() {
        let (head, legs) = (blob(42, 10, 12, 12), blob(40, 50, 16, 40));
        assert_eq!(count(&[head.clone(), legs.clone()], &[(40, 22, 16, 28)]), 1);
        assert_eq!(count(&[head, legs], &[]), 2, "with the wall between them they are two");
    }

    #[test]
    fn what_lies_in_the_box_of_a_larger_one_is_a_part_of_it() {
        let car = Blob { area: 900, ..blob(10, 10, 60, 40) };
        assert_eq!(count(&[car.clone(), blob(30, 20, 10, 10)], &[]), 1);
        assert_eq!(count(&[car, blob(76, 20, 10, 10)], &[]), 2);
    }

    #[test]
    fn two_of_like_size_stay_two_whatever_their_shadows_do() {
        let (front, back) = (blob(20, 50, 14, 40), blob(22, 10, 14, 38));
        assert_eq!(count(&[front.clone(), back], &[(20, 40, 40, 12)]), 2);
        assert_eq!(count(&[front, blob(38, 50, 14, 40)], &[(30, 70, 20, 20)]), 2);
    }

    #[test]
    fn a_shadow_on_the_ground_does_not_tie_a_child_to_a_man() {
        let (man, child) = (blob(10, 20, 20, 60), blob(50, 55, 10, 25));
        assert_eq!(count(&[man, child], &[(30, 76, 20, 4)]), 2);
    }

    #[test]
    fn an_arm_beside_a_coat_like_the_wall_belongs_to_it() {
        let (body, arm) = (blob(40, 20, 20, 60), blob(66, 30, 4, 20));
        assert_eq!(count(&[body, arm], &[(58, 28, 10, 24)]), 1);
    }

    #[test]
    fn the_whole_knows_of_its_parts() {
        let (head, legs) = (blob(42, 10, 12, 12), blob(40, 50, 16, 40));
        let mut cover = Mask::new(WIDTH, HEIGHT);
        cover.cells.fill(1);
        let (whole, cut) = merge(vec![head, legs], &cover);
        assert_eq!(cut, 0);
        let sum = Blob { x1: 40, y1: 10, x2: 56, y2: 90, ..blob(0, 0, 1, 784) };
        assert_eq!(whole, [sum]);
    }

    #[test]
    fn the_smallest_of_too_many_are_left_out() {
        let many: Vec<Blob> = (0..MAX_BLOBS + 44)
            .map(|i| Blob { x1: 2 * i, x2: 2 * i + 1, ..blob(0, 0, 1, 1 + i % 7) })
            .collect();
        let (kept, cut) = merge(many, &Mask::new(WIDTH, HEIGHT));
        assert_eq!((kept.len(), cut), (MAX_BLOBS, 44));
        assert!(kept.is_sorted_by(|a, b| a.area >= b.area));
        assert!(kept.iter().all(|b| b.area > 1));
    }
}
