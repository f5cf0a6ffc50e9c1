//! Telling how far a job is: on the bus, at most four times a second, the last one always.

use super::shop::{JobRunState, Shop};
use crate::bus::{Message, Numbering, Payload};
use crate::pipeline::{Progress, Timings};
use schema::event::{Event, EventBody};
use schema::job::record::Job;
use std::sync::Arc;
use std::time::Duration;

/// How often it is told, at most.
pub(super) const EVERY: Duration = Duration::from_millis(250);
/// How long the bus may take; the next message says it all again.
const PATIENCE: Duration = Duration::from_millis(200);

/// Tells how far one attempt is.
pub(super) struct Teller {
    shop: Arc<Shop>,
    job: Arc<Job>,
    told: Option<(u64, &'static str)>,
    counted: (u64, Timings),
}

impl Teller {
    pub(super) fn new(shop: Arc<Shop>, job: Arc<Job>) -> Self {
        Self { shop, job, told: None, counted: (0, Timings::default()) }
    }

    /// Tells it, unless nothing is new.
    pub(super) async fn tell(&mut self, now: &Progress, stage: &'static str) {
        if self.told == Some((now.frames_done, stage)) {
            return;
        }
        self.told = Some((now.frames_done, stage));
        self.count(now);
        let state = JobRunState {
            attempt: self.job.attempt,
            frames_done: now.frames_done,
            frames_total: now.frames_total,
            fps: now.frames_per_second,
            stage,
        };
        let body = body(&state);
        self.shop.observed.update(|seen| {
            seen.running.insert(self.job.id, state);
        });
        let event = Event {
            position: None,
            subject: body.subject(self.job.id),
            time: self.shop.clock.now(),
            body,
        };
        let Ok(payload) = event.to_message() else { return };
        let numbering =
            Numbering::Newest { epoch: self.shop.start, seq: self.shop.next_number(self.job.id) };
        let message = Message {
            subject: event.subject.to_string(),
            payload: Payload::Json(payload.into()),
            numbering,
            owner: Some(self.job.owner),
        };
        // Only the newest matters: what does not go out now is not repeated.
        let _ = tokio::time::timeout(PATIENCE, self.shop.bus.publish(message)).await;
    }

    fn count(&mut self, now: &Progress) {
        let (frames, timings) = self.counted;
        crate::metrics::frames(now.frames_done.saturating_sub(frames), &timings, &now.timings);
        self.counted = (now.frames_done, now.timings);
    }
}

fn body(state: &JobRunState) -> EventBody {
    let JobRunState { frames_done, frames_total, fps, stage, .. } = *state;
    let fraction = |total: u64| (frames_done as f64 / total.max(1) as f64).min(1.0);
    let left = frames_total.map(|total| total.saturating_sub(frames_done) as f64);
    EventBody::JobProgress {
        progress: frames_total.map_or(0.0, fraction),
        frames_done,
        frames_total,
        fps,
        eta_seconds: left.filter(|_| fps > 0.0).map(|left| left / fps),
        stage: stage.to_owned(),
    }
}
