//! What a detector found in one frame.

use crate::geometry::BBox;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What kind of thing a class is; model cards map their open labels to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// A whole or partly hidden person.
    Person,
    /// A face.
    Face,
    /// Anything that drives or is driven on a road, a rail, water or in the air.
    Vehicle,
    /// An animal.
    Animal,
    /// A licence plate.
    Plate,
    /// Something that moves, of a kind the detector cannot tell.
    Moving,
    /// Any other thing.
    Object,
}

/// An open label from a model card together with its category; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Class {
    /// The label, as `person` or `traffic light`.
    pub label: Arc<str>,
    /// What kind of thing it is.
    pub category: Category,
}

impl Class {
    /// A class from its label and category.
    pub fn new(label: impl Into<Arc<str>>, category: Category) -> Self {
        Self { label: label.into(), category }
    }
}

/// One detection: where, how sure, what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Pixels of the displayed frame.
    pub bbox: BBox,
    /// Confidence, 0 to 1.
    pub score: f32,
    /// What it is.
    #[serde(flatten)]
    pub class: Class,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_wire_form() {
        let d = Detection {
            bbox: BBox::from_xywh(1.0, 2.0, 3.0, 4.0),
            score: 0.5,
            class: Class::new("car", Category::Vehicle),
        };
        let text = r#"{"bbox":[1.0,2.0,4.0,6.0],"score":0.5,"label":"car","category":"vehicle"}"#;
        assert_eq!(serde_json::to_string(&d).expect("serialises"), text);
        assert_eq!(serde_json::from_str::<Detection>(text).expect("its own form"), d);
    }
}
