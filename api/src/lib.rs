//! What Sightline shows: the HTTP layer over the platform handle.
//!
//! HTTP lives in this crate alone, and it talks to what runs through `actors::handle::Platform`
//! alone. [`App`] joins the parts, [`serve()`] serves them. A request goes through `middleware` to a
//! handler (`v1`, `s0`), which takes its caller (`auth`) and calls the platform; every failure
//! goes through `door` to the form that the path's clients expect.

pub mod app;
pub mod asyncapi;
pub mod auth;
pub mod config;
pub mod context;
pub mod door;
pub mod error;
pub mod failure;
mod listener;
pub mod media;
pub mod metrics;
pub mod middleware;
pub mod openapi;
mod page;
mod s0;
pub mod serve;
mod upload;
mod v1;
mod wire;
pub mod ws;

pub use app::{App, Services};
pub use config::{ApiConfig, Settings};
pub use serve::{Server, Serving, serve};
