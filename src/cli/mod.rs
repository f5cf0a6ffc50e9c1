//! The command line: one file per command.
//!
//! Results go to standard output, progress and errors to standard error. An error is two lines at
//! most: what went wrong, and what can be done about it.

mod analyze;
mod completions;
mod doctor;
mod exit;
mod interrupt;
mod simulate;
mod staging;
mod stdout;
mod summary;
mod track;

use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::process::ExitCode;

/// Who and what was where, when, on which camera.
#[derive(Debug, Parser)]
#[command(name = "sightline", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Analyse a video, an image or a URL: detect, track, count and draw.
    Analyze(analyze::AnalyzeArgs),
    /// Run a tracker over MOTChallenge detections.
    Track(track::TrackArgs),
    /// Render a scene whose truth is known.
    Simulate(simulate::SimulateArgs),
    /// Say what this machine has, and what is used in place of what it has not.
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell.
    Completions(completions::CompletionsArgs),
}

/// Parses the arguments, runs the command, tells errors and gives the exit status.
#[must_use]
pub fn main() -> ExitCode {
    // On wrong usage clap prints what is right and ends with status 2.
    let cli = Cli::parse();
    telemetry();
    let outcome = match &cli.command {
        Command::Analyze(args) => analyze::run(args),
        Command::Track(args) => track::run(args).map(|()| ExitCode::SUCCESS),
        Command::Simulate(args) => simulate::run(args).map(|()| ExitCode::SUCCESS),
        Command::Doctor(args) => doctor::run(args),
        Command::Completions(args) => completions::run(args).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| exit::tell(&error))
}

/// Logs go to standard error, from warnings on; `LOG_LEVEL` asks for more, `LOG_FORMAT=json` for
/// one JSON object per line.
fn telemetry() {
    let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| "warn".to_owned());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(level))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // It would tell on standard error that standard error is closed, and panic.
        .log_internal_errors(false);
    if std::env::var("LOG_FORMAT").is_ok_and(|f| f == "json") {
        builder.json().init();
    } else {
        builder.without_time().init();
    }
}
