//! Synthetic scenes with known truth.
