//! Configuration: from raw sources to settings that are checked as a whole.
//!
//! [`key`] lists what there is, [`source`] and [`file`] gather, [`reader`] judges every value and
//! keeps all faults, [`settings`] composes the sections that the crates below work by, [`report`]
//! shows what is in force and writes the documents. The values of secrets are never printed.

mod file;
mod key;
mod reader;
mod report;
mod settings;
mod source;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use reader::InForce;
pub(crate) use report::{env_example, json, markdown, table};
pub(crate) use settings::{DataSettings, Settings, default_workers, models_folder};
pub(crate) use source::{Flag, Sources};
pub(crate) use value::LogFormat;

use reader::Reader;
use schema::Result;
use source::Raw;

/// What was made of the sources.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) settings: Settings,
    /// What is worth a word, but no fault.
    pub(crate) warnings: Vec<String>,
    /// Each setting with its value as text and where that came from.
    pub(crate) in_force: Vec<InForce>,
}

/// Makes settings of what the sources say.
///
/// # Errors
/// `VALIDATION_ERROR` that names every fault with its setting, its value (unless that is a
/// secret), where that stands, and what was expected.
pub(crate) fn load(sources: &Sources) -> Result<Loaded> {
    let mut reader = Reader::new(Raw::gather(sources));
    let settings = Settings::read(&mut reader);
    let (warnings, in_force) = reader.finish()?;
    Ok(Loaded { settings, warnings, in_force })
}
