//! The contract of `actors::objects`, and what the folder promises beyond it.

mod folder;
mod keys;
mod suite;
