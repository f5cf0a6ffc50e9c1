//! `fsck`: says whether everything that is kept fits together.

use super::config::ConfigFlags;
use super::stdout;
use crate::fsck::{Report, check};
use actors::clock::SystemClock;
use actors::drivers::objects::FolderObjects;
use actors::drivers::sqlite::Sqlite;
use clap::Args;
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
    let path = data.database.filter(|path| path.exists()).ok_or_else(|| {
        let message = format!("there is no database in {}", data.folder.display());
        Error::new(ErrorKind::NotFound, message)
            .with_hint("name the data folder with --data-dir or DATA_DIR")
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::io("start of the runtime", e))?;
    let report = runtime.block_on(async {
        let store = Sqlite::open_read_only(&path)?;
        let objects = FolderObjects::open_beside(&data.media, data.min_free_bytes).await?;
        check(&data.folder, &store, &objects, &SystemClock).await
    })?;
    match args.json {
        true => stdout::print(format!("{:#}\n", serde_json::json!(report)))?,
        false => stdout::print(text(&report))?,
    }
    Ok(if report.clean { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

fn text(report: &Report) -> String {
    let found = report.findings.iter().map(|f| format!("{}: {}\n", f.invariant, f.message));
    let sum = match report.findings.len() {
        0 => "clean".to_owned(),
        count => format!("{count} findings"),
    };
    let served = if report.served { ", beside a running server" } else { "" };
    let counted = format!("{sum}: {} jobs, {} files{served}\n", report.jobs, report.files);
    found.chain([counted]).collect()
}
