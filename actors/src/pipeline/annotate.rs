//! What is drawn over a frame: objects with their labels and trails.

use crate::media::overlay::{AnnotatedObject, Annotation};
use schema::frame::FrameMeta;
use schema::geometry::ImagePoint;
use schema::id::TrackId;
use schema::track::TrackedObject;
use std::collections::{BTreeMap, VecDeque};

/// How much of a track's past is drawn behind it.
const TRAIL_SECONDS: f64 = 2.0;

/// The recent foot points of the tracks in sight.
#[derive(Debug)]
pub(super) struct Trails {
    length: usize,
    trails: BTreeMap<TrackId, Trail>,
}

#[derive(Debug, Default)]
struct Trail {
    points: VecDeque<ImagePoint>,
    last_frame: u64,
}

impl Trails {
    /// Trails of two seconds at `frame_rate` frames per second.
    pub(super) fn new(frame_rate: f64) -> Self {
        let length = (TRAIL_SECONDS * frame_rate).clamp(2.0, 240.0) as usize;
        Self { length, trails: BTreeMap::new() }
    }

    /// Extends the trails by the next frame and gives what is to be drawn of its objects.
    pub(super) fn annotate(&mut self, meta: &FrameMeta, objects: &[TrackedObject]) -> Annotation {
        let mut annotation = Annotation { time: meta.media_time_us, ..Annotation::default() };
        for object in objects {
            let trail = self.trails.entry(object.track_id).or_default();
            if trail.points.len() == self.length {
                trail.points.pop_front();
            }
            trail.points.push_back(object.bbox.foot());
            trail.last_frame = meta.frame_index;
            annotation.objects.push(AnnotatedObject {
                track_id: object.track_id,
                bbox: object.bbox,
                label: object.class.label.to_string(),
                trail: trail.points.iter().copied().collect(),
            });
        }
        let length = self.length as u64;
        self.trails.retain(|_, t| meta.frame_index - t.last_frame < length);
        annotation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::detection::{Category, Class};
    use schema::geometry::BBox;
    use schema::time::MediaTime;

    #[test]
    fn trails_are_short_and_forgotten() {
        let mut trails = Trails::new(10.0);
        let object = TrackedObject {
            track_id: TrackId(1),
            bbox: BBox::from_xywh(0.0, 0.0, 10.0, 10.0),
            estimate: BBox::from_xywh(0.0, 0.0, 10.0, 10.0),
            score: 0.9,
            class: Class::new("person", Category::Person),
        };
        let meta = |frame_index| FrameMeta {
            frame_index,
            media_time_us: MediaTime(0),
            wall_time_us: None,
            width: 64,
            height: 64,
        };
        for i in 0..50 {
            let drawn = trails.annotate(&meta(i), std::slice::from_ref(&object));
            assert_eq!(drawn.objects[0].trail.len(), 20.min(i as usize + 1));
        }
        for i in 50..70 {
            trails.annotate(&meta(i), &[]);
        }
        assert!(trails.trails.is_empty());
    }
}
