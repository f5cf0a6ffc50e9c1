//! What a scene is asked to be.

use schema::error::FieldFault;
use schema::{Error, Result};

/// Parameters of a scene. The same parameters give the same scene.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SceneConfig {
    /// Everything that is left to chance follows from it.
    pub seed: u64,
    /// Width in pixels: even, 160 to 3840.
    pub width: u32,
    /// Height in pixels: even, 90 to 2160; the width is 1.5 to 2.5 times as much.
    pub height: u32,
    /// Frames per second, 5 to 60.
    pub frame_rate: f64,
    /// Length in seconds, 30 to 3600: the events of the scene need their time.
    pub duration: f64,
    /// Number of people who walk through the scene, 12 to 200.
    pub figures: usize,
}

impl Default for SceneConfig {
    fn default() -> Self {
        Self { seed: 1, width: 1280, height: 720, frame_rate: 25.0, duration: 40.0, figures: 18 }
    }
}

impl SceneConfig {
    /// Checks every parameter.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every faulty one.
    pub fn validate(&self) -> Result<()> {
        let mut faults = Vec::new();
        let mut check = |field: &str, good: bool, value: String, expected: &str| {
            if !good {
                let message = format!("{value} where {expected} is expected");
                faults.push(FieldFault { field: field.to_owned(), message });
            }
        };
        let even = |v: u32| v.is_multiple_of(2);
        let (w, h) = (self.width, self.height);
        check(
            "width",
            even(w) && (160..=3840).contains(&w),
            w.to_string(),
            "an even number from 160 to 3840",
        );
        check(
            "height",
            even(h) && (90..=2160).contains(&h),
            h.to_string(),
            "an even number from 90 to 2160",
        );
        let aspect = f64::from(w) / f64::from(h.max(1));
        check(
            "width",
            (1.5..=2.5).contains(&aspect),
            format!("{w}x{h}"),
            "1.5 to 2.5 times the height",
        );
        let (rate, time) = (self.frame_rate, self.duration);
        check(
            "frame_rate",
            (5.0..=60.0).contains(&rate),
            rate.to_string(),
            "a number from 5 to 60",
        );
        check(
            "duration",
            (30.0..=3600.0).contains(&time),
            time.to_string(),
            "a number from 30 to 3600",
        );
        check(
            "figures",
            (12..=200).contains(&self.figures),
            self.figures.to_string(),
            "a number from 12 to 200",
        );
        if faults.is_empty() { Ok(()) } else { Err(Error::validation(faults)) }
    }

    /// Number of frames.
    #[must_use]
    pub fn frame_count(&self) -> u64 {
        (self.duration * self.frame_rate).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_at_once() {
        SceneConfig::default().validate().expect("the default is good");
        let bad = SceneConfig {
            seed: 0,
            width: 641,
            height: 0,
            frame_rate: f64::NAN,
            duration: 3.0,
            figures: 11,
        };
        let error = bad.validate().expect_err("nothing is right");
        let named: Vec<&str> = error.fields().iter().map(|f| f.field.as_str()).collect();
        assert_eq!(named, ["width", "height", "width", "frame_rate", "duration", "figures"]);
    }
}
