//! Where a rule does not hold, and why. Keep this short.

/// Files that may be longer than the limit.
pub(crate) const LONG_FILES: &[(&str, &str)] = &[];

/// Functions that may be longer than the limit: file, name, reason.
pub(crate) const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];
