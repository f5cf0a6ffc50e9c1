//! What it costs to run a job beside its pipeline, and what a panic in one costs the others.
//!
//! `cargo bench -p sightline-actors --features testing --bench jobs [-- JOBS CLIP]`: so many queued
//! jobs (10,000) whose work is nothing, then the frame intervals of the clip alone and beside jobs
//! that panic, as a ratio of their 99th percentiles.

use actors::config::PlatformConfig;
use actors::handle::Platform;
use actors::testing::node::{Ground, quick};
use actors::testing::runner::{Act, ScriptedRunner};
use futures_util::stream::{StreamExt, TryStreamExt};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Jobs that are submitted side by side.
const TOGETHER: usize = 64;
const PANICS: [Act; 4] = [Act::Panic(5); 4];
const CLIP: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/videos/car-detection.mp4");

fn main() -> schema::Result<()> {
    expect_scripted_panics();
    let mut arguments = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let jobs = arguments.next().and_then(|a| a.parse().ok()).unwrap_or(10_000);
    let clip = arguments.next().unwrap_or_else(|| CLIP.to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| schema::Error::io("runtime", e))?;
    runtime.block_on(async {
        queued(jobs).await?;
        match std::fs::read(&clip) {
            Ok(bytes) => isolation(&bytes).await,
            Err(error) => {
                println!("skipped: {clip}: {error}");
                Ok(())
            }
        }
    })
}

/// Panics that are part of the measurement are not printed.
fn expect_scripted_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload_as_str().is_some_and(|said| said.contains("poison")) {
            print(info);
        }
    }));
}

async fn ended(node: &Platform, jobs: u64) {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    loop {
        looks.tick().await;
        let seen = node.observe().jobs;
        if seen.done + seen.failed + seen.cancelled >= jobs {
            return;
        }
    }
}

async fn queued(jobs: u64) -> schema::Result<()> {
    let ground = Ground::on_disk().await?;
    let begun = Instant::now();
    let submitting = futures_util::stream::iter(0..jobs).map(|_| ground.submit(0));
    submitting.buffer_unordered(TOGETHER).try_for_each(|_| async { Ok(()) }).await?;
    let submitted = begun.elapsed();
    let runner = Arc::new(ScriptedRunner::default());
    let begun = Instant::now();
    let node = ground.node(config(), &runner).await?;
    ended(&node, jobs).await;
    let ran = begun.elapsed();
    let per_job = |t: Duration| t.as_secs_f64() * 1e3 / jobs as f64;
    println!("{jobs} jobs, 4 at once: {:.2} ms each to submit", per_job(submitted));
    println!("{:.2} ms each from lease to files, results and events in place", per_job(ran));
    println!("{} of memory", memory());
    node.shutdown(Duration::from_secs(20)).await;
    Ok(())
}

fn config() -> PlatformConfig {
    let mut config = quick();
    config.jobs.extend_every = Duration::from_secs(1);
    config.admission.waiting = u32::MAX;
    config.admission.waiting_per_owner = u32::MAX;
    config
}

/// What this process takes of memory now, as the system tells it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    resident.unwrap_or("not told").trim().to_owned()
}

/// The 99th percentile of the times between frames of one job, in milliseconds.
async fn percentile(clip: &[u8], panicking: u64) -> schema::Result<f64> {
    let ground = Ground::new().await?;
    let engines = ground.engines(Arc::new(actors::drivers::memory::MemoryBus::new()))?;
    let scripts: Vec<(u64, &[Act])> = std::iter::once((1, &[Act::Pipeline][..]))
        .chain((0..panicking).map(|i| (2 + i, &PANICS[..])))
        .collect();
    let runner = ScriptedRunner::new(&scripts).with_workshop(Arc::clone(&engines.workshop));
    let runner = Arc::new(runner);
    let node = ground.node(config(), &runner).await?;
    ground.submit_bytes(1, clip).await?;
    for script in 0..panicking {
        ground.submit(2 + script).await?;
    }
    ended(&node, 1 + panicking).await;
    node.shutdown(Duration::from_secs(20)).await;
    let mut intervals = std::mem::take(&mut *runner.intervals.lock().expect("no panic"));
    intervals.sort();
    let at = (intervals.len() * 99 / 100).min(intervals.len().saturating_sub(1));
    Ok(intervals.get(at).map_or(f64::NAN, |t| t.as_secs_f64() * 1e3))
}

async fn isolation(clip: &[u8]) -> schema::Result<()> {
    // The first panic of a process loads what its backtrace is printed from.
    percentile(clip, 1).await?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        alone.push(percentile(clip, 0).await?);
        beside.push(percentile(clip, 3).await?);
    }
    for times in [&mut alone, &mut beside] {
        times.sort_by(f64::total_cmp);
    }
    let (alone, beside) = (alone[2], beside[2]);
    println!("p99 of frame intervals, median of 5: {alone:.2} ms alone, {beside:.2} ms beside");
    println!("three jobs that panic four times each: ratio {:.2}", beside / alone);
    Ok(())
}
