//! Supervision: who is begun again when, who stands still, and what can be seen of all of them.
//!
//! Restart policy and heartbeat are ours and pure ([`restart`], `heartbeat`). `ractor` carries
//! messages and tells who died; no actor is registered by name, since that registry belongs to the
//! process and several nodes may live in one. What an actor does is not known here.

pub(crate) mod backtrace;
pub(crate) mod heartbeat;
pub mod observe;
pub mod restart;
pub(crate) mod tree;
pub(crate) mod worker;
