//! End to end: the real binary over real files, as a user runs it.

mod analyze;
mod bad_input;
mod corpus;
mod doctor;
mod endings;
mod fsck;
mod killed;
#[path = "../../actors/tests/media/mutate.rs"]
mod mutate;
mod nats;
#[allow(dead_code, reason = "shared with the suite of the bus, which does more with it")]
#[path = "../../actors/tests/contract_bus/server.rs"]
mod nats_server;
mod output;
#[path = "../../actors/tests/media/server.rs"]
mod server;
mod service;
mod serving;
mod support;
mod url;
