//! Measuring: the benchmark formats that scorers read, and later the metrics themselves.

pub mod mot;
