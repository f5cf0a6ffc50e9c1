//! Supervision: who is begun again when, and what can be seen of it.
//!
//! Restart policy is ours ([`restart`], pure). `ractor` carries messages and tells who died; no
//! actor is registered by name, since several nodes may live in one process.

pub mod restart;
