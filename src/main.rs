//! Sightline.
fn main() {}
