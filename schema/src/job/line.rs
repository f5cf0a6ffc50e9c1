//! Counting lines: how clients write them, and how they become lines in pixels of the frame.
//!
//! Accepted for `emergency_lines`: an array of objects `{id?, name?, x1, y1, x2, y2, direction?}`,
//! an array of pairs `[[x1, y1], [x2, y2]]`, a single such pair, and any of these as a JSON string
//! (form fields are strings).

use crate::error::FieldFault;
use crate::geometry::{ImagePoint, Line};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Which crossings of a line are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LineDirection {
    /// From the left of the way p1 -> p2 to its right; downward for a line drawn to the right.
    Forward,
    /// From the right to the left.
    Backward,
    /// Both.
    #[default]
    Both,
}

/// A counting line as a client gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct LineInput {
    /// Name of the line in results; default `line-1`, `line-2` ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub id: Option<String>,
    /// What people call it; default its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub name: Option<String>,
    /// Start, to the right.
    #[schemars(range(min = -100_000.0, max = 100_000.0))]
    pub x1: f32,
    /// Start, down.
    #[schemars(range(min = -100_000.0, max = 100_000.0))]
    pub y1: f32,
    /// End, to the right.
    #[schemars(range(min = -100_000.0, max = 100_000.0))]
    pub x2: f32,
    /// End, down.
    #[schemars(range(min = -100_000.0, max = 100_000.0))]
    pub y2: f32,
    /// What is counted; default both ways.
    #[serde(default)]
    pub direction: LineDirection,
}

/// A counting line in pixels of the displayed frame.
#[derive(Debug, Clone, PartialEq)]
pub struct CountingLine {
    /// Unique among the lines of a job.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where it lies.
    pub line: Line,
    /// What is counted.
    pub direction: LineDirection,
}

/// The space in which a client's coordinates stand, unless none is above 1: then they are fractions
/// of the source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CoordinateSpace {
    /// A picture of this width and height, scaled to the source.
    Of(f32, f32),
    /// Not said: pixels of the source.
    Unsaid,
}

/// Brings every accepted way of writing lines into the form of the schema, an array of objects;
/// what is not understood stays as it is, for the schema to reject.
pub fn normalise(field: &mut Value) {
    if let Value::String(text) = field
        && let Ok(inner) = serde_json::from_str::<Value>(text)
    {
        *field = inner;
    }
    if let Some(single) = pair_as_object(field) {
        *field = json!([single]);
    }
    if let Value::Array(lines) = field {
        for line in lines {
            if let Some(object) = pair_as_object(line) {
                *line = object;
            }
        }
    }
}

/// `[[x1, y1], [x2, y2]]` as an object.
fn pair_as_object(value: &Value) -> Option<Value> {
    let [a, b] = value.as_array()?.as_slice() else { return None };
    let (a, b) = (a.as_array()?, b.as_array()?);
    let ([x1, y1], [x2, y2]) = (a.as_slice(), b.as_slice()) else { return None };
    [x1, y1, x2, y2].iter().all(|v| v.is_number()).then(|| {
        let keys = ["x1", "y1", "x2", "y2"].map(str::to_owned);
        let values = [x1, y1, x2, y2].map(Clone::clone);
        Value::Object(Map::from_iter(keys.into_iter().zip(values)))
    })
}

/// What is wrong with normalised `lines` beyond their form: two of the same id, a line without
/// length. Looks only at those parts that have the right form; the schema names the others.
#[must_use]
pub fn faults(lines: &Value) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    for (i, line) in lines.as_array().into_iter().flatten().enumerate() {
        if let Some([x1, y1, x2, y2]) = coordinates(line)
            && (x1, y1) == (x2, y2)
        {
            faults.push(FieldFault {
                field: format!("emergency_lines[{i}]"),
                message: format!("both ends are at ({x1}, {y1})"),
            });
        }
        if let Some(id) = written_id(line, i)
            && let Some(twice) = ids.replace(id)
        {
            faults.push(FieldFault {
                field: format!("emergency_lines[{i}].id"),
                message: format!("{twice:?} is the id of an earlier line"),
            });
        }
    }
    faults
}

/// The ends of a line, where all four are numbers.
fn coordinates(line: &Value) -> Option<[f32; 4]> {
    let mut ends = [0.0; 4];
    for (end, key) in ends.iter_mut().zip(["x1", "y1", "x2", "y2"]) {
        *end = line.get(key)?.as_f64()? as f32;
    }
    Some(ends)
}

