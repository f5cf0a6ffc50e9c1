//! The contract of `actors::bus`, and what each engine promises beyond it.

mod memory;
mod nats;
mod server;
mod suite;
