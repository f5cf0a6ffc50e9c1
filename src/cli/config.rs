//! `config`: which settings are in force, and where each value came from. Also the flags that all
//! commands with settings share, and how these commands begin.

use super::stdout;
use crate::config::{self, Flag, Loaded, Sources};
use crate::telemetry;
use clap::Args;
use schema::Result;
use std::path::PathBuf;

/// Flags of all commands that read the configuration.
#[derive(Debug, Args)]
pub(super) struct ConfigFlags {
    /// TOML file with settings [default: $SIGHTLINE_CONFIG, else ./sightline.toml if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of everything that is kept [default: $DATA_DIR, else ./sightline-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
}

impl ConfigFlags {
    /// Makes settings of these flags, `more` flags, the environment and the file; then logs are
    /// written as they say.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every fault; what reading the file says.
    pub(super) fn load(&self, more: Vec<Flag>) -> Result<Loaded> {
        let mut flags = more;
        let data_dir = self.data_dir.clone();
        flags.extend(data_dir.map(|value| Flag {
            variable: "DATA_DIR",
            name: "--data-dir",
            value,
        }));
        let loaded = config::load(&Sources::of_process(self.config.as_deref(), flags)?)?;
        let logs = &loaded.settings.logs;
        telemetry::start(&logs.level, logs.format, true);
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        Ok(loaded)
    }
}

/// Print the settings that are in force, and where each value came from
///
/// A setting is taken from its flag, else its variable, else the TOML file, else its default.
/// Secrets are printed as `set`. Faults are told all at once.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    flags: ConfigFlags,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the document of all settings there are
    #[arg(long, conflicts_with = "json", hide = true)]
    markdown: bool,
    /// Print an example of an environment file
    #[arg(long, conflicts_with_all = ["json", "markdown"], hide = true)]
    env_example: bool,
}

/// Runs the command.
///
/// # Errors
/// As [`ConfigFlags::load`]; what writing to standard output says.
pub(super) fn run(args: &ConfigArgs) -> Result<()> {
    if args.markdown {
        return stdout::print(config::markdown());
    }
    if args.env_example {
        return stdout::print(config::env_example());
    }
    let loaded = args.flags.load(Vec::new())?;
    if args.json {
        return stdout::print(format!("{:#}\n", config::json(&loaded.in_force, &loaded.warnings)));
    }
    stdout::print(config::table(&loaded.in_force))
}