/// The id of a line, where it is an object with a text as id or none.
fn written_id(line: &Value, index: usize) -> Option<String> {
    match line.as_object()?.get("id") {
        None | Some(Value::Null) => Some(default_id(index)),
        Some(id) => id.as_str().map(str::to_owned),
    }
}

fn default_id(index: usize) -> String {
    format!("line-{}", index + 1)
}

/// Places `lines` in a `width` x `height` frame.
#[must_use]
pub fn place(
    lines: &[LineInput],
    space: CoordinateSpace,
    width: u32,
    height: u32,
) -> Vec<CountingLine> {
    let fractions = lines.iter().flat_map(|l| [l.x1, l.y1, l.x2, l.y2]).all(|v| v <= 1.0);
    let (sx, sy) = match space {
        _ if fractions => (width as f32, height as f32),
        CoordinateSpace::Of(w, h) => (width as f32 / w, height as f32 / h),
        CoordinateSpace::Unsaid => (1.0, 1.0),
    };
    let placed = |(index, l): (usize, &LineInput)| {
        let id = l.id.clone().unwrap_or_else(|| default_id(index));
        CountingLine {
            name: l.name.clone().unwrap_or_else(|| id.clone()),
            id,
            line: Line {
                p1: ImagePoint { x: l.x1 * sx, y: l.y1 * sy },
                p2: ImagePoint { x: l.x2 * sx, y: l.y2 * sy },
            },
            direction: l.direction,
        }
    };
    lines.iter().enumerate().map(placed).collect()
}

/// The line of those who gave none: across the frame at half height, counted both ways.
#[must_use]
pub fn default_line(width: u32, height: u32) -> CountingLine {
    let y = height as f32 / 2.0;
    CountingLine {
        id: "default".to_owned(),
        name: "default".to_owned(),
        line: Line { p1: ImagePoint { x: 0.0, y }, p2: ImagePoint { x: width as f32, y } },
        direction: LineDirection::Both,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(coordinates: [f32; 4]) -> LineInput {
        let [x1, y1, x2, y2] = coordinates;
        LineInput { id: None, name: None, x1, y1, x2, y2, direction: LineDirection::Both }
    }

    #[test]
    fn every_way_of_writing_becomes_objects() {
        let one = json!([{"x1": 1, "y1": 2, "x2": 3, "y2": 4}]);
        for written in [
            json!([[[1, 2], [3, 4]]]),
            json!([[1, 2], [3, 4]]),
            json!("[[1, 2], [3, 4]]"),
            json!("[{\"x1\": 1, \"y1\": 2, \"x2\": 3, \"y2\": 4}]"),
            one.clone(),
        ] {
            let mut field = written.clone();
            normalise(&mut field);
            assert_eq!(field, one, "{written}");
        }
        let mut two = json!([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]);
        normalise(&mut two);
        assert_eq!(two.as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn what_is_not_understood_is_left_for_the_schema() {
        for odd in [json!("gate"), json!([[1, 2]]), json!([["a", 2], [3, 4]]), json!(7)] {
            let mut field = odd.clone();
            normalise(&mut field);
            assert_eq!(field, odd);
        }
    }

    #[test]
    fn coordinates_follow_their_space() {
        let x2 = |lines: &[LineInput], space| place(lines, space, 1280, 720)[0].line.p2;
        let fractions = [input([0.0, 0.8, 1.0, 0.8])];
        for space in [CoordinateSpace::Unsaid, CoordinateSpace::Of(640.0, 360.0)] {
            assert_eq!(x2(&fractions, space), ImagePoint { x: 1280.0, y: 576.0 });
        }
        let beyond_the_edge = [input([-0.2, 0.5, 1.0, 0.5])];
        assert_eq!(
            place(&beyond_the_edge, CoordinateSpace::Unsaid, 1280, 720)[0].line.p1,
            ImagePoint { x: -256.0, y: 360.0 }
        );
        let pixels = [input([0.0, 300.0, 640.0, 300.0])];
        assert_eq!(x2(&pixels, CoordinateSpace::Unsaid), ImagePoint { x: 640.0, y: 300.0 });
        let scaled = x2(&pixels, CoordinateSpace::Of(640.0, 360.0));
        assert_eq!(scaled, ImagePoint { x: 1280.0, y: 600.0 });
    }

    #[test]
    fn twins_and_points_are_faults() {
        let found = faults(&json!([
            {"x1": 0, "y1": 0, "x2": 9, "y2": 9},
            {"x1": 5, "y1": 5, "x2": 5, "y2": 5, "id": "line-1"},
        ]));
        let fields: Vec<&str> = found.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["emergency_lines[1]", "emergency_lines[1].id"]);
    }
}
