//! Engines behind the traits of `store`, `queue`, `bus` and `objects`; each engine's crate is named
//! in its own folder here and nowhere else.

pub mod memory;
pub mod nats;
pub mod objects;
pub mod sqlite;
