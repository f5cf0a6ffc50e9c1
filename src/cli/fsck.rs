//! `fsck`: says whether everything that is kept fits together.

use super::config::ConfigFlags;
use super::stdout;
use crate::fsck::{Kept, Report};
use actors::clock::SystemClock;
use actors::drivers::objects::FolderObjects;
use actors::drivers::sqlite::Sqlite;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use schema::{Error, ErrorKind, Result};
use std::process::ExitCode;

/// Status where something does not fit together.
const FINDINGS: u8 = 1;

/// Check that jobs, events and files fit together
///
/// Reads alone; a server may be running. Exit status 0: all is well, 1: something was found.
#[derive(Debug, Args)]
pub(super) struct FsckArgs {
    #[command(flatten)]
    flags: ConfigFlags,
    /// Read every file as well, and compare its bytes with the digest on record: takes a while
    #[arg(long)]
    hash: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// `NOT_FOUND` where there is nothing to check; what the configuration and the store say.
pub(super) fn run(args: &FsckArgs) -> Result<ExitCode> {
    let data = args.flags.load(Vec::new())?.settings.data;
    let path = data.database.as_ref().filter(|path| path.exists()).ok_or_else(|| {
        let message = format!("there is no database in {}", data.folder.display());
        Error::new(ErrorKind::NotFound, message)
            .with_hint("name the data folder with --data-dir or DATA_DIR")
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::io("start of the runtime", e))?;
    let report = runtime.block_on(async {
        let store = Sqlite::open_read_only(path)?;
        let objects = FolderObjects::open_beside(&data.media, data.min_free_bytes).await?;
        let kept = Kept { data: &data, store: &store, objects: &objects, clock: &SystemClock };
        let bar = bar();
        let tell = |read, all| {
            bar.set_length(all);
            bar.set_position(read);
        };
        let report = kept.check(args.hash.then_some(&tell)).await;
        bar.finish_and_clear();
        report
    })?;
    match args.json {
        true => stdout::print(format!("{:#}\n", serde_json::json!(report)))?,
        false => stdout::print(text(&report))?,
    }
    Ok(if report.clean { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

/// Drawn from its first news on, where there is a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = "{bar:32} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
    bar.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar
}

fn text(report: &Report) -> String {
    let found = report.findings.iter().map(|f| format!("{}: {}\n", f.invariant, f.message));
    let sum = match report.findings.len() {
        0 => "clean".to_owned(),
        count => format!("{count} findings"),
    };
    let served = if report.served { ", beside a running server" } else { "" };
    let hashed = match report.hashed {
        0 => String::new(),
        count => format!(", {count} of them read"),
    };
    let counted = format!("{sum}: {} jobs, {} files{hashed}{served}\n", report.jobs, report.files);
    found.chain([counted]).collect()
}
