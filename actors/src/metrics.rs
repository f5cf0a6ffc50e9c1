//! What is counted and measured, by name, unit and meaning. Where it is shown is the business of
//! the composition root, which installs a recorder.

use crate::bus::BusState;
use crate::pipeline::{Stage, Timings};
use crate::queue::QueueDepth;
use schema::job::record::JobState;
use schema::time::WallTime;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Is what it is now.
    Gauge,
    /// Is spread over values.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name; the unit is its last word where there is one.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// What it means.
    pub help: &'static str,
}

macro_rules! table {
    ($($name:ident: $kind:ident = $text:literal, $help:literal;)+) => {
        $(const $name: &str = $text;)+

        /// Every metric of this crate.
        pub const TABLE: &[Metric] = &[
            $(Metric { name: $text, kind: MetricKind::$kind, help: $help },)+
        ];
    };
}

table! {
    FRAMES: Counter = "sightline_frames_total",
        "frames that went through a stage; stage";
    DROPPED: Counter = "sightline_messages_dropped_total",
        "messages that did not reach a subscriber of this process; reason";
    STAGE: Histogram = "sightline_stage_seconds",
        "busy time per frame; stage";
    WAITING: Gauge = "sightline_queue_depth",
        "jobs in the queue; state is waiting or running";
    AGE: Gauge = "sightline_queue_age_seconds",
        "how long the oldest waiting job has waited";
    JOBS: Counter = "sightline_jobs_total",
        "jobs that ended; state";
    RECONNECTS: Counter = "sightline_bus_reconnects_total",
        "connections of the bus after the first";
    CONNECTED: Gauge = "sightline_bus_connected",
        "1 where messages go out";
    PUBLISHED: Counter = "sightline_events_published_total",
        "stored events that the bus has taken";
    LAG: Gauge = "sightline_store_lag_seconds",
        "age of the last stored event when it was published";
    ABANDONED: Gauge = "sightline_decoders_abandoned",
        "decoder threads that hang";
}

/// Tells the recorder of the process what each metric is.
pub fn describe() {
    for metric in TABLE {
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, metric.help),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
}

/// `new` more frames went all the way through, and the stages were busy from `before` to `after`.
pub(crate) fn frames(new: u64, before: &Timings, after: &Timings) {
    if new == 0 {
        return;
    }
    for stage in Stage::ALL {
        let busy = after.busy(stage).saturating_sub(before.busy(stage)).as_secs_f64() / new as f64;
        metrics::counter!(FRAMES, "stage" => stage.name()).increment(new);
        metrics::histogram!(STAGE, "stage" => stage.name()).record(busy);
    }
}

/// How full the queue is at `now`.
pub(crate) fn queue(depth: QueueDepth, now: WallTime) {
    metrics::gauge!(WAITING, "state" => "waiting").set(depth.waiting as f64);
    metrics::gauge!(WAITING, "state" => "running").set(depth.running as f64);
    metrics::gauge!(AGE).set(depth.oldest.map_or(0.0, |at| now.since(at).as_secs_f64()));
    metrics::gauge!(ABANDONED).set(crate::media::abandoned() as f64);
}

/// How the bus is.
pub(crate) fn bus(state: &BusState) {
    metrics::counter!(DROPPED, "reason" => "slow_subscriber").absolute(state.dropped);
    metrics::counter!(DROPPED, "reason" => "refused").absolute(state.refused);
    metrics::counter!(RECONNECTS).absolute(state.reconnects);
    metrics::gauge!(CONNECTED).set(f64::from(u8::from(state.connected)));
}

/// A job ended.
pub(crate) fn ended(state: JobState) {
    metrics::counter!(JOBS, "state" => state.name()).increment(1);
}

/// The bus has taken `count` stored events, the last of them `lag_seconds` old.
pub(crate) fn published(count: u64, lag_seconds: f64) {
    metrics::counter!(PUBLISHED).increment(count);
    metrics::gauge!(LAG).set(lag_seconds);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_named_once_and_explained() {
        let mut names: Vec<&str> = TABLE.iter().map(|m| m.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
        for metric in TABLE {
            assert!(metric.name.starts_with("sightline_") && !metric.help.is_empty());
        }
    }
}
