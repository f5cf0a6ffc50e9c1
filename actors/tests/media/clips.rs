//! The real clips: frame counts, order, times.

use crate::support::{clip, open};

/// Frame count, size, and media time of the last frame in microseconds.
const CLIPS: [(&str, u64, (u32, u32), i64); 7] = [
    ("one-by-one-person-detection.mp4", 1394, (768, 432), 139_300_000),
    ("car-detection.mp4", 377, (768, 432), 30_080_000),
    ("cars.mp4", 268, (1280, 720), 8_900_000),
    ("people-walking.mp4", 314, (1280, 720), 10_443_767),
    ("bottle-detection.mp4", 1189, (640, 360), 39_821_229),
    ("night-street.mp4", 431, (426, 240), 14_333_333),
    ("mpeg4-part2.mp4", 10, (640, 480), 300_000),
];

#[tokio::test]
async fn clips_are_read_whole() {
    for (name, count, size, last) in CLIPS {
        let Some(path) = clip(&format!("videos/{name}")) else { continue };
        let mut source = open(&path).await.expect(name);
        let info = source.info().clone();
        assert_eq!((info.width, info.height), size, "{name}");
        assert_eq!(info.frame_count, Some(count), "{name}");
        let (mut seen, mut time) = (0, -1);
        while let Some(frame) = source.next().await.expect(name) {
            assert_eq!(frame.meta().frame_index, seen, "{name}");
            assert!(frame.meta().media_time_us.0 > time, "{name}: frame {seen}");
            (seen, time) = (seen + 1, frame.meta().media_time_us.0);
        }
        assert_eq!((seen, time), (count, last), "{name}");
        let report = source.report();
        assert_eq!((report.frames, report.corrupt_packets), (count, 0), "{name}");
        assert!(!report.truncated, "{name}");
    }
}
