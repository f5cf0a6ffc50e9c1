//! `completions`: scripts that let a shell complete our commands.

use super::stdout;
use clap::{Args, CommandFactory};
use schema::Result;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Which shell; as in `sightline completions bash > ~/.local/share/bash-completion/completions/sightline`.
    shell: clap_complete::Shell,
}

/// Prints the script.
///
/// # Errors
/// As [`stdout::print`].
pub(super) fn run(args: &CompletionsArgs) -> Result<()> {
    let mut command = super::Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "sightline", &mut script);
    stdout::print(script)
}
