//! The command line: one file per command.
//!
//! Results go to standard output, progress and errors to standard error. An error is two lines at
//! most: what went wrong, and what can be done about it.

mod analyze;
mod completions;
mod config;
mod demo;
mod doctor;
mod documents;
mod exit;
mod fsck;
mod interrupt;
mod migrate;
mod serve;
mod simulate;
mod staging;
mod stdout;
mod summary;
mod track;
mod user;

use crate::telemetry;
use clap::{Parser, Subcommand};
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
    /// Serve, submit a job as a client would, and show what was counted.
    Demo(demo::DemoArgs),
    /// Serve the API, the WebSocket and the page, and work on jobs.
    Serve(serve::ServeArgs),
    /// Make accounts.
    User(user::UserArgs),
    /// Print the settings that are in force, and where each value came from.
    Config(config::ConfigArgs),
    /// Bring the database to the version of this program.
    Migrate(migrate::MigrateArgs),
    /// Check that jobs, events and files fit together.
    Fsck(fsck::FsckArgs),
    /// Print the OpenAPI document.
    Openapi,
    /// Print the AsyncAPI document.
    Asyncapi(documents::AsyncapiArgs),
    /// Run a tracker over MOTChallenge detections.
    Track(track::TrackArgs),
    /// Render a scene whose truth is known.
    Simulate(simulate::SimulateArgs),
    /// Say what this machine has, and what is used in place of what it has not.
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell.
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Whether the command reads settings; logs are written as these say then.
    const fn has_settings(&self) -> bool {
        matches!(
            self,
            Self::Config(_) | Self::Serve(_) | Self::User(_) | Self::Migrate(_) | Self::Fsck(_)
        )
    }
}

/// Parses the arguments, runs the command, tells errors and gives the exit status.
#[must_use]
pub fn main() -> ExitCode {
    // On wrong usage clap prints what is right and ends with status 2.
    let cli = Cli::parse();
    if !cli.command.has_settings() {
        telemetry::start_from_environment();
    }
    let outcome = match &cli.command {
        Command::Analyze(args) => analyze::run(args),
        Command::Track(args) => track::run(args).map(|()| ExitCode::SUCCESS),
        Command::Simulate(args) => simulate::run(args).map(|()| ExitCode::SUCCESS),
        Command::Doctor(args) => doctor::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Serve(args) => serve::run(args).map(|()| ExitCode::SUCCESS),
        Command::User(args) => user::run(args).map(|()| ExitCode::SUCCESS),
        Command::Migrate(args) => migrate::run(args).map(|()| ExitCode::SUCCESS),
        Command::Fsck(args) => fsck::run(args),
        Command::Asyncapi(args) => documents::asyncapi(args).map(|()| ExitCode::SUCCESS),
        Command::Openapi => documents::openapi().map(|()| ExitCode::SUCCESS),
        Command::Config(args) => config::run(args).map(|()| ExitCode::SUCCESS),
        Command::Completions(args) => completions::run(args).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| exit::tell(&error))
}
