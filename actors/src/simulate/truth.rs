//! What is true of a scene: boxes, visibility, crossings; and how it is written down.

use schema::geometry::{BBox, ImagePoint, Side};
use schema::job::line::CountingLine;
use schema::job::result::CrossingDirection;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where one figure is in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureTruth {
    /// Which figure: 1, 2, 3 ...
    pub id: u32,
    /// The tight box around the whole figure, hidden parts and those beyond the picture's edge
    /// included, in pixels.
    pub bbox: BBox,
    /// Share of the figure's pixels that are seen, 0 to 1: not hidden by another figure or
    /// thing, not outside of the picture.
    pub visibility: f32,
}

/// One crossing of a line by the foot point (the middle of the lower edge) of a figure's box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// The first frame on the other side, 1-based as in `gt.txt`.
    pub frame: u64,
    /// Which figure.
    pub figure: u32,
    /// Which way.
    pub direction: CrossingDirection,
}

/// All crossings of one line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineTruth {
    /// Short name.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Where the line begins, `[x, y]` in pixels.
    pub p1: [f32; 2],
    /// Where it ends.
    pub p2: [f32; 2],
    /// Number of forward crossings.
    pub forward: u32,
    /// Number of backward crossings.
    pub backward: u32,
    /// Every crossing, by frame.
    pub crossings: Vec<Crossing>,
}

/// Follows the truth of a scene frame by frame and keeps what is counted.
#[derive(Debug)]
pub struct Tally {
    lines: Vec<(CountingLine, Vec<Crossing>)>,
    feet: BTreeMap<u32, ImagePoint>,
    seen: BTreeMap<u32, bool>,
}

/// What was counted over a scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Number of figures that were seen in at least one frame.
    pub unique_figures: usize,
    /// Number of figures that crossed at least one line.
    pub crossing_figures: usize,
    /// The lines with their crossings.
    pub lines: Vec<LineTruth>,
}

impl Tally {
    /// Counts over `lines`.
    #[must_use]
    pub fn new(lines: &[CountingLine]) -> Self {
        let lines = lines.iter().map(|l| (l.clone(), Vec::new())).collect();
        Self { lines, feet: BTreeMap::new(), seen: BTreeMap::new() }
    }

    /// Takes the truth of the next frame; `index` counts from 0.
    pub fn observe(&mut self, index: u64, figures: &[FigureTruth]) {
        let feet: BTreeMap<u32, ImagePoint> =
            figures.iter().map(|f| (f.id, f.bbox.foot())).collect();
        for (&figure, &now) in &feet {
            let Some(&before) = self.feet.get(&figure) else { continue };
            for (line, crossings) in &mut self.lines {
                if line.line.is_crossed_by(before, now) {
                    let direction = match line.line.side(now) {
                        Side::Right => CrossingDirection::Forward,
                        Side::Left => CrossingDirection::Backward,
                    };
                    crossings.push(Crossing { frame: index + 1, figure, direction });
                }
            }
        }
        self.feet = feet;
        for figure in figures {
            *self.seen.entry(figure.id).or_default() |= figure.visibility > 0.0;
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut crossers: Vec<u32> =
            self.lines.iter().flat_map(|(_, c)| c.iter().map(|c| c.figure)).collect();
        crossers.sort_unstable();
        crossers.dedup();
        let lines = self.lines.iter().map(|(line, crossings)| {
            let count = |d| crossings.iter().filter(|c| c.direction == d).count() as u32;
            LineTruth {
                id: line.id.clone(),
                name: line.name.clone(),
                p1: [line.line.p1.x, line.line.p1.y],
                p2: [line.line.p2.x, line.line.p2.y],
                forward: count(CrossingDirection::Forward),
                backward: count(CrossingDirection::Backward),
                crossings: crossings.clone(),
            }
        });
        Totals {
            unique_figures: self.seen.values().filter(|&&seen| seen).count(),
            crossing_figures: crossers.len(),
            lines: lines.collect(),
        }
    }
}
