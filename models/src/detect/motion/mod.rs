//! LOCAL STAND-IN.
use super::{Detections, DetectorInfo, SourceDetector};
use crate::picture::Frame;
/// a
#[derive(Debug, Default)]
pub struct MotionConfig {}
/// a
pub struct MotionDetector {
    info: DetectorInfo,
}
impl MotionDetector {
    /// a
    pub fn info_of() -> DetectorInfo {
        DetectorInfo {
            model: "motion".into(),
            backend: "cpu".into(),
            precision: "u8".into(),
            classes: vec![schema::detection::Class::new(
                "moving",
                schema::detection::Category::Moving,
            )],
        }
    }
    /// a
    pub fn new(_: MotionConfig, _: f64) -> schema::Result<Self> {
        Ok(Self { info: Self::info_of() })
    }
}
impl SourceDetector for MotionDetector {
    fn info(&self) -> &DetectorInfo {
        &self.info
    }
    fn detect(&mut self, _: &Frame) -> schema::Result<Detections> {
        Ok(Detections::default())
    }
}
