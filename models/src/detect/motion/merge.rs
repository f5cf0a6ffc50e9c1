//! Which blobs are fragments of one thing.
//!
//! A thing falls apart where it looks like the background or like a shadow on it: a grey coat in
//! front of a white wall leaves a head and legs. Fragments of a larger blob are what lies in its
//! box, and smaller blobs above, below or closely beside it that hang together with it by shadow.
//! Two blobs of like size are never joined: that would make one of two people in a queue.

use super::objects::Blob;

/// More blobs than this are not looked at; the largest are kept.
pub(super) const MAX_BLOBS: usize = 256;

/// Joins fragments with what they are fragments of. The largest come first. Tells how many blobs
/// were left out.
pub(super) fn merge(mut blobs: Vec<Blob>) -> (Vec<Blob>, usize) {
    sort(&mut blobs);
    let cut = blobs.len().saturating_sub(MAX_BLOBS);
    blobs.truncate(MAX_BLOBS);
    loop {
        let before = blobs.len();
        let mut whole: Vec<Blob> = Vec::with_capacity(before);
        for blob in blobs {
            match whole.iter_mut().find(|w| is_fragment(&blob, w)) {
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
fn is_fragment(small: &Blob, whole: &Blob) -> bool {
    let across = overlap((small.x1, small.x2), (whole.x1, whole.x2));
    let down = overlap((small.y1, small.y2), (whole.y1, whole.y2));
    let inside = 10 * across * down >= 7 * small.width() * small.height();
    if inside && 2 * small.area <= whole.area {
        return true;
    }
    let hangs_together = small.support.is_some() && small.support == whole.support;
    let minor = 10 * small.area <= 3 * whole.area;
    let stacked = 2 * across >= small.width();
    let gap = small.x1.max(whole.x1).saturating_sub(small.x2.min(whole.x2));
    let beside = 2 * down >= small.height() && 8 * gap <= whole.width();
    hangs_together && minor && (stacked || beside)
}

/// Length shared by two ranges.
fn overlap(a: (usize, usize), b: (usize, usize)) -> usize {
    a.1.min(b.1).saturating_sub(a.0.max(b.0))
}
