//! Detection as a stage: a window of frames in flight, answers in the order of the frames.

use crate::compute::{Computed, Pool};
use crate::media::BoxFuture;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use models::detect::{DetectOptions, Detections, SourceDetector};
use models::picture::Frame;
use schema::Result;
use std::sync::Arc;

/// What finds objects, and on which pool.
pub enum DetectStage {
    /// Any worker serves any frame.
    Stateless {
        /// Workers with a session each.
        pool: Pool,
        /// What is asked of them.
        options: Arc<DetectOptions>,
    },
    /// The source's own detector sees its frames one after the other.
    InOrder {
        /// Workers that lend their thread.
        pool: Pool,
        /// Moved to the worker with each frame and back.
        detector: Box<dyn SourceDetector>,
    },
}

type Detected = (Arc<Frame>, Computed<Detections>, Option<Box<dyn SourceDetector>>);

/// Frames in flight.
pub(super) struct Window {
    pool: Pool,
    options: Option<Arc<DetectOptions>>,
    /// `None` while it is at a worker, and for stateless detectors.
    detector: Option<Box<dyn SourceDetector>>,
    size: usize,
    in_flight: FuturesOrdered<BoxFuture<'static, Result<Detected>>>,
}

impl Window {
    pub(super) fn new(stage: DetectStage) -> Self {
        let (pool, options, detector, size) = match stage {
            // One frame at each worker, one waiting for it, and room for order to be restored.
            DetectStage::Stateless { pool, options } => {
                let size = 2 * pool.workers() + 1;
                (pool, Some(options), None, size)
            }
            DetectStage::InOrder { pool, detector } => (pool, None, Some(detector), 1),
        };
        Self { pool, options, detector, size, in_flight: FuturesOrdered::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight.len() < self.size
    }

    /// Sends a frame to a worker; there must be room.
    pub(super) fn push(&mut self, frame: Arc<Frame>) {
        let pool = self.pool.clone();
        let future: BoxFuture<'static, Result<Detected>> =
            match (self.detector.take(), self.options.clone()) {
                (Some(detector), _) => Box::pin(async move {
                    let done = pool.detect_in_order(detector, Arc::clone(&frame)).await?;
                    let (detector, found) = done.value;
                    Ok((frame, Computed { value: found, busy: done.busy }, Some(detector)))
                }),
                (None, options) => Box::pin(async move {
                    let options = options.expect("a window without detector has options");
                    let found = pool.detect(Arc::clone(&frame), options).await?;
                    Ok((frame, found, None))
                }),
            };
        self.in_flight.push_back(future);
    }

    /// The earliest frame in flight with what was found in it; the window must not be empty.
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<(Arc<Frame>, Computed<Detections>)> {
        let detected = self.in_flight.next().await.expect("the window is not empty");
        let (frame, found, detector) = detected?;
        self.detector = self.detector.take().or(detector);
        Ok((frame, found))
    }
}
