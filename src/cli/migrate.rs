//! `migrate`: brings the database to this program's version, while no server uses it.

use super::config::ConfigFlags;
use super::stdout;
use crate::claim::Claim;
use actors::drivers::sqlite::Sqlite;
use clap::Args;
use schema::{Error, ErrorKind, Result};

/// Bring the database to the version of this program
///
/// A server does this by itself when it starts. Its folders must not be in use.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    flags: ConfigFlags,
}

/// Runs the command.
///
/// # Errors
/// `CONFLICT` where a server uses one of the folders; what the configuration and the database say.
pub(super) fn run(args: &MigrateArgs) -> Result<()> {
    let data = args.flags.load(Vec::new())?.settings.data;
    let Some(path) = &data.database else {
        let message =
            "DATABASE_URL says that the database is in memory: there is nothing to migrate";
        return Err(Error::new(ErrorKind::ValidationError, message));
    };
    let _claim = Claim::take(&data)?;
    let done = Sqlite::migrate(path)?;
    stdout::print(match done.from == done.to {
        true => format!("{}: is of version {} already\n", path.display(), done.to),
        false => format!("{}: from version {} to {}\n", path.display(), done.from, done.to),
    })
}
