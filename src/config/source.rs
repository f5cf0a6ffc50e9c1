//! Where settings come from: flags, environment, a TOML file. Gathers, and judges nothing but names.
//!
//! Later sources win over earlier ones: file, short variable, long variable, flag. What is set to an
//! empty text counts as not set: container files like to pass such on.

use super::file;
use super::key::{Key, LATER, TABLE, by_variable};
use schema::error::FieldFault;
use schema::{Error, Result};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// The file that is read where none is named, if it is there.
pub(crate) const DEFAULT_FILE: &str = "sightline.toml";
/// The variable that names the file.
pub(crate) const FILE_VARIABLE: &str = "SIGHTLINE_CONFIG";
/// Variables that were renamed: the old name, and the setting.
const RENAMED: &[(&str, &str)] = &[("SIGHTLINE_MODELS", "SIGHTLINE_MODELS_DIR")];
/// Variables of the stack that this replaces.
const REPLACED: &[&str] = &["CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "REDIS_URL"];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag, by its name.
    Flag(&'static str),
    /// A variable of the environment, by its name.
    Environment(String),
    /// A line of the file.
    File {
        /// The file, as it was named.
        name: String,
        /// From 1.
        line: usize,
    },
    /// It is not set.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => f.write_str(name),
            Self::Environment(name) => f.write_str(name),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value as it was given: what stands in the environment is one text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// One value, or several with commas between.
    One(String),
    /// A TOML array.
    Many(Vec<String>),
}

/// A flag that sets a setting.
pub(crate) struct Flag {
    /// The setting, by its short variable.
    pub(crate) variable: &'static str,
    /// The flag, as in `--port`.
    pub(crate) name: &'static str,
    /// What it was set to.
    pub(crate) value: String,
}

/// A TOML file that was read.
pub(crate) struct File {
    /// As it was named.
    pub(crate) name: String,
    /// What stands in it.
    pub(crate) text: String,
}

/// All that settings are taken from.
#[derive(Default)]
pub(crate) struct Sources {
    /// Flags that were given.
    pub(crate) flags: Vec<Flag>,
    /// The environment.
    pub(crate) environment: BTreeMap<String, OsString>,
    /// The file, where there is one.
    pub(crate) file: Option<File>,
}

impl Sources {
    /// The sources of this process. `file` is the one that a flag names.
    ///
    /// # Errors
    /// `NOT_FOUND` or `STORAGE_ERROR` where a file that is named cannot be read.
    pub(crate) fn of_process(file: Option<&Path>, flags: Vec<Flag>) -> Result<Self> {
        let environment: BTreeMap<String, OsString> = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
            .collect();
        let named = environment.get(FILE_VARIABLE).filter(|f| !f.is_empty()).map(PathBuf::from);
        let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|f| f.exists());
        let path = file.map(Path::to_path_buf).or(named).or_else(default);
        let read = |path: PathBuf| match std::fs::read_to_string(&path) {
            Ok(text) => Ok(File { name: path.display().to_string(), text }),
            Err(e) => Err(Error::input(&path, e)),
        };
        Ok(Self { flags, environment, file: path.map(read).transpose()? })
    }
}

/// What was found in the sources. It holds secrets, and so cannot be printed.
#[derive(Default)]
pub(crate) struct Raw {
    values: BTreeMap<&'static str, (Given, Origin)>,
    /// Names that are wrong, and values that are no text.
    pub(crate) faults: Vec<FieldFault>,
    /// What is worth a word, but no fault.
    pub(crate) warnings: Vec<String>,
}

impl Raw {
    /// Gathers what the sources say.
    pub(crate) fn gather(sources: &Sources) -> Self {
        let mut raw = Self::default();
        if let Some(file) = &sources.file {
            file::read(file, &mut raw);
        }
        for key in TABLE {
            let old = RENAMED.iter().filter(|(_, new)| *new == key.variable);
            let old = old.map(|(old, _)| (*old).to_owned());
            for name in old.chain([key.variable.to_owned(), key.long_variable()]) {
                if let Some(value) = sources.environment.get(&name) {
                    raw.variable(key, name, value);
                }
            }
        }
        for flag in &sources.flags {
            if let Some(key) = by_variable(flag.variable) {
                raw.set(key, Given::One(flag.value.clone()), Origin::Flag(flag.name));
            }
        }
        for (name, _) in sources.environment.iter().filter(|(_, value)| !value.is_empty()) {
            raw.judge_name(name);
        }
        raw
    }

    /// What a setting was set to, and where.
    pub(crate) fn get(&self, key: &Key) -> Option<&(Given, Origin)> {
        self.values.get(key.variable)
    }

    /// Sets a setting, over what an earlier source said.
    pub(crate) fn set(&mut self, key: &'static Key, given: Given, origin: Origin) {
        if given != Given::One(String::new()) {
            self.values.insert(key.variable, (given, origin));
        }
    }

    fn variable(&mut self, key: &'static Key, name: String, value: &OsString) {
        match value.to_str() {
            Some(text) => {
                self.set(key, Given::One(text.to_owned()), Origin::Environment(name));
            }
            None => {
                let message = "expected text in UTF-8".to_owned();
                self.faults.push(FieldFault { field: name, message });
            }
        }
    }

    /// Orchestrators put variables of their own into the environment, so an unknown name of ours is
    /// no fault.
    fn judge_name(&mut self, name: &str) {
        let known = |name: &str| {
            name == FILE_VARIABLE
                || RENAMED.iter().any(|(old, _)| *old == name)
                || by_variable(name).is_some()
                || TABLE.iter().any(|key| key.long_variable() == name)
        };
        if name.starts_with("SIGHTLINE_") && !known(name) {
            self.warnings.push(format!("{name} is no setting of this version and has no effect"));
        }
        if LATER.contains(&name) {
            self.warnings.push(format!("{name} is set, but this version does nothing with it"));
        }
        if REPLACED.contains(&name) {
            self.warnings.push(format!(
                "{name} has no effect: jobs need no broker here, and events go to the servers of NATS_URL"
            ));
        }
    }
}
