//! What a tracker says of one object in one frame.

use crate::detection::Class;
use crate::geometry::BBox;
use crate::id::TrackId;
use serde::{Deserialize, Serialize};

/// One confirmed track as it is seen in one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackedObject {
    /// Which track of this run.
    pub track_id: TrackId,
    /// Box of the detection that was matched in this frame, in pixels of the displayed frame.
    pub bbox: BBox,
    /// The tracker's filtered estimate of the same; smoother, may reach beyond the frame, and lags
    /// where the shape changes quickly, as it does at the edges.
    pub estimate: BBox,
    /// Score of the detection that was matched in this frame, 0 to 1.
    pub score: f32,
    /// Class of the matched detection.
    #[serde(flatten)]
    pub class: Class,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Category;

    #[test]
    fn golden_wire_form() {
        let t = TrackedObject {
            track_id: TrackId(4),
            bbox: BBox::from_xywh(0.0, 0.0, 2.0, 2.0),
            estimate: BBox::from_xywh(0.0, 0.0, 2.0, 3.0),
            score: 0.25,
            class: Class::new("person", Category::Person),
        };
        let text = concat!(
            r#"{"track_id":4,"bbox":[0.0,0.0,2.0,2.0],"estimate":[0.0,0.0,2.0,3.0],"score":0.25,"#,
            r#""label":"person","category":"person"}"#
        );
        assert_eq!(serde_json::to_string(&t).expect("serialises"), text);
        assert_eq!(serde_json::from_str::<TrackedObject>(text).expect("its own form"), t);
    }
}
