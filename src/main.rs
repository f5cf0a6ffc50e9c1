//! The binary `sightline`: everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    sightline::cli::main()
}
