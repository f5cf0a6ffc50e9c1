//! The store: the record of jobs, accounts and events.
//!
//! Traits only, named operations that one partition key serves, without joins; the one conditional
//! write is compare-and-set. Engines are in `drivers`, and each must pass the contract suite.
//! Every operation takes a [`schema::account::Scope`]; what the scope may not see does not exist
//! for it.

pub mod accounts;
pub mod events;
pub mod jobs;

pub use accounts::AccountStore;
pub use events::EventStore;
pub use jobs::JobStore;

use serde::Serialize;

/// Something in a store that should not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The invariant that does not hold, as `I4`; `database` where the engine's own structures are
    /// damaged.
    pub invariant: &'static str,
    /// What was found, in lower case.
    pub message: String,
}

/// Everything that is kept.
pub trait Store: JobStore + AccountStore + EventStore {}

impl<T: JobStore + AccountStore + EventStore> Store for T {}
