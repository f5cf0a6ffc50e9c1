//! A scene as a source of frames: rendered ahead on a thread of its own, as decoders work.

use super::scene::Scene;
use crate::media::{BoxFuture, FrameSource, SourceInfo, SourceKind, SourceReport};
use models::picture::Frame;
use schema::time::MediaTime;
use schema::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Frames rendered ahead of the one who takes them.
const AHEAD: usize = 4;

/// Renders a [`Scene`] from its first to its last frame. Dropping it ends its thread.
#[derive(Debug)]
pub struct SimulatedSource {
    info: SourceInfo,
    frames: mpsc::Receiver<Result<Frame>>,
    handed_out: u64,
    stopped: bool,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The thread came to its end, and did not panic.
    finished: AtomicBool,
    busy_us: AtomicU64,
}

impl SimulatedSource {
    /// Starts the thread.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the system gives no thread.
    pub fn start(scene: Arc<Scene>) -> Result<Self> {
        let config = scene.config();
        let info = SourceInfo {
            kind: SourceKind::Video,
            width: config.width,
            height: config.height,
            frame_rate: config.frame_rate,
            frame_count: Some(config.frame_count()),
            duration: Some(MediaTime::from_seconds(config.duration)),
            format: "simulated/yuv420".to_owned(),
        };
        let shared = Arc::new(Shared::default());
        let (sender, frames) = mpsc::channel(AHEAD);
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("simulate".into())
            .spawn(move || render_all(&scene, &sender, &theirs))
            .map_err(|e| Error::io("starting a rendering thread", e))?;
        Ok(Self { info, frames, handed_out: 0, stopped: false, shared })
    }
}

/// The body of the thread: ends with the scene, or where nobody takes frames any more.
fn render_all(scene: &Scene, sender: &mpsc::Sender<Result<Frame>>, shared: &Shared) {
    for index in 0..scene.config().frame_count() {
        let begun = Instant::now();
        let frame = scene.render(index);
        let busy = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        shared.busy_us.fetch_add(busy, Ordering::Relaxed);
        if sender.blocking_send(frame).is_err() {
            break;
        }
    }
    shared.finished.store(true, Ordering::Release);
}

impl FrameSource for SimulatedSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Option<Arc<Frame>>>> {
        Box::pin(async {
            match self.frames.recv().await {
                Some(frame) => {
                    let frame = frame?;
                    self.handed_out += 1;
                    Ok(Some(Arc::new(frame)))
                }
                None if self.stopped || self.shared.finished.load(Ordering::Acquire) => Ok(None),
                None => Err(Error::new(ErrorKind::ServerError, "the renderer panicked")),
            }
        })
    }

    fn stop(&mut self) {
        self.stopped = true;
        // Wakes the thread where it waits for room.
        self.frames.close();
        while self.frames.try_recv().is_ok() {}
    }

    fn report(&self) -> SourceReport {
        SourceReport {
            frames: self.handed_out,
            busy: Duration::from_micros(self.shared.busy_us.load(Ordering::Relaxed)),
            ..SourceReport::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::SceneConfig;

    fn scene() -> Arc<Scene> {
        let small = SceneConfig {
            width: 160,
            height: 90,
            frame_rate: 5.0,
            duration: 30.0,
            ..SceneConfig::default()
        };
        Arc::new(Scene::new(small).expect("the configuration is good"))
    }

    #[tokio::test]
    async fn every_frame_comes_once_and_in_order() {
        let scene = scene();
        let mut source = SimulatedSource::start(Arc::clone(&scene)).expect("a thread");
        assert_eq!(source.info().frame_count, Some(150));
        let mut count = 0;
        while let Some(frame) = source.next().await.expect("renders") {
            assert_eq!(frame.meta().frame_index, count);
            assert_eq!(frame.meta().media_time_us, MediaTime(200_000 * count as i64));
            count += 1;
        }
        assert_eq!((count, source.report().frames), (150, 150));
        assert!(source.report().busy > Duration::ZERO);
        let direct = scene.render(149).expect("renders");
        assert_eq!(direct.meta().frame_index, 149);
    }

    #[tokio::test]
    async fn a_stopped_source_ends_at_once_and_its_thread_too() {
        let mut source = SimulatedSource::start(scene()).expect("a thread");
        source.next().await.expect("renders").expect("a first frame");
        source.stop();
        assert!(source.next().await.expect("it was asked to end").is_none());
        let shared = Arc::downgrade(&source.shared);
        drop(source);
        while shared.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
