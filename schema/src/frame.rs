//! What is known of a frame beside its pixels.

use crate::time::{MediaTime, WallTime};
use serde::{Deserialize, Serialize};

/// A frame's place in its source and the size at which it is displayed.
///
/// It names no run: a recorded file is run once by its job, and results say none. `run` enters here
/// with live cameras, whose frames are told apart across restarts by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameMeta {
    /// 0-based, in display order.
    pub frame_index: u64,
    /// Time since the first picture of the source.
    pub media_time_us: MediaTime,
    /// When it was captured, where that is known (live sources).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_time_us: Option<WallTime>,
    /// Width in pixels after rotation and sample aspect.
    pub width: u32,
    /// Height in pixels after rotation and sample aspect.
    pub height: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_wire_form() {
        let meta = FrameMeta {
            frame_index: 3,
            media_time_us: MediaTime(120_000),
            wall_time_us: None,
            width: 640,
            height: 360,
        };
        let text = r#"{"frame_index":3,"media_time_us":120000,"width":640,"height":360}"#;
        assert_eq!(serde_json::to_string(&meta).expect("serialises"), text);
        assert_eq!(serde_json::from_str::<FrameMeta>(text).expect("its own form"), meta);
    }
}
