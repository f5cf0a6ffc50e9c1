//! The tables, as text: one file per version and dialect. Running it is the drivers' business.

/// SQLite: the script at index `n` leads from version `n` to version `n + 1`. A script that has
/// been released never changes.
pub const SQLITE: &[&str] = &[
    include_str!("../sql/0001_accounts_jobs_events.sql"),
    include_str!("../sql/0002_feed_cuts.sql"),
    include_str!("../sql/0003_identity.sql"),
];
